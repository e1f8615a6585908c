//! The field's keys while it takes them as Vim does.

use super::keys;
use crate::state::State;
use codex_tui_kit::composer::vim::{Mode, Reply};
use codex_tui_kit::keys::{Code, Key};

/// `false`: the key means what it means without Vim.
pub fn press(state: &mut State, key: Key) -> bool {
    let Some(vim) = &mut state.vim else { return false };
    if vim.mode() == Mode::Insert && key.code != Code::Esc {
        return false;
    }
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
