//! Cuts the plans that a model proposes out of its message, while it is being written.
//!
//! Input: the text of one message, in pieces of any size. Output: [`Piece`]s; the same text makes the same parts however it was cut. A tag
//! is a line of its own, blanks apart; in the middle of a line, or where it has nothing to open or close, it is text. What is not closed
//! ends with the message, and a part of nothing but blanks is none. Other clients know tags by the same rule (observed).

use std::mem;

const OPEN: &str = "<proposed_plan>";
const CLOSE: &str = "</proposed_plan>";

/// A longer line is text: so much is held back at most before it is shown.
const TAG_LINE_BYTES_MAX: usize = 256;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Message,
    Plan,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Begin(Part),
    Text(String),
    End,
}

/// Where in a message its reader stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splitter {
    part: Part,
    /// The part has been begun: there was more than blanks.
    begun: bool,
    /// Blanks before that.
    blanks: String,
    /// The beginning of a line that may become a tag; `None` in the middle of a line that is none.
    line: Option<String>,
}

impl Default for Splitter {
    fn default() -> Self {
        Self {
            part: Part::Message,
            begun: false,
            blanks: String::new(),
            line: Some(String::new()),
        }
    }
}

impl Splitter {
    pub fn push(&mut self, text: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for piece in text.split_inclusive('\n') {
            let Some(line) = &mut self.line else {
                self.line = piece.ends_with('\n').then(String::new);
                self.text(piece, &mut pieces);
                continue;
            };
            line.push_str(piece);
            if line.ends_with('\n') {
                self.end_line(&mut pieces);
            } else if !self.may_become_tag() {
                let line = self.line.take().unwrap_or_default();
                self.text(&line, &mut pieces);
            }
        }
        pieces
    }

    /// The message is whole.
    pub fn finish(&mut self) -> Vec<Piece> {
        let mut pieces = Vec::new();
        self.end_line(&mut pieces);
        self.end_part(self.part, &mut pieces);
        pieces
    }

    const fn tag(&self) -> &'static str {
        match self.part {
            Part::Message => OPEN,
            Part::Plan => CLOSE,
        }
    }

    fn may_become_tag(&self) -> bool {
        let line = self.line.as_deref().unwrap_or_default();
        let text = line.trim();
        line.len() <= TAG_LINE_BYTES_MAX && self.tag().starts_with(text) && (text.is_empty() || text == self.tag() || line.ends_with(text))
    }

    fn end_line(&mut self, pieces: &mut Vec<Piece>) {
        let line = self.line.replace(String::new()).unwrap_or_default();
        if line.trim() != self.tag() || line.len() > TAG_LINE_BYTES_MAX {
            return self.text(&line, pieces);
        }
        let next = match self.part {
            Part::Message => Part::Plan,
            Part::Plan => Part::Message,
        };
        self.end_part(next, pieces);
    }

    fn end_part(&mut self, next: Part, pieces: &mut Vec<Piece>) {
        if mem::take(&mut self.begun) {
            pieces.push(Piece::End);
        }
        self.blanks.clear();
        self.part = next;
    }

    fn text(&mut self, text: &str, pieces: &mut Vec<Piece>) {
        if !self.begun {
            self.blanks.push_str(text);
            if self.blanks.trim().is_empty() {
                return;
            }
            self.begun = true;
            pieces.push(Piece::Begin(self.part));
            let text = mem::take(&mut self.blanks);
            return pieces.push(Piece::Text(text));
        }
        if text.is_empty() {
            return;
        }
        match pieces.last_mut() {
            Some(Piece::Text(before)) => before.push_str(text),
            _ => pieces.push(Piece::Text(text.to_owned())),
        }
    }
}

/// The parts of a whole message.
pub fn parts(text: &str) -> Vec<(Part, String)> {
    let mut splitter = Splitter::default();
    let mut pieces = splitter.push(text);
    pieces.append(&mut splitter.finish());
    collect(pieces)
}

