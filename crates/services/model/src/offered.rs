//! The lists of models that providers gave, in memory and in `models_cache.json` of the home.
//!
//! A list is bound to its provider and to this version. It is fresh for five minutes; an old one still counts until there is a newer one.
//! The file keeps one list, the fields of it that are read and no others. A file that is damaged, from another version or not to be read is
//! none; one that cannot be written is left alone. Asking a provider is `crate::refresh`.

use crate::catalog::ModelInfo;
use crate::listing::{self, Entry};
use codex_base::os::{self, Privacy};
use codex_base::{Timestamp, hex};
use codex_protocol::VERSION;
use codex_protocol::settings::{ProviderSettings, WireApi};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a list is used without asking again (as the reference does).
const FRESH: Duration = Duration::from_secs(300);
/// Bytes of the file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The lists that this process knows; shared by its threads.
pub struct ModelLists {
    /// `None`: in memory alone.
    file: Option<PathBuf>,
    /// By identity of the provider. The file was read once for each.
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of one provider.
#[derive(Default)]
struct Known {
    list: Option<Arc<ModelList>>,
    /// Somebody is asking for a newer one.
    being_asked: bool,
    /// The last version that an answer named and that was asked for. A provider that names another one with its answers than with its list
    /// would else be asked with every request.
    named: Option<String>,
}

/// Whoever holds it may ask one provider for its list; nobody else does meanwhile.
pub(crate) struct Turn {
    lists: Arc<ModelLists>,
    identity: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.lists.with(&self.identity, |known| known.being_asked = false);
    }
}

/// What one provider said.
#[derive(Debug, PartialEq)]
pub(crate) struct ModelList {
    pub fetched_at: Timestamp,
    /// The version of the list, as the provider names it.
    pub etag: Option<String>,
    entries: Vec<Entry>,
}

/// The file. Field names as other programs write them.
#[derive(Deserialize, Serialize)]
struct File {
    fetched_at: String,
    etag: Option<String>,
    client_version: String,
    identity: String,
    models: Vec<Entry>,
}

impl ModelLists {
    /// With the file in this home; without one, in memory alone.
    pub fn new(home: Option<&Path>) -> Self {
        Self {
            file: home.map(|home| home.join("models_cache.json")),
            known: Mutex::default(),
        }
    }

    fn with<T>(&self, identity: &str, look: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = known.entry(identity.to_owned()).or_insert_with(|| Known {
            list: self.file.as_deref().and_then(|file| read(file, identity)).map(Arc::new),
            ..Known::default()
        });
        look(entry)
    }

    /// The last list of the provider with this identity. The first time this reads the file.
    pub(crate) fn get(&self, identity: &str) -> Option<Arc<ModelList>> {
        self.with(identity, |known| known.list.clone())
    }

    /// Keeps a list. A file that cannot be written is no failure: the next process asks again.
    pub(crate) fn put(&self, identity: &str, list: ModelList) {
        if let Some((file, bytes)) = self.file.as_deref().zip(list.file(identity)) {
            drop(os::write_atomic(file, &bytes, Privacy::AsBefore));
        }
        self.with(identity, |known| known.list = Some(Arc::new(list)));
    }

    /// `None` while somebody else asks this provider.
    pub(crate) fn turn(self: &Arc<Self>, identity: &str) -> Option<Turn> {
        let busy = self.with(identity, |known| std::mem::replace(&mut known.being_asked, true));
        (!busy).then(|| Turn {
            lists: Arc::clone(self),
            identity: identity.to_owned(),
        })
    }

    /// Whether an answer that names this version of the list is news.
    pub(crate) fn is_new(&self, identity: &str, etag: &str) -> bool {
        self.with(identity, |known| {
            if known.named.as_deref() == Some(etag) {
                return false;
            }
            known.named = Some(etag.to_owned());
            known.list.as_ref().is_none_or(|list| list.etag.as_deref() != Some(etag))
        })
    }
}

impl ModelList {
    pub(crate) const fn new(fetched_at: Timestamp, etag: Option<String>, entries: Vec<Entry>) -> Self {
        Self { fetched_at, etag, entries }
    }

    /// The same list, seen again.
    pub(crate) fn again(&self, now: Timestamp) -> Self {
        Self::new(now, self.etag.clone(), self.entries.clone())
    }

    pub(crate) fn is_fresh(&self, now: Timestamp) -> bool {
        Duration::try_from(now.duration_since(self.fetched_at)).is_ok_and(|age| age < FRESH)
    }

    /// The preferred ones first.
    pub(crate) fn models(&self) -> Vec<ModelInfo> {
        listing::infos(self.entries.clone())
    }

