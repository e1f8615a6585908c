//! The list `skills.config` with one skill switched on or off.

use super::Change;
use codex_protocol::skills::SkillNamed;
use toml::{Table, Value};

/// The change that does it to the text of a file. What the list said of the skill before is gone: on is what a skill is that nothing is said of.
pub fn switched(text: &str, skill: &SkillNamed, on: bool) -> Change {
    let path = Change::path(&["skills", "config"]);
    // A file that is not TOML is refused when the change is made.
    let root = text.parse::<Table>().unwrap_or_default();
    let list = root.get("skills").and_then(|skills| skills.get("config")).and_then(Value::as_array);
    let (key, named) = match skill {
        SkillNamed::Path(path) => ("path", path.to_string()),
        SkillNamed::Name(name) => ("name", name.clone()),
    };
    let is_it = |entry: &Value| entry.get(key).and_then(Value::as_str) == Some(named.as_str());
    let mut entries: Vec<Value> = list.into_iter().flatten().filter(|entry| !is_it(entry)).cloned().collect();
    if !on {
        let entry = [
            (key.to_owned(), Value::String(named)),
            ("enabled".to_owned(), Value::Boolean(false)),
        ];
        entries.push(Value::Table(entry.into_iter().collect()));
    }
    if entries.is_empty() {
        return Change::Remove { path };
    }
    Change::Set {
        path,
        value: Value::Array(entries),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::changed;
    use codex_base::AbsPath;

    fn after(text: &str, skill: SkillNamed, on: bool) -> String {
        let file = AbsPath::new("/c/config.toml").unwrap();
        changed(text, &file, &[switched(text, &skill, on)]).unwrap()
    }

    #[test]
    fn a_skill_is_switched_off_and_on_and_the_rest_stays() {
        let name = || SkillNamed::Name("deploy".into());
        let path = || SkillNamed::Path(AbsPath::new("/s/a/SKILL.md").unwrap());
        let before = "model = \"m\" # mine\n\n[[skills.config]]\nname = \"other\"\nenabled = false\n";

        let off = after(before, name(), false);
        let both = after(&off, path(), false);
        let one = after(&both, name(), true);
        let none = after("[[skills.config]]\nname = \"deploy\"\nenabled = false\n", name(), true);

        insta::assert_snapshot!(both, @r#"
        model = "m" # mine

        [skills]
        config = [{ enabled = false, name = "other" }, { enabled = false, name = "deploy" }, { enabled = false, path = "/s/a/SKILL.md" }]
        "#);
        insta::assert_snapshot!(one, @r#"
        model = "m" # mine

        [skills]
        config = [{ enabled = false, name = "other" }, { enabled = false, path = "/s/a/SKILL.md" }]
        "#);
        assert!(!none.contains("deploy"), "{none}");
        assert_eq!(after("", name(), true), "");
    }
}
