//! How much of an account's allowance is used, as the provider told it with its answers.

use crate::look::Look;
use crate::state::State;
use codex_protocol::limits::{RateLimitSnapshot, RateLimitWindow};

/// Minutes of the windows that have items of their own.
const FIVE_HOURS: i64 = 5 * 60;
const WEEK: i64 = 7 * 24 * 60;
/// Windows count as one of these if they are at most so many minutes off.
const ABOUT: i64 = 60;

/// Adds what was told; what a provider did not say this time stays.
pub fn told(state: &mut State, new: RateLimitSnapshot) {
    let known = &mut state.limits;
    known.limit_id = new.limit_id.or(known.limit_id.take());
    known.limit_name = new.limit_name.or(known.limit_name.take());
    known.primary = new.primary.or(known.primary);
    known.secondary = new.secondary.or(known.secondary);
    known.credits = new.credits.or(known.credits.take());
    known.plan_type = new.plan_type.or(known.plan_type.take());
    known.rate_limit_reached_type = new.rate_limit_reached_type;
}

fn windows(state: &State) -> impl Iterator<Item = RateLimitWindow> {
    [state.limits.primary, state.limits.secondary].into_iter().flatten()
}

/// For `/status`: one row for each window, and the credits.
pub fn rows(state: &State) -> Vec<String> {
    let mut rows: Vec<String> = windows(state).map(|window| row(window, &state.look)).collect();
    let credits = state.limits.credits.as_ref();
    if let Some(balance) = credits.and_then(|credits| credits.balance.as_ref()) {
        rows.push(format!("{balance} credits left"));
    }
    rows
}

fn row(window: RateLimitWindow, look: &Look) -> String {
    let reset = window.resets_at.map(|at| look.day_and_time(at)).filter(|time| !time.is_empty());
    let reset = reset.map(|time| format!(", begins anew {time}")).unwrap_or_default();
    format!(
        "{:.0}% of {} used{reset}",
        window.used_percent.get(),
        length(window.window_duration_mins)
    )
}

fn length(minutes: Option<i64>) -> String {
    match minutes {
        Some(minutes) if (minutes - WEEK).abs() <= ABOUT => "a week".to_owned(),
        Some(minutes) if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        Some(minutes) => format!("{minutes} minutes"),
        None => "the allowance".to_owned(),
    }
}

/// For the status line.
pub fn five_hours(state: &State) -> Option<String> {
    share(state, FIVE_HOURS).map(|used| format!("5h {used:.0}% used"))
}

pub fn week(state: &State) -> Option<String> {
    share(state, WEEK).map(|used| format!("week {used:.0}% used"))
}

fn share(state: &State, minutes: i64) -> Option<f64> {
    let is_it = |window: &RateLimitWindow| window.window_duration_mins.is_some_and(|length| (length - minutes).abs() <= ABOUT);
    windows(state).find(is_it).map(|window| window.used_percent.get())
}
