//! Keys of a person's own, and Vim's: keys in, live rows out.

use crate::desk::Desk;
use crate::picker::permissions::{ASK, AUTO_REVIEW, Preset, READ_ONLY};
use crate::preferences::Preferences;
use crate::themes::Themes;
use codex_protocol::terminal::{KeyChange, TerminalSettings};
use insta::assert_snapshot;

fn desk(settings: TerminalSettings, columns: u16, rows: u16) -> Desk {
    let preferences = Preferences::new(settings, Themes::default()).unwrap();
    Desk::with(columns, rows, |options| options.preferences = preferences)
}

fn change(context: &str, action: &str, keys: &[&str]) -> KeyChange {
    KeyChange {
        context: context.to_owned(),
        action: action.to_owned(),
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        place: "config.toml:1:1".to_owned(),
    }
}

#[test]
fn a_binding_of_several_keys_shows_what_was_pressed_and_what_it_hides_is_told() {
    let settings = TerminalSettings {
        keymap: vec![
            change("editor", "kill_whole_line", &["leader k"]),
            change("editor", "move_line_start", &["ctrl-e"]),
        ],
        ..TerminalSettings::default()
    };
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut desk = desk(settings.clone(), columns, rows);
        let told = desk.screen();
        desk.type_text("one two");
        desk.press("ctrl-x");
        let under_way = desk.screen();
        desk.press("k");
        assert_eq!(desk.state.editor.text(), "");
        if columns == 80 {
            assert_snapshot!(told, @r"
            >_ codex 0.200.0
               ~/work
               /help names all commands

            ✗ tui.keymap: ctrl-e is editor.move_line_start, so editor.move_line_end cannot
              be reached with ctrl-e

            › Ask for something
              small · ~/work
            ");
            assert_snapshot!(under_way, @r"
            › one two
              ctrl-x …
            ");
        } else {
            assert_snapshot!(told, @r"
            >_ codex 0.200.0
               ~/work
               /help names all commands

            ✗ tui.keymap: ctrl-e is editor.move_line_start, so editor.move_line_end cannot be reached with ctrl-e

            › Ask for something
              small · ~/work
            ");
        }
    }
}

#[test]
fn keys_of_a_persons_own_go_through_the_permissions_and_never_to_full_access() {
    let settings = TerminalSettings {
        keymap: vec![
            change("chat", "next_permission_mode", &["f5"]),
            change("chat", "previous_permission_mode", &["f6"]),
        ],
        ..TerminalSettings::default()
    };
    let mut desk = desk(settings, 80, 24);
    desk.skip();
    let mut press = |key: &str| {
        desk.press(key);
        let open = desk.state.open().unwrap();
        Preset::ALL.into_iter().find(|preset| preset.is_in_force(open)).unwrap()
    };

    // It begins with `Ask`.
    let forward = [press("f5"), press("f5"), press("f5")];
    let back = [press("f6"), press("f6"), press("f6")];

    assert_eq!(forward, [&AUTO_REVIEW, &READ_ONLY, &ASK]);
    assert_eq!(back, [&READ_ONLY, &AUTO_REVIEW, &ASK]);
}

#[test]
fn vim_keeps_esc_from_interrupting_while_something_is_written() {
    let settings = TerminalSettings {
        vim_mode_default: true,
        ..TerminalSettings::default()
    };
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut desk = desk(settings.clone(), columns, rows);
        desk.skip();
        desk.type_text("one two");
        desk.press("esc");
        desk.type_text("db2");
        assert!(desk.effects.is_empty(), "{:?}", desk.effects);
        if columns == 80 {
            assert_snapshot!(desk.screen(), @r"
            › one o
              normal 2 · small · ~/work
            ");
        } else {
            assert_snapshot!(desk.screen(), @r"
            › one o
              normal 2 · small · ~/work
            ");
        }
        desk.press("esc");
        desk.press("u");
        assert_eq!(desk.state.editor.text(), "one two");
        desk.press("enter");
        assert!(desk.asked_one().0.contains("one two"));
        // Writing begins anew.
        desk.type_text("x");
        assert_eq!(desk.state.editor.text(), "x");
    }
}

#[test]
fn vim_is_switched_for_this_session_and_those_to_come() {
    let mut desk = Desk::new();
    desk.skip();

    desk.say("/vim");
    assert_eq!(
        desk.asked_one().0,
        r#"config/batchWrite {"edits":[{"keyPath":"tui.vim_mode_default","mergeStrategy":"replace","value":true}],"reloadUserConfig":true}"#
    );
    assert_snapshot!(desk.screen(), @r"
    › Ask for something
      keys as in Vim
    ");
    desk.say("/vim");
    assert!(desk.asked_one().0.contains(r#""value":false"#));
    assert!(desk.state.vim.is_none());
}
