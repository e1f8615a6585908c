use super::*;
use codex_protocol::config::MergeStrategy as Merge;
use pretty_assertions::assert_eq;
use proptest::prelude::*;
use std::fs;

fn file() -> AbsPath {
    AbsPath::new(if cfg!(windows) { r"C:\h\config.toml" } else { "/h/config.toml" }).unwrap()
}

fn set(path: &[&str], value: impl Into<toml::Value>) -> Change {
    Change::Set {
        path: Change::path(path),
        value: value.into(),
    }
}

fn switch(path: &[&str], on: bool) -> Change {
    Change::Switch {
        path: Change::path(path),
        on,
    }
}

fn remove(path: &[&str]) -> Change {
    Change::Remove { path: Change::path(path) }
}

fn check(before: &str, change: Change, after: &str) {
    assert_eq!(changed(before, &file(), &[change]).unwrap(), after);
}

#[test]
fn comments_order_and_spacing_stay() {
    let before = "# mine\nmodel   = \"a\"  # fast\n\n[features]\n# why\ngoals = false # for now\nhooks=true\n\n[z]\nk = [\n  1, # one\n]\n";

    check(before, set(&["model"], "b"), &before.replace("\"a\"", "\"b\""));
    check(
        before,
        switch(&["features", "goals"], true),
        &before.replace("goals = false", "goals = true"),
    );
    check(
        before,
        switch(&["features", "memories"], true),
        &before.replace("hooks=true\n", "hooks=true\nmemories = true\n"),
    );
    check(before, remove(&["features", "hooks"]), &before.replace("hooks=true\n", ""));
    check(before, remove(&["features", "nothing"]), before);
    check(before, remove(&["nothing", "at", "all"]), before);
}

#[test]
fn every_way_of_writing_a_table_is_kept() {
    let on = || switch(&["features", "goals"], true);

    check("", on(), "[features]\ngoals = true\n");
    check("[features]\n", on(), "[features]\ngoals = true\n");
    check("features.hooks = true\n", on(), "features.hooks = true\nfeatures.goals = true\n");
    check(
        "features = { hooks = true }\n",
        on(),
        "features = { hooks = true , goals = true }\n",
    );
    check(
        "[features.goals]\nenabled = false # no\n",
        on(),
        "[features.goals]\nenabled = true # no\n",
    );
    check(
        "[features]\ngoals = { enabled = false, n = 1 }\n",
        on(),
        "[features]\ngoals = { enabled = true, n = 1 }\n",
    );
}

#[test]
fn paths_may_hold_any_characters_and_tables_become_sections() {
    let server: toml::Table = "command = \"x\"\nargs = [\"a b\"]\n[env]\nK = \"v\"\n".parse().unwrap();

    check(
        "a = 1\n",
        set(&["projects", "/srv/my.app", "trust_level"], "trusted"),
        "a = 1\n\n[projects.\"/srv/my.app\"]\ntrust_level = \"trusted\"\n",
    );
    check(
        "[mcp_servers.one]\ncommand = \"1\"\n",
        set(&["mcp_servers", "two"], server),
        "[mcp_servers.one]\ncommand = \"1\"\n\n[mcp_servers.two]\nargs = [\"a b\"]\ncommand = \"x\"\n\n[mcp_servers.two.env]\nK = \"v\"\n",
    );
}

#[test]
fn line_ends_and_the_byte_order_mark_stay() {
    check(
        "a = 1\r\n[features]\r\n",
        switch(&["features", "x"], true),
        "a = 1\r\n[features]\r\nx = true\r\n",
    );
    check("\u{feff}a = 1\n", set(&["a"], 2), "\u{feff}a = 2\n");
}

#[test]
fn what_cannot_be_edited_is_named() {
    let check = |before: &str, change: Change, expect: &str| {
        let error = changed(before, &file(), &[change]).unwrap_err();
        assert_eq!(format!("{error} [{}]", error.code()).replace(&file().to_string(), "FILE"), expect);
    };

    check(
        "a = 1\nb = \n",
        set(&["a"], 2),
        "FILE:2:5: invalid TOML: string values must be quoted, expected literal string [config.syntax]",
    );
    check(
        "features = 3\n",
        switch(&["features", "x"], true),
        "FILE: `features` is not a table, so nothing can be set below it [config.edit_refused]",
    );
}

/// A home in a temporary folder.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> AbsPath {
        AbsPath::new(self.folder.path()).unwrap()
    }

    fn env(&self) -> ProcessEnv {
        let vars = [("CODEX_HOME".into(), self.folder.path().into())];
        ProcessEnv::new(vars, self.path(), None, "UTC".to_owned()).unwrap()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path().join("config.toml")).unwrap()
    }
}

