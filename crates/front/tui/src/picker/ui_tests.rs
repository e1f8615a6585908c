//! Keys in, live rows and requests out.

use crate::desk::{Desk, setup, thread};
use crate::state::{Effect, Event, Then};
use crate::{Failure, Opening, Verb};
use codex_protocol::settings::SandboxPolicy;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn models() -> Value {
    let efforts = json!([
        {"reasoningEffort": "low", "description": "quick"},
        {"reasoningEffort": "high", "description": "thorough"}
    ]);
    let model = |name: &str, description: &str, efforts: Value| {
        json!({"id": name, "model": name, "displayName": name, "description": description, "hidden": false, "isDefault": false,
               "defaultReasoningEffort": "low", "supportedReasoningEfforts": efforts})
    };
    json!({"data": [model("large", "for hard things", efforts), model("small", "for quick things", json!([]))]})
}

#[test]
fn a_model_and_its_effort_are_chosen_for_the_next_turn() {
    let mut desk = Desk::new();
    desk.skip();

    desk.say("/model");
    let request = desk.answer(models());
    assert_eq!(request, r#"model/list {"modelProvider":"scripted"}"#);
    assert_snapshot!(desk.screen(), @r"
    Model
    › type to search
      large            for hard things
    ❯ small (current)  for quick things
      enter takes · esc leaves
    ");
    desk.type_text("la");
    desk.press("enter");
    assert_snapshot!(desk.screen(), @r"
    How much large thinks
    › type to search
    ❯ low (current)  quick
      high           thorough
      enter takes · esc leaves
    ");
    desk.press("down");
    desk.press("enter");
    assert_snapshot!(desk.screen(), @r"
    › Ask for something
      large high from the next turn on
    ");

    assert_eq!(
        desk.asked_one().0,
        r#"config/batchWrite {"edits":[{"keyPath":"model","mergeStrategy":"replace","value":"large"},{"keyPath":"model_reasoning_effort","mergeStrategy":"replace","value":"high"}],"reloadUserConfig":true}"#
    );

    desk.say("hello");
    let (request, _) = desk.asked_one();
    assert_eq!(
        request,
        r#"turn/start {"threadId":"t-1","input":[{"type":"text","text":"hello"}],"model":"large","effort":"high"}"#
    );
}

#[test]
fn what_the_server_refuses_is_taken_back_with_the_message() {
    let mut desk = Desk::new();
    desk.say("/model unheard-of");
    desk.say("hello");
    desk.skip_to_failure();

    assert_eq!(desk.state.open().unwrap().model, "small");
    assert_eq!(desk.state.editor.text(), "hello");
    desk.press("enter");
    assert_eq!(
        desk.asked_one().0,
        r#"turn/start {"threadId":"t-1","input":[{"type":"text","text":"hello"}]}"#
    );
}

impl Desk {
    fn skip_to_failure(&mut self) {
        let (_, then) = self.asked_one();
        let result = Err(Failure::new("model.unknown", "no such model"));
        self.happens(Event::Answered { then, result });
        self.skip();
    }
}

#[test]
fn permissions_say_what_they_mean_and_which_are_in_force() {
    for columns in [80, 120] {
        let mut desk = Desk::sized(columns, 24);
        desk.skip();
        desk.say("/permissions");
        insta::allow_duplicates! {
            assert!(desk.screen().contains("Ask (current)"));
        }
        if columns == 120 {
            assert_snapshot!(desk.screen(), @r"
            What commands may do
            › type to search
              Read only      commands read everything and write nothing; you are asked for more
            ❯ Ask (current)  commands write below the folder, without network; you are asked for more
              Auto-review    commands write below the folder; a model decides about more in your place
              Full access    no sandbox, no questions: commands do whatever you could
              enter takes · esc leaves
            ");
        }
        desk.press("up");
        desk.press("enter");
        desk.say("hello");
        assert_eq!(
            desk.asked_one().0,
            r#"turn/start {"threadId":"t-1","input":[{"type":"text","text":"hello"}],"approvalPolicy":"on-request","approvalsReviewer":"user","sandboxPolicy":{"type":"readOnly","networkAccess":false}}"#
        );
    }
}

#[test]
fn full_access_is_asked_about_once_more_and_enter_declines() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/permissions");
    desk.type_text("full");
    desk.press("enter");
    assert_snapshot!(desk.screen(), @r"
    Run everything without a sandbox and without questions?
    ❯ 1. No   the permissions stay as they are
      2. Yes  commands read, change and send whatever you could, and nobody asks
      enter takes · esc leaves
    ");
    desk.press("enter");
    desk.say("hello");
    assert_snapshot!(desk.asked_one().0, @r#"turn/start {"threadId":"t-1","input":[{"type":"text","text":"hello"}]}"#);

    desk.say("/permissions");
    desk.type_text("full");
    for key in ["enter", "down", "enter"] {
        desk.press(key);
    }
    assert_eq!(desk.state.open().unwrap().sandbox, SandboxPolicy::DangerFullAccess);
}

#[test]
fn what_was_chosen_counts_in_a_new_conversation_and_not_in_an_older_one() {
    let mut desk = Desk::new();
    desk.say("/model large high");
    desk.say("/new");
    desk.open(setup("t-2", Vec::new()));
    assert_eq!(desk.state.open().unwrap().model, "large");
    desk.skip();

    desk.say("/resume t-1");
    desk.open(setup("t-1", Vec::new()));
    assert_eq!(desk.state.open().unwrap().model, "small");
    desk.skip();
    desk.say("hello");
    assert_eq!(
        desk.asked_one().0,
        r#"turn/start {"threadId":"t-1","input":[{"type":"text","text":"hello"}]}"#
    );
}

#[test]
fn a_session_is_found_and_opened_in_place_of_this_one() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/resume");
    let list =
        json!({"data": [thread("t-7", "mend the\nparser", 120), thread("t-1", "this one", 10), thread("t-8", "write docs", 90_000)]});
    assert_eq!(
        desk.answer(list.clone()),
        r#"thread/list {"limit":100,"cwd":"/home/u/work","sortKey":"updated_at","archived":false}"#
    );
    assert_snapshot!(desk.screen(), @r"
    Go on with a session · this folder · last used first · 1/2
    › type to search
    ❯ mend the parser  2m ago
      write docs       1d ago
      tab folder/all · ctrl-t shows · ctrl-a archive · ctrl-s order · esc leaves
    ");

    desk.press("tab");
    let (_, late) = desk.asked_one();
    desk.type_text("docs");
    let asked = desk.asked();
    let (request, then) = asked.last().unwrap().clone();
    assert_eq!(
        request,
        r#"thread/list {"limit":100,"sortKey":"updated_at","archived":false,"searchTerm":"docs"}"#
    );
    let found = json!({"data": [thread("t-8", "write docs", 90_000)]});
    desk.happens(Event::Answered { then, result: Ok(found) });
    // An answer to older words comes after the one to the last ones.
    desk.happens(Event::Answered {
        then: late,
        result: Ok(list),
    });
    assert_snapshot!(desk.screen(), @r"
    Go on with a session · all folders · last used first · 1/1
    › docs
    ❯ write docs  1d ago · ~/work
      tab folder/all · ctrl-t shows · ctrl-a archive · ctrl-s order · esc leaves
    ");

    desk.press("enter");
    assert!(
        matches!(&desk.effects[..], [Effect::Open(opening, _)] if *opening == Opening::named(Verb::Resume, "t-8")),
        "{:?}",
        desk.effects
    );
    desk.effects.clear();
    desk.open(setup("t-8", Vec::new()));
    assert_eq!(
        desk.asked_one(),
        (r#"thread/unsubscribe {"threadId":"t-1"}"#.to_owned(), Then::Quiet)
    );
}

#[test]
fn a_session_in_which_nothing_was_said_has_a_title_too() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/resume");
    desk.answer(json!({"data": [thread("t-7", "", 120)]}));
    assert!(desk.screen().contains("❯ no message yet  2m ago"));
}

#[test]
fn a_session_of_the_archive_leaves_it_before_it_is_opened() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/fork");
    desk.asked();
    desk.press("ctrl-a");
    desk.answer(json!({"data": [thread("t-7", "old", 1_000_000)]}));

    desk.press("enter");
    assert_eq!(desk.answer(json!({})), r#"thread/unarchive {"threadId":"t-7"}"#);

    assert!(
        matches!(&desk.effects[..], [Effect::Open(opening, _)] if *opening == Opening::named(Verb::Fork, "t-7")),
        "{:?}",
        desk.effects
    );
}

#[test]
fn a_session_that_cannot_be_opened_leaves_this_one_in_place() {
    let mut desk = Desk::new();
    desk.say("/resume gone");
    desk.skip();

    let failure = Failure::new("session.not_found", "no session has the id or name \"gone\"").with_hint("codex sessions lists all");
    desk.happens(Event::Opened(Box::new(Err(failure))));

    assert_eq!(desk.state.open().unwrap().thread_id, "t-1");
    assert_snapshot!(desk.screen(), @r#"
    ■ no session has the id or name "gone" [session.not_found]
      codex sessions lists all

    › Ask for something
      small · ~/work
    "#);
}

#[test]
fn deleting_asks_first_and_keeping_is_what_enter_does() {
    let mut desk = Desk::new().with_turns();
    desk.skip();
    desk.say("/delete");
    assert_snapshot!(desk.screen(), @r"
    Delete this session for good?
    ❯ 1. Keep it
      2. Delete it  what was said is gone; files that were changed stay as they are
      enter takes · esc leaves
    ");
    desk.press("enter");
    assert!(desk.effects.is_empty());

    desk.say("/delete");
    desk.press("down");
    desk.press("enter");
    assert_eq!(desk.answer(json!({})), r#"thread/delete {"threadId":"t-1"}"#);
    assert!(matches!(&desk.effects[..], [Effect::Open(Opening::New, _)]), "{:?}", desk.effects);
    desk.open(setup("t-2", Vec::new()));
    assert_snapshot!(desk.screen(), @r"
    • the session is deleted; here is another one

    › Ask for something
      small · ~/work
    ");
}

#[test]
fn a_session_is_archived_or_named() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/archive");
    assert_snapshot!(desk.screen(), @r"
    • there is nothing to archive yet

    › Ask for something
      small · ~/work
    ");

    let mut desk = desk.with_turns();
    desk.say("/rename");
    assert_eq!(desk.state.editor.text(), "/rename ");
    desk.say("the parser");
    assert_eq!(desk.answer(json!({})), r#"thread/name/set {"threadId":"t-1","name":"the parser"}"#);
    desk.say("/archive");
    assert_eq!(desk.asked_one().0, r#"thread/archive {"threadId":"t-1"}"#);
}
