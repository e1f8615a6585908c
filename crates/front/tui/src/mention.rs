//! `@` and a few letters: the files below the folder that match, to be put into the message.
//!
//! The server looks for them: a search begins with the `@` and ends with its word. One query is under way at a time, so the last one is
//! always asked last.

use crate::state::{Effect, State, Then};
use codex_protocol::requests::{FileSearchStart, FileSearchStop, FileSearchUpdate};
use codex_protocol::search::{FileSearchIdParams, FileSearchStartParams, FileSearchUpdateParams, FileSearchUpdated, FoundFile, FoundKind};
use codex_tui_kit::keys::{Code, Key};
use std::ops::Range;

/// The word with the `@`, and what was found for it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mention {
    session_id: String,
    /// In the draft, the `@` included.
    word: Range<usize>,
    query: String,
    /// What the server was told last; `None`: not even that there is a search.
    asked: Option<String>,
    /// The query of the last report.
    reported: Option<String>,
    /// An answer of the server is due.
    waiting: bool,
    pub files: Vec<FoundFile>,
    pub selected: usize,
    /// Everything was looked at for the query.
    pub complete: bool,
}

/// Begins, follows or ends the search, as the draft is now.
pub fn follow(state: &mut State) -> Vec<Effect> {
    let word = match state.picker {
        None => word_at(state.editor.text(), state.editor.cursor(), '@'),
        Some(_) => None,
    };
    let Some(word) = word else {
        state.mention_left = None;
        return end(state);
    };
    if state.mention_left == Some(word.start) {
        return end(state);
    }
    let query = state.editor.text()[word.start + 1..word.end].to_owned();
    match &mut state.mention {
        Some(mention) if mention.word.start == word.start => {
            if mention.query != query {
                mention.query = query;
                mention.selected = 0;
                mention.complete = false;
            }
            mention.word = word;
            ask(mention)
        }
        _ => {
            let mut effects = end(state);
            effects.extend(begin(state, word, query));
            effects
        }
    }
}

fn begin(state: &mut State, word: Range<usize>, query: String) -> Vec<Effect> {
    let Some(open) = state.open() else { return Vec::new() };
    let root = open.cwd.to_string();
    state.mentions_begun += 1;
    let session_id = format!("mention-{}", state.mentions_begun);
    state.mention = Some(Mention {
        session_id: session_id.clone(),
        word,
        query,
        waiting: true,
        ..Mention::default()
    });
    let params = FileSearchStartParams {
        session_id: session_id.clone(),
        roots: vec![root],
    };
    vec![Effect::ask::<FileSearchStart>(params, Then::Files(session_id))]
}

/// The last query goes out, if it did not and nothing else is under way.
fn ask(mention: &mut Mention) -> Vec<Effect> {
    if mention.waiting || mention.asked.as_ref() == Some(&mention.query) {
        return Vec::new();
    }
    mention.waiting = true;
    mention.asked = Some(mention.query.clone());
    let params = FileSearchUpdateParams {
        session_id: mention.session_id.clone(),
        query: mention.query.clone(),
    };
    vec![Effect::ask::<FileSearchUpdate>(params, Then::Files(mention.session_id.clone()))]
}

/// The server has heard.
pub fn heard(state: &mut State, session_id: &str) -> Vec<Effect> {
    match &mut state.mention {
        Some(mention) if mention.session_id == session_id => {
            mention.waiting = false;
            ask(mention)
        }
        // It began after nobody wanted it any more.
        _ => stop(session_id),
    }
}

/// The server does not search. What was typed stays a word.
pub fn refused(state: &mut State, session_id: &str) {
    if let Some(mention) = &state.mention
        && mention.session_id == session_id
    {
        state.mention_left = Some(mention.word.start);
        state.mention = None;
    }
}

pub fn found(state: &mut State, update: FileSearchUpdated) {
    if let Some(mention) = &mut state.mention
        && mention.session_id == update.session_id
    {
        if mention.query == update.query {
            mention.selected = mention.selected.min(update.files.len().saturating_sub(1));
            mention.files = update.files;
        }
        mention.reported = Some(update.query);
    }
}

pub fn completed(state: &mut State, session_id: &str) {
    if let Some(mention) = &mut state.mention
        && mention.session_id == session_id
        && mention.reported.as_ref() == Some(&mention.query)
    {
        mention.complete = true;
    }
}

fn end(state: &mut State) -> Vec<Effect> {
    match state.mention.take() {
        // Stopped when its beginning is answered: requests may overtake each other.
        Some(mention) if mention.asked.is_none() && mention.waiting => Vec::new(),
        Some(mention) => stop(&mention.session_id),
        None => Vec::new(),
    }
}

fn stop(session_id: &str) -> Vec<Effect> {
    let session_id = session_id.to_owned();
    vec![Effect::ask::<FileSearchStop>(FileSearchIdParams { session_id }, Then::Quiet)]
}