#[test]
fn a_missing_file_is_made_and_an_edit_that_changes_nothing_writes_nothing() {
    let home = Home::new();

    assert!(user_config(&home.env(), &[set(&["model"], "m")]).unwrap());
    assert!(!user_config(&home.env(), &[set(&["model"], "m")]).unwrap());
    assert_eq!(home.text(), "model = \"m\"\n");
}

#[test]
fn a_broken_file_is_left_alone() {
    let home = Home::new();
    fs::write(home.path().join("config.toml"), "model = [").unwrap();

    let error = user_config(&home.env(), &[set(&["model"], "m")]).unwrap_err();

    assert_eq!(error.code(), "config.syntax");
    assert_eq!(home.text(), "model = [");
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_its_file_keeps_its_rights() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let dotfiles = tempfile::tempdir().unwrap();
    let real = dotfiles.path().join("codex.toml");
    fs::write(&real, "a = 1\n").unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let link = home.path().join("config.toml");
    std::os::unix::fs::symlink(&real, &link).unwrap();

    user_config(&home.env(), &[set(&["a"], 2)]).unwrap();

    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "a = 2\n");
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_gets_its_file() {
    let home = Home::new();
    let dotfiles = tempfile::tempdir().unwrap();
    let real = dotfiles.path().join("new.toml");
    std::os::unix::fs::symlink(&real, home.path().join("config.toml")).unwrap();

    user_config(&home.env(), &[set(&["a"], 2)]).unwrap();

    assert_eq!(fs::read_to_string(&real).unwrap(), "a = 2\n");
}

#[test]
fn no_edit_is_lost_among_many_at_once() {
    let home = Home::new();

    std::thread::scope(|scope| {
        for number in 0..16 {
            let env = home.env();
            scope.spawn(move || user_config(&env, &[switch(&["features", &format!("f{number}")], true)]).unwrap());
        }
    });

    let table: toml::Table = home.text().parse().unwrap();
    assert_eq!(table["features"].as_table().unwrap().len(), 16);
}

/// Texts of the forms that users write.
fn texts() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[abc] = [0-9]{1,3} # [a-z ]{0,8}",
        "[abc]\\.[xyz] = true",
        "# [a-z\"\\[\\]=]{0,10}",
        Just(String::new()),
        "\\[[defg]\\]",
        "\\[[defg]\\.[xyz]\\]",
        "[xyz] = \\{ [abc] = 1 \\}",
        "[xyz] = \"[a-z\\.# ]{0,8}\"",
    ];
    proptest::collection::vec(line, 0..12).prop_map(|lines| lines.iter().map(|line| format!("{line}\n")).collect())
}

fn changes() -> impl Strategy<Value = Change> {
    let path = proptest::collection::vec("[a-g]|[xyz]|[./\" ]{1,3}", 1..4);
    (path, 0..3, any::<bool>()).prop_map(|(path, kind, on)| match kind {
        0 => Change::Switch { path, on },
        1 => Change::Remove { path },
        _ => Change::Set {
            path,
            value: toml::Value::String("v\n\"".to_owned()),
        },
    })
}

fn lookup<'a>(table: &'a toml::Table, path: &[String]) -> Option<&'a toml::Value> {
    let (first, rest) = path.split_first()?;
    let value = table.get(first)?;
    if rest.is_empty() {
        Some(value)
    } else {
        lookup(value.as_table()?, rest)
    }
}

/// What the change means for plain values.
fn applied(table: &mut toml::Table, change: &Change) {
    let (Change::Set { path, .. } | Change::Switch { path, .. } | Change::Remove { path }) = change;
    let (key, tables) = path.split_last().unwrap();
    let mut table = table;
    for name in tables {
        if matches!(change, Change::Remove { .. }) && !table.contains_key(name) {
            return;
        }
        match table.entry(name).or_insert_with(|| toml::Table::new().into()) {
            toml::Value::Table(inner) => table = inner,
            _ => return,
        }
    }
    match change {
        Change::Remove { .. } => drop(table.remove(key)),
        Change::Set { value, .. } => drop(table.insert(key.clone(), value.clone())),
        Change::Switch { on, .. } => match table.get_mut(key).and_then(toml::Value::as_table_mut) {
            Some(inner) => drop(inner.insert("enabled".to_owned(), (*on).into())),
            None => drop(table.insert(key.clone(), (*on).into())),
        },
    }
}

/// A table that stood there only in the name of the removed one goes with it, and one without anything says nothing.
fn without_empty(table: &mut toml::Table, path: &[String]) {
    let Some((name, rest)) = path.split_first() else { return };
    if let Some(inner) = table.get_mut(name).and_then(toml::Value::as_table_mut) {
        without_empty(inner, rest);
        if inner.is_empty() {
            table.remove(name);
        }
    }
}

