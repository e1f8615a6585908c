//! Why a sampling failed, as a stable code, a text for humans and a word on trying again.
//!
//! `docs/errors.md` says when each code is given and whether the request is tried again; [`crate::failures`] has the provider's words for them.
//!
//! Waits: `Retry-After` on a retried status, or "try again in N s" inside a message, replaces the back-off.

use codex_protocol::errors::CodexErrorInfo;
use std::fmt;
use std::time::Duration;

pub const MISSING_KEY: &str = "model.missing_key";
pub const NO_CREDENTIALS: &str = "model.no_credentials";
pub const TOKEN_COMMAND: &str = "model.token_command";
pub const INVALID_REQUEST: &str = "model.invalid_request";
pub const BAD_REQUEST: &str = "model.bad_request";
pub const UNAUTHORIZED: &str = "model.unauthorized";
pub const HTTP_STATUS: &str = "model.http_status";
pub const RATE_LIMITED: &str = "model.rate_limited";
pub const QUOTA: &str = "model.quota";
pub const CONTEXT_WINDOW: &str = "model.context_window";
pub const OVERLOADED: &str = "model.overloaded";
pub const NOT_FOUND: &str = "model.not_found";
pub const POLICY: &str = "model.policy";
pub const FAILED: &str = "model.failed";
pub const INCOMPLETE: &str = "model.incomplete";
pub const CONTENT_FILTER: &str = "model.content_filter";
pub const STREAM_CLOSED: &str = "model.stream_closed";
pub const NOT_A_STREAM: &str = "model.not_a_stream";
pub const REDIRECTED: &str = "model.redirected";
pub const ENCODING: &str = "model.encoding";
pub const IDLE_TIMEOUT: &str = "model.idle_timeout";
pub const CONNECT: &str = "model.connect";
pub const DNS: &str = "model.dns";
pub const TLS: &str = "model.tls";
pub const PROXY: &str = "model.proxy";
pub const CERTIFICATES: &str = "model.certificates";
pub const TRANSPORT: &str = "model.transport";
pub const INVALID_RESPONSE: &str = "model.invalid_response";
pub const EVENT_TOO_LARGE: &str = "model.event_too_large";
pub const ANSWER_TOO_LARGE: &str = "model.answer_too_large";
pub const ANSWER_TOO_LONG: &str = "model.answer_too_long";
pub const LOCAL_SERVER: &str = "model.local_server";
pub const LOCAL_MODEL: &str = "model.local_model";
pub const SCRIPT_MISMATCH: &str = "model.script_mismatch";
pub const SCRIPT_ENDED: &str = "model.script_ended";
pub const SCRIPT_INVALID: &str = "model.script_invalid";

/// A failed attempt. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// Stable, one of those above.
    pub code: &'static str,
    /// Whole sentence(s) for the user.
    pub message: String,
    /// The protocol's class of this error.
    pub info: CodexErrorInfo,
    pub retry: Retry,
}

/// Whether the same request may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    Never,
    /// After [`backoff`].
    Backoff,
    /// After the time the provider named.
    After(Duration),
}

impl ModelError {
    pub fn new(code: &'static str, message: impl Into<String>, info: CodexErrorInfo, retry: Retry) -> Self {
        Self {
            code,
            message: message.into(),
            info,
            retry,
        }
    }

    /// An answer that goes beyond a limit; another one would, too.
    pub(crate) fn unbounded(code: &'static str, message: String) -> Self {
        never(code, message, CodexErrorInfo::ResponseStreamDisconnected { http_status_code: None })
    }

    /// The stream broke: `stream disconnected before completion: <what>`, tried again.
    pub(crate) fn disconnected(code: &'static str, what: impl fmt::Display) -> Self {
        let info = CodexErrorInfo::ResponseStreamDisconnected { http_status_code: None };
        Self::new(code, format!("stream disconnected before completion: {what}"), info, Retry::Backoff)
    }
}

/// A failure that the same request would meet again.
pub(crate) fn never(code: &'static str, message: impl Into<String>, info: CodexErrorInfo) -> ModelError {
    ModelError::new(code, message, info, Retry::Never)
}

/// The wait before retry number `attempt` (1 is the first retry): 200 ms, doubled each time, between 90 % and 110 %.
///
/// `jitter_permille` is a random number from 0 (90 %) to 1000 (110 %); 500 is exactly the middle. It stops growing at 200 ms x 2^10 (205 s).
pub fn backoff(attempt: u32, jitter_permille: u32) -> Duration {
    let doubled_ms = 200_u64 << attempt.saturating_sub(1).min(10);
    Duration::from_micros(doubled_ms * (900 + u64::from(jitter_permille.min(1000)) / 5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_within_ten_percent() {
        assert_eq!(
            [1, 2, 3, 4, 5].map(|attempt| backoff(attempt, 500).as_millis()),
            [200, 400, 800, 1600, 3200]
        );
        assert_eq!(
            [0, 500, 1000, 9999].map(|jitter| backoff(1, jitter).as_millis()),
            [180, 200, 220, 220]
        );
        assert_eq!(backoff(0, 500), backoff(1, 500));
        assert_eq!(backoff(u32::MAX, 500), backoff(11, 500));
    }
}