/// Keys of the list of files; `None`: it goes to the field.
pub fn press(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    let mention = state.mention.as_mut()?;
    let count = mention.files.len();
    match (key.code, key.ctrl) {
        (Code::Escape, _) => {
            state.mention_left = Some(mention.word.start);
            Some(end(state))
        }
        _ if count == 0 => None,
        (Code::Down, _) | (Code::Char('n'), true) => {
            mention.selected = (mention.selected + 1) % count;
            Some(Vec::new())
        }
        (Code::Up, _) | (Code::Char('p'), true) => {
            mention.selected = (mention.selected + count - 1) % count;
            Some(Vec::new())
        }
        (Code::Enter, _) if key == Key::plain(Code::Enter) => Some(insert(state, Completion::Whole)),
        (Code::Tab, _) if key == Key::plain(Code::Tab) => Some(insert(state, Completion::Further)),
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Completion {
    Whole,
    /// Into a folder, where more is looked for.
    Further,
}

fn insert(state: &mut State, completion: Completion) -> Vec<Effect> {
    let Some(mention) = &state.mention else { return Vec::new() };
    let Some(file) = mention.files.get(mention.selected) else {
        return Vec::new();
    };
    let word = mention.word.clone();
    let path = &file.path;
    if completion == Completion::Further && file.match_type == FoundKind::Directory && !path.contains(char::is_whitespace) {
        let text = format!("@{path}/");
        state.editor.replace_range(word, &text);
        return Vec::new();
    }
    let path = if path.contains(char::is_whitespace) {
        format!("\"{path}\"")
    } else {
        path.clone()
    };
    let blank = if state.editor.text()[word.end..].starts_with(char::is_whitespace) {
        ""
    } else {
        " "
    };
    state.editor.replace_range(word, &format!("{path}{blank}"));
    end(state)
}

/// The word that the cursor is in or behind, if it begins with the sign.
pub fn word_at(text: &str, cursor: usize, sign: char) -> Option<Range<usize>> {
    let before = text.get(..cursor)?;
    let start = before.rfind(char::is_whitespace).map_or(0, |at| {
        let blank = before[at..].chars().next().map_or(1, char::len_utf8);
        at + blank
    });
    let end = text[cursor..].find(char::is_whitespace).map_or(text.len(), |at| cursor + at);
    (text[start..].starts_with(sign) && cursor > start).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desk::Desk;
    use crate::state::Event;
    use codex_protocol::notifications::Notification;
    use codex_rpc::ServerMessage;
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn a_word_is_one_if_it_begins_with_the_sign_and_the_cursor_is_behind_it() {
        let check = |text: &str, cursor: usize, expect: Option<&str>| {
            assert_eq!(word_at(text, cursor, '@').map(|word| &text[word]), expect, "{text:?} {cursor}");
        };
        check("@", 1, Some("@"));
        check("@", 0, None);
        check("see @src/m now", 8, Some("@src/m"));
        check("mail a@b", 8, None);
        check("é @x", 5, Some("@x"));
        check("@x ", 3, None);
    }

    fn tell(desk: &mut Desk, session_id: &str, query: &str, paths: &[&str]) {
        let file = |path: &&str| {
            let kind = if path.contains('.') {
                FoundKind::File
            } else {
                FoundKind::Directory
            };
            FoundFile {
                root: "/home/u/work".into(),
                path: (*path).to_owned(),
                match_type: kind,
                file_name: String::new(),
                score: 1,
                indices: Some(vec![0]),
            }
        };
        let update = FileSearchUpdated {
            session_id: session_id.to_owned(),
            query: query.to_owned(),
            files: paths.iter().map(file).collect(),
        };
        let message = ServerMessage::Notification(Notification::FileSearchUpdated(update));
        desk.happens(Event::Server(Box::new(message)));
    }

    #[test]
    fn files_are_looked_for_while_their_name_is_typed_and_put_into_the_message() {
        let mut desk = Desk::new();
        desk.skip();
        desk.type_text("see @");
        assert_eq!(
            desk.answer(json!({})),
            r#"fuzzyFileSearch/sessionStart {"sessionId":"mention-1","roots":["/home/u/work"]}"#
        );
        desk.type_text("ma");
        // What is typed while an answer is due is asked for in one go.
        assert_eq!(
            desk.answer(json!({})),
            r#"fuzzyFileSearch/sessionUpdate {"sessionId":"mention-1","query":""}"#
        );
        assert_eq!(
            desk.answer(json!({})),
            r#"fuzzyFileSearch/sessionUpdate {"sessionId":"mention-1","query":"ma"}"#
        );
        tell(&mut desk, "mention-1", "", &["too old"]);
        tell(&mut desk, "mention-1", "ma", &["src/main.rs", "manual", "a map.txt"]);
        assert_snapshot!(desk.screen(), @r"
        › see @ma
        ❯ src/main.rs
          manual/
          a map.txt
          small · ~/work
        ");

        desk.press("down");
        desk.press("tab");
        assert_eq!(desk.state.editor.text(), "see @manual/");
        desk.answer(json!({}));
        tell(&mut desk, "mention-1", "manual/", &["a map.txt"]);
        desk.press("enter");
        assert_eq!(desk.state.editor.text(), "see \"a map.txt\" ");
        assert_eq!(desk.asked_one().0, r#"fuzzyFileSearch/sessionStop {"sessionId":"mention-1"}"#);
    }

    #[test]
    fn esc_leaves_the_word_as_it_is_until_another_one_begins() {
        let mut desk = Desk::new();
        desk.skip();
        desk.type_text("@a");
        desk.press("esc");
        desk.type_text("b");
        // The search that nobody wants any more ends when its beginning is known.
        desk.answer(json!({}));
        assert_eq!(desk.asked_one().0, r#"fuzzyFileSearch/sessionStop {"sessionId":"mention-1"}"#);
        assert_eq!(desk.state.mention, None);

        desk.type_text(" @c");
        assert!(desk.asked_one().0.starts_with("fuzzyFileSearch/sessionStart"));
    }
}
