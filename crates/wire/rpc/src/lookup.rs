//! A stored session by what people call it: an id, or an exact name.

use crate::{CallError, Client};
use codex_protocol::items::Thread;
use codex_protocol::requests::{RequestError, ThreadList, ThreadListParams, ThreadSortKey, ThreadSourceKind};

/// A session that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    /// `None` if it was asked for by its id, which is taken as it is.
    pub name: Option<String>,
}

/// Where a name is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Active,
    Archive,
    Both,
}

/// # Errors
/// `session.not_found` with the nearest name, `session.archived` if it is there alone, `session.ambiguous` if several have the name; or the
/// server's own.
pub async fn find(client: &Client, wanted: &str, place: Place) -> Result<Found, CallError> {
    if is_uuid(wanted) {
        return Ok(Found {
            id: wanted.to_ascii_lowercase(),
            name: None,
        });
    }
    let mut called = named(client, wanted, place).await?;
    match (called.pop(), called.len()) {
        (Some(thread), 0) => Ok(Found {
            id: thread.id,
            name: thread.name,
        }),
        (Some(last), _) => {
            called.push(last);
            let ids: Vec<&str> = called.iter().map(|thread| thread.id.as_str()).collect();
            let message = format!("{} sessions are called {wanted:?}", ids.len());
            let hint = format!("name one by its id: {}", ids.join(", "));
            Err(refused("session.ambiguous", message, hint))
        }
        (None, _) => Err(not_found(client, wanted, place).await?),
    }
}

/// The session that was worked on last: of this directory, or of all.
///
/// # Errors
/// The server's own.
pub async fn last(client: &Client, cwd: Option<String>, kinds: &[ThreadSourceKind]) -> Result<Option<Thread>, CallError> {
    let params = ThreadListParams {
        limit: Some(1),
        cwd: cwd.map(Into::into),
        sort_key: Some(ThreadSortKey::UpdatedAt),
        source_kinds: Some(kinds.to_vec()),
        ..ThreadListParams::default()
    };
    Ok(client.request::<ThreadList>(params).await?.data.into_iter().next())
}

/// 8-4-4-4-12 hexadecimal digits.
pub fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Only for the hint: this looks at every session.
async fn not_found(client: &Client, wanted: &str, place: Place) -> Result<CallError, CallError> {
    let archived = match place {
        Place::Active => named(client, wanted, Place::Archive).await?.pop(),
        Place::Archive | Place::Both => None,
    };
    if let Some(thread) = archived {
        let message = format!("session {wanted:?} is archived");
        return Ok(refused("session.archived", message, format!("codex unarchive {}", thread.id)));
    }
    let all = listed(client, place, ThreadListParams::default()).await?;
    let known = all.iter().map(|thread| (thread.id.as_str(), thread.name.as_deref()));
    let hint = hint(wanted, known);
    let kind = if place == Place::Archive { "archived " } else { "" };
    let message = format!("no {kind}session has the id or name {wanted:?}");
    Ok(refused("session.not_found", message, hint))
}

/// What somebody who mistyped an id or a name may have meant. `known`: ids and names of what there is, the newest first.
pub fn hint<'a>(wanted: &str, known: impl Iterator<Item = (&'a str, Option<&'a str>)> + Clone) -> String {
    let start = wanted.to_ascii_lowercase();
    let begun = known
        .clone()
        .map(|(id, _)| id)
        .find(|id| start.len() >= ID_START_MIN && id.starts_with(&start));
    match (begun, codex_base::nearest(wanted, known.filter_map(|(_, name)| name))) {
        (Some(id), _) => format!("did you mean {id}?"),
        (None, Some(name)) => format!("did you mean {name:?}?"),
        (None, None) => "codex sessions --all lists them".to_owned(),
    }
}

/// A shorter beginning says nothing: it is the time, and that of many.
const ID_START_MIN: usize = 8;

fn refused(code: &str, message: String, hint: String) -> CallError {
    CallError::Rejected(RequestError::invalid(code, message).with_hint(hint))
}

async fn named(client: &Client, name: &str, place: Place) -> Result<Vec<Thread>, CallError> {
    let params = ThreadListParams {
        name: Some(name.to_owned()),
        ..ThreadListParams::default()
    };
    let mut found = listed(client, place, params).await?;
    found.retain(|thread| thread.name.as_deref() == Some(name));
    Ok(found)
}

/// Most pages of sessions that are looked through.
const PAGES_MAX: usize = 100;

async fn listed(client: &Client, place: Place, params: ThreadListParams) -> Result<Vec<Thread>, CallError> {
    let places: &[bool] = match place {
        Place::Active => &[false],
        Place::Archive => &[true],
        Place::Both => &[false, true],
    };
    let mut all = Vec::new();
    for archived in places {
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let params = ThreadListParams {
                archived: Some(*archived),
                limit: Some(1000),
                source_kinds: Some(ThreadSourceKind::ROOTS.to_vec()),
                cursor,
                ..params.clone()
            };
            let page = client.request::<ThreadList>(params).await?;
            all.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn a_slip_is_answered_with_what_was_meant() {
        const ID: &str = "01a215a0-847b-76de-8da7-cfd9fd3747ca";
        let known = [(ID, Some("my first session")), ("01a215a0-1111-76de-8da7-cfd9fd3747ca", None)];
        let check = |wanted: &str, expect: &str| assert_eq!(hint(wanted, known.into_iter()), expect, "{wanted}");

        check("my frst session", "did you mean \"my first session\"?");
        check("01A215A0-847b", &format!("did you mean {ID}?"));
        check(&ID[..35], &format!("did you mean {ID}?"));
        check("01a215a0", &format!("did you mean {ID}?"));
        check("01a2", "codex sessions --all lists them");
        check("another", "codex sessions --all lists them");
    }
}
