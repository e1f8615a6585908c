//! The window's title, as bytes for the terminal.
//!
//! Control characters cannot leave through here: whoever made the text may have forgotten them.

/// The terminal keeps the title it has.
pub fn keep() -> Vec<u8> {
    b"\x1b[22;2t".to_vec()
}

/// The title is this.
pub fn set(text: &str) -> Vec<u8> {
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\x1b]2;{text}\x1b\\").into_bytes()
}

/// The title is the kept one again. A terminal that keeps none gets an empty one, which it fills as it likes.
pub fn give_back() -> Vec<u8> {
    [set(""), b"\x1b[23;2t".to_vec()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_title_and_goes_on_as_a_command() {
        let bytes = set("a\x1b]52;c;aGk=\x07\u{9c}b\n");

        assert_eq!(bytes, b"\x1b]2;a]52;c;aGk=b\x1b\\");
    }
}
