//! `$CODEX_HOME/.env`: variables for the process, in the form that such files usually have.
//!
//! `NAME=value` per line, perhaps after `export`. `'…'` is taken as it is; `"…"` knows `\n`, `\t`, `\r`, `\"`, `\\`, `\$`; in double quotes and
//! without any, `$NAME` and `${NAME}` are replaced. Quoted values may go over several lines. `#` starts a comment at a line's start, or after a
//! space behind a value without quotes.

use std::iter::Peekable;
use std::str::Chars;

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DotEnv {
    /// In the order of the file; a later one of the same name wins.
    pub vars: Vec<(String, String)>,
    /// Line and what is wrong with it; such a line sets nothing.
    pub problems: Vec<(usize, &'static str)>,
}

/// Names that decide where codex finds its own files are not taken from one of these files.
const REFUSED_PREFIX: &str = "CODEX_";

/// Reads the text. `lookup` finds variables that no earlier line sets.
pub(crate) fn parse(text: &str, lookup: impl Fn(&str) -> Option<String>) -> DotEnv {
    let mut reader = Reader {
        left: text.chars().peekable(),
        line: 1,
        found: DotEnv::default(),
        lookup,
    };
    while reader.left.peek().is_some() {
        let line = reader.line;
        match reader.statement() {
            Ok(Some(var)) => reader.found.vars.push(var),
            Ok(None) => {}
            Err(problem) => {
                reader.found.problems.push((line, problem));
                reader.rest_of_line();
            }
        }
    }
    reader.found
}

struct Reader<'a, L> {
    left: Peekable<Chars<'a>>,
    /// From 1.
    line: usize,
    found: DotEnv,
    lookup: L,
}

