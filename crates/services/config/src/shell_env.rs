//! The environment of commands, made from codex's own by `[shell_environment_policy]`.

use codex_base::os;
use codex_protocol::settings::{EnvironmentFilter, EnvironmentInherit, ShellEnvironmentPolicy};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What `inherit = "core"` keeps everywhere (facts of the reference).
const CORE: [&str; 5] = ["PATH", "SHELL", "TMPDIR", "TEMP", "TMP"];
const CORE_UNIX: [&str; 6] = ["HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "USER"];
const CORE_WINDOWS: [&str; 3] = ["PATHEXT", "USERNAME", "USERPROFILE"];
/// Names that look like secrets.
const DEFAULT_EXCLUDES: [&str; 3] = ["*KEY*", "*SECRET*", "*TOKEN*"];

/// The variables that commands get, sorted by name: inherit, default excludes, exclude, set, include-only, in this order.
///
/// Patterns know `*` and `?` and ignore case.
pub fn shell_environment(policy: &ShellEnvironmentPolicy, vars: &BTreeMap<OsString, OsString>) -> Vec<(OsString, OsString)> {
    let inherited = vars.iter().filter(|(name, _)| inherited(policy.inherit, name));
    let mut kept: BTreeMap<OsString, OsString> = inherited.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !policy.ignore_default_excludes {
        kept.retain(|name, _| !looks_secret(name));
    }
    let named = |filter: EnvironmentFilter| {
        policy
            .filters
            .iter()
            .filter(move |(_, found)| **found == filter)
            .map(|(name, _)| name)
    };
    let excluded: Vec<&String> = policy.exclude.iter().chain(named(EnvironmentFilter::Exclude)).collect();
    kept.retain(|name, _| !excluded.iter().any(|pattern| matches(pattern, name)));
    kept.extend(policy.set.iter().map(|(name, value)| (name.into(), value.into())));
    let included: Vec<&String> = policy.include_only.iter().chain(named(EnvironmentFilter::Include)).collect();
    if !included.is_empty() {
        kept.retain(|name, _| included.iter().any(|pattern| matches(pattern, name)));
    }
    kept.into_iter().collect()
}

/// Whether a name looks like that of a secret.
pub(crate) fn looks_secret(name: &OsStr) -> bool {
    DEFAULT_EXCLUDES.iter().any(|pattern| matches(pattern, name))
}

fn inherited(inherit: EnvironmentInherit, name: &OsStr) -> bool {
    let family: &[&str] = if os::platform().0 == "windows" { &CORE_WINDOWS } else { &CORE_UNIX };
    match inherit {
        EnvironmentInherit::All => true,
        EnvironmentInherit::Core => CORE.iter().chain(family).any(|core| name.eq_ignore_ascii_case(core)),
        EnvironmentInherit::None => false,
    }
}

/// Whether the whole name matches; names that are not Unicode are compared by their readable part.
pub(crate) fn matches(pattern: &str, name: &OsStr) -> bool {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    wildcard(&lower(pattern), &lower(&name.to_string_lossy()))
}

/// Iterative: on a mismatch the last `*` takes one character more. At worst pattern length times text length steps.
fn wildcard(pattern: &[char], text: &[char]) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_text));
                at_pattern += 1;
            }
            Some(&wanted) if wanted == '?' || wanted == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            Some(_) | None => {
                let Some((star_pattern, star_text)) = star else { return false };
                star = Some((star_pattern, star_text + 1));
                at_pattern = star_pattern + 1;
                at_text = star_text + 1;
            }
        }
    }
    pattern[at_pattern..].iter().all(|&left| left == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(policy: &ShellEnvironmentPolicy) -> String {
        let vars =
            ["PATH", "HOME", "MY_KEY", "aws_region", "GITHUB_TOKEN", "EDITOR"].map(|name| (OsString::from(name), OsString::from("v")));
        let kept = shell_environment(policy, &vars.into());
        kept.iter()
            .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_steps_are_taken_in_the_documented_order() {
        let policy = ShellEnvironmentPolicy::default;

        assert_eq!(names(&policy()), "EDITOR=v HOME=v PATH=v aws_region=v");
        let with_secrets = ShellEnvironmentPolicy {
            ignore_default_excludes: true,
            ..policy()
        };
        assert_eq!(names(&with_secrets), "EDITOR=v GITHUB_TOKEN=v HOME=v MY_KEY=v PATH=v aws_region=v");
        let excluded = ShellEnvironmentPolicy {
            exclude: vec!["AWS_*".into(), "edito?".into()],
            ..policy()
        };
        assert_eq!(names(&excluded), "HOME=v PATH=v");
        let set = [("CI".to_owned(), "1".to_owned()), ("EDITOR".to_owned(), "ed".to_owned())];
        let set_after_exclude = ShellEnvironmentPolicy {
            exclude: vec!["*".into()],
            set: set.clone().into(),
            ..policy()
        };
        assert_eq!(names(&set_after_exclude), "CI=1 EDITOR=ed");
        let include_only_last = ShellEnvironmentPolicy {
            include_only: vec!["p*".into(), "CI".into()],
            set: set.into(),
            ..policy()
        };
        assert_eq!(names(&include_only_last), "CI=1 PATH=v");
        let filters = [
            ("P*".to_owned(), EnvironmentFilter::Include),
            ("h*".to_owned(), EnvironmentFilter::Include),
            ("HOM?".to_owned(), EnvironmentFilter::Exclude),
        ];
        let filtered = ShellEnvironmentPolicy {
            filters: filters.into(),
            ..policy()
        };
        assert_eq!(names(&filtered), "PATH=v");
        assert_eq!(
            names(&ShellEnvironmentPolicy {
                inherit: EnvironmentInherit::None,
                ..policy()
            }),
            ""
        );
    }

    #[cfg(not(windows))]
    #[test]
    fn core_keeps_the_few_names_that_programs_need() {
        assert_eq!(
            names(&ShellEnvironmentPolicy {
                inherit: EnvironmentInherit::Core,
                ..Default::default()
            }),
            "HOME=v PATH=v"
        );
    }

    #[test]
    fn wildcards_match_whole_names() {
        let check = |pattern: &str, name: &str, expect: bool| assert_eq!(matches(pattern, OsStr::new(name)), expect, "{pattern} {name}");

        check("*KEY*", "a_key_b", true);
        check("*KEY", "a_key_b", false);
        check("A?C", "abc", true);
        check("A?C", "ac", false);
        check("**", "", true);
        check("", "a", false);
        check("a*b*c", "aXXbYYbZZc", true);
        check("Ä*", "äx", true);
    }
}
