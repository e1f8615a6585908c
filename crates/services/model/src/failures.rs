//! What a bad answer means: HTTP statuses, `response.failed`, `response.incomplete` -> [`ModelError`]. Pure; the table is in [`crate::error`].
//!
//! The classes and which of them are tried again are those of the reference (observed); longer texts are our own.

use crate::error::{self, ModelError, Retry, never};
use codex_base::truncate;
use codex_protocol::errors::CodexErrorInfo;
use serde::Deserialize;
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// Tokens of a provider's own message that are shown.
const MESSAGE_TOKENS_MAX: usize = 1000;

const NO_CAPACITY: &str = "The selected model has no free capacity. Wait a while or choose another model.";
const NO_ROOM: &str = "The conversation no longer fits into the model's context window. Start a new thread, or undo the last steps.";
const NO_QUOTA: &str = "The account's quota is used up. Check its plan and billing.";
const NOT_INCLUDED: &str = "The account's plan does not include this model. Upgrade the plan or use an API key.";

/// An answer that is not a 2xx one.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatusFacts<'a> {
    pub status: u16,
    /// Number and reason, e.g. `404 Not Found`.
    pub status_text: &'a str,
    pub body: &'a str,
    /// Without query and credentials.
    pub url: &'a str,
    pub location: Option<&'a str>,
    pub retry_after: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub cf_ray: Option<&'a str>,
}

/// The status table.
pub fn status(facts: &StatusFacts, now: SystemTime) -> ModelError {
    let detail = ErrorDetail::of_body(facts.body);
    let backoff = wait(facts.retry_after.and_then(|value| retry_after(value, now)));
    match (facts.status, detail.key()) {
        (400 | 413, "context_length_exceeded") => never(error::CONTEXT_WINDOW, NO_ROOM, CodexErrorInfo::ContextWindowExceeded),
        (400, _) if facts.body.trim().is_empty() => never(error::BAD_REQUEST, unexpected(facts, &detail), CodexErrorInfo::BadRequest),
        (400, key) => {
            // Here the provider says what is wrong with the request, so its words come first.
            let code = if key.is_empty() { String::new() } else { format!(" ({key})") };
            let text = detail.text().map_or_else(|| shortened(facts.body), |message| message + &code);
            never(error::BAD_REQUEST, text, CodexErrorInfo::BadRequest)
        }
        (401 | 403, _) => ModelError::new(
            error::UNAUTHORIZED,
            unexpected(facts, &detail),
            CodexErrorInfo::Unauthorized,
            backoff,
        ),
        (300..=399, _) if facts.location.is_some() => redirected(facts),
        (429, _) => too_many(facts, &detail, backoff),
        (503, "server_is_overloaded") => ModelError::new(error::OVERLOADED, NO_CAPACITY, CodexErrorInfo::ServerOverloaded, backoff),
        (503, "slow_down") => ModelError::new(error::RATE_LIMITED, rate_limit(&detail), CodexErrorInfo::RateLimitExceeded, backoff),
        (500, _) => ModelError::new(
            error::OVERLOADED,
            unexpected(facts, &detail),
            CodexErrorInfo::InternalServerError,
            backoff,
        ),
        (status, _) => {
            let info = CodexErrorInfo::ResponseStreamConnectionFailed {
                http_status_code: Some(status),
            };
            ModelError::new(error::HTTP_STATUS, unexpected(facts, &detail), info, backoff)
        }
    }
}

/// Not followed: the key would travel to a host that nobody configured.
fn redirected(facts: &StatusFacts) -> ModelError {
    // Without query and fragment, which may hold tokens.
    let target = facts.location.unwrap_or_default().split(['?', '#']).next().unwrap_or_default();
    let text = format!(
        "unexpected status {}: the provider sends codex on to {}, and codex does not follow; does the network want a login, or has base_url moved?",
        facts.status_text,
        shortened(target)
    );
    let info = CodexErrorInfo::ResponseStreamConnectionFailed {
        http_status_code: Some(facts.status),
    };
    never(error::REDIRECTED, text, info)
}

