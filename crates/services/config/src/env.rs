//! What the process found around itself at start, as a value.

use crate::layers::{self, canonical};
use crate::{ConfigError, dotenv};
use codex_base::{AbsPath, os};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;

/// Variables, directories and user facts; read once by the binary and handed around.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessEnv {
    pub vars: BTreeMap<OsString, OsString>,
    pub cwd: AbsPath,
    pub home: Option<AbsPath>,
    /// Canonical when it exists.
    pub codex_home: AbsPath,
    /// The folder of the system layer, e.g. `/etc/codex`.
    pub system_config_dir: PathBuf,
    /// The user's login shell, if known.
    pub user_shell: Option<PathBuf>,
    /// IANA name, e.g. `Europe/Berlin`.
    pub timezone: String,
    /// For requirements that name hosts.
    pub host_name: Option<String>,
    /// What was wrong with `$CODEX_HOME/.env`; told with every configuration.
    pub warnings: Vec<String>,
}

impl ProcessEnv {
    /// Finds the home directories in `vars`: `CODEX_HOME`, else `.codex` in the user's home.
    ///
    /// # Errors
    /// `config.home_missing` when there is neither, `config.home_invalid` when `CODEX_HOME` is not an existing folder. The default folder
    /// need not exist.
    pub fn new(
        vars: impl IntoIterator<Item = (OsString, OsString)>,
        cwd: AbsPath,
        user_shell: Option<PathBuf>,
        timezone: String,
    ) -> Result<Self, ConfigError> {
        let vars: BTreeMap<OsString, OsString> = vars.into_iter().collect();
        let home_name = if os::platform().0 == "windows" { "USERPROFILE" } else { "HOME" };
        let home = lookup(&vars, home_name)
            .filter(|value| !value.is_empty())
            .and_then(|home| AbsPath::new(home).ok());
        let codex_home = codex_home(lookup(&vars, "CODEX_HOME"), home.as_ref(), &cwd)?;
        Ok(Self {
            vars,
            cwd,
            home,
            codex_home,
            system_config_dir: os::system_config_dir(),
            user_shell,
            timezone,
            host_name: None,
            warnings: Vec::new(),
        })
    }

    /// Takes the variables of `$CODEX_HOME/.env`; they replace inherited ones. Without such a file nothing changes.
    pub fn load_dot_env(&mut self) {
        let file = self.codex_home.join(".env");
        let text = match layers::read_bounded(&file) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return,
            Err(error) => {
                self.warnings.push(format!("{file} is not used: {error}"));
                return;
            }
        };
        let found = dotenv::parse(&text, |name| self.var(name).map(str::to_owned));
        let problems = found.problems.iter().map(|(line, problem)| format!("{file}:{line}: {problem}"));
        self.warnings.extend(problems);
        self.vars
            .extend(found.vars.into_iter().map(|(name, value)| (name.into(), value.into())));
    }

    /// A variable that is set and is valid Unicode.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.var_os(name)?.to_str()
    }

    /// A variable that is set, whatever is in it.
    pub fn var_os(&self, name: &str) -> Option<&OsStr> {
        lookup(&self.vars, name)
    }

    /// An absolute path, or one that starts with `~`.
    pub(crate) fn absolute(&self, path: &str) -> Option<AbsPath> {
        let home = self.home.as_ref().filter(|_| path == "~" || path.starts_with("~/"));
        home.map(|home| self.expand(path, home)).or_else(|| AbsPath::new(path).ok())
    }

    /// `~` and `~/...` below the user's home, anything else relative to `base`.
    pub(crate) fn expand(&self, path: &str, base: &AbsPath) -> AbsPath {
        match (path.strip_prefix('~'), &self.home) {
            (Some(""), Some(home)) => home.clone(),
            (Some(rest), Some(home)) if rest.starts_with(['/', std::path::MAIN_SEPARATOR]) => home.join(&rest[1..]),
            _ => base.join(path),
        }
    }
}

/// Names compare as the system compares them: without case on Windows.
fn lookup<'a>(vars: &'a BTreeMap<OsString, OsString>, name: &str) -> Option<&'a OsStr> {
    let exact = vars.get(OsStr::new(name));
    let found = match os::platform().0 {
        "windows" => exact.or_else(|| vars.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)),
        _ => exact,
    };
    found.map(OsString::as_os_str)
}

fn codex_home(named: Option<&OsStr>, home: Option<&AbsPath>, cwd: &AbsPath) -> Result<AbsPath, ConfigError> {
    let named = named.filter(|name| !name.is_empty());
    let path = match named {
        Some(name) => cwd.join(name),
        None => home.ok_or(ConfigError::HomeMissing)?.join(".codex"),
    };
    match canonical(&path) {
        Some(found) if found.is_dir() => Ok(found),
        None if named.is_none() => Ok(path),
        Some(_) | None => Err(ConfigError::HomeInvalid { path }),
    }
}
