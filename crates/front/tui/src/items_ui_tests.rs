//! What the last row and the title say, and the keys worth knowing: keys in, live rows and bytes out.

use crate::desk::Desk;
use crate::preferences::Preferences;
use crate::state::Effect;
use crate::themes::Themes;
use codex_protocol::terminal::{ModelPrice, TerminalSettings};
use insta::assert_snapshot;

fn desk(settings: TerminalSettings, columns: u16, rows: u16) -> Desk {
    let preferences = Preferences::new(settings, Themes::default()).unwrap();
    Desk::with(columns, rows, |options| options.preferences = preferences)
}

/// What went to the terminal since the last look.
fn bytes(desk: &mut Desk) -> String {
    let mut bytes = Vec::new();
    for effect in std::mem::take(&mut desk.effects) {
        match effect {
            Effect::Terminal(piece) => bytes.extend(piece),
            other => desk.effects.push(other),
        }
    }
    String::from_utf8(bytes).unwrap().replace('\x1b', "^[")
}

#[test]
fn items_of_the_last_row_are_taken_left_and_moved_and_seen_at_once() {
    let mut desk = Desk::new();
    desk.skip();
    desk.say("/statusline");
    assert_snapshot!(desk.screen(), @r"
    What the last row says
    › type to search
    ❯ [x] model-with-reasoning   model and how much it thinks
      [x] current-dir            folder that commands run in
      [x] background-terminals   how many commands run in the background
      [x] thread-name            name of this session
      [x] used-tokens            tokens of this session, and how much of the input …
      [x] estimated-thread-cost  what this session cost, for models with a price in…
      [x] context-used           share of the context that is full
      [ ] model                  model
      [ ] reasoning              how much the model thinks
      [ ] provider               who runs the model
      [ ] project-name           name of the folder
      [ ] git-branch             branch that is checked out
      tab takes or leaves · alt-up, alt-down move · enter keeps · esc leaves
      small · ~/work
    ");
    desk.type_text("project");
    desk.press("tab");
    desk.press("alt-up");
    assert_snapshot!(desk.screen(), @r"
    What the last row says
    › project
    ❯ [x] project-name  name of the folder
      tab takes or leaves · alt-up, alt-down move · enter keeps · esc leaves
      small · ~/work · work
    ");
    desk.press("esc");
    assert_eq!(desk.state.wanted.status_line, None);

    desk.say("/statusline");
    desk.press("tab");
    desk.press("enter");
    assert_eq!(
        desk.asked_one().0,
        r#"config/batchWrite {"edits":[{"keyPath":"tui.status_line","mergeStrategy":"replace","value":["current-dir","background-terminals","thread-name","used-tokens","estimated-thread-cost","context-used"]}],"reloadUserConfig":true}"#
    );
    assert_snapshot!(desk.screen(), @r"
    › Ask for something
      ~/work
    ");
}

#[test]
fn the_title_is_kept_set_and_follows_what_goes_on() {
    let mut desk = desk(TerminalSettings::default(), 120, 40);
    assert_snapshot!(bytes(&mut desk), @r"^[[22;2t^[]2;work^[\");
    desk.say("hello");
    assert_snapshot!(bytes(&mut desk), @r"^[]2;◦ work^[\");
    desk.say("/title");
    assert_snapshot!(desk.screen(), @r"
    >_ codex 0.200.0
       ~/work
       /help names all commands

    ⠏ Sending to the model (0s · esc interrupts)

    What the window's title says
    › type to search
    ❯ [x] activity              a sign while a turn runs or something is asked
      [x] thread-name           name of this session
      [x] project-name          name of the folder
      [ ] model-with-reasoning  model and how much it thinks
      [ ] model                 model
      [ ] reasoning             how much the model thinks
      [ ] provider              who runs the model
      [ ] current-dir           folder that commands run in
      [ ] git-branch            branch that is checked out
      [ ] background-terminals  how many commands run in the background
      [ ] thread-id             id of this session
      [ ] run-state             ready, working or waiting for you
      tab takes or leaves · alt-up, alt-down move · enter keeps · esc leaves
      ◦ work
    ");
    for _ in 0..3 {
        desk.press("tab");
    }
    assert_snapshot!(bytes(&mut desk), @r"^[]2;work^[\^[]2;^[\^[[23;2t");
    desk.press("enter");
    assert!(
        desk.asked()
            .last()
            .unwrap()
            .0
            .contains(r#"{"keyPath":"tui.terminal_title","mergeStrategy":"replace","value":[]}"#)
    );
}

#[test]
fn a_title_that_nobody_wants_is_left_alone() {
    let settings = TerminalSettings {
        terminal_title: Some(Vec::new()),
        ..TerminalSettings::default()
    };
    let mut desk = desk(settings, 80, 24);
    desk.say("hello");
    assert_eq!(bytes(&mut desk), "");
}

#[test]
fn a_question_mark_on_an_empty_field_shows_the_keys_worth_knowing() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut desk = Desk::sized(columns, rows);
        desk.skip();
        desk.press("?");
        if columns == 80 {
            assert_snapshot!(desk.screen(), @r"
            › Ask for something
              /           commands                  ctrl-r      search earlier messages
              @           files                     ctrl-_      undo
              ctrl-c      clear, interrupt, leave   ctrl-v      a picture you copied
              enter       send                      ctrl-g      write in your editor
              tab         send after the turn       ctrl-t      the whole conversation
              ctrl-j      new line                  ctrl-o      copy the last answer
              esc         interrupt; twice: back    alt-r       answers as written
              shift-left  edit a queued message     ctrl-l      clear the window
              shift-tab   plan mode, on and off     ctrl-z      suspend codex
              small · ~/work
            ");
        } else {
            assert_snapshot!(desk.screen(), @r"
            › Ask for something
              /           commands                  esc         interrupt; twice: back    ctrl-g      write in your editor
              @           files                     shift-left  edit a queued message     ctrl-t      the whole conversation
              ctrl-c      clear, interrupt, leave   shift-tab   plan mode, on and off     ctrl-o      copy the last answer
              enter       send                      ctrl-r      search earlier messages   alt-r       answers as written
              tab         send after the turn       ctrl-_      undo                      ctrl-l      clear the window
              ctrl-j      new line                  ctrl-v      a picture you copied      ctrl-z      suspend codex
              small · ~/work
            ");
        }
        desk.type_text("why?");
        assert_eq!(desk.state.editor.text(), "why?");
        assert!(!desk.state.shortcuts);
    }
}

#[test]
fn answers_are_shown_as_they_were_written_where_that_is_wanted() {
    let mut desk = Desk::sized(80, 24).with_turns();
    let item = |text: &str| serde_json::json!({"type": "agentMessage", "id": "a", "text": text});
    let turn = serde_json::json!({"id": "1", "status": "interrupted", "items": [item("# Title\n\n- *one*\n- `two`")]});
    desk.say("/raw");
    desk.skip();
    desk.state.transcript.replay(&serde_json::from_value(turn).unwrap());
    desk.press("left");
    assert_snapshot!(desk.screen(), @r"
    # Title

    - *one*
    - `two`

    ■ interrupted; say what to do instead

    › Ask for something
      answers as they were written
    ");
}

#[test]
fn what_goes_on_moves_unless_nothing_shall() {
    let mut desk = desk(TerminalSettings::default(), 80, 24);
    desk.say("hello");
    let sign = |desk: &mut Desk| {
        desk.screen()
            .lines()
            .find(|line| line.contains("esc interrupts"))
            .unwrap()
            .chars()
            .next()
    };
    let mut signs = Vec::new();
    for _ in 0..12 {
        signs.push(sign(&mut desk));
        desk.happens(crate::state::Event::Tick);
    }
    signs.dedup();
    assert!(signs.len() > 2, "{signs:?}");

    let mut still = Desk::new();
    still.say("hello");
    assert_eq!(sign(&mut still), Some('◦'));
}

#[test]
fn the_status_says_everything_that_is_in_force_and_used() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut desk = Desk::sized(columns, rows);
        desk.skip();
        let told = serde_json::json!({"method": "account/rateLimits/updated", "params": {"rateLimits": {
            "primary": {"usedPercent": 31.6, "windowDurationMins": 300, "resetsAt": crate::desk::TODAY + 3600},
            "secondary": {"usedPercent": 7.0, "windowDurationMins": 10_080, "resetsAt": null}
        }}});
        let usage = serde_json::json!({"method": "thread/tokenUsage/updated", "params": {"threadId": "t-1", "turnId": "1", "tokenUsage": {
            "total": {"totalTokens": 12_345, "inputTokens": 12_000, "cachedInputTokens": 6_000, "outputTokens": 345, "reasoningOutputTokens": 45},
            "last": {"totalTokens": 2_000, "inputTokens": 1_900, "cachedInputTokens": 0, "outputTokens": 100, "reasoningOutputTokens": 0},
            "modelContextWindow": 20_000
        }}});
        for told in [told, usage] {
            let told = codex_rpc::ServerMessage::Notification(serde_json::from_value(told).unwrap());
            desk.happens(crate::state::Event::Server(Box::new(told)));
        }
        desk.state.git_branch = Some("main".to_owned());
        desk.state.wanted.status_line = Some(["five-hour-limit", "weekly-limit", "context-remaining"].map(str::to_owned).to_vec());
        desk.say("/status");
        if columns == 80 {
            assert_snapshot!(desk.screen(), @r"
            • codex         0.200.0
              model         small (scripted)
              mode          default
              folder        ~/work
              commands may  write below the folder
              questions     when a command needs more than it may
              instructions  none
              session       t-1
              tokens        12.3k total, 12.0k in (6.0k cached), 345 out (45 reasoning)
              context       2.0k of 20.0k used
              branch        main
              allowance     32% of 5 hours used, begins anew 2026-11-25 13:00
              allowance     7% of a week used

            › Ask for something
              5h 32% used · week 7% used · 90% context left
            ");
        } else {
            assert_snapshot!(desk.screen(), @r"
            • codex         0.200.0
              model         small (scripted)
              mode          default
              folder        ~/work
              commands may  write below the folder
              questions     when a command needs more than it may
              instructions  none
              session       t-1
              tokens        12.3k total, 12.0k in (6.0k cached), 345 out (45 reasoning)
              context       2.0k of 20.0k used
              branch        main
              allowance     32% of 5 hours used, begins anew 2026-11-25 13:00
              allowance     7% of a week used

            › Ask for something
              5h 32% used · week 7% used · 90% context left
            ");
        }
    }
}

#[test]
fn a_session_says_what_it_costs_where_its_models_have_a_price() {
    let mut desk = Desk::new();
    desk.skip();
    let price = |input, cached_input, output| ModelPrice {
        input,
        cached_input,
        output,
    };
    desk.state.wanted.model_prices = [
        ("small".to_owned(), price(1.0, Some(0.1), 8.0)),
        ("large".to_owned(), price(10.0, None, 80.0)),
    ]
    .into();
    let told = |desk: &mut Desk, total: [i64; 3]| {
        let [input, cached, output] = total;
        let usage = serde_json::json!({"totalTokens": input + output, "inputTokens": input, "cachedInputTokens": cached, "outputTokens": output, "reasoningOutputTokens": 0});
        let told = serde_json::json!({"method": "thread/tokenUsage/updated", "params": {"threadId": "t-1", "turnId": "1", "tokenUsage": {
            "total": usage, "last": usage, "modelContextWindow": null
        }}});
        let told = codex_rpc::ServerMessage::Notification(serde_json::from_value(told).unwrap());
        desk.happens(crate::state::Event::Server(Box::new(told)));
        crate::cost::words(&desk.state)
    };

    // 1 M at 1, 1 M cached at 0.1, 0.5 M out at 8.
    assert_eq!(told(&mut desk, [2_000_000, 1_000_000, 500_000]).as_deref(), Some("$5.10"));
    assert_snapshot!(desk.screen(), @r"
    › Ask for something
      small · ~/work · 2.5M tokens, 50% of input cached · $5.10
    ");
    assert_eq!(told(&mut desk, [2_000_000, 1_000_000, 500_000]).as_deref(), Some("$5.10"));
    desk.say("/model large");
    // 0.1 M more, cached, at the price of input.
    assert_eq!(told(&mut desk, [2_100_000, 1_100_000, 500_000]).as_deref(), Some("$6.10"));
    desk.say("/model unknown");
    assert_eq!(told(&mut desk, [3_000_000, 1_100_000, 500_000]).as_deref(), Some("$6.10+"));
    desk.say("/status");
    assert!(desk.screen().contains("cost          $6.10+, an estimate"), "{}", desk.screen());
}