fn too_many(facts: &StatusFacts, detail: &ErrorDetail, backoff: Retry) -> ModelError {
    match detail.key() {
        "usage_limit_reached" => never(error::QUOTA, usage_limit(detail), CodexErrorInfo::UsageLimitExceeded),
        "usage_not_included" => never(error::QUOTA, NOT_INCLUDED, CodexErrorInfo::UsageLimitExceeded),
        "insufficient_quota" => never(error::QUOTA, NO_QUOTA, CodexErrorInfo::UsageLimitExceeded),
        _ => {
            let text = format!(
                "exceeded retry limit, last status: {}{}{}",
                facts.status_text,
                said(detail.text().unwrap_or_default()),
                ids(None, facts.request_id)
            );
            let retry = if facts.retry_after.is_some() { backoff } else { Retry::Never };
            ModelError::new(error::RATE_LIMITED, text, CodexErrorInfo::RateLimitExceeded, retry)
        }
    }
}

/// `response.failed`; `response` is the JSON of its `response` field.
pub fn response_failed(response: &str) -> ModelError {
    #[derive(Deserialize)]
    struct Failed {
        error: Option<ErrorDetail>,
    }
    match serde_json::from_str::<Failed>(response).ok().and_then(|failed| failed.error) {
        Some(detail) => failed(&detail),
        None => ModelError::disconnected(error::FAILED, "response.failed event received"),
    }
}

/// An `error` event: the error stands in `error` or in the event itself.
pub fn error_event(event: &str) -> ModelError {
    let nested = ErrorDetail::of_body(event);
    let detail = if nested.key().is_empty() && nested.message.is_none() {
        serde_json::from_str(event).unwrap_or_default()
    } else {
        nested
    };
    failed(&detail)
}

/// The error inside a body that should have been a stream.
pub fn error_in_body(body: &str) -> Option<ModelError> {
    let detail = ErrorDetail::of_body(body);
    (!detail.key().is_empty() || detail.message.is_some()).then(|| failed(&detail))
}

fn failed(detail: &ErrorDetail) -> ModelError {
    let said = |fallback: &str| detail.text().unwrap_or_else(|| fallback.to_owned());
    match detail.code.as_deref().unwrap_or_default() {
        "context_length_exceeded" => never(error::CONTEXT_WINDOW, NO_ROOM, CodexErrorInfo::ContextWindowExceeded),
        "insufficient_quota" | "organization_spend_limit_exceeded" => never(error::QUOTA, NO_QUOTA, CodexErrorInfo::UsageLimitExceeded),
        "usage_not_included" => never(error::QUOTA, NOT_INCLUDED, CodexErrorInfo::UsageLimitExceeded),
        "invalid_prompt" => never(error::BAD_REQUEST, said("Invalid request."), CodexErrorInfo::BadRequest),
        "cyber_policy" => never(
            error::POLICY,
            said("The provider refused this request under its security policy."),
            CodexErrorInfo::CyberPolicy,
        ),
        "bio_policy" | "misalignment_policy_violation" => never(
            error::POLICY,
            said("The provider refused this request under its safety policy."),
            CodexErrorInfo::Other,
        ),
        "model_not_found" => never(
            error::NOT_FOUND,
            said("The provider does not know this model."),
            CodexErrorInfo::ModelNotFound,
        ),
        "server_is_overloaded" => never(error::OVERLOADED, NO_CAPACITY, CodexErrorInfo::ServerOverloaded),
        "slow_down" | "rate_limit_exceeded" => {
            let retry = wait(detail.message.as_deref().and_then(wait_in_message));
            ModelError::new(error::RATE_LIMITED, rate_limit(detail), CodexErrorInfo::RateLimitExceeded, retry)
        }
        _ => ModelError::disconnected(error::FAILED, said("response.failed event received")),
    }
}

/// `response.incomplete`; `response` is the JSON of its `response` field.
pub fn response_incomplete(response: &str) -> ModelError {
    let response: Value = serde_json::from_str(response).unwrap_or_default();
    let reason = response
        .pointer("/incomplete_details/reason")
        .and_then(Value::as_str)
        .unwrap_or("unknown");
    let text = format!("Incomplete response returned, reason: {}", shortened(reason));
    match reason {
        "content_filter" => ModelError::disconnected(error::CONTENT_FILTER, text),
        _ => never(error::INCOMPLETE, text, CodexErrorInfo::Other),
    }
}

