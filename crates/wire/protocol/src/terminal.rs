//! What configuration says of the terminal interface: config fills it, cli hands it over, the interface follows it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `[tui]`, and what stands beside it for the interface alone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct TerminalSettings {
    #[serde(skip)]
    pub notifications: Notifications,
    pub notification_method: NotificationMethod,
    pub notification_condition: NotificationCondition,
    /// Things may move by themselves.
    pub animations: bool,
    /// Line after line, for somebody who hears them.
    pub screen_reader: bool,
    pub alternate_screen: AlternateScreen,
    /// Name of a theme: a built-in one, or that of a file in `$CODEX_HOME/themes`.
    pub theme: Option<String>,
    /// Names of items, left to right; `None`: the usual ones.
    pub status_line: Option<Vec<String>>,
    /// Names of items of the window's title; none leaves the title alone.
    pub terminal_title: Option<Vec<String>>,
    pub vim_mode_default: bool,
    /// Markdown is shown as it was written.
    pub raw_output_mode: bool,
    /// Keys that come very fast are not taken for a paste.
    pub disable_paste_burst: bool,
    /// By context and action.
    #[serde(skip)]
    pub keymap: Vec<KeyChange>,
    /// By the name of the model.
    #[serde(skip)]
    pub model_prices: BTreeMap<String, ModelPrice>,
}

/// In US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct ModelPrice {
    pub input: f64,
    /// Of input that the provider had cached; `None`: as `input`.
    pub cached_input: Option<f64>,
    pub output: f64,
}

impl Default for TerminalSettings {
    fn default() -> Self {
        Self {
            notifications: Notifications::All,
            notification_method: NotificationMethod::Auto,
            notification_condition: NotificationCondition::Unfocused,
            animations: true,
            screen_reader: false,
            alternate_screen: AlternateScreen::Auto,
            theme: None,
            status_line: None,
            terminal_title: None,
            vim_mode_default: false,
            raw_output_mode: false,
            disable_paste_burst: false,
            keymap: Vec::new(),
            model_prices: BTreeMap::new(),
        }
    }
}

/// Which events are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notifications {
    All,
    None,
    /// Of these kinds: `agent-turn-complete`, `approval-requested`. Other words are no error.
    Kinds(Vec<String>),
}

impl Notifications {
    pub fn include(&self, kind: &str) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Kinds(kinds) => kinds.iter().any(|named| named == kind),
        }
    }
}

/// How the terminal is asked to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotificationMethod {
    /// The best that the terminal is known to have.
    #[default]
    Auto,
    Osc9,
    Osc777,
    Bel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotificationCondition {
    /// While somebody looks at another window.
    #[default]
    Unfocused,
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlternateScreen {
    /// As `never`: what was in the terminal stays there.
    #[default]
    Auto,
    Always,
    Never,
}

/// An entry of `[tui.keymap]`: no keys for no binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyChange {
    pub context: String,
    pub action: String,
    pub keys: Vec<String>,
    /// Where it stands, for people.
    pub place: String,
}
