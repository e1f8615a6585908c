//! How much of an account's allowance is used, as the provider told it with an answer.

use crate::spelling::lenient;
use serde::{Deserialize, Serialize};

/// One limit. What a provider did not say is `None` and says nothing about what it said before; what it said in another shape than we know
/// counts as not said. Providers and journals spell it in snake case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RateLimitSnapshot {
    /// Which limit, e.g. `codex`; `api` is the one of plain API keys.
    #[serde(alias = "limit_id")]
    pub limit_id: Option<String>,
    #[serde(alias = "limit_name")]
    pub limit_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub primary: Option<RateLimitWindow>,
    #[serde(deserialize_with = "lenient")]
    pub secondary: Option<RateLimitWindow>,
    #[serde(deserialize_with = "lenient")]
    pub credits: Option<CreditsSnapshot>,
    #[serde(alias = "plan_type")]
    pub plan_type: Option<String>,
    /// Which limit is reached, in the provider's word; `None` while there is room.
    #[serde(alias = "rate_limit_reached_type")]
    pub rate_limit_reached_type: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RateLimitWindow {
    #[serde(alias = "used_percent")]
    pub used_percent: Percent,
    /// Minutes.
    #[serde(alias = "window_minutes")]
    pub window_duration_mins: Option<i64>,
    /// Unix seconds.
    #[serde(alias = "resets_at", alias = "reset_at")]
    pub resets_at: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditsSnapshot {
    #[serde(alias = "has_credits")]
    pub has_credits: bool,
    #[serde(default)]
    pub unlimited: bool,
    /// In the provider's own unit.
    pub balance: Option<String>,
}

/// A share in hundredths of a percent. Clients read whole percents; journals keep the fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    hundredths: i64,
}

impl Percent {
    /// `None` if it is no number between 0 and a million.
    pub fn new(percent: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        (0.0..=1_000_000.0).contains(&percent).then(|| Self {
            hundredths: (percent * 100.0).round() as i64,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "at most 100 million")]
    pub const fn get(self) -> f64 {
        self.hundredths as f64 / 100.0
    }
}

impl Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64((self.hundredths + 50) / 100)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let percent = f64::deserialize(deserializer)?;
        Self::new(percent).ok_or_else(|| D::Error::custom(format!("{percent} is no percentage")))
    }
}
