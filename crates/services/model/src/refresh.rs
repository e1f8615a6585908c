//! Asks a provider for its list of models, beside everything else: no request ever waits for it.
//!
//! When: as a thread opens, if the list that is known is not fresh; and when an answer names another version of the list
//! (`x-models-etag`). One question at a time, whoever has a reason. Whatever goes wrong leaves what is known as it is; who wants to know why waits for the
//! [`Refresh`].

use crate::listing;
use crate::offered::{ModelList, ModelLists};
use crate::responses::{Bearer, Inner, encoding};
use codex_base::Timestamp;
use codex_http::HttpResponse;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Limit of one question (as the reference has it).
const LIMIT: Duration = Duration::from_secs(5);

/// How a question for the list ended; the sender is gone if it did not end.
pub type Refresh = oneshot::Receiver<Result<(), ListError>>;

/// Why there is no newer list.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ListError {
    #[error("no list of models within {} s", LIMIT.as_secs())]
    TimedOut,
    #[error("{0}")]
    NoToken(String),
    #[error("{0}")]
    NotSent(String),
    #[error("unexpected status {status} from {url}")]
    Status { status: String, url: String },
    #[error("the list of models is over {} bytes", listing::BYTES_MAX)]
    TooLarge,
    #[error("the answer is no list of models: {0}")]
    Invalid(String),
}

/// Where a provider's list is asked for.
pub(crate) struct Offer {
    /// Whole URL of `/models`, query included.
    pub url: String,
    pub identity: String,
    pub lists: Arc<ModelLists>,
}

/// Starts a question if the list is not fresh. `None` if there is nothing to ask, or somebody asks already.
pub(crate) fn unless_fresh(inner: &Arc<Inner>) -> Option<Refresh> {
    let offer = inner.endpoint.offer.as_ref()?;
    // Reads a file, but a small one, and once per process.
    let fresh = offer.lists.get(&offer.identity).is_some_and(|list| list.is_fresh(Timestamp::now()));
    if fresh { None } else { start(inner, LIMIT) }
}

/// An answer has named this version of the list.
pub(crate) fn named(inner: &Arc<Inner>, etag: &str) {
    let offer = inner.endpoint.offer.as_ref();
    if offer.is_some_and(|offer| offer.lists.is_new(&offer.identity, etag)) {
        drop(start(inner, LIMIT));
    }
}

fn start(inner: &Arc<Inner>, limit: Duration) -> Option<Refresh> {
    let offer = inner.endpoint.offer.as_ref()?;
    let turn = offer.lists.turn(&offer.identity)?;
    let inner = Arc::clone(inner);
    let (ended, refresh) = oneshot::channel();
    tokio::spawn(async move {
        let Some(offer) = &inner.endpoint.offer else { return };
        let result = timeout(limit, ask(&inner, offer)).await.unwrap_or(Err(ListError::TimedOut));
        drop(turn);
        match &result {
            Ok(()) => tracing::debug!("the provider's list of models is here"),
            Err(problem) => tracing::warn!(%problem, "no list of models"),
        }
        // Mostly nobody wants to know.
        drop(ended.send(result));
    });
    Some(refresh)
}

async fn ask(inner: &Inner, offer: &Offer) -> Result<(), ListError> {
    let known = offer.lists.get(&offer.identity);
    let bearer = inner.bearer().await.map_err(|error| ListError::NoToken(error.message))?;
    let etag = known.as_ref().and_then(|list| list.etag.as_deref());
    let question = inner.models_request(&offer.url, etag, &bearer);
    let sent = inner.http.get(question).await;
    let response = sent.map_err(|problem| ListError::NotSent(problem.with_causes()))?;
    let list = match (response.status(), known) {
        (304, Some(known)) => known.again(Timestamp::now()),
        (200, _) => {
            let etag = response.header("etag").map(str::to_owned);
            let body = whole(response).await?;
            let entries = listing::offered(&body).map_err(|problem| ListError::Invalid(problem.to_string()))?;
            ModelList::new(Timestamp::now(), etag, entries)
        }
        _ => {
            let (status, url) = (response.status_text(), response.url().to_owned());
            return Err(ListError::Status { status, url });
        }
    };
    let (lists, identity) = (Arc::clone(&offer.lists), offer.identity.clone());
    // Syncing a file may take its time. If the runtime ends first, the list is asked for again.
    drop(tokio::task::spawn_blocking(move || lists.put(&identity, list)).await);
    Ok(())
}

async fn whole(mut response: HttpResponse) -> Result<Vec<u8>, ListError> {
    if let Some(encoding) = encoding(&response) {
        return Err(ListError::Invalid(format!(
            "it is packed as {encoding}, which codex did not ask for"
        )));
    }
    let body = response.body(listing::BYTES_MAX).await;
    let body = body.map_err(|problem| ListError::NotSent(problem.with_causes()))?;
    if body.len() > listing::BYTES_MAX {
        return Err(ListError::TooLarge);
    }
    Ok(body)
}

impl Inner {
    fn models_request(&self, url: &str, etag: Option<&str>, bearer: &Bearer) -> codex_http::Post {
        let mut headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("originator".to_owned(), self.endpoint.identity.originator.clone()),
        ];
        headers.extend(etag.map(|etag| ("if-none-match".to_owned(), etag.to_owned())));
        headers.extend(self.endpoint.headers.iter().cloned());
        codex_http::Post {
            url: url.to_owned(),
            headers,
            secrets: self.endpoint.secrets.clone(),
            bearer: bearer.token().cloned(),
            ..codex_http::Post::default()
        }
    }
}

#[cfg(test)]
#[path = "refresh_tests.rs"]
mod tests;
