//! Keys in, live rows and requests out.

use crate::desk::{Desk, path, setup, thread};
use crate::state::{Effect, Event};
use crate::{Failure, Opening};
use codex_protocol::requests::ThreadSetup;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn conversation() -> Value {
    let turn = |id: &str, asked: &str, answer: &str| {
        json!({"id": id, "status": "completed", "items": [
            {"type": "userMessage", "id": "u", "content": [{"type": "text", "text": asked}]},
            {"type": "agentMessage", "id": "a", "text": answer}
        ]})
    };
    let mut thread = serde_json::to_value(thread("t-1", "first", 10)).unwrap();
    thread["turns"] = json!([
        turn("1", "Look at\nthe parser", "It is small."),
        turn("2", "Mend it", "Done.\n\nAll tests pass.")
    ]);
    json!({ "thread": thread })
}

#[test]
fn esc_twice_goes_back_to_before_a_message_in_a_copy() {
    let mut desk = Desk::new().with_turns();
    desk.skip();
    desk.press("esc");
    assert_snapshot!(desk.screen(), @r"
    › Ask for something
      esc again to go back to an earlier message
    ");
    desk.press("esc");
    assert_eq!(desk.answer(conversation()), r#"thread/read {"threadId":"t-1","includeTurns":true}"#);
    assert_snapshot!(desk.screen(), @r"
    Go back to before a message
    › type to search
      Look at the parser  It is small.
    ❯ Mend it (last)      Done. All tests pass.
      enter takes · esc leaves
    ");

    desk.press("up");
    desk.press("enter");
    assert!(
        matches!(&desk.effects[..], [Effect::Open(Opening::Back { thread_id, before_turn_id }, _)] if thread_id == "t-1" && before_turn_id == "1"),
        "{:?}",
        desk.effects
    );
    desk.skip();
    let copy = setup("t-2", Vec::new());
    let mut copied = copy.thread.clone();
    copied.forked_from_id = Some("t-1".into());
    desk.open(ThreadSetup { thread: copied, ..copy });
    assert_snapshot!(desk.screen(), @r"
    • back to before “Look at”; files stay as they are; what followed is kept:
      /resume t-1

    › Look at
      the parser
      small · ~/work
    ");
    assert!(desk.state.open().unwrap().has_turns);
}

#[test]
fn the_pictures_of_a_message_come_back_with_it() {
    let mut thread = serde_json::to_value(thread("t-1", "first", 10)).unwrap();
    thread["turns"] = json!([{"id": "1", "status": "completed", "items": [
        {"type": "userMessage", "id": "u", "content": [
            {"type": "localImage", "path": "/pictures/a.png"}, {"type": "image", "url": "data:,"}, {"type": "text", "text": "What is this?"}
        ]}
    ]}]);
    let mut desk = Desk::new().with_turns();
    desk.skip();
    desk.press("esc");
    desk.press("esc");
    desk.answer(json!({ "thread": thread }));
    assert!(desk.screen().contains("What is this? [Image /pictures/a.png]"));

    desk.press("enter");
    desk.skip();
    let copy = setup("t-2", Vec::new());
    let mut copied = copy.thread.clone();
    copied.forked_from_id = Some("t-1".into());
    desk.open(ThreadSetup { thread: copied, ..copy });

    assert_eq!(desk.state.images, ["/pictures/a.png"]);
    assert!(desk.screen().contains("[Image #1] /pictures/a.png"));
}

#[test]
fn without_messages_there_is_nothing_to_go_back_to_and_with_a_draft_esc_leaves_it() {
    let mut desk = Desk::new();
    desk.skip();
    desk.press("esc");
    assert_snapshot!(desk.screen(), @r"
    › Ask for something
      there is no earlier message to go back to
    ");
    let mut desk = Desk::new().with_turns();
    desk.type_text("draft");
    desk.press("esc");
    desk.press("esc");
    assert_eq!(desk.state.editor.text(), "draft");
    assert!(desk.effects.is_empty());
}

#[test]
fn a_conversation_is_exported_to_a_file_that_is_named_or_made_up() {
    let mut desk = Desk::new().with_turns();
    desk.skip();
    desk.say("/export notes/talk.md");
    assert_eq!(desk.answer(conversation()), r#"thread/read {"threadId":"t-1","includeTurns":true}"#);
    let target = desk.effects.iter().find_map(|effect| match effect {
        Effect::Export(target, _) => Some(target.clone()),
        _ => None,
    });
    assert_eq!(target, Some(crate::export::Target::File(path("/home/u/work/notes/talk.md"))));
    desk.happens(Event::Exported(Ok(path("/home/u/work/notes/talk.md"))));
    let failure = Failure::new("tui.export", "cannot write the conversation to /x").with_hint("name another place: /export FILE");
    desk.happens(Event::Exported(Err(failure)));
    desk.say("/warnings");
    assert_snapshot!(desk.screen(), @r"
    • the conversation is in /home/u/work/notes/talk.md

    ■ cannot write the conversation to /x [tui.export]
      name another place: /export FILE

    • 1 so far
      - cannot write the conversation to /x [tui.export]

    › Ask for something
      small · ~/work
    ");
}

#[test]
fn the_folder_changes_for_the_next_turn_if_it_is_there() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/cd ~/other");
    assert!(matches!(&desk.effects[..], [Effect::LookAtFolder(folder)] if *folder == path("/home/u/other")));
    desk.skip();
    desk.happens(Event::FolderSeen(path("/home/u/none"), Err("no such file or directory".into())));
    desk.happens(Event::FolderSeen(path("/home/u/other"), Ok(())));
    desk.say("/pwd");
    assert_snapshot!(desk.screen(), @r"
    ■ cannot work in /home/u/none: no such file or directory

    • /home/u/other

    › Ask for something
      ~/other from the next turn on
    ");
    desk.say("go");
    assert_eq!(
        desk.asked_one().0,
        r#"turn/start {"threadId":"t-1","input":[{"type":"text","text":"go"}],"cwd":"/home/u/other"}"#
    );
}

#[test]
fn what_is_reviewed_is_chosen_or_written() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/review");
    assert_snapshot!(desk.screen(), @r"
    What shall be reviewed?
    ❯ 1. What is not committed
      2. Against a branch       /review base BRANCH
      3. One commit             /review commit SHA
      4. Something else         /review and what to look at
      enter takes · esc leaves
    ");
    desk.press("2");
    desk.press("enter");
    assert_eq!(desk.state.editor.text(), "/review base ");
    desk.say("main");
    assert_eq!(
        desk.asked_one().0,
        r#"review/start {"threadId":"t-1","target":{"type":"baseBranch","branch":"main"}}"#
    );
}

#[test]
fn a_theme_is_seen_before_it_is_taken_and_gone_when_it_is_not() {
    let mut desk = Desk::new();
    desk.skip();
    let before = desk.state.look.theme.clone();

    desk.say("/theme");
    desk.type_text("nord");
    let previewed = desk.state.look.theme.clone();
    assert_ne!(previewed, before);
    desk.press("esc");
    assert_eq!(desk.state.look.theme, before);

    desk.say("/theme");
    desk.type_text("nord");
    desk.press("enter");
    assert_eq!(desk.state.look.theme, previewed);
    desk.say("/theme");
    assert_snapshot!(desk.screen(), @r"
    Colours
    › type to search
      dark                 for dark terminals
      light                for light terminals
      terminal             for dark terminals
      high-contrast-dark   for dark terminals
      high-contrast-light  for light terminals
      dracula              for dark terminals
    ❯ nord (current)       for dark terminals
      gruvbox-dark         for dark terminals
      catppuccin-mocha     for dark terminals
      solarized-light      for light terminals
      enter takes · esc leaves
    ");
    desk.press("esc");
    assert_eq!(desk.state.look.theme, previewed);
}

#[test]
fn where_the_next_conversation_is_can_be_chosen() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/tui");
    assert_snapshot!(desk.screen(), @r"
    Where the next conversation is
    › type to search
    ❯ scrollback (current)  what is finished stays in the terminal
      fullscreen            the whole window; the terminal is as before at the end
      enter takes · esc leaves
    ");
    desk.press("down");
    desk.press("enter");
    assert_snapshot!(desk.asked_one().0, @r#"config/batchWrite {"edits":[{"keyPath":"tui.alternate_screen","mergeStrategy":"replace","value":"always"}],"reloadUserConfig":true}"#);
    desk.say("/tui");
    assert!(desk.screen().contains("fullscreen (current)"), "{}", desk.screen());
}
