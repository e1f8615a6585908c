//! Feature flags: every name that `features.NAME`, `--enable` and `--disable` take, with its stage and default.
//!
//! The names and defaults are those of the program that users' files were written for (its version 0.169), so that every file is understood.
//! A flag switches something in this program only where its code asks for it.

use crate::edit::Change;
use crate::tree::{Node, Table, Value, dotted};
use crate::value::by_name;
use crate::{ConfigError, Overrides, ProcessEnv, layers};
use codex_base::AbsPath;
use serde::Deserialize;
use std::fmt;

/// One flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    pub name: &'static str,
    pub stage: Stage,
    pub default: bool,
}

/// How far a feature has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    Stable,
    Experimental,
    UnderDevelopment,
    Deprecated,
    /// The name is still taken and does nothing.
    Removed,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stable => "stable",
            Self::Experimental => "experimental",
            Self::UnderDevelopment => "under development",
            Self::Deprecated => "deprecated",
            Self::Removed => "removed",
        })
    }
}

/// A flag as the configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    pub feature: Feature,
    pub enabled: bool,
    /// `[features.NAME]` with settings of its own, not just `true` or `false`.
    pub is_table: bool,
}

/// Every flag, sorted by name, as it is in force in `cwd`.
///
/// # Errors
/// As [`crate::resolve`]; a flag that is neither a switch nor a table is `config.type`.
pub fn states(env: &ProcessEnv, cwd: &AbsPath, overrides: &Overrides) -> Result<Vec<State>, ConfigError> {
    let layers = layers::load(env, cwd, overrides)?;
    let empty = Table::new();
    let set = match layers.merged.get(TABLE) {
        Some(node) => node.table(TABLE)?,
        None => &empty,
    };
    all().map(|feature| state(feature, set)).collect()
}

pub(crate) const TABLE: &str = "features";

fn state(feature: Feature, set: &Table) -> Result<State, ConfigError> {
    let said = said(set, feature.name)?;
    let implied = IMPLIED
        .iter()
        .filter(|(_, implied)| *implied == feature.name)
        .any(|(by, _)| set.get(*by).is_some_and(|node| switch(node, by).ok().flatten() == Some(true)));
    let fixed = feature.stage == Stage::Removed || FIXED.contains(&feature.name);
    let enabled = if fixed {
        feature.default
    } else {
        implied || said.unwrap_or(feature.default)
    };
    Ok(State {
        feature,
        enabled,
        is_table: named(set, feature.name).is_some_and(|node| matches!(node.value, Value::Table(_))),
    })
}

/// What `[features]` says of a flag, under its present name or else an older one.
pub(crate) fn said(set: &Table, feature: &'static str) -> Result<Option<bool>, ConfigError> {
    let said = named(set, feature).map(|node| switch(node, feature));
    Ok(said.transpose()?.flatten())
}

fn named<'a>(set: &'a Table, feature: &'static str) -> Option<&'a Node> {
    std::iter::once(feature).chain(aliases_of(feature)).find_map(|name| set.get(name))
}

/// `true`, `false`, or `enabled` of a table, if it is there.
fn switch(node: &Node, name: &str) -> Result<Option<bool>, ConfigError> {
    let key = dotted(TABLE, name);
    match &node.value {
        Value::Table(table) => table.get("enabled").map(|node| node.boolean(&dotted(&key, "enabled"))).transpose(),
        Value::Other(_) => node.boolean(&key).map(Some),
    }
}

/// The flag of that name or older name.
pub fn find(name: &str) -> Option<Feature> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    all().find(|feature| feature.name == name)
}

/// The flag that was probably meant.
pub fn nearest(name: &str) -> Option<&'static str> {
    codex_base::nearest(name, all().map(|feature| feature.name))
}

/// What has to change in the user's file to switch a flag. `without` is its state if the file said nothing.
///
/// A flag that is off anyway is taken out instead of being switched off; older names of it go.
pub fn changes(state: &State, without: bool, on: bool) -> Vec<Change> {
    let path = |name: &str| Change::path(&[TABLE, name]);
    let older = aliases_of(state.feature.name).map(|alias| Change::Remove { path: path(alias) });
    let own = path(state.feature.name);
    let own = if on || without || state.is_table {
        Change::Switch { path: own, on }
    } else {
        Change::Remove { path: own }
    };
    older.chain(std::iter::once(own)).collect()
}

/// All flags, sorted by name.
pub fn all() -> impl Iterator<Item = Feature> {
    FEATURES.lines().filter_map(feature)
}

