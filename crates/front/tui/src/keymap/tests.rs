use super::*;
use codex_tui_kit::composer::{Edit, Motion};

fn wanted(context: &str, action: &str, keys: &[&str]) -> KeyChange {
    KeyChange {
        context: context.to_owned(),
        action: action.to_owned(),
        keys: keys.iter().map(|&key| key.to_owned()).collect(),
        place: "config.toml:3:1".to_owned(),
    }
}

#[test]
fn every_key_of_the_table_can_be_read_and_means_one_thing() {
    let (map, conflicts) = Keymap::new(&[]).unwrap();

    assert_eq!(conflicts, [""; 0]);
    for row in ROWS.iter().filter(|row| row.action.is_some()) {
        for keys in row.keys {
            let mut map = map.clone();
            let found = keys.split(' ').map(|key| map.press(&[row.context], key.parse().unwrap())).last();
            assert_eq!(found, row.action.map(Lookup::Action), "{keys} of {}", row.name);
        }
    }
}

#[test]
fn keys_in_a_row_are_waited_for_and_esc_forgets_them() {
    let (mut map, _) = Keymap::new(&[wanted("global", "copy", &["leader y"])]).unwrap();
    let mut press = |key: &str| map.press(FIELD, key.parse().unwrap());

    assert_eq!(press("ctrl-x"), Lookup::Prefix);
    assert_eq!(press("y"), Lookup::Action(Action::CopyAnswer));
    assert_eq!(press("ctrl-x"), Lookup::Prefix);
    assert_eq!(press("esc"), Lookup::Prefix);
    assert_eq!(press("y"), Lookup::Nothing);
    assert_eq!(press("ctrl-o"), Lookup::Nothing);
}

#[test]
fn vim_hears_the_key_that_it_has_for_an_action() {
    let (map, conflicts) = Keymap::new(&[wanted("vim_normal", "move_left", &["n", "alt-h"])]).unwrap();
    let heard = |key: &str| {
        map.for_vim(&[Context::VimOperator, Context::VimNormal], key.parse().unwrap())
            .map(|key| key.to_string())
    };

    assert_eq!(
        conflicts[0],
        "n is vim_normal.move_left, so vim_normal.search_next cannot be reached with n"
    );
    let keys = ["n", "alt-h", "h", "w", "3", "%", "esc", "i"].map(heard);
    let expected = [Some("h"), Some("h"), None, Some("w"), Some("3"), Some("%"), Some("esc"), Some("i")];
    assert_eq!(keys, expected.map(|key| key.map(str::to_owned)));
}

#[test]
fn what_is_no_key_is_told_with_its_place_and_what_other_versions_know_is_left_alone() {
    let told = Keymap::new(&[
        wanted("agents", "hide", &["h"]),
        wanted("global", "open_agents", &["f9"]),
        wanted("global", "copy", &["strg-y"]),
    ]);

    let errors = told.unwrap_err();
    assert_eq!(errors.len(), 1);
    insta::assert_snapshot!(
        errors[0],
        @r#"config.toml:3:1: tui.keymap.global.copy: "strg-y" is no key; write for example "ctrl-x", "alt-enter" or "ctrl-x p""#
    );
}

/// `context.action=keys,…`, each key or keys in a row.
fn keymap(changes: &[&str]) -> (Keymap, Vec<String>) {
    let change = |text: &&str| {
        let (name, keys) = text.split_once('=').unwrap();
        let (context, action) = name.split_once('.').unwrap();
        wanted(context, action, &keys.split(',').filter(|key| !key.is_empty()).collect::<Vec<_>>())
    };
    Keymap::new(&changes.iter().map(change).collect::<Vec<_>>()).unwrap()
}

fn lookup(map: &Keymap, keys: &str) -> Lookup {
    let keys: Vec<Key> = keys.split(' ').map(|key| key.parse().unwrap()).collect();
    map.lookup(TOGETHER[0], &keys)
}

const LINE_END: Action = Action::Edit(Edit::Move(Motion::LineEnd));

#[test]
fn the_table_counts_unless_it_is_changed() {
    let (map, conflicts) = keymap(&["global.copy=f8,f2", "chat.interrupt_turn=", "editor.kill_whole_line=ctrl-x ctrl-k"]);

    assert_eq!(conflicts, [""; 0]);
    assert_eq!(lookup(&map, "f8"), Lookup::Action(Action::CopyAnswer));
    assert_eq!(lookup(&map, "f2"), Lookup::Action(Action::CopyAnswer));
    assert_eq!(lookup(&map, "ctrl-o"), Lookup::Nothing);
    assert_eq!(lookup(&map, "esc"), Lookup::Nothing);
    assert_eq!(lookup(&map, "ctrl-e"), Lookup::Action(LINE_END));
    assert_eq!(
        (map.keys(Action::CopyAnswer).as_deref(), map.keys(Action::Interrupt)),
        (Some("f8"), None)
    );
}

#[test]
fn several_keys_in_a_row_are_waited_for() {
    let (map, _) = keymap(&["global.leader=f9", "global.copy=leader p"]);

    assert_eq!(lookup(&map, "f9"), Lookup::Prefix);
    assert_eq!(lookup(&map, "f9 p"), Lookup::Action(Action::CopyAnswer));
    assert_eq!(lookup(&map, "f9 x"), Lookup::Nothing);
    assert_eq!(lookup(&map, "ctrl-x"), Lookup::Nothing);
}

#[test]
fn what_is_hidden_is_told() {
    let told = |changes: &[&str]| keymap(changes).1.join("\n");

    assert_eq!(
        told(&["editor.kill_whole_line=ctrl-e"]),
        "ctrl-e is editor.kill_whole_line, so editor.move_line_end cannot be reached with ctrl-e"
    );
    assert_eq!(
        told(&["chat.interrupt_turn=end"]),
        "end is chat.interrupt_turn, so editor.move_line_end cannot be reached with end"
    );
    assert_eq!(
        told(&["global.copy=ctrl-e"]),
        "ctrl-e is editor.move_line_end, so global.copy cannot be reached with ctrl-e"
    );
    assert_eq!(
        told(&["global.copy=ctrl-x", "global.suspend=leader p"]),
        "ctrl-x is global.copy, so global.suspend cannot be reached with ctrl-x p"
    );
    let (map, _) = keymap(&["editor.kill_whole_line=ctrl-e"]);
    assert_eq!(
        (lookup(&map, "ctrl-e"), lookup(&map, "end")),
        (Lookup::Action(Action::Edit(Edit::KillWholeLine)), Lookup::Action(LINE_END))
    );
}
