//! The signs of the screen, in two alphabets.

/// Signs that stand for a state or draw a shape.
#[derive(Debug, PartialEq, Eq)]
pub struct Glyphs {
    pub user: &'static str,
    pub done: &'static str,
    /// Before what the model says.
    pub answer: &'static str,
    /// Before what the program itself says.
    pub info: &'static str,
    pub warning: &'static str,
    /// Before something that is asked.
    pub question: &'static str,
    pub running: &'static str,
    pub refused: &'static str,
    pub failed: &'static str,
    pub queued: &'static str,
    /// Before what belongs to the line above.
    pub branch: &'static str,
    pub prompt: &'static str,
    /// Before the chosen answer.
    pub chosen: &'static str,
    /// Before the chosen row of a list.
    pub picked: &'static str,
    pub bullet: &'static str,
    pub task_open: &'static str,
    pub task_done: &'static str,
    pub quote: &'static str,
    pub ellipsis: &'static str,
    pub added: &'static str,
    pub removed: &'static str,
    pub rule: &'static str,
    /// Frames of something that goes on.
    pub spinner: &'static [&'static str],
    /// Said before and after code, where nothing to be seen tells it from text.
    pub code: Option<[&'static str; 2]>,
    /// Lines of a table; without them a table is written as "heading: value".
    pub table: Option<&'static TableGlyphs>,
}

/// Lines of a table.
#[derive(Debug, PartialEq, Eq)]
pub struct TableGlyphs {
    pub horizontal: &'static str,
    pub vertical: &'static str,
    /// Left, crossing, right.
    pub top: [&'static str; 3],
    pub middle: [&'static str; 3],
    pub bottom: [&'static str; 3],
}

impl Glyphs {
    pub const UNICODE: Self = Self {
        user: "›",
        done: "•",
        answer: "•",
        info: "•",
        warning: "✗",
        question: "◦",
        running: "◦",
        refused: "✗",
        failed: "■",
        queued: "↳",
        branch: "└",
        prompt: "›",
        chosen: "›",
        picked: "❯",
        bullet: "•",
        task_open: "☐",
        task_done: "☑",
        quote: ">",
        ellipsis: "…",
        added: "+",
        removed: "-",
        rule: "———",
        spinner: &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
        code: None,
        table: Some(&TableGlyphs {
            horizontal: "─",
            vertical: "│",
            top: ["┌", "┬", "┐"],
            middle: ["├", "┼", "┤"],
            bottom: ["└", "┴", "┘"],
        }),
    };

    /// Words where a sign would be read as its Unicode name, and nothing drawn.
    pub const SCREEN_READER: Self = Self {
        user: "You:",
        done: "Done:",
        answer: "Codex:",
        info: "Note:",
        warning: "Warning:",
        question: "Question:",
        running: "Running:",
        refused: "Refused:",
        failed: "Failed:",
        queued: "Queued:",
        branch: "",
        prompt: ">",
        chosen: "chosen:",
        picked: "chosen:",
        bullet: "-",
        task_open: "to do:",
        task_done: "done:",
        quote: "quote:",
        ellipsis: "...",
        added: "added:",
        removed: "removed:",
        rule: "",
        spinner: &[""],
        code: Some(["code", "end of code"]),
        table: None,
    };
}