fn aliases_of(name: &'static str) -> impl Iterator<Item = &'static str> {
    ALIASES.iter().filter(move |(_, of)| *of == name).map(|(alias, _)| *alias)
}

/// Older names.
const ALIASES: &[(&str, &str)] = &[
    ("connectors", "apps"),
    ("collab", "multi_agent"),
    ("memory_tool", "memories"),
    ("web_search", "web_search_request"),
    ("codex_hooks", "hooks"),
    ("request_permissions", "exec_permission_approvals"),
    ("telepathy", "chronicle"),
    ("enable_experimental_windows_sandbox", "experimental_windows_sandbox"),
    ("include_apply_patch_tool", "apply_patch_freeform"),
    ("experimental_use_freeform_apply_patch", "apply_patch_freeform"),
    ("experimental_use_unified_exec_tool", "unified_exec"),
];

/// The first switches the second on.
const IMPLIED: &[(&str, &str)] = &[("code_mode_only", "code_mode")];

/// Cannot be switched: there is no other way to run commands.
const FIXED: &[&str] = &["unified_exec"];

/// A row for each flag, sorted by name: name, stage and default.
const FEATURES: &str = include_str!("features.txt");

fn feature(row: &'static str) -> Option<Feature> {
    let [name, stage, default] = row.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let stage = by_name(stage)?;
    let default = match default {
        "on" => true,
        "off" => false,
        _ => return None,
    };
    Some(Feature { name, stage, default })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    fn parsed(text: &str) -> Table {
        let file = AbsPath::new(std::env::temp_dir()).unwrap().join("config.toml");
        let mut table = crate::tree::parse(text, &file, crate::tree::Layer::User, 0).unwrap();
        let node = table.remove(TABLE).unwrap();
        node.table(TABLE).unwrap().clone()
    }

    fn enabled(text: &str, name: &str) -> bool {
        state(find(name).unwrap(), &parsed(text)).unwrap().enabled
    }

    #[test]
    fn every_row_is_a_flag() {
        let odd: Vec<_> = FEATURES.lines().filter(|row| feature(row).is_none()).collect();

        assert_eq!(odd, ["# name, stage, default"]);
    }

    #[test]
    fn names_are_sorted_and_every_alias_names_one() {
        let names: Vec<_> = all().map(|feature| feature.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();

        assert_eq!(names, sorted);
        for (alias, name) in ALIASES {
            assert_eq!(find(alias).map(|feature| feature.name), Some(*name), "{alias}");
        }
    }

    #[test]
    fn a_flag_is_what_its_switch_table_or_older_name_says() {
        let check = |text: &str, name: &str, expect: bool| assert_eq!(enabled(text, name), expect, "{text}");

        check("[features]", "goals", true);
        check("features.goals = false", "goals", false);
        check("features.code_mode = { enabled = true }", "code_mode", true);
        check("features.code_mode = { other = 1 }", "code_mode", false);
        check("features.code_mode_only = true", "code_mode", true);
        check("features.collab = false", "multi_agent", false);
        check("features.collab = false\nfeatures.multi_agent = true", "multi_agent", true);
        check("features.undo = true", "undo", false);
        check("features.steer = false", "steer", true);
        check("features.unified_exec = false", "unified_exec", true);
    }

    #[test]
    fn what_is_no_switch_is_an_error_with_its_key() {
        let error = state(find("goals").unwrap(), &parsed("features.goals = 3")).unwrap_err();

        assert!(
            error.to_string().ends_with("`features.goals` must be true or false, not 3"),
            "{error}"
        );
    }

    #[test]
    fn switching_writes_as_little_as_possible() {
        let check = |text: &str, name: &str, on: bool, without: bool, expect: &str| {
            let state = state(find(name).unwrap(), &parsed(text)).unwrap();
            let file = AbsPath::new(std::env::temp_dir()).unwrap();
            let after = crate::edit::changed(text, &file, &changes(&state, without, on)).unwrap();
            assert_eq!(after, expect, "{text} {name}");
        };

        check("[features]\n", "memories", true, false, "[features]\nmemories = true\n");
        check("[features]\nmemories = true\n", "memories", false, false, "[features]\n");
        check(
            "[features]\nmemories = true\n",
            "memories",
            false,
            true,
            "[features]\nmemories = false\n",
        );
        check("[features]\n", "hooks", false, true, "[features]\nhooks = false\n");
        check(
            "[features]\ncodex_hooks = false\n",
            "hooks",
            true,
            true,
            "[features]\nhooks = true\n",
        );
        check(
            "[features.code_mode]\nenabled = true\nn = 1\n",
            "code_mode",
            false,
            false,
            "[features.code_mode]\nenabled = false\nn = 1\n",
        );
    }
}
