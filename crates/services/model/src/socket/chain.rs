//! What a connection's last answer knows already, so that only what is new has to be sent. Pure.

use crate::request::ModelRequest;
use codex_protocol::response_item::ResponseItem;

/// The last answer of a connection and everything that led to it.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub response_id: String,
    /// All fields of its request but input and metadata.
    fixed: String,
    /// Its input and its output.
    items: Vec<ResponseItem>,
}

impl Chain {
    /// `None` if the request cannot be put into JSON, which then fails elsewhere.
    pub(crate) fn new(response_id: String, request: &ModelRequest, output: Vec<ResponseItem>) -> Option<Self> {
        Some(Self {
            response_id,
            fixed: request.fixed_part().ok()?,
            items: request.input.iter().cloned().chain(output).collect(),
        })
    }

    /// How many items of the request the provider has already; `None` if the request does not go on from here.
    pub(crate) fn known_items(&self, request: &ModelRequest) -> Option<usize> {
        let extends = request.input.starts_with(&self.items) && request.fixed_part().is_ok_and(|fixed| fixed == self.fixed);
        extends.then_some(self.items.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::request;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn item(number: u32) -> ResponseItem {
        ResponseItem::make(&json!({"type": "message", "role": "user", "content": [], "number": number})).unwrap()
    }

    fn asking(input: Vec<ResponseItem>) -> ModelRequest {
        ModelRequest { input, ..request() }
    }

    /// A provider in miniature: it keeps one conversation and puts incremental input behind it.
    fn understood(kept: &mut Vec<Value>, message: &Value, output: &[ResponseItem]) -> Vec<Value> {
        if message["previous_response_id"].is_null() {
            kept.clear();
        }
        kept.extend(message["input"].as_array().unwrap().iter().cloned());
        let input = kept.clone();
        kept.extend(output.iter().map(|item| serde_json::to_value(item).unwrap()));
        input
    }

    #[test]
    fn another_model_or_a_changed_past_breaks_the_chain() {
        let first = asking(vec![item(1)]);
        let chain = Chain::new("r".into(), &first, vec![item(2)]).unwrap();

        assert_eq!(chain.known_items(&asking(vec![item(1), item(2), item(3)])), Some(2));
        assert_eq!(chain.known_items(&asking(vec![item(1), item(3)])), None);
        assert_eq!(chain.known_items(&first), None);
        let other = ModelRequest {
            model: "other".into(),
            ..asking(vec![item(1), item(2), item(3)])
        };
        assert_eq!(chain.known_items(&other), None);
        let mut another_turn = asking(vec![item(1), item(2)]);
        another_turn.metadata.turn_id = "t2".into();
        assert_eq!(chain.known_items(&another_turn), Some(2));
    }

    proptest! {
        /// Whatever is broken on the way: what the provider understands is the whole input.
        #[test]
        fn an_incremental_chain_equals_full_input(
            steps in prop::collection::vec((0_u32..3, 0_u32..3, any::<bool>(), any::<bool>()), 1..12),
        ) {
            let mut numbers = 0..;
            let mut next = |count: u32| -> Vec<ResponseItem> { numbers.by_ref().take(count as usize).map(item).collect() };
            let (mut history, mut chain, mut kept): (Vec<ResponseItem>, Option<Chain>, Vec<Value>) = (next(1), None, vec![]);
            for (new, answered, broken, forgets) in steps {
                history.extend(next(new));
                if forgets {
                    history.pop();
                }
                let asked = asking(history.clone());
                let known = chain.as_ref().and_then(|chain| Some((chain.response_id.as_str(), chain.known_items(&asked)?)));
                let message: Value = serde_json::from_str(&asked.socket_message(known, 0).unwrap()).unwrap();
                let output = next(answered);

                let input = understood(&mut kept, &message, &output);

                let full: Vec<Value> = history.iter().map(|item| serde_json::to_value(item).unwrap()).collect();
                prop_assert_eq!(input, full);
                history.extend(output.iter().cloned());
                chain = if broken { None } else { Chain::new("r".into(), &asked, output) };
            }
        }
    }
}
