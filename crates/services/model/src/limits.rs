//! Limits of an account, as response headers and `codex.rate_limits` events tell them -> [`RateLimitSnapshot`]s. Pure.
//!
//! | header | gives |
//! | --- | --- |
//! | `x-<limit>-{primary,secondary}-{used-percent,window-minutes,reset-at}` | the windows of a limit; `codex` is the account's own |
//! | `x-<limit>-limit-name`, `x-codex-rate-limit-reached-type` | its name; which limit is reached |
//! | `x-codex-credits-{has-credits,unlimited,balance}` | credits |
//! | `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` | a plain API key's limit `api`: requests as primary window, tokens as secondary |
//!
//! What cannot be understood counts as not said: limits inform, nothing depends on them.

use codex_protocol::limits::{CreditsSnapshot, Percent, RateLimitSnapshot, RateLimitWindow};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Duration;

/// Id of the account's own limit.
pub const MAIN: &str = "codex";
/// Limits that are looked at in one answer.
const LIMITS_MAX: usize = 16;

/// The limits that the headers of an answer tell, the account's own first. `now` in Unix seconds.
pub fn of_headers(headers: &[(&str, &str)], now: i64) -> Vec<RateLimitSnapshot> {
    let headers: Vec<(String, &str)> = headers
        .iter()
        .filter(|(name, _)| name.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-")))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let value = |name: &str| headers.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let others: BTreeSet<&str> = headers
        .iter()
        .filter_map(|(name, _)| limit_of(name))
        .filter(|id| *id != MAIN)
        .collect();
    let named = std::iter::once(MAIN).chain(others.into_iter().take(LIMITS_MAX));
    let mut limits: Vec<_> = named.filter_map(|id| named_limit(id, &value)).collect();
    if limits.is_empty() {
        limits.extend(api_limit(&value, now));
    }
    limits
}

/// The limit that a header of a window belongs to.
fn limit_of(header: &str) -> Option<&str> {
    let inner = header.strip_prefix("x-")?;
    ["-primary-used-percent", "-secondary-used-percent"]
        .iter()
        .find_map(|end| inner.strip_suffix(end))
}

fn named_limit<'a>(id: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> Option<RateLimitSnapshot> {
    let window = |which: &str| {
        let field = |field: &str| value(&format!("x-{id}-{which}-{field}"));
        Some(RateLimitWindow {
            used_percent: field("used-percent")?.parse().ok().and_then(Percent::new)?,
            window_duration_mins: field("window-minutes").and_then(|minutes| minutes.parse().ok()),
            resets_at: field("reset-at").and_then(|seconds| seconds.parse().ok()),
        })
    };
    let main = id == MAIN;
    let of_account = |name: &str| value(&format!("x-codex-{name}")).filter(|_| main).map(str::to_owned);
    let limit = RateLimitSnapshot {
        limit_id: Some(id.to_owned()),
        limit_name: value(&format!("x-{id}-limit-name")).map(str::to_owned),
        primary: window("primary"),
        secondary: window("secondary"),
        credits: main.then(|| credits(value)).flatten(),
        plan_type: of_account("plan-type"),
        rate_limit_reached_type: of_account("rate-limit-reached-type"),
    };
    let told = limit.primary.is_some() || limit.secondary.is_some() || limit.credits.is_some() || limit.rate_limit_reached_type.is_some();
    told.then_some(limit)
}

fn credits<'a>(value: &dyn Fn(&str) -> Option<&'a str>) -> Option<CreditsSnapshot> {
    let flag = |name: &str| match value(name)?.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    };
    Some(CreditsSnapshot {
        has_credits: flag("x-codex-credits-has-credits")?,
        unlimited: flag("x-codex-credits-unlimited").unwrap_or(false),
        balance: value("x-codex-credits-balance")
            .filter(|balance| !balance.is_empty())
            .map(str::to_owned),
    })
}

/// What the public API says of a key's limits.
fn api_limit<'a>(value: &dyn Fn(&str) -> Option<&'a str>, now: i64) -> Option<RateLimitSnapshot> {
    let window = |what: &str| {
        let number = |field: &str| value(&format!("x-ratelimit-{field}-{what}"))?.parse::<f64>().ok();
        let (limit, remaining) = (number("limit")?, number("remaining")?);
        let reset = value(&format!("x-ratelimit-reset-{what}")).and_then(duration);
        Some(RateLimitWindow {
            used_percent: (limit > 0.0)
                .then(|| (100.0 * (limit - remaining) / limit).max(0.0))
                .and_then(Percent::new)?,
            window_duration_mins: None,
            resets_at: reset.map(|wait| now.saturating_add(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX))),
        })
    };
    let (primary, secondary) = (window("requests"), window("tokens"));
    (primary.is_some() || secondary.is_some()).then(|| RateLimitSnapshot {
        limit_id: Some("api".to_owned()),
        primary,
        secondary,
        ..RateLimitSnapshot::default()
    })
}

