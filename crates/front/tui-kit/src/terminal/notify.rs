//! A word to somebody who looks at another window, as bytes for the terminal.
//!
//! Text passes without its control characters, so nothing but the notification can come of it.

/// How a terminal tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// A text of its own (iTerm2, Ghostty, Kitty, Warp, WezTerm).
    Osc9,
    /// Title and text (rxvt, foot, Ghostty, VTE).
    Osc777,
    #[default]
    Bell,
}

impl Method {
    /// What a terminal of this name (`TERM_PROGRAM`, else `TERM`) is known to show.
    pub fn of_terminal(program: &str) -> Self {
        let program = program.to_ascii_lowercase();
        let known = ["ghostty", "iterm", "kitty", "warp", "wezterm"];
        if known.iter().any(|name| program.contains(name)) {
            Self::Osc9
        } else {
            Self::Bell
        }
    }
}

/// The notification. In tmux it is wrapped, so that the terminal around tmux gets it; a bell is tmux's own.
pub fn bytes(method: Method, title: &str, text: &str, in_tmux: bool) -> Vec<u8> {
    let clean = |text: &str| -> String { text.chars().filter(|c| !c.is_control()).collect() };
    let (title, text) = (clean(title), clean(text));
    let sequence = match method {
        Method::Osc9 => format!("\x1b]9;{title}: {text}\x07"),
        // A semicolon would end the title.
        Method::Osc777 => format!("\x1b]777;notify;{};{text}\x07", title.replace(';', ",")),
        Method::Bell => return vec![0x07],
    };
    if in_tmux {
        format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")).into_bytes()
    } else {
        sequence.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_says_the_same() {
        let shown = |method, in_tmux| String::from_utf8(bytes(method, "codex", "done\x1b]0;x\x07\n", in_tmux)).unwrap();

        assert_eq!(shown(Method::Bell, true), "\x07");
        assert_eq!(shown(Method::Osc9, false), "\x1b]9;codex: done]0;x\x07");
        assert_eq!(shown(Method::Osc777, false), "\x1b]777;notify;codex;done]0;x\x07");
        assert_eq!(shown(Method::Osc9, true), "\x1bPtmux;\x1b\x1b]9;codex: done]0;x\x07\x1b\\");
    }

    #[test]
    fn terminals_that_are_known_get_text() {
        let methods = ["iTerm.app", "WezTerm", "xterm-kitty", "Apple_Terminal", "xterm-256color", ""].map(Method::of_terminal);

        assert_eq!(
            methods,
            [Method::Osc9, Method::Osc9, Method::Osc9, Method::Bell, Method::Bell, Method::Bell]
        );
    }
}
