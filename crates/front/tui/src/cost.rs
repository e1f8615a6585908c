//! What the session has cost, where the configuration knows a price.

use crate::state::{Session, State};
use codex_protocol::items::{ThreadTokenUsage, TokenUsageBreakdown};
use codex_protocol::terminal::ModelPrice;

/// An estimate: tokens are counted for the model that is chosen when they are told, and those of a resumed session for the one it goes on with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cost {
    pub dollars: f64,
    /// Some tokens were of a model without a price.
    pub is_partial: bool,
}

/// The server counts the whole session anew each time.
pub fn told(state: &mut State, usage: ThreadTokenUsage) {
    let before = state.usage.map(|usage| usage.total).unwrap_or_default();
    let Session::Open(open) = &state.session else {
        state.usage = Some(usage);
        return;
    };
    match state.wanted.model_prices.get(&open.model) {
        Some(price) => state.cost.dollars += dollars(*price, before, usage.total),
        None => state.cost.is_partial |= usage.total.total_tokens > before.total_tokens,
    }
    state.usage = Some(usage);
}

fn dollars(price: ModelPrice, before: TokenUsageBreakdown, after: TokenUsageBreakdown) -> f64 {
    // Counts of one session stay below 2^53.
    #[expect(clippy::cast_precision_loss, reason = "an estimate, shown to the cent")]
    let more = |after: i64, before: i64| after.saturating_sub(before).max(0) as f64 / 1e6;
    let cached = more(after.cached_input_tokens, before.cached_input_tokens);
    let input = (more(after.input_tokens, before.input_tokens) - cached).max(0.0);
    let output = more(after.output_tokens, before.output_tokens);
    input * price.input + cached * price.cached_input.unwrap_or(price.input) + output * price.output
}

/// `$0.42`; with a `+` where it is more than that. `None` where nothing has a price.
pub fn words(state: &State) -> Option<String> {
    let Cost { dollars, is_partial } = state.cost;
    (dollars > 0.0).then(|| format!("${dollars:.2}{}", if is_partial { "+" } else { "" }))
}
