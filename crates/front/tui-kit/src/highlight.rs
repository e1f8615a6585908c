//! Code in colours.

use crate::cells::Piece;
use crate::theme::{Role, Theme};

/// Colours the lines of one piece of code, in their order.
#[derive(Debug, Clone)]
pub struct Highlighter {}

impl Highlighter {
    pub fn new(_language: &str) -> Self {
        Self {}
    }

    pub fn line<'a>(&mut self, line: &'a str, theme: &Theme) -> Vec<Piece<'a>> {
        vec![Piece::new(line, theme.style(Role::Text))]
    }
}
