//! The text of one block: emphasis, code, links. Text in, pieces of one look each out.

use crate::cells::Piece;
use crate::sanitize;
use crate::theme::{ColorDepth, Role, Theme};
use pulldown_cmark::{BrokenLink, CowStr, Event, LinkType, Options, Parser, Tag, TagEnd};
use ratatui::style::Style;
use std::collections::HashMap;
use std::sync::Arc;

/// Addresses of links that are kept for `[text][label]`.
const DEFINITIONS_MAX: usize = 1000;
/// Stands before every line while it is parsed, so that nothing in it can begin a block. Behaves like the start of a line.
const SENTINEL: char = '\u{a0}';

/// Addresses that the text gave a label. Shared: what is kept back of a text is shown from a copy.
#[derive(Debug, Clone, Default)]
pub struct Definitions(Arc<HashMap<String, String>>);

impl Definitions {
    /// Notes the address, if this line is `[label]: address`.
    pub fn note(&mut self, line: &str) {
        let Some((label, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]:")) else {
            return;
        };
        let address = rest.split_whitespace().next().unwrap_or_default();
        let address = address
            .strip_prefix('<')
            .and_then(|inner| inner.strip_suffix('>'))
            .unwrap_or(address);
        let known = !label.is_empty() && !label.starts_with('^') && !address.is_empty();
        if known && self.0.len() < DEFINITIONS_MAX {
            // The first one counts.
            let known = Arc::make_mut(&mut self.0);
            known.entry(normal(label)).or_insert_with(|| address.to_owned());
        }
    }

    fn find(&self, label: &str) -> Option<&String> {
        self.0.get(&normal(label))
    }
}

/// Labels are the same whatever their case and white space.
fn normal(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The pieces of a block's text. A line feed in a piece is a line feed of the text.
pub fn pieces(text: &str, base: Style, theme: &Theme, definitions: &Definitions) -> Vec<Piece<'static>> {
    let text = format!("{SENTINEL}{}", text.replace('\n', &format!("\n{SENTINEL}")));
    let find = |link: BrokenLink<'_>| {
        definitions
            .find(&link.reference)
            .map(|address| (CowStr::from(address.clone()), CowStr::from("")))
    };
    let mut builder = Builder {
        theme,
        pieces: Vec::new(),
        styles: vec![base],
        links: Vec::new(),
        text: String::new(),
        line_start: true,
    };
    for event in Parser::new_with_broken_link_callback(&text, Options::ENABLE_STRIKETHROUGH, Some(find)) {
        builder.event(event);
    }
    builder.end_text();
    builder.pieces
}

