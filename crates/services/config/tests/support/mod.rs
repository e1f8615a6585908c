//! A world of files for tests of resolution.

#![allow(dead_code, reason = "each test program uses a part")]

use codex_base::AbsPath;
use codex_config::{ConfigError, Overrides, ProcessEnv, Resolved, parse_override, resolve};
use codex_protocol::settings::Origin;

/// A temporary folder with `etc`, `home/.codex` and `w`; all texts show it as `/t`.
pub struct World {
    _folder: tempfile::TempDir,
    pub root: AbsPath,
}

impl World {
    pub fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = AbsPath::new(folder.path().canonicalize().expect("it exists")).expect("absolute");
        let world = Self { _folder: folder, root };
        for dir in ["etc", "home/.codex", "w"] {
            std::fs::create_dir_all(world.root.join(dir)).expect("a folder");
        }
        for (file, text) in files {
            world.write(file, text);
        }
        world
    }

    pub fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        std::fs::create_dir_all(path.parent().expect("below the root")).expect("a folder");
        std::fs::write(path, self.real(text)).expect("a file");
    }

    pub fn real(&self, text: &str) -> String {
        text.replace("/t/", &format!("{}/", self.root))
    }

    pub fn filtered(&self, text: &str) -> String {
        text.replace(&self.root.to_string(), "/t")
    }

    pub fn env(&self) -> ProcessEnv {
        let home = self.root.join("home").to_string();
        let vars = [("HOME", home.clone()), ("USERPROFILE", home)].map(|(name, value)| (name.into(), value.into()));
        let env = ProcessEnv::new(vars, self.root.join("w"), None, "UTC".to_owned()).expect("a home");
        ProcessEnv {
            system_config_dir: self.root.join("etc").as_path().to_owned(),
            ..env
        }
    }

    pub fn resolve(&self, cwd: &str, overrides: &Overrides) -> Result<Resolved, ConfigError> {
        resolve(&self.env(), &self.root.join(cwd), overrides)
    }

    pub fn resolved(&self, cwd: &str, overrides: &Overrides) -> Resolved {
        self.resolve(cwd, overrides).unwrap_or_else(|error| unreachable!("{error}"))
    }

    /// The settings that tests touch, every origin and every warning.
    pub fn shown(&self, cwd: &str, overrides: &Overrides) -> String {
        let resolved = self.resolved(cwd, overrides);
        let config = &resolved.config;
        let mut lines = vec![
            format!(
                "model {:?} of {} at {:?}",
                config.model, config.provider.id, config.provider.base_url
            ),
            format!(
                "ask {}, sandbox {}",
                config.approval_policy.as_str(),
                config.sandbox_policy.mode().as_str()
            ),
            format!("root {}, trusted {:?}", resolved.project_root, resolved.trusted),
        ];
        lines.extend(
            resolved
                .origins
                .iter()
                .map(|(key, origin)| format!("{key}: {}", shown_origin(origin))),
        );
        lines.extend(resolved.warnings.iter().map(|warning| format!("! {warning}")));
        self.filtered(&lines.join("\n"))
    }

    pub fn error(&self, cwd: &str, overrides: &Overrides) -> String {
        match self.resolve(cwd, overrides) {
            Ok(_) => "no error".to_owned(),
            Err(error) => self.filtered(&format!("[{}] {error}", error.code())),
        }
    }
}

fn shown_origin(origin: &Origin) -> String {
    let at = |layer: &str, file: &AbsPath, line: &Option<u32>| format!("{layer} {file}:{}", line.unwrap_or_default());
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::System { file, line } => at("system", file, line),
        Origin::User { file, line } => at("user", file, line),
        Origin::Profile { file, line } => at("profile", file, line),
        Origin::Project { file, line } => at("project", file, line),
        Origin::Managed { file, line } => at("managed", file, line),
        Origin::Session => "session".to_owned(),
        Origin::Flag { flag } => format!("flag {flag}"),
    }
}

pub fn cli(overrides: &[&str]) -> Overrides {
    let cli = overrides
        .iter()
        .map(|text| parse_override(text).unwrap_or_else(|error| unreachable!("{error}")));
    Overrides {
        cli: cli.collect(),
        ..Overrides::default()
    }
}

pub const USER: &str = "home/.codex/config.toml";
pub const TRUSTED: &str = "[projects.\"/t/w\"]\ntrust_level = \"trusted\"\n";
