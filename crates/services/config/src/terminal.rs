//! `[tui]` and its neighbours as [`TerminalSettings`].

use crate::ConfigError;
use crate::read::Reader;
use crate::tree::{Node, dotted};
use codex_protocol::terminal::{KeyChange, ModelPrice, Notifications, TerminalSettings};
use std::collections::BTreeMap;

impl Reader<'_> {
    pub(crate) fn terminal(&self) -> Result<TerminalSettings, ConfigError> {
        Ok(TerminalSettings {
            notifications: self.read("tui.notifications", notifications)?.unwrap_or(Notifications::All),
            keymap: self.keymap()?,
            model_prices: self.read("model_prices", prices)?.unwrap_or_default(),
            ..self.section("tui")?
        })
    }

    fn keymap(&self) -> Result<Vec<KeyChange>, ConfigError> {
        let Some(contexts) = self.find("tui.keymap")? else {
            return Ok(Vec::new());
        };
        let mut changes = Vec::new();
        for (context, actions) in contexts.table("tui.keymap")? {
            let key = dotted("tui.keymap", context);
            for (action, keys) in actions.table(&key)? {
                changes.push(KeyChange {
                    context: context.clone(),
                    action: action.clone(),
                    keys: keys_of(keys, &dotted(&key, action))?,
                    place: keys.source.place.to_string(),
                });
            }
        }
        Ok(changes)
    }
}

/// One, or several.
fn keys_of(node: &Node, key: &str) -> Result<Vec<String>, ConfigError> {
    match node.text() {
        Some(text) => Ok(vec![text.to_owned()]),
        None => node.strings(key),
    }
}

fn prices(node: &Node, key: &str) -> Result<BTreeMap<String, ModelPrice>, ConfigError> {
    let price = |(model, node): (&String, &Node)| {
        let price = node.parsed();
        let price = price.map_err(|_| node.wrong(&dotted(key, model), "a table with `input` and `output`"))?;
        Ok((model.clone(), price))
    };
    node.table(key)?.iter().map(price).collect()
}

fn notifications(node: &Node, key: &str) -> Result<Notifications, ConfigError> {
    if node.items().is_some() {
        return Ok(Notifications::Kinds(node.strings(key)?));
    }
    Ok(if node.boolean(key)? {
        Notifications::All
    } else {
        Notifications::None
    })
}
