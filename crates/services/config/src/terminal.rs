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
            notification_method: self.named("tui.notification_method")?.unwrap_or_default(),
            notification_condition: self.named("tui.notification_condition")?.unwrap_or_default(),
            animations: self.switch("tui.animations")?,
            screen_reader: self.switch_off("tui.screen_reader")?,
            alternate_screen: self.named("tui.alternate_screen")?.unwrap_or_default(),
            theme: self.read("tui.theme", Node::non_empty)?,
            status_line: self.read("tui.status_line", Node::strings)?,
            terminal_title: self.read("tui.terminal_title", Node::strings)?,
            vim_mode_default: self.switch_off("tui.vim_mode_default")?,
            raw_output_mode: self.switch_off("tui.raw_output_mode")?,
            disable_paste_burst: self.switch_off("tui.disable_paste_burst")?,
            keymap: self.keymap()?,
            model_prices: self.read("model_prices", prices)?.unwrap_or_default(),
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
        let key = dotted(key, model);
        let table = node.table(&key)?;
        let optional = |name: &str| table.get(name).map(|node| node.number(&dotted(&key, name))).transpose();
        let required = |name: &str| optional(name)?.ok_or_else(|| node.wrong(&key, "a table with `input` and `output`"));
        let price = ModelPrice {
            input: required("input")?,
            cached_input: optional("cached_input")?,
            output: required("output")?,
        };
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