/// A wait of the form "try again in 1.5s", "… 20 ms" or "… 3 seconds" inside a message.
pub fn wait_in_message(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let (_, rest) = lower.split_once("try again in ")?;
    let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, unit) = rest.split_at(number_end);
    let unit: String = unit.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let seconds = match unit.as_str() {
        "ms" | "millisecond" | "milliseconds" => number.parse::<f64>().ok()? / 1000.0,
        "s" | "sec" | "secs" | "second" | "seconds" => number.parse().ok()?,
        "m" | "min" | "minute" | "minutes" => number.parse::<f64>().ok()? * 60.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

/// `Retry-After`: seconds, or a date. A date that is past means at once.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(value.trim()).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn wait(named: Option<Duration>) -> Retry {
    named.map_or(Retry::Backoff, Retry::After)
}

fn unexpected(facts: &StatusFacts, detail: &ErrorDetail) -> String {
    let message = detail.text().unwrap_or_else(|| shortened(facts.body));
    format!(
        "unexpected status {}{}, url: {}{}",
        facts.status_text,
        said(message),
        facts.url,
        ids(facts.cf_ray, facts.request_id)
    )
}

/// The provider's own words behind ours.
fn said(message: String) -> String {
    if message.is_empty() { message } else { format!(": {message}") }
}

/// What a provider's support asks for.
fn ids(cf_ray: Option<&str>, request_id: Option<&str>) -> String {
    let named = |label: &str, value: Option<&str>| value.map(|value| format!(", {label}: {value}")).unwrap_or_default();
    named("cf-ray", cf_ray) + &named("request id", request_id)
}

fn rate_limit(detail: &ErrorDetail) -> String {
    format!(
        "rate limit exceeded: {}",
        detail.text().unwrap_or_else(|| "the provider asks to slow down".to_owned())
    )
}

fn usage_limit(detail: &ErrorDetail) -> String {
    let plan = detail
        .plan_type
        .as_deref()
        .map(|plan| format!(" of the {plan} plan"))
        .unwrap_or_default();
    let reset = detail
        .resets_at
        .and_then(|seconds| codex_base::Timestamp::from_second(seconds).ok());
    let until = reset.map(|at| format!(" It is free again at {at}.")).unwrap_or_default();
    format!("The usage limit{plan} is reached.{until}")
}

fn shortened(text: &str) -> String {
    truncate::middle(text, MESSAGE_TOKENS_MAX)
}

/// The error object of the API; fields of the wrong type count as missing.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Value")]
struct ErrorDetail {
    code: Option<String>,
    r#type: Option<String>,
    message: Option<String>,
    plan_type: Option<String>,
    resets_at: Option<i64>,
}

impl From<Value> for ErrorDetail {
    fn from(value: Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            code: text("code"),
            r#type: text("type"),
            message: text("message"),
            plan_type: text("plan_type"),
            resets_at: value.get("resets_at").and_then(Value::as_i64),
        }
    }
}

impl ErrorDetail {
    /// The `error` object of a JSON body, or nothing.
    fn of_body(body: &str) -> Self {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        body.get("error").cloned().map(Self::from).unwrap_or_default()
    }

