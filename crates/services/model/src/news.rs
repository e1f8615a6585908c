//! What an answer tells beside its items: limits, the model that really served, a new model list. Pure.

use crate::limits;
use codex_protocol::limits::RateLimitSnapshot;
use serde::Deserialize;
use std::collections::HashMap;

/// Said by the provider, or by the transport. Empty parts say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// The account's own limit first.
    pub limits: Vec<RateLimitSnapshot>,
    /// Header `openai-model`.
    pub served_by: Option<String>,
    /// Header `x-models-etag`: the version of the provider's model list.
    pub models_etag: Option<String>,
    /// A sentence for the user.
    pub notice: Option<String>,
}

impl News {
    pub(crate) fn of_headers(headers: &[(&str, &str)], now: i64) -> Option<Self> {
        let value = |wanted: &str| {
            let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
            Some(value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        Self {
            served_by: value("openai-model"),
            models_etag: value("x-models-etag"),
            limits: limits::of_headers(headers, now),
            notice: None,
        }
        .unless_empty()
    }

    /// Of an event that carries `headers` or `response.headers`.
    pub(crate) fn of_event(data: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Event {
            headers: Option<Headers>,
            response: Option<Response>,
        }
        #[derive(Deserialize)]
        struct Response {
            headers: Option<Headers>,
        }
        type Headers = HashMap<String, serde_json::Value>;
        // Most events have none; looking costs less than parsing.
        if !data.contains("\"headers\"") {
            return None;
        }
        let event: Event = serde_json::from_str(data).ok()?;
        let headers = event.headers.or_else(|| event.response?.headers)?;
        let texts: Vec<(&str, &str)> = headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect();
        // Limits have an event of their own.
        Self {
            limits: Vec::new(),
            ..Self::of_headers(&texts, 0)?
        }
        .unless_empty()
    }

    pub(crate) fn of_limits_event(data: &str) -> Option<Self> {
        Some(Self {
            limits: vec![limits::of_event(data)?],
            ..Self::default()
        })
    }

    fn unless_empty(self) -> Option<Self> {
        (self != Self::default()).then_some(self)
    }
}

/// Whether a provider that served `served` did what was asked: the same name, or a dated release of it (`gpt-5.5-2026-03-01`).
pub fn is_same_model(asked: &str, served: &str) -> bool {
    let dated = |rest: &str| rest.starts_with('-') && rest.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    served == asked || served.strip_prefix(asked).is_some_and(dated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stand_beside_or_inside_the_response() {
        let served = |event: &str| News::of_event(event).and_then(|news| news.served_by);

        assert_eq!(
            served(r#"{"type":"response.metadata","headers":{"OpenAI-Model":"a","n":1}}"#).as_deref(),
            Some("a")
        );
        assert_eq!(
            served(r#"{"type":"response.created","response":{"id":"r","headers":{"openai-model":" b "}}}"#).as_deref(),
            Some("b")
        );
        assert_eq!(News::of_event(r#"{"type":"response.metadata","headers":{"x":"y"}}"#), None);
        assert_eq!(News::of_event(r#"{"type":"response.metadata","headers":[1]}"#), None);
        assert_eq!(News::of_event(r#"{"type":"response.created"}"#), None);
    }

    #[test]
    fn a_dated_release_is_no_other_model() {
        let check = |asked: &str, served: &str, expect: bool| assert_eq!(is_same_model(asked, served), expect, "{asked} {served}");

        check("gpt-5.5", "gpt-5.5", true);
        check("gpt-5.5", "gpt-5.5-2026-03-01", true);
        check("gpt-5.5", "gpt-5.5-mini", false);
        check("gpt-5.5", "gpt-5.2", false);
        check("gpt-5", "gpt-5.5", false);
    }
}
