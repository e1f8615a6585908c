//! The limits inside a `token_count`, in the journal's spelling.

use codex_protocol::limits::{RateLimitSnapshot, RateLimitWindow};
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
    RateLimitSnapshot::deserialize(value).ok()
}