proptest! {
    #[test]
    fn an_edit_changes_that_value_and_no_other(text in texts(), change in changes()) {
        let Ok(mut expect) = text.parse::<toml::Table>() else { return Ok(()) };

        match changed(&text, &file(), std::slice::from_ref(&change)) {
            Ok(after) => {
                // A comment belongs to what stands below it, and goes with it.
                let (Change::Set { path, .. } | Change::Switch { path, .. } | Change::Remove { path }) = &change;
                let replaced = matches!(change, Change::Set { .. }) && lookup(&expect, path).is_some_and(toml::Value::is_table);
                let loses = replaced || matches!(change, Change::Remove { .. });
                applied(&mut expect, &change);
                let mut is = after.parse::<toml::Table>().unwrap();
                if matches!(change, Change::Remove { .. }) {
                    without_empty(&mut is, path);
                    without_empty(&mut expect, path);
                }
                prop_assert_eq!(is, expect, "{}", after);
                for comment in text.lines().filter(|line| line.starts_with('#')) {
                    prop_assert!(loses || after.contains(comment), "{} in {}", comment, after);
                }
            }
            Err(EditError::NoTable { .. }) => {
                let (Change::Set { path, .. } | Change::Switch { path, .. } | Change::Remove { path }) = &change;
                prop_assert!((1..path.len()).any(|end| lookup(&expect, &path[..end]).is_some_and(|value| !value.is_table())));
            }
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

fn json_changes(key: &str, value: serde_json::Value, merge: Merge) -> Option<Vec<Change>> {
    super::changes(&key_path(key), &value, merge)
}

#[test]
fn json_becomes_changes_of_the_file() {
    use serde_json::json;
    let edit = |before: &str, key: &str, value: serde_json::Value, merge: Merge| {
        let changes = json_changes(key, value, merge).unwrap();
        changed(before, &file(), &changes).unwrap()
    };
    let before = "[tui] # mine\ntheme = \"nord\"\n\n[tui.keymap.global]\ncopy = \"f2\"\n";

    assert_eq!(
        edit(before, "tui.theme", json!("dark"), Merge::Replace),
        before.replace("nord", "dark")
    );
    assert_eq!(
        edit(before, "tui.theme", json!(null), Merge::Replace),
        before.replace("theme = \"nord\"\n", "")
    );
    assert_eq!(
        edit(before, "tui.keymap", json!({"global": {"leader": "ctrl-b"}}), Merge::Upsert),
        format!("{before}leader = \"ctrl-b\"\n")
    );
    assert_eq!(
        edit(
            before,
            "tui.keymap.global",
            json!({"leader": ["ctrl-b", "f1"], "copy": null}),
            Merge::Replace
        ),
        before.replace("copy = \"f2\"", "leader = [\"ctrl-b\", \"f1\"]")
    );
    assert_eq!(
        edit("", "projects.\"/a.b\".trust_level", json!("trusted"), Merge::Replace),
        "[projects.\"/a.b\"]\ntrust_level = \"trusted\"\n"
    );
    assert_eq!(json_changes("a", json!([null]), Merge::Replace), None);
    assert_eq!(json_changes("a", json!(u64::MAX), Merge::Replace), None);
}

#[test]
fn a_clients_write_keeps_to_types_and_versions() {
    let home = tempfile::tempdir().unwrap();
    let vars = [
        ("HOME", home.path().to_str().unwrap()),
        ("CODEX_HOME", home.path().to_str().unwrap()),
    ];
    let vars = vars.map(|(name, value)| (name.into(), value.into()));
    let env = ProcessEnv::new(vars, AbsPath::new(home.path()).unwrap(), None, "UTC".to_owned()).unwrap();
    let write = |value: toml::Value, expected: Option<&str>| super::write(&env, &[set(&["tui", "theme"], value)], expected);

    let first = write("nord".into(), None).unwrap();
    let again = write("nord".into(), Some(&first.version)).unwrap();
    let refused = write(1.into(), None).unwrap_err();
    let second = write("dark".into(), Some(&first.version)).unwrap();
    let late = write("light".into(), Some(&first.version)).unwrap_err();

    assert!(first.changed && !again.changed && second.changed);
    assert_eq!(first.version, again.version);
    assert!(first.version.starts_with("sha256:") && first.version.len() == 71);
    assert_eq!((refused.code(), late.code()), ("config.type", "config.version_conflict"));
    assert_eq!(fs::read_to_string(user_file(&env)).unwrap(), "[tui]\ntheme = \"dark\"\n");
}
