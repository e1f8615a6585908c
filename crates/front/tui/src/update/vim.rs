//! The field's keys while it takes them as Vim does.

use super::keys;
use crate::keymap::Context;
use crate::state::State;
use codex_tui_kit::composer::vim::{Awaits, Mode, Reply};
use codex_tui_kit::keys::{Code, Key};

/// `false`: the key means what it means without Vim.
pub fn press(state: &mut State, key: Key) -> bool {
    let Some(vim) = &mut state.vim else { return false };
    if vim.mode() == Mode::Insert && key.code != Code::Escape {
        return false;
    }
    let contexts: &[Context] = match (vim.mode(), vim.awaits()) {
        (Mode::Search, _) => &[Context::VimSearch],
        (Mode::Normal, Awaits::Command) => &[Context::VimNormal],
        (Mode::Normal, Awaits::Motion) => &[Context::VimOperator, Context::VimNormal],
        (Mode::Normal, Awaits::Object) => &[Context::VimTextObject],
        (Mode::Normal, Awaits::Character) | (Mode::Insert | Mode::Replace, _) => &[],
    };
    let Some(key) = state.keymap.for_vim(contexts, key) else {
        return true;
    };
    keys::flush_burst(state);
    state.editor.set_width(usize::from(state.size.columns).saturating_sub(2));
    let reply = state.vim.as_mut().map(|vim| vim.press(&mut state.editor, key));
    if let Some(Reply::Edit(edit)) = reply {
        keys::edited(state, edit);
    }
    !matches!(reply, Some(Reply::NotMine))
}

impl State {
    /// The draft was sent or given up: writing begins anew.
    pub fn clear_field(&mut self) {
        self.editor.clear();
        if let Some(vim) = &mut self.vim {
            vim.reset(&mut self.editor);
        }
    }
}