    /// `None` for one that is too large for a cache.
    fn file(&self, identity: &str) -> Option<Vec<u8>> {
        let file = File {
            fetched_at: self.fetched_at.to_string(),
            etag: self.etag.clone(),
            client_version: VERSION.to_owned(),
            identity: identity.to_owned(),
            models: self.entries.clone(),
        };
        let bytes = serde_json::to_vec(&file).ok()?;
        (bytes.len() as u64 <= FILE_BYTES_MAX).then_some(bytes)
    }
}

fn read(file: &Path, identity: &str) -> Option<ModelList> {
    let bytes = os::read_regular(file, FILE_BYTES_MAX).ok()?;
    let file: File = serde_json::from_slice(&bytes).ok()?;
    if file.identity != identity || file.client_version != VERSION {
        return None;
    }
    Some(ModelList::new(file.fetched_at.parse().ok()?, file.etag, file.models))
}

/// Who gives a list: the provider's id and address and the program that signs in there. `None` for a provider that is never asked: only those
/// whose token a program prints have a list of their own (as the reference does it).
pub(crate) fn identity(provider: &ProviderSettings) -> Option<String> {
    let auth = provider.auth.as_ref().filter(|_| provider.wire_api == WireApi::Responses)?;
    let facts = (&provider.id, &provider.base_url, &provider.query_params, auth);
    let facts = serde_json::to_vec(&facts).ok()?;
    Some(hex(&Sha256::digest(facts)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_protocol::settings::TokenCommand;
    use pretty_assertions::assert_eq;
    use std::fs;

    fn list(at: &str) -> ModelList {
        let entries = listing::offered(br#"{"models": [{"slug": "m", "context_window": 9000, "base_instructions": "long"}]}"#).unwrap();
        ModelList::new(at.parse().unwrap(), Some("\"1\"".into()), entries)
    }

    const THEN: &str = "2026-01-02T03:04:05Z";

    #[test]
    fn another_process_finds_the_list_of_the_same_provider_and_version() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("models_cache.json");

        ModelLists::new(Some(home.path())).put("one", list(THEN));

        let found = |identity: &str| {
            ModelLists::new(Some(home.path()))
                .get(identity)
                .map(|list| list.models()[0].context_window)
        };
        assert_eq!((found("one"), found("two")), (Some(9000), None));
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.contains("base_instructions"), "{text}");
        fs::write(&file, text.replace(VERSION, "0.1.0")).unwrap();
        assert_eq!(found("one"), None);
        for damage in ["", "{", "[]", &text[..text.len() - 9], &text.replace(THEN, "yesterday")] {
            fs::write(&file, damage).unwrap();
            assert_eq!(found("one"), None, "{damage}");
        }
    }

    #[test]
    fn a_home_that_cannot_be_written_keeps_the_list_in_memory() {
        let lists = ModelLists::new(Some(Path::new("/dev/null/home")));

        lists.put("one", list(THEN));

        assert_eq!(lists.get("one").as_deref(), Some(&list(THEN)));
        assert!(lists.get("two").is_none());
    }

    #[test]
    fn a_list_is_fresh_for_five_minutes_and_never_from_the_future() {
        let check = |now: &str, fresh: bool| assert_eq!(list(THEN).is_fresh(now.parse().unwrap()), fresh, "{now}");

        check(THEN, true);
        check("2026-01-02T03:09:04Z", true);
        check("2026-01-02T03:09:05Z", false);
        check("2026-01-02T03:04:04Z", false);
    }

    #[test]
    fn a_provider_is_told_from_another_by_what_leads_to_it() {
        let auth = TokenCommand {
            command: "token".into(),
            args: vec![],
            timeout_ms: 1,
            refresh_interval_ms: 0,
            cwd: None,
        };
        let provider = ProviderSettings {
            id: "mine".into(),
            base_url: Some("http://a/v1".into()),
            auth: Some(auth.clone()),
            ..ProviderSettings::default()
        };
        let elsewhere = ProviderSettings {
            base_url: Some("http://b/v1".into()),
            ..provider.clone()
        };
        let other_account = ProviderSettings {
            auth: Some(TokenCommand {
                args: vec!["other".into()],
                ..auth
            }),
            ..provider.clone()
        };
        let key = ProviderSettings {
            auth: None,
            env_key: Some("KEY".into()),
            ..provider.clone()
        };

        let mut seen: Vec<_> = [&provider, &elsewhere, &other_account].into_iter().map(identity).collect();
        seen.dedup();
        assert!(seen.len() == 3 && seen.iter().all(Option::is_some), "{seen:?}");
        assert_eq!(identity(&key), None);
    }
}
