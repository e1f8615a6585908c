//! Each case lays out files below a temporary directory and shows what is found from `p/a`.

use crate::set::{Skill, SkillSet, SkillsRequest, skills};
use crate::told;
use codex_base::AbsPath;
use codex_protocol::skills::{SkillNamed, SkillRule, SkillSettings};

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::create_dir_all(folder.path().join("p/a")).unwrap();
        Self { folder }
    }

    fn path(&self, path: &str) -> AbsPath {
        AbsPath::new(self.folder.path().join(path)).unwrap()
    }

    fn find(&self, settings: &SkillSettings) -> SkillSet {
        skills(&SkillsRequest {
            codex_home: &self.path("codex"),
            home: Some(&self.path("home")),
            system_config_dir: self.path("etc").as_path(),
            project_root: &self.path("p"),
            cwd: &self.path("p/a"),
            settings,
            may_read: &|path| !path.ends_with("secret"),
        })
    }

    fn shown(&self, set: &SkillSet) -> String {
        let skills = set.skills.iter().map(|skill| {
            let metadata = &skill.metadata;
            let enabled = if metadata.enabled { "" } else { " (off)" };
            let listed = if skill.listed { "" } else { " (by mention)" };
            format!(
                "{:?} {}: {} @ {}{enabled}{listed}",
                metadata.scope, metadata.name, metadata.description, metadata.path
            )
        });
        let errors = set.errors.iter().map(|error| format!("{}: {}", error.path, error.message));
        self.words(&skills.chain(errors).collect::<Vec<_>>().join("\n"))
    }

    fn words(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "~")
    }
}

fn head(name: &str, description: &str) -> String {
    format!("---\nname: {name}\ndescription: {description}\n---\nDo it.\n")
}

