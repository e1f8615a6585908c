//! The languages, as `data/languages.toml` has them.

use serde::Deserialize;
use std::sync::LazyLock;

/// How a language is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Code,
    /// Words are mostly names of programs; `#` begins a comment only at the start of a word.
    Shell,
    /// `key = value` or `key: value`, in sections.
    Settings,
    Markup,
    Diff,
}

/// A kind of text literal.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    pub open: String,
    pub close: String,
    /// A backslash takes the meaning from the next character.
    #[serde(default)]
    pub escapes: bool,
    /// It may go over several lines.
    #[serde(default)]
    pub lines: bool,
}

/// Lists of words are separated by blanks or line breaks.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grammar {
    /// Names behind fences, endings of files and names of files, in lower case.
    pub names: String,
    pub form: Form,
    pub line_comments: String,
    /// What opens one and what closes it.
    pub block_comments: Vec<(String, String)>,
    pub nested_comments: bool,
    /// The longest first.
    pub texts: Vec<Text>,
    /// One or two letters before a text belong to it.
    pub text_prefixes: bool,
    pub keywords: String,
    pub types: String,
    pub constants: String,
    /// Keywords count in upper and lower case.
    pub any_case: bool,
    /// A word with a capital letter is a type.
    pub upper_types: bool,
    /// What stands before a colon is a key.
    pub keys: bool,
    pub lifetimes: bool,
    /// `#[...]`
    pub attributes: bool,
    /// `#include`
    pub preprocessor: bool,
    /// Which of `$` and `@` begin a name.
    pub sigils: String,
    /// Characters of words beside letters, digits and `_`.
    pub word_characters: String,
}

impl Default for Grammar {
    /// Texts in either kind of quotes, and the constants that most languages have.
    fn default() -> Self {
        let quoted = |quote: &str| Text {
            open: quote.to_owned(),
            close: quote.to_owned(),
            escapes: true,
            lines: false,
        };
        Self {
            names: String::new(),
            form: Form::Code,
            line_comments: String::new(),
            block_comments: Vec::new(),
            nested_comments: false,
            texts: vec![quoted("\""), quoted("'")],
            text_prefixes: false,
            keywords: String::new(),
            types: String::new(),
            constants: "true false null".to_owned(),
            any_case: false,
            upper_types: true,
            keys: false,
            lifetimes: false,
            attributes: false,
            preprocessor: false,
            sigils: String::new(),
            word_characters: String::new(),
        }
    }
}

/// # Errors
/// If the file has a fault; a test reads all of it.
pub fn read() -> Result<Vec<Grammar>, toml::de::Error> {
    #[derive(Deserialize)]
    struct Languages {
        language: Vec<Grammar>,
    }
    toml::from_str(include_str!("data/languages.toml")).map(|Languages { language }| language)
}

/// Read when the first code is shown.
pub static GRAMMARS: LazyLock<Vec<Grammar>> = LazyLock::new(|| read().unwrap_or_default());