impl<L: Fn(&str) -> Option<String>> Reader<'_, L> {
    fn next(&mut self) -> Option<char> {
        let next = self.left.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    fn rest_of_line(&mut self) {
        while self.next().is_some_and(|c| c != '\n') {}
    }

    fn spaces(&mut self) {
        while self.left.peek().is_some_and(|c| c.is_whitespace() && *c != '\n') {
            self.next();
        }
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self.left.next_if(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '.') {
            name.push(c);
        }
        name
    }

    fn statement(&mut self) -> Result<Option<(String, String)>, &'static str> {
        self.spaces();
        match self.left.peek() {
            None => return Ok(None),
            Some('\n' | '#') => {
                self.rest_of_line();
                return Ok(None);
            }
            Some(_) => {}
        }
        let mut name = self.name();
        self.spaces();
        if name == "export" && self.left.peek() != Some(&'=') {
            name = self.name();
            self.spaces();
        }
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err("no name of a variable");
        }
        if self.left.next_if_eq(&'=').is_none() {
            return Err("no `=` behind the name");
        }
        self.spaces();
        let line = self.line;
        let value = self.value()?;
        let refused = name
            .get(..REFUSED_PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(REFUSED_PREFIX));
        match (refused, value.contains('\0')) {
            (true, _) => {
                self.found
                    .problems
                    .push((line, "names that start with CODEX_ are not taken from this file"));
                Ok(None)
            }
            (false, true) => Err("a NUL in the value"),
            (false, false) => Ok(Some((name, value))),
        }
    }

    /// To the end of the line.
    fn value(&mut self) -> Result<String, &'static str> {
        let mut value = String::new();
        loop {
            match self.left.peek() {
                None | Some('\n') => break,
                Some('\'') => self.single_quoted(&mut value)?,
                Some('"') => self.double_quoted(&mut value)?,
                Some(c) if c.is_whitespace() => {
                    self.spaces();
                    match self.left.peek() {
                        None | Some('\n' | '#') => break,
                        Some(_) => value.push(' '),
                    }
                }
                Some('\\') => {
                    self.next();
                    value.extend(self.next().filter(|c| *c != '\n'));
                }
                Some('$') => self.variable(&mut value),
                Some(_) => value.extend(self.next()),
            }
        }
        // A value that ended with a line's end inside quotes is not at one now.
        if self.left.peek().is_some() {
            self.rest_of_line();
        }
        Ok(value)
    }

    fn single_quoted(&mut self, value: &mut String) -> Result<(), &'static str> {
        self.next();
        loop {
            match self.next() {
                None => return Err("a quote without an end"),
                Some('\'') => return Ok(()),
                Some(c) => value.push(c),
            }
        }
    }

    fn double_quoted(&mut self, value: &mut String) -> Result<(), &'static str> {
        self.next();
        loop {
            match self.left.peek() {
                None => return Err("a quote without an end"),
                Some('"') => {
                    self.next();
                    return Ok(());
                }
                Some('$') => self.variable(value),
                Some('\\') => {
                    self.next();
                    match self.next() {
                        None => return Err("a quote without an end"),
                        Some('n') => value.push('\n'),
                        Some('t') => value.push('\t'),
                        Some('r') => value.push('\r'),
                        Some(c @ ('"' | '\\' | '$')) => value.push(c),
                        Some(c) => value.extend(['\\', c]),
                    }
                }
                Some(_) => value.extend(self.next()),
            }
        }
    }

    /// `$NAME` or `${NAME}`; a `$` before anything else is a dollar sign.
    fn variable(&mut self, value: &mut String) {
        self.next();
        let braced = self.left.next_if_eq(&'{').is_some();
        let name = self.name();
        let closed = !braced || self.left.next_if_eq(&'}').is_some();
        if name.is_empty() || !closed {
            value.push('$');
            value.push_str(if braced { "{" } else { "" });
            value.push_str(&name);
            return;
        }
        let earlier = self
            .found
            .vars
            .iter()
            .rev()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.clone());
        value.push_str(&earlier.or_else(|| (self.lookup)(&name)).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vars(text: &str) -> String {
        let found = parse(text, |name| (name == "HOME").then(|| "/h".to_owned()));
        let vars = found.vars.iter().map(|(name, value)| format!("{name}={value:?}"));
        let problems = found.problems.iter().map(|(line, problem)| format!("!{line} {problem}"));
        vars.chain(problems).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_usual_forms_are_understood() {
        let check = |text: &str, expect: &str| assert_eq!(vars(text), expect, "{text}");

        check("A=1\nexport B = two words  # comment\n\n# C=3\n", "A=\"1\" B=\"two words\"");
        check("A='$HOME # no' \"$HOME\\n\"x\r\n", "A=\"$HOME # no /h\\nx\"");
        check("A=1\nB=${A}2$A.\nC=$NOPE-\\$A-$-${A", "A=\"1\" B=\"12\" C=\"-$A-$-${A\"");
        check("A=\"one\ntwo\"\nB=2", "A=\"one\\ntwo\" B=\"2\"");
        check("A=\nB=#x\nC=a#b", "A=\"\" B=\"#x\" C=\"a#b\"");
        check("export=1", "export=\"1\"");
        check("A=\"open\nB=1", "!1 a quote without an end");
        check(
            "1A=x\n=x\nnothing\nB=1",
            "B=\"1\" !1 no name of a variable !2 no name of a variable !3 no `=` behind the name",
        );
        check(
            "codex_home=/x\nCODEXA=1",
            "CODEXA=\"1\" !1 names that start with CODEX_ are not taken from this file",
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_to_its_end(text in "[A-C=$ '\"\\\\{}#\n\r\tcodex_é\0]{0,60}") {
            let found = parse(&text, |_| None);

            for (name, value) in &found.vars {
                prop_assert!(!name.is_empty() && !value.contains('\0'));
            }
            let lines = text.matches('\n').count() + 1;
            prop_assert!(found.problems.iter().all(|(line, _)| *line <= lines));
        }

        #[test]
        fn what_is_quoted_comes_back(value in "[^\0]{0,40}") {
            let escaped: String = value.chars().map(|c| match c {
                '"' | '\\' | '$' => format!("\\{c}"),
                c => c.to_string(),
            }).collect();

            let found = parse(&format!("A=\"{escaped}\"\nB=1"), |_| None);

            prop_assert_eq!(found.vars, vec![("A".to_owned(), value), ("B".to_owned(), "1".to_owned())]);
        }
    }
}
