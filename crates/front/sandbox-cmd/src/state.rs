//! `--sandbox-state-json`: a policy that a running server handed out, read as a permission profile of its own.
//!
//! Input: the JSON object that carries `permissionProfile` and `sandboxCwd`, with entries as the reference hands them to its helper
//! (observed). Output: the same as configuration, so that it is checked, narrowed and explained like any other profile. What is not
//! understood is an error: a rule left out could be one that closes something.

use crate::SandboxCmdError;
use codex_base::AbsPath;
use codex_config::Overrides;
use codex_protocol::additional::{FileSystemEntry, FileSystemPath, FileSystemSpecialPath};
use codex_protocol::settings::Rights;
use serde::Deserialize;
use toml::{Table, Value};

/// What the profile is called in explanations.
const NAME: &str = "sandbox-state";

/// A captured sandbox state, perhaps adjusted.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub cwd: AbsPath,
    profile: Profile,
}

#[derive(Debug, Clone, PartialEq)]
enum Profile {
    Disabled,
    Table { filesystem: Table, network: bool },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    permission_profile: WireProfile,
    sandbox_cwd: String,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireProfile {
    Disabled,
    /// Somebody else confines files.
    External {
        network: WireNetwork,
    },
    Managed {
        file_system: WireFiles,
        network: WireNetwork,
    },
}

#[derive(Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireNetwork {
    Restricted,
    Enabled,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum WireFiles {
    Unrestricted,
    Restricted {
        entries: Vec<FileSystemEntry>,
        glob_scan_max_depth: Option<u32>,
    },
}

impl State {
    /// # Errors
    /// [`SandboxCmdError::State`] if the text is no state.
    pub fn parse(text: &str) -> Result<Self, SandboxCmdError> {
        let wrong = |problem: String| SandboxCmdError::State { problem };
        let wire: Wire = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let cwd = folder(&wire.sandbox_cwd).ok_or_else(|| wrong(format!("sandboxCwd {:?} is no file address", wire.sandbox_cwd)))?;
        let everything = || Table::from_iter([(":root".to_owned(), Value::from("write"))]);
        let profile = match wire.permission_profile {
            WireProfile::Disabled => Profile::Disabled,
            WireProfile::External { network } => Profile::Table {
                filesystem: everything(),
                network: network == WireNetwork::Enabled,
            },
            WireProfile::Managed { file_system, network } => Profile::Table {
                filesystem: match file_system {
                    WireFiles::Unrestricted => everything(),
                    WireFiles::Restricted {
                        entries,
                        glob_scan_max_depth,
                    } => filesystem(&entries, glob_scan_max_depth).map_err(wrong)?,
                },
                network: network == WireNetwork::Enabled,
            },
        };
        Ok(Self { cwd, profile })
    }

    /// `--sandbox-state-readable-root`.
    #[must_use]
    pub fn with_readable_roots(mut self, roots: &[AbsPath]) -> Self {
        if let Profile::Table { filesystem, .. } = &mut self.profile {
            for root in roots {
                put(filesystem, &root.to_string(), Rights::Read);
            }
        }
        self
    }

    /// `--sandbox-state-disable-network`.
    ///
    /// # Errors
    /// [`SandboxCmdError::State`] if the state confines nothing.
    pub fn without_network(mut self) -> Result<Self, SandboxCmdError> {
        match &mut self.profile {
            Profile::Disabled => Err(SandboxCmdError::State {
                problem: "--sandbox-state-disable-network has nothing to act on, this state confines nothing".to_owned(),
            }),
            Profile::Table { network, .. } => {
                *network = false;
                Ok(self)
            }
        }
    }