#[test]
fn every_place_is_looked_at_and_the_nearest_comes_first() {
    let texts = ["near", "root", "dot", "agents", "old", "admin", "system"].map(|name| head(name, "when needed"));
    let place = Place::new(&[
        ("p/a/.agents/skills/near/SKILL.md", &texts[0]),
        ("p/.agents/skills/group/root/SKILL.md", &texts[1]),
        ("p/.codex/skills/dot/SKILL.md", &texts[2]),
        ("home/.agents/skills/agents/SKILL.md", &texts[3]),
        ("codex/skills/old/SKILL.md", &texts[4]),
        ("codex/skills/old/inside/SKILL.md", &texts[4]),
        ("codex/skills/.hidden/SKILL.md", &texts[4]),
        ("etc/skills/admin/SKILL.md", &texts[5]),
        ("codex/skills/.system/system/SKILL.md", &texts[6]),
    ]);

    let all = place.find(&SkillSettings::default());
    let without = place.find(&SkillSettings {
        bundled: false,
        ..SkillSettings::default()
    });

    insta::assert_snapshot!(place.shown(&all), @r"
    Repo near: when needed @ ~/p/a/.agents/skills/near/SKILL.md
    Repo root: when needed @ ~/p/.agents/skills/group/root/SKILL.md
    Repo dot: when needed @ ~/p/.codex/skills/dot/SKILL.md
    User agents: when needed @ ~/home/.agents/skills/agents/SKILL.md
    User old: when needed @ ~/codex/skills/old/SKILL.md
    Admin admin: when needed @ ~/etc/skills/admin/SKILL.md
    System system: when needed @ ~/codex/skills/.system/system/SKILL.md
    ");
    assert_eq!(without.skills.len(), all.skills.len() - 1);
}

#[test]
fn what_is_no_skill_says_why() {
    let long = head(&"n".repeat(65), "x");
    let place = Place::new(&[
        ("codex/skills/plain/SKILL.md", "# no head\n"),
        ("codex/skills/nameless/SKILL.md", "---\ndescription: x\n---\n"),
        ("codex/skills/long/SKILL.md", &long),
        ("codex/skills/empty/readme.md", ""),
    ]);

    insta::assert_snapshot!(place.shown(&place.find(&SkillSettings::default())), @r"
    ~/codex/skills/long/SKILL.md: its `name` has more than 64 characters
    ~/codex/skills/nameless/SKILL.md: its head has no `name`
    ~/codex/skills/plain/SKILL.md: it does not begin with a block between two lines of `---`
    ");
}

#[test]
fn configuration_switches_off_and_the_last_word_counts() {
    let texts = ["a", "b"].map(|name| head(name, "when needed"));
    let place = Place::new(&[
        ("codex/skills/a/SKILL.md", &texts[0]),
        ("codex/skills/b/SKILL.md", &texts[1]),
        ("codex/skills/b/agents/openai.yaml", "policy:\n  allow_implicit_invocation: false\n"),
    ]);
    let rule = |skill, enabled| SkillRule { skill, enabled };
    let settings = SkillSettings {
        rules: vec![
            rule(SkillNamed::Name("a".into()), false),
            rule(SkillNamed::Path(place.path("codex/skills/b")), false),
            rule(SkillNamed::Name("b".into()), true),
        ],
        ..SkillSettings::default()
    };

    insta::assert_snapshot!(place.shown(&place.find(&settings)), @r"
    User a: when needed @ ~/codex/skills/a/SKILL.md (off)
    User b: when needed @ ~/codex/skills/b/SKILL.md (by mention)
    ");
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_once() {
    let text = head("a", "when needed");
    let place = Place::new(&[("elsewhere/a/SKILL.md", &text), ("codex/skills/readme", "")]);
    for (from, to) in [
        ("elsewhere", "codex/skills/first"),
        ("elsewhere", "codex/skills/second"),
        ("codex", "elsewhere/back"),
    ] {
        std::os::unix::fs::symlink(place.path(from), place.path(to)).unwrap();
    }

    insta::assert_snapshot!(place.shown(&place.find(&SkillSettings::default())), @"User a: when needed @ ~/codex/skills/first/a/SKILL.md");
}

#[cfg(unix)]
#[test]
fn a_skill_of_the_project_that_leads_to_something_hidden_is_no_skill() {
    let place = Place::new(&[
        ("secret", &head("secret", "of the user")),
        ("open", &head("open", "of somebody")),
        ("p/.agents/skills/a/readme", ""),
        ("p/.agents/skills/b/readme", ""),
        ("codex/skills/own/readme", ""),
    ]);
    for (from, to) in [
        ("secret", "p/.agents/skills/a/SKILL.md"),
        ("open", "p/.agents/skills/b/SKILL.md"),
        ("secret", "codex/skills/own/SKILL.md"),
    ] {
        std::os::unix::fs::symlink(place.path(from), place.path(to)).unwrap();
    }
    let whole = |skill: &Skill| told::whole(skill).map_err(|error| error.to_string());

    let set = place.find(&SkillSettings::default());

    insta::assert_snapshot!(place.shown(&set), @r"
    Repo open: of somebody @ ~/p/.agents/skills/b/SKILL.md
    User secret: of the user @ ~/codex/skills/own/SKILL.md
    ~/p/.agents/skills/a/SKILL.md: it cannot be read: it leads to a file that the sandbox policy hides
    ");
    assert!(whole(&set.skills[0]).is_ok() && whole(&set.skills[1]).is_ok());
    // Another link, put there before the skill is asked for.
    let file = place.path("p/.agents/skills/b/SKILL.md");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(place.path("secret"), &file).unwrap();
    assert_eq!(
        whole(&set.skills[0]).unwrap_err(),
        "it leads to a file that the sandbox policy hides"
    );
}

#[test]
fn the_model_is_told_what_fits() {
    let texts = ["a", "b", "c"].map(|name| head(name, &"many words ".repeat(20)));
    let place = Place::new(&[
        ("codex/skills/a/SKILL.md", &texts[0]),
        ("codex/skills/b/SKILL.md", &texts[1]),
        ("codex/skills/c/SKILL.md", &texts[2]),
    ]);
    let set = place.find(&SkillSettings::default());
    let length = |bytes_max| {
        let (text, warning) = told::list(&set, bytes_max);
        let lines = text.map(|text| place.words(&text)).unwrap_or_default();
        let lines: Vec<&str> = lines.lines().skip(1).collect();
        format!("{}\n{}", lines.join("\n"), warning.unwrap_or_default())
    };

    assert_eq!(told::list(&SkillSet::default(), 1000), (None, None));
    let all = told::list(&set, usize::MAX).0.unwrap().len();
    insta::assert_snapshot!(length(all - 100), @r"
    - a: many words many words many words many words many words many words many words man… (file: ~/codex/skills/a/SKILL.md)
    - b: many words many words many words many words many words many words many words man… (file: ~/codex/skills/b/SKILL.md)
    - c: many words many words many words many words many words many words many words man… (file: ~/codex/skills/c/SKILL.md)
    ");
    let two = length(all - 480);
    assert!(two.contains("- b: ") && !two.contains("- c: "), "{two}");
    assert!(two.ends_with("1 of 3 skills do not fit into what the model is told; `skills.max_context_tokens` sets how much that may be"));
    assert_eq!(told::list(&set, 10).0, None);
}

#[test]
fn a_skill_is_asked_for_by_its_name() {
    let texts = ["deploy", "test:all", "off"].map(|name| head(name, "x"));
    let place = Place::new(&[
        ("codex/skills/a/SKILL.md", &texts[0]),
        ("codex/skills/b/SKILL.md", &texts[1]),
        ("codex/skills/c/SKILL.md", &texts[2]),
    ]);
    let off = SkillRule {
        skill: SkillNamed::Name("off".into()),
        enabled: false,
    };
    let set = place.find(&SkillSettings {
        rules: vec![off],
        ..SkillSettings::default()
    });
    let check = |text: &str, expect: &[&str]| {
        let found: Vec<&str> = told::mentioned(text, &set)
            .iter()
            .map(|skill| skill.metadata.name.as_str())
            .collect();
        assert_eq!(found, expect, "{text}");
    };

    check("$deploy it", &["deploy"]);
    check("First ($test:all), then $deploy. And $deploy again", &["test:all", "deploy"]);
    check("Use $deploy: now", &["deploy"]);
    check("$deployment $HOME US$deploy \\$deploy $$deploy $off $", &[]);

    let whole = told::whole(&set.skills[0]).unwrap();
    insta::assert_snapshot!(place.words(&whole), @r"
    <name>deploy</name>
    <path>~/codex/skills/a/SKILL.md</path>
    ---
    name: deploy
    description: x
    ---
    Do it.
    ");
}
