//! The limits inside a `token_count`, in the journal's spelling.

use codex_protocol::limits::{RateLimitSnapshot, RateLimitWindow};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

pub fn serialize<S: Serializer>(limits: &Option<Box<RateLimitSnapshot>>, serializer: S) -> Result<S::Ok, S::Error> {
    let window = |window: RateLimitWindow| {
        json!({
            "used_percent": window.used_percent.get(), "window_minutes": window.window_duration_mins, "resets_at": window.resets_at,
        })
    };
    let value = limits.as_ref().map(|limits| {
        let credits = limits
            .credits
            .as_ref()
            .map(|credits| json!({"has_credits": credits.has_credits, "unlimited": credits.unlimited, "balance": credits.balance}));
        json!({
            "limit_id": limits.limit_id, "limit_name": limits.limit_name, "primary": limits.primary.map(window),
            "secondary": limits.secondary.map(window), "credits": credits, "plan_type": limits.plan_type,
            "rate_limit_reached_type": limits.rate_limit_reached_type,
        })
    });
    value.serialize(serializer)
}

/// `None` for null, and for what cannot be understood: it only informs.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RateLimitSnapshot>>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(RateLimitSnapshot::deserialize(value).ok().map(Box::new))
}