    /// Makes it the profile in force.
    pub(crate) fn choose(self, overrides: &mut Overrides) {
        overrides.sandbox_mode = None;
        overrides.permission_profile = Some(match self.profile {
            Profile::Disabled => ":danger-full-access".to_owned(),
            Profile::Table { filesystem, network } => {
                let network = Table::from_iter([("enabled".to_owned(), Value::from(network))]);
                let profile = Table::from_iter([("filesystem".to_owned(), filesystem.into()), ("network".to_owned(), network.into())]);
                overrides.cli.push((format!("permissions.{NAME}"), profile.into()));
                NAME.to_owned()
            }
        });
    }
}

/// The error is what is not understood.
fn filesystem(entries: &[FileSystemEntry], max_depth: Option<u32>) -> Result<Table, String> {
    let mut table = Table::new();
    if let Some(depth) = max_depth {
        table.insert("glob_scan_max_depth".to_owned(), i64::from(depth).into());
    }
    for FileSystemEntry { path, access } in entries {
        let key = match path {
            FileSystemPath::Path { path } | FileSystemPath::GlobPattern { pattern: path } => path,
            FileSystemPath::Special { value } => match value {
                FileSystemSpecialPath::Root => ":root",
                FileSystemSpecialPath::Minimal => ":minimal",
                FileSystemSpecialPath::Tmpdir => ":tmpdir",
                FileSystemSpecialPath::SlashTmp => ":slash_tmp",
                FileSystemSpecialPath::CurrentWorkingDirectory | FileSystemSpecialPath::ProjectRoots { .. } => {
                    let below = match value {
                        FileSystemSpecialPath::ProjectRoots { subpath } => subpath.as_deref(),
                        _ => None,
                    };
                    let roots = table.entry(":workspace_roots").or_insert_with(|| Table::new().into());
                    if let Value::Table(roots) = roots {
                        put(roots, below.unwrap_or("."), *access);
                    }
                    continue;
                }
                FileSystemSpecialPath::Unknown { path, .. } => return Err(format!("unknown path {path:?}")),
            },
        };
        put(&mut table, key, *access);
    }
    Ok(table)
}

/// Of two for one path the stronger counts: deny, write, read.
fn put(table: &mut Table, key: &str, access: Rights) {
    let known = table.get(key).and_then(Value::as_str);
    let is_stronger = |known: &&str| *known == "deny" || *known == "write" && access == Rights::Read;
    let word = known.filter(is_stronger).unwrap_or(access.as_str()).to_owned();
    table.insert(key.to_owned(), word.into());
}

/// An absolute path, or a `file:` address of this machine.
fn folder(text: &str) -> Option<AbsPath> {
    let Some(rest) = text.strip_prefix("file://") else {
        return AbsPath::new(text).ok();
    };
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    AbsPath::new(codex_base::path::percent_decoded(rest)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(profile: &str) -> String {
        let text = format!(r#"{{"permissionProfile": {profile}, "sandboxCwd": "file:///w%20x", "more": 1}}"#);
        match State::parse(&text) {
            Ok(state) => {
                let mut overrides = Overrides::default();
                assert_eq!(state.cwd.to_string(), "/w x");
                state.choose(&mut overrides);
                let lines = overrides.cli.iter().map(|(key, value)| format!("{key} = {value}\n"));
                format!("{}\n{}", overrides.permission_profile.unwrap(), lines.collect::<String>())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_state_becomes_a_profile() {
        let managed = r#"{"type": "managed", "network": "restricted", "file_system": {"type": "restricted", "glob_scan_max_depth": 2, "entries": [
            {"path": {"type": "special", "value": {"kind": "root"}}, "access": "read"},
            {"path": {"type": "special", "value": {"kind": "project_roots", "subpath": "docs"}}, "access": "write"},
            {"path": {"type": "path", "path": "/w"}, "access": "none"},
            {"path": {"type": "path", "path": "/w"}, "access": "write", "missing_path_behavior": "skip"},
            {"path": {"type": "glob_pattern", "pattern": "/w/**/*.env"}, "access": "deny"}]}}"#;

        insta::assert_snapshot!(chosen(managed), @r#"
        sandbox-state
        permissions.sandbox-state = { filesystem = { "/w" = "deny", "/w/**/*.env" = "deny", ":root" = "read", ":workspace_roots" = { docs = "write" }, glob_scan_max_depth = 2 }, network = { enabled = false } }
        "#);
        insta::assert_snapshot!(chosen(r#"{"type": "disabled"}"#), @":danger-full-access");
        insta::assert_snapshot!(chosen(r#"{"type": "external", "network": "restricted"}"#), @r#"
        sandbox-state
        permissions.sandbox-state = { filesystem = { ":root" = "write" }, network = { enabled = false } }
        "#);
    }

    #[test]
    fn what_is_not_understood_is_no_state() {
        for text in [
            "",
            "{}",
            r#"{"permissionProfile": {"type": "disabled"}}"#,
            r#"{"permissionProfile": {"type": "disabled"}, "sandboxCwd": "w"}"#,
            r#"{"permissionProfile": {"type": "disabled"}, "sandboxCwd": "file:///%zz"}"#,
            r#"{"permissionProfile": {"type": "new"}, "sandboxCwd": "/w"}"#,
            r#"{"permissionProfile": {"type": "managed", "network": "restricted", "file_system": {"type": "restricted", "entries": [
                {"path": {"type": "special", "value": {"kind": "new"}}, "access": "deny"}]}}, "sandboxCwd": "/w"}"#,
        ] {
            assert!(matches!(State::parse(text), Err(SandboxCmdError::State { .. })), "{text}");
        }
    }

    #[test]
    fn the_network_can_only_be_taken_from_what_is_confined() {
        let parse = |profile: &str| State::parse(&format!(r#"{{"permissionProfile": {profile}, "sandboxCwd": "/w"}}"#)).unwrap();

        assert!(parse(r#"{"type": "disabled"}"#).without_network().is_err());
        assert_eq!(
            parse(r#"{"type": "external", "network": "enabled"}"#).without_network().unwrap(),
            parse(r#"{"type": "external", "network": "restricted"}"#)
        );
    }
}