struct Builder<'t> {
    theme: &'t Theme,
    pieces: Vec<Piece<'static>>,
    styles: Vec<Style>,
    /// Links that are open: the address, and the first of its pieces.
    links: Vec<(String, usize)>,
    /// Text that the parser handed over in parts, though nothing lies between them.
    text: String,
    /// The sentinel comes next.
    line_start: bool,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Text(text) = event {
            let text = if self.line_start {
                text.strip_prefix(SENTINEL).unwrap_or(&text)
            } else {
                &text
            };
            self.line_start = false;
            self.text.push_str(text);
            return;
        }
        self.end_text();
        match event {
            Event::Start(Tag::Emphasis) => self.enter(Role::Emphasis),
            Event::Start(Tag::Strong) => self.enter(Role::Strong),
            Event::Start(Tag::Strikethrough) => self.enter(Role::Strike),
            Event::End(TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough) => self.leave(),
            Event::Start(Tag::Link { dest_url, link_type, .. }) => {
                let mail = link_type == LinkType::Email && !dest_url.starts_with("mailto:");
                self.links.push((
                    if mail {
                        format!("mailto:{dest_url}")
                    } else {
                        dest_url.into_string()
                    },
                    self.pieces.len(),
                ));
                self.enter(Role::Link);
            }
            Event::Start(Tag::Image { dest_url, .. }) => {
                self.links.push((dest_url.into_string(), self.pieces.len()));
                self.enter(Role::Link);
            }
            Event::End(TagEnd::Link | TagEnd::Image) => {
                self.leave();
                self.end_link();
            }
            Event::Code(code) => self.code(&code),
            Event::SoftBreak | Event::HardBreak => {
                self.push("\n".to_owned(), self.style());
                self.line_start = true;
            }
            Event::Html(html) | Event::InlineHtml(html) => self.html(&html),
            // Nothing else comes out of one paragraph.
            _ => {}
        }
    }

    fn style(&self) -> Style {
        self.styles.last().copied().unwrap_or_default()
    }

    fn enter(&mut self, role: Role) {
        self.styles.push(self.style().patch(self.theme.style(role)));
    }

    fn leave(&mut self) {
        if self.styles.len() > 1 {
            self.styles.pop();
        }
    }

    fn push(&mut self, text: String, style: Style) {
        if !text.is_empty() {
            self.pieces.push(Piece::new(text, style));
        }
    }

    /// Entities can spell any character, so this is sanitised once more.
    fn end_text(&mut self) {
        let text = std::mem::take(&mut self.text);
        if !self.links.is_empty() {
            return self.push(clean(&text), self.style());
        }
        let mut rest = text.as_str();
        while let Some((start, end)) = bare_address(rest) {
            self.push(clean(&rest[..start]), self.style());
            let address = clean(&rest[start..end]);
            let link = link_address(&address);
            let style = self.style().patch(self.theme.style(Role::Link));
            self.pieces.push(Piece {
                link,
                ..Piece::new(address, style)
            });
            rest = &rest[end..];
        }
        self.push(clean(rest), self.style());
    }

    fn code(&mut self, code: &str) {
        let style = self.style().patch(self.theme.style(Role::InlineCode));
        let code = code.replace(&format!(" {SENTINEL}"), " ");
        let code = clean(&code);
        // Without colours only the marks tell code from text.
        let code = if self.theme.depth == ColorDepth::None {
            format!("`{code}`")
        } else {
            code
        };
        self.push(code, style);
    }

    fn html(&mut self, html: &str) {
        let name = html.trim_matches(['<', '>', '/', ' ']);
        if name.eq_ignore_ascii_case("br") {
            return self.push("\n".to_owned(), self.style());
        }
        let style = self.style().patch(self.theme.style(Role::Dim));
        let html = html.trim_end_matches('\n').replace(&format!("\n{SENTINEL}"), "\n");
        self.push(sanitize::prose(&html).into_owned(), style);
    }

    /// Gives the pieces of a link its address, and shows the address behind them unless they are the address.
    fn end_link(&mut self) {
        let Some((address, first)) = self.links.pop() else { return };
        let address = clean(&address);
        let link = link_address(&address);
        let shown: String = self.pieces[first..].iter().map(|piece| piece.text.as_ref()).collect();
        for piece in &mut self.pieces[first..] {
            piece.link.get_or_insert_with(|| link.clone().unwrap_or_else(|| Arc::from("")));
        }
        if link.is_none() {
            self.pieces[first..].iter_mut().for_each(|piece| piece.link = None);
        }
        if shown != address && Some(shown.as_str()) != address.strip_prefix("mailto:") && !address.is_empty() {
            let dim = self.style().patch(self.theme.style(Role::Dim));
            self.push(" (".to_owned(), dim);
            self.pieces.push(Piece {
                link,
                ..Piece::new(address, dim)
            });
            self.push(")".to_owned(), dim);
        }
    }
}

fn clean(text: &str) -> String {
    let clean = sanitize::prose(text);
    if clean.contains('\n') {
        clean.replace('\n', " ")
    } else {
        clean.into_owned()
    }
}

/// Where the first address stands that is written without any marks.
fn bare_address(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    loop {
        let start = from + text[from..].find("http")?;
        let scheme = ["https://", "http://"].iter().find(|scheme| text[start..].starts_with(**scheme));
        let before = text[..start].chars().next_back();
        match scheme {
            Some(scheme) if !before.is_some_and(char::is_alphanumeric) => {
                let rest = &text[start..];
                let end = rest
                    .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | '|'))
                    .unwrap_or(rest.len());
                let end = trim_address(&rest[..end]);
                if end > scheme.len() {
                    return Some((start, start + end));
                }
            }
            _ => {}
        }
        from = start + 4;
    }
}

/// Where an address ends: the full stop of a sentence, or the bracket around it, is no part of it.
fn trim_address(address: &str) -> usize {
    let mut end = address.len();
    while let Some(last) = address[..end].chars().next_back() {
        let unbalanced = last == ')' && address[..end].matches(')').count() > address[..end].matches('(').count();
        if !unbalanced && !matches!(last, '.' | ',' | ';' | ':' | '!' | '?' | '\'' | ']' | '}' | '*' | '_') {
            break;
        }
        end -= last.len_utf8();
    }
    end
}

/// The address as a terminal gets it, if it is one that a browser may open.
fn link_address(address: &str) -> Option<Arc<str>> {
    const LENGTH_MAX: usize = 2048;
    let scheme = address.split(':').next().unwrap_or_default().to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https" | "mailto") || address.len() > LENGTH_MAX {
        return None;
    }
    let mut encoded = String::new();
    for byte in address.bytes() {
        if byte.is_ascii_graphic() {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(encoded.into())
}
