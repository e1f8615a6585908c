//! `HOME`, `CODEX_HOME` and a workspace that go away with the test.

use crate::mock::MockModel;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The start of every temporary folder's name; [`snapshot_filters`](crate::snapshot_filters) knows it.
pub(crate) const PREFIX: &str = "codex-test-";

/// A temporary folder with `home`, `codex-home` and `work` in it, removed when dropped.
#[derive(Debug)]
pub struct TempHome {
    /// Dropped last, with everything below it.
    _root: tempfile::TempDir,
    home: PathBuf,
    codex_home: PathBuf,
    workspace: PathBuf,
}

impl Default for TempHome {
    fn default() -> Self {
        Self::new()
    }
}

impl TempHome {
    /// In the system's temporary folder. Mind that `workspace-write` makes that folder writable: for tests of what must not be written
    /// take [`outside_temp`](Self::outside_temp).
    pub fn new() -> Self {
        Self::new_in(&std::env::temp_dir())
    }

    /// Where `workspace-write` lets nobody write: neither in `/tmp` nor in the system's temporary folder, wherever the checkout lies.
    pub fn outside_temp() -> Self {
        let temporary = [std::env::temp_dir(), PathBuf::from("/tmp")];
        let candidates = [Some(PathBuf::from("/var/tmp")), std::env::home_dir()].into_iter().flatten();
        let usable = |folder: &PathBuf| folder.is_dir() && !temporary.iter().any(|temporary| folder.starts_with(temporary));
        Self::new_in(&candidates.into_iter().find(usable).expect("/var/tmp or a home folder"))
    }

    /// Below `parent`.
    pub fn new_in(parent: &Path) -> Self {
        let root = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)
            .expect("a temporary folder");
        // Links on the way (as macOS has them) would make one folder look like two.
        let base = root.path().canonicalize().expect("the folder was just made");
        let [home, codex_home, workspace] = ["home", "codex-home", "work"].map(|name| base.join(name));
        for folder in [&home, &codex_home, &workspace] {
            fs::create_dir(folder).expect("a folder in a new folder");
        }
        Self {
            _root: root,
            home,
            codex_home,
            workspace,
        }
    }

    pub fn home(&self) -> &Path {
        &self.home
    }

    pub fn codex_home(&self) -> &Path {
        &self.codex_home
    }

    /// Empty, and no git repository until [`make_repository`](Self::make_repository).
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Replaces `config.toml`.
    pub fn write_config(&self, toml: &str) {
        fs::write(self.codex_home.join("config.toml"), toml).expect("config.toml can be written");
    }

    /// Replaces `config.toml` by one whose model is `mock`: model `gpt-5.5`, no key, and `more` in front of the provider's table.
    pub fn use_model(&self, mock: &MockModel, more: &str) {
        self.write_config(&provider_config(&mock.base_url(), more));
    }

    /// Writes a file of the workspace, with its folders.
    pub fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.workspace.join(path);
        fs::create_dir_all(path.parent().expect("a path in the workspace")).expect("folders can be made");
        fs::write(&path, contents).expect("a file of the workspace can be written");
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.workspace.join(path)).expect("a readable file of the workspace")
    }

    /// Writes the files and makes the workspace a git repository with one commit of them. Needs `git`.
    pub fn make_repository(&self, files: &[(&str, &str)]) {
        for (path, contents) in files {
            self.write(path, contents);
        }
        for arguments in [
            &["init", "-q", "-b", "main"][..],
            &["add", "-A"],
            &["commit", "-q", "--allow-empty", "-m", "start"],
        ] {
            self.git(arguments);
        }
    }

    /// Runs git in the workspace, without the user's configuration, and returns what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.command("git").args(arguments).output().expect("git is installed");
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The whole environment of a program under test: `HOME`, `CODEX_HOME`, the caller's `PATH`, a fixed language, and no git
    /// configuration but an author.
    pub fn env(&self) -> Vec<(OsString, OsString)> {
        let mut env: Vec<(OsString, OsString)> = [
            ("LANG", "C.UTF-8"),
            ("TZ", "UTC"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "Test"),
            ("GIT_AUTHOR_EMAIL", "test@example.com"),
            ("GIT_COMMITTER_NAME", "Test"),
            ("GIT_COMMITTER_EMAIL", "test@example.com"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        env.push(("HOME".into(), self.home.clone().into()));
        env.push(("USERPROFILE".into(), self.home.clone().into()));
        env.push(("CODEX_HOME".into(), self.codex_home.clone().into()));
        // Without these a program finds nothing to run, or on Windows not even its libraries.
        let kept = ["PATH", "SystemRoot", "PATHEXT", "COMSPEC"];
        env.extend(kept.iter().filter_map(|name| Some(((*name).into(), std::env::var_os(name)?))));
        env
    }

    /// A command in the workspace with [`env`](Self::env) and nothing of the test's own environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.env())
            .current_dir(&self.workspace)
            .stdin(std::process::Stdio::null());
        command
    }

    /// Every journal below `CODEX_HOME/sessions`, oldest name first.
    pub fn journals(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.codex_home.join("sessions")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "jsonl") {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }
}

/// A `config.toml` for one provider at `base_url` that needs no key. `more` holds top-level keys; tables of its own go behind it.
pub fn provider_config(base_url: &str, more: &str) -> String {
    format!(
        "model = \"gpt-5.5\"\nmodel_provider = \"mock\"\n{more}\n\
         [model_providers.mock]\nname = \"mock\"\nbase_url = \"{base_url}\"\nwire_api = \"responses\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_a_repository_and_leaves_nothing() {
        let home = TempHome::new();
        home.make_repository(&[("src/a.txt", "a\n")]);

        assert_eq!(home.git(&["status", "--porcelain"]), "");
        assert_eq!(home.git(&["ls-files"]), "src/a.txt\n");
        assert_eq!(home.read("src/a.txt"), "a\n");
        assert!(home.journals().is_empty());

        let root = home.workspace().parent().unwrap().to_owned();
        drop(home);
        assert!(!root.exists());
    }
}
