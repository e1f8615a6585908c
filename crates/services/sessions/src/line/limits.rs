//! The limits inside a `token_count`, in the journal's spelling.

use codex_protocol::limits::{CreditsSnapshot, Percent, RateLimitSnapshot, RateLimitWindow};
use serde::Deserialize;
use serde_json::{Value, json};

pub fn to_value(limits: &RateLimitSnapshot) -> Value {
    let window = |window: RateLimitWindow| {
        json!({
            "used_percent": window.used_percent.get(), "window_minutes": window.window_duration_mins, "resets_at": window.resets_at,
        })
    };
    let credits = limits
        .credits
        .as_ref()
        .map(|credits| json!({"has_credits": credits.has_credits, "unlimited": credits.unlimited, "balance": credits.balance}));
    json!({
        "limit_id": limits.limit_id, "limit_name": limits.limit_name, "primary": limits.primary.map(window),
        "secondary": limits.secondary.map(window), "credits": credits, "plan_type": limits.plan_type,
        "rate_limit_reached_type": limits.rate_limit_reached_type,
    })
}

/// `None` for null, and for what cannot be understood: it only informs.
pub fn from_value(value: &Value) -> Option<RateLimitSnapshot> {
    let read = Limits::deserialize(value).ok()?;
    let window = |window: Window| {
        Some(RateLimitWindow {
            used_percent: Percent::new(window.used_percent)?,
            window_duration_mins: window.window_minutes,
            resets_at: window.resets_at,
        })
    };
    Some(RateLimitSnapshot {
        limit_id: read.limit_id,
        limit_name: read.limit_name,
        primary: read.primary.and_then(window),
        secondary: read.secondary.and_then(window),
        credits: read.credits.map(|credits| CreditsSnapshot {
            has_credits: credits.has_credits,
            unlimited: credits.unlimited,
            balance: credits.balance,
        }),
        plan_type: read.plan_type,
        rate_limit_reached_type: read.rate_limit_reached_type,
    })
}

#[derive(Deserialize)]
struct Limits {
    limit_id: Option<String>,
    limit_name: Option<String>,
    primary: Option<Window>,
    secondary: Option<Window>,
    credits: Option<Credits>,
    plan_type: Option<String>,
    rate_limit_reached_type: Option<String>,
}

#[derive(Deserialize)]
struct Window {
    used_percent: f64,
    window_minutes: Option<i64>,
    resets_at: Option<i64>,
}

#[derive(Deserialize)]
struct Credits {
    has_credits: bool,
    unlimited: bool,
    balance: Option<String>,
}
