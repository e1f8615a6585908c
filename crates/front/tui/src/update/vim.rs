//! The field's keys while it takes them as Vim does.

use super::keys;
use crate::state::{Effect, State};
use codex_tui_kit::composer::vim::{Mode, Reply};
use codex_tui_kit::keys::{Code, Key};

/// What became of a key.
pub enum Taken {
    Yes(Vec<Effect>),
    /// It means what it means without Vim.
    No,
}

pub fn press(state: &mut State, key: Key) -> Taken {
    let Some(vim) = &mut state.vim else { return Taken::No };
    if vim.mode() == Mode::Insert && key.code != Code::Esc {
        return Taken::No;
    }
    keys::flush_burst(state);
    state.editor.set_width(usize::from(state.size.columns).saturating_sub(2));
    let Some(vim) = &mut state.vim else { return Taken::No };
    match vim.press(&mut state.editor, key) {
        Reply::Done => Taken::Yes(Vec::new()),
        Reply::Edit(edit) => {
            keys::edited(state, edit);
            Taken::Yes(Vec::new())
        }
        Reply::NotMine => Taken::No,
    }
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