fn collect(pieces: Vec<Piece>) -> Vec<(Part, String)> {
    let mut parts = Vec::new();
    for piece in pieces {
        match (piece, parts.last_mut()) {
            (Piece::Begin(part), _) => parts.push((part, String::new())),
            (Piece::Text(text), Some((_, known))) => known.push_str(&text),
            (Piece::Text(_), None) | (Piece::End, _) => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        let parts = parts(text).into_iter().map(|(part, text)| format!("{part:?} {text:?}"));
        parts.collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn plans_are_cut_out_between_lines_of_their_own() {
        let cases = [
            ("Hello.", "Message \"Hello.\""),
            (
                "Intro.\n<proposed_plan>\n# Plan\n- one\n</proposed_plan>\nOutro.",
                r##"Message "Intro.\n" | Plan "# Plan\n- one\n" | Message "Outro.""##,
            ),
            ("<proposed_plan>\none\n</proposed_plan>", r#"Plan "one\n""#),
            // What other clients do, too: blanks around a tag, one that is not closed, a fence around it.
            ("  <proposed_plan>  \none\n\t</proposed_plan>\n", r#"Plan "one\n""#),
            ("a\n<proposed_plan>\nunclosed", r#"Message "a\n" | Plan "unclosed""#),
            (
                "```\n<proposed_plan>\none\n</proposed_plan>\n```\n",
                r#"Message "```\n" | Plan "one\n" | Message "```\n""#,
            ),
            (
                "<proposed_plan>\none\n</proposed_plan>\nmid\n<proposed_plan>\ntwo\n</proposed_plan>",
                r#"Plan "one\n" | Message "mid\n" | Plan "two\n""#,
            ),
            // In the middle of a line, and where there is nothing to open or close, a tag is text.
            (
                "x <proposed_plan>no</proposed_plan> y",
                r#"Message "x <proposed_plan>no</proposed_plan> y""#,
            ),
            ("</proposed_plan>\nx", r#"Message "</proposed_plan>\nx""#),
            ("<proposed_plan>\n<proposed_plan>\nx", r#"Plan "<proposed_plan>\nx""#),
            ("<proposed_plan\n>", r#"Message "<proposed_plan\n>""#),
            // Nothing but blanks is no part.
            ("\n\n<proposed_plan>\n \n</proposed_plan>\n\n", ""),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_line_is_shown_as_soon_as_it_can_be_no_tag() {
        let mut splitter = Splitter::default();

        assert_eq!(splitter.push("  <prop"), []);
        assert_eq!(
            splitter.push("er>"),
            [Piece::Begin(Part::Message), Piece::Text("  <proper>".into())]
        );
        assert_eq!(splitter.push(" x\n"), [Piece::Text(" x\n".into())]);
        assert_eq!(splitter.push("<proposed_plan>"), []);
        assert_eq!(splitter.push("\n"), [Piece::End]);
        assert_eq!(splitter.push("a"), [Piece::Begin(Part::Plan), Piece::Text("a".into())]);
    }

    fn texts() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            Just(OPEN.to_owned()),
            Just(CLOSE.to_owned()),
            Just("\n".to_owned()),
            Just(" ".to_owned()),
            Just(" ".repeat(200)),
            Just("<".to_owned()),
            Just("</proposed".to_owned()),
            Just("\u{a0}".to_owned()),
            "[a-zä<>/]{1,3}",
        ];
        prop::collection::vec(word, 0..20).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn any_cutting_gives_the_same_parts(text in texts(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
            let chars: Vec<char> = text.chars().collect();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(chars.len() + 1)).chain([0, chars.len()]).collect();
            at.sort_unstable();

            let mut splitter = Splitter::default();
            let mut pieces = Vec::new();
            for ends in at.windows(2) {
                pieces.extend(splitter.push(&chars[ends[0]..ends[1]].iter().collect::<String>()));
            }
            pieces.extend(splitter.finish());

            prop_assert_eq!(collect(pieces), parts(&text));
        }

        #[test]
        fn nothing_is_lost_but_tags_and_blanks(text in texts()) {
            let kept: String = parts(&text).into_iter().map(|(_, text)| text).collect();
            let is_kept = |c: &char| !c.is_whitespace();
            let tags = (text.matches("proposed_plan").count() - kept.matches("proposed_plan").count()) as i64;

            let lost = text.chars().filter(is_kept).count() as i64 - kept.chars().filter(is_kept).count() as i64;
            prop_assert!((tags * 15..=tags * 16).contains(&lost), "{} tags, {} lost", tags, lost);
        }
    }
}