    /// `code`, else `type`: providers use one or the other.
    fn key(&self) -> &str {
        self.code.as_deref().or(self.r#type.as_deref()).unwrap_or_default()
    }

    fn text(&self) -> Option<String> {
        self.message.as_deref().filter(|message| !message.is_empty()).map(shortened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    const NOW: u64 = 1_800_000_000;

    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
    }

    fn shown(error: &ModelError) -> String {
        format!("{} | {:?} | {:?} | {}", error.code, error.retry, error.info, error.message)
    }

    #[test]
    fn the_status_table() {
        let table = [
            (400, "", None),
            (400, "plain text", None),
            (400, "<html>Bad request</html>", None),
            (
                400,
                r#"{"error":{"message":"Bad value: 'x'.","code":"invalid_value","type":"invalid_request_error"}}"#,
                None,
            ),
            (400, r#"{"error":{"message":"Bad value: 'x'."}}"#, None),
            (400, r#"{"error":{"code":"invalid_value"}}"#, None),
            (400, r#"{"message":"elsewhere"}"#, None),
            (400, r#"{"error":{"code":"context_length_exceeded"}}"#, None),
            (401, r#"{"error":{"message":"Bad key."}}"#, None),
            (403, "", None),
            (404, r#"{"error":"odd"}"#, None),
            (302, "", None),
            (307, "", None),
            (429, "", None),
            (429, "", Some("7")),
            (
                429,
                r#"{"error":{"type":"usage_limit_reached","plan_type":"plus","resets_at":1800000600}}"#,
                Some("7"),
            ),
            (429, r#"{"error":{"type":"usage_not_included"}}"#, None),
            (429, r#"{"error":{"code":"insufficient_quota","type":"insufficient_quota"}}"#, None),
            (500, "oops", None),
            (502, "", Some("9999999")),
            (503, r#"{"error":{"code":"server_is_overloaded"}}"#, None),
            (503, r#"{"error":{"code":"slow_down","message":"Slower."}}"#, Some("1")),
            (503, r#"{"error":{"code":"else"}}"#, Some("Fri, 15 Jan 2027 08:00:20 GMT")),
        ];

        let lines = table.map(|(status, body, retry_after)| {
            let facts = StatusFacts {
                status,
                status_text: &status.to_string(),
                body,
                url: "u",
                location: (status == 307).then_some("https://portal.test/login?token=t#f"),
                retry_after,
                request_id: Some("req"),
                cf_ray: None,
            };
            format!("{status} {}", shown(&super::status(&facts, now())))
        });

        insta::assert_snapshot!(lines.join("\n"), @r#"
        400 model.bad_request | Never | BadRequest | unexpected status 400, url: u, request id: req
        400 model.bad_request | Never | BadRequest | plain text
        400 model.bad_request | Never | BadRequest | <html>Bad request</html>
        400 model.bad_request | Never | BadRequest | Bad value: 'x'. (invalid_value)
        400 model.bad_request | Never | BadRequest | Bad value: 'x'.
        400 model.bad_request | Never | BadRequest | {"error":{"code":"invalid_value"}}
        400 model.bad_request | Never | BadRequest | {"message":"elsewhere"}
        400 model.context_window | Never | ContextWindowExceeded | The conversation no longer fits into the model's context window. Start a new thread, or undo the last steps.
        401 model.unauthorized | Backoff | Unauthorized | unexpected status 401: Bad key., url: u, request id: req
        403 model.unauthorized | Backoff | Unauthorized | unexpected status 403, url: u, request id: req
        404 model.http_status | Backoff | ResponseStreamConnectionFailed { http_status_code: Some(404) } | unexpected status 404: {"error":"odd"}, url: u, request id: req
        302 model.http_status | Backoff | ResponseStreamConnectionFailed { http_status_code: Some(302) } | unexpected status 302, url: u, request id: req
        307 model.redirected | Never | ResponseStreamConnectionFailed { http_status_code: Some(307) } | unexpected status 307: the provider sends codex on to https://portal.test/login, and codex does not follow; does the network want a login, or has base_url moved?
        429 model.rate_limited | Never | RateLimitExceeded | exceeded retry limit, last status: 429, request id: req
        429 model.rate_limited | After(7s) | RateLimitExceeded | exceeded retry limit, last status: 429, request id: req
        429 model.quota | Never | UsageLimitExceeded | The usage limit of the plus plan is reached. It is free again at 2027-01-15T08:10:00Z.
        429 model.quota | Never | UsageLimitExceeded | The account's plan does not include this model. Upgrade the plan or use an API key.
        429 model.quota | Never | UsageLimitExceeded | The account's quota is used up. Check its plan and billing.
        500 model.overloaded | Backoff | InternalServerError | unexpected status 500: oops, url: u, request id: req
        502 model.http_status | After(9999999s) | ResponseStreamConnectionFailed { http_status_code: Some(502) } | unexpected status 502, url: u, request id: req
        503 model.overloaded | Backoff | ServerOverloaded | The selected model has no free capacity. Wait a while or choose another model.
        503 model.rate_limited | After(1s) | RateLimitExceeded | rate limit exceeded: Slower.
        503 model.http_status | After(20s) | ResponseStreamConnectionFailed { http_status_code: Some(503) } | unexpected status 503: {"error":{"code":"else"}}, url: u, request id: req
        "#);
    }

    #[test]
    fn the_table_of_failed_responses() {
        let codes = [
            "context_length_exceeded",
            "insufficient_quota",
            "organization_spend_limit_exceeded",
            "usage_not_included",
            "invalid_prompt",
            "cyber_policy",
            "bio_policy",
            "misalignment_policy_violation",
            "model_not_found",
            "server_is_overloaded",
            "slow_down",
            "rate_limit_exceeded",
            "server_error",
        ];

        let lines = codes.map(|code| {
            shown(&response_failed(&format!(
                r#"{{"error":{{"code":"{code}","message":"Words, try again in 20ms."}}}}"#
            )))
        });

        insta::assert_snapshot!(lines.join("\n"), @r#"
        model.context_window | Never | ContextWindowExceeded | The conversation no longer fits into the model's context window. Start a new thread, or undo the last steps.
        model.quota | Never | UsageLimitExceeded | The account's quota is used up. Check its plan and billing.
        model.quota | Never | UsageLimitExceeded | The account's quota is used up. Check its plan and billing.
        model.quota | Never | UsageLimitExceeded | The account's plan does not include this model. Upgrade the plan or use an API key.
        model.bad_request | Never | BadRequest | Words, try again in 20ms.
        model.policy | Never | CyberPolicy | Words, try again in 20ms.
        model.policy | Never | Other | Words, try again in 20ms.
        model.policy | Never | Other | Words, try again in 20ms.
        model.not_found | Never | ModelNotFound | Words, try again in 20ms.
        model.overloaded | Never | ServerOverloaded | The selected model has no free capacity. Wait a while or choose another model.
        model.rate_limited | After(20ms) | RateLimitExceeded | rate limit exceeded: Words, try again in 20ms.
        model.rate_limited | After(20ms) | RateLimitExceeded | rate limit exceeded: Words, try again in 20ms.
        model.failed | Backoff | ResponseStreamDisconnected { http_status_code: None } | stream disconnected before completion: Words, try again in 20ms.
        "#);
    }

    #[test]
    fn failures_without_details_have_texts() {
        let silent = |code: &str| response_failed(&format!(r#"{{"error":{{"code":"{code}","message":""}}}}"#)).message;

        assert_eq!(
            response_failed("null").message,
            "stream disconnected before completion: response.failed event received"
        );
        assert_eq!(
            response_failed(r#"{"error":{"code":5}}"#).message,
            "stream disconnected before completion: response.failed event received"
        );
        assert_eq!(silent("invalid_prompt"), "Invalid request.");
        assert_eq!(response_incomplete("null").message, "Incomplete response returned, reason: unknown");
        let filtered = response_incomplete(r#"{"incomplete_details":{"reason":"content_filter"}}"#);
        assert_eq!((filtered.code, filtered.retry), (error::CONTENT_FILTER, Retry::Backoff));
    }

    #[test]
    fn waits_in_messages() {
        let check =
            |message: &str, expect_ms: Option<u64>| assert_eq!(wait_in_message(message), expect_ms.map(Duration::from_millis), "{message}");

        check("Rate limit reached. Please try again in 1.898s. Visit", Some(1898));
        check("try again in 20 ms", Some(20));
        check("Try again in 3 seconds.", Some(3000));
        check("try again in 2m", Some(120_000));
        check("try again in soon", None);
        check("try again in 5 parsecs", None);
        check("try again in 1.2.3s", None);
        check("try again in 99999999999999999999999s", None);
        check("later", None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(" 12 ", now()), Some(Duration::from_secs(12)));
        assert_eq!(retry_after("Fri, 15 Jan 2027 08:00:30 GMT", now()), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Fri, 15 Jan 2027 07:00:00 GMT", now()), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now()), None);
        assert_eq!(retry_after("-1", now()), None);
    }

    #[test]
    fn a_long_message_is_cut() {
        let facts = StatusFacts {
            status: 400,
            body: &"x".repeat(60_000),
            ..Default::default()
        };

        assert!(super::status(&facts, now()).message.len() < 5000);
    }
}