/// `6m0s`, `1h2m`, `20ms`, or plain seconds.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let mut total = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = rest[digits..]
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len() - digits);
        total += number
            * match &rest[digits..digits + unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                "d" => 86400.0,
                _ => return None,
            };
        rest = &rest[digits + unit..];
    }
    Duration::try_from_secs_f64(total).ok()
}

/// The limits of a `codex.rate_limits` event.
pub fn of_event(data: &str) -> Option<RateLimitSnapshot> {
    #[derive(Deserialize)]
    struct Event {
        plan_type: Option<String>,
        /// The windows alone.
        rate_limits: Option<RateLimitSnapshot>,
        credits: Option<CreditsSnapshot>,
    }
    let event: Event = serde_json::from_str(data).ok()?;
    Some(RateLimitSnapshot {
        limit_id: Some(MAIN.to_owned()),
        credits: event.credits,
        plan_type: event.plan_type,
        ..event.rate_limits.unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(headers: &[(&str, &str)]) -> String {
        let limits = of_headers(headers, 1000);
        serde_json::to_string_pretty(&limits).unwrap()
    }

    #[test]
    fn the_accounts_limits_and_others_are_read() {
        insta::assert_snapshot!(told(&[
            ("x-other-primary-used-percent", "77"),
            ("X-Codex-Primary-Used-Percent", "12.5"),
            ("x-codex-primary-window-minutes", "300"),
            ("x-codex-primary-reset-at", "1795200000"),
            ("x-codex-secondary-used-percent", "no number"),
            ("x-codex-credits-has-credits", "true"),
            ("x-codex-credits-balance", "12.34"),
            ("x-other-limit-name", "Otto"),
            ("x-ratelimit-limit-requests", "10"),
            ("x-ratelimit-remaining-requests", "5"),
        ]), @r#"
        [
          {
            "limitId": "codex",
            "limitName": null,
            "primary": {
              "usedPercent": 13,
              "windowDurationMins": 300,
              "resetsAt": 1795200000
            },
            "secondary": null,
            "credits": {
              "hasCredits": true,
              "unlimited": false,
              "balance": "12.34"
            },
            "planType": null,
            "rateLimitReachedType": null
          },
          {
            "limitId": "other",
            "limitName": "Otto",
            "primary": {
              "usedPercent": 77,
              "windowDurationMins": null,
              "resetsAt": null
            },
            "secondary": null,
            "credits": null,
            "planType": null,
            "rateLimitReachedType": null
          }
        ]
        "#);
    }

    #[test]
    fn the_limits_of_a_plain_key_are_read() {
        insta::assert_snapshot!(told(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "1m30s"),
            ("x-ratelimit-limit-tokens", "0"),
            ("x-ratelimit-remaining-tokens", "0"),
        ]), @r#"
        [
          {
            "limitId": "api",
            "limitName": null,
            "primary": {
              "usedPercent": 2,
              "windowDurationMins": null,
              "resetsAt": 1090
            },
            "secondary": null,
            "credits": null,
            "planType": null,
            "rateLimitReachedType": null
          }
        ]
        "#);
        assert_eq!(told(&[("content-type", "text/html"), ("x-request-id", "r")]), "[]");
    }

    #[test]
    fn an_event_tells_them_as_well() {
        let event = r#"{"type":"codex.rate_limits","plan_type":"plus","rate_limits":{"primary":{"used_percent":33.64,"window_minutes":300,"reset_at":5},"secondary":null},"credits":null}"#;

        let limits = of_event(event).unwrap();

        assert_eq!(
            (limits.limit_id.as_deref(), limits.plan_type.as_deref()),
            (Some("codex"), Some("plus"))
        );
        assert_eq!(limits.primary.map(|window| window.used_percent.get()), Some(33.64));
        assert_eq!(of_event("{"), None);
    }

    #[test]
    fn durations_of_the_api_are_read() {
        let check = |text: &str, expect: Option<f64>| assert_eq!(duration(text).map(|wait| wait.as_secs_f64()), expect, "{text}");

        check("6m0s", Some(360.0));
        check("20ms", Some(0.02));
        check("1h2m3.5s", Some(3723.5));
        check("12", Some(12.0));
        check("soon", None);
        check("5x", None);
        check("-1", None);
    }

    proptest! {
        #[test]
        fn any_header_is_read_without_a_panic(name in "x-[a-z-]{0,30}", value in "\\PC{0,20}") {
            let _ = of_headers(&[(name.as_str(), value.as_str()), ("x-codex-primary-used-percent", value.as_str())], 0);
            let _ = duration(&value);
        }
    }
}
