//! `codex sandbox learn`: runs a command, and says which permission profile lets it do that again.

use super::{Execution, Policy, ended_with, failed};
use crate::environment::{self, Surroundings};
use crate::prepare::tell;
use crate::wire;
use clap::Args;
use codex_base::AbsPath;
use codex_config::Overrides;
use codex_exec::ExecError;
use codex_process::facts::real_path;
use codex_process::record::{Record, Recording};
use codex_protocol::facts::Capabilities;
use codex_sandbox_cmd::learn::{self, Learned, Told};
use codex_sandbox_cmd::{Asked, InForce};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Of a profile that is not kept under a name.
const UNNAMED: &str = "learned";

/// Runs the command under the policy in force, as `codex sandbox` does (read-only unless you choose), and records what it reads, writes,
/// runs and reaches. What the policy refuses is not learned: for a command that you trust, choose a wider one with `-s workspace-write` or
/// `-s danger-full-access`
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Learn {
    #[command(flatten)]
    policy: Policy,

    /// Write the profile to FILE, which must not exist yet, instead of stderr
    #[arg(short, long, value_name = "FILE", conflicts_with = "save")]
    output: Option<PathBuf>,

    /// Keep the profile as NAME.config.toml in CODEX_HOME, where there must be none yet; `codex sandbox -p NAME` runs commands under it
    #[arg(long, value_name = "NAME", value_parser = crate::args::profile_name)]
    save: Option<String>,

    /// Everything that was seen, as JSON
    #[arg(long, conflicts_with = "save")]
    json: bool,

    /// Say on stderr which policy is in force and why
    #[arg(short, long)]
    verbose: bool,

    /// The command and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true)]
    command: Vec<OsString>,
}

impl Learn {
    pub fn run(self, outer: &Policy, root: &super::Root) -> Result<ExitCode, ExecError> {
        let Some(program) = self.command.first().map(|word| word.to_string_lossy().into_owned()) else {
            let error = ExecError::new("sandbox.no_command", "there is no command to learn from");
            return Err(error.with_hint("codex sandbox learn -- COMMAND, for example codex sandbox learn -- make"));
        };
        let policy = self.policy.clone().inside(outer);
        let surroundings = environment::read_for(policy.cd(root))?;
        let file = self.file(&surroundings);
        if let Some(file) = &file {
            // Again when it is written; here so that nothing runs in vain.
            must_be_free(file)?;
        }
        let in_force = policy.in_force(root, &surroundings)?;
        let sandbox = wire::sandbox_for_one_command();
        let execution = Execution {
            sandbox: sandbox.as_ref(),
            in_force: &in_force,
            process: &surroundings.process,
            verbose: self.verbose,
        };
        let ended = match execution.run(&self.command, Some(Recording::Everything))? {
            Ok(ended) => ended,
            Err(error) => return Ok(failed(&error)),
        };
        let Some(record) = &ended.record else {
            return Err(ExecError::new(
                "sandbox.unrecordable",
                "the record of the command was lost; nothing is learned",
            ));
        };
        let told = Report {
            name: self.save.as_deref().unwrap_or(UNNAMED),
            program: &program,
            exit_code: ended.exit_code,
            record,
            in_force: &in_force,
            surroundings: &surroundings,
            host: sandbox.capabilities(),
            overrides: policy.overrides(root)?,
            json: self.json,
        };
        let (text, notices) = told.texts();
        let kept = match &file {
            Some(file) => keep(file, &text),
            None => {
                tell(text.trim_end());
                Ok(())
            }
        };
        notices.iter().for_each(|notice| tell(notice));
        if let Err(error) = kept {
            // What was learned is not lost for that.
            tell(&error.report());
            tell(text.trim_end());
            if ended.exit_code == 0 {
                return Ok(ExitCode::FAILURE);
            }
        } else if let (Some(name), Some(file)) = (&self.save, &file) {
            tell(&format!(
                "note: kept as {}; `codex sandbox -p {name} -- COMMAND` runs under it",
                file.display()
            ));
        }
        Ok(ended_with(&ended))
    }

    fn file(&self, surroundings: &Surroundings) -> Option<PathBuf> {
        let process = &surroundings.process;
        let named = |name: &String| process.codex_home.join(format!("{name}.config.toml")).to_path_buf();
        let given = self.output.as_ref().map(|file| process.cwd.join(file).to_path_buf());
        given.or_else(|| self.save.as_ref().map(named))
    }
}

/// What the texts are made of.
struct Report<'a> {
    name: &'a str,
    program: &'a str,
    exit_code: u8,
    record: &'a Record,
    in_force: &'a InForce,
    surroundings: &'a Surroundings,
    host: &'a Capabilities,
    overrides: Overrides,
    json: bool,
}

impl Report<'_> {
    /// The profile, and what the user has to know besides.
    fn texts(&self) -> (String, Vec<String>) {
        let learned = learn::learned(&self.in_force.policy, self.host, self.record);
        let proposal = learn::propose(&learned.needs, &learn::folders(&self.in_force.cwd, &self.surroundings.process));
        let told = |uncovered: &[AbsPath]| {
            let told = Told {
                name: self.name,
                program: self.program,
                exit_code: self.exit_code,
                learned: &learned,
                proposal: &proposal,
                uncovered,
            };
            (told.toml(), if self.json { told.json() } else { told.toml() }, told.notices())
        };
        let (profile, ..) = told(&[]);
        match self.uncovered(&profile, &learned) {
            Ok(uncovered) => {
                let risky: Vec<AbsPath> = uncovered.into_iter().filter(|path| !proposal.leaves_out(path)).collect();
                let (_, text, notices) = told(&risky);
                (text, notices)
            }
            Err(why) => {
                let (_, text, mut notices) = told(&[]);
                notices.push(format!("note: the profile could not be tried here: {why}"));
                (text, notices)
            }
        }
    }

    /// Reads the text as a configuration and asks the policy that comes of it.
    fn uncovered(&self, profile: &str, learned: &Learned) -> Result<Vec<AbsPath>, String> {
        let table: toml::Table = toml::from_str(profile).map_err(|error| error.to_string())?;
        let permissions = table.get("permissions").and_then(|all| all.get(self.name)).cloned();
        let permissions = permissions.ok_or("it is empty")?;
        let mut overrides = self.overrides.clone();
        overrides.sandbox_mode = None;
        overrides.permission_profile = Some(self.name.to_owned());
        overrides.cli.push((format!("permissions.{}", self.name), permissions));
        let asked = Asked {
            overrides,
            cwd: self.in_force.cwd.clone(),
            state: None,
            unix_sockets: Vec::new(),
            additional: None,
        };
        let in_force = InForce::resolve(asked, &self.surroundings.process).map_err(|error| error.to_string())?;
        Ok(learn::uncovered(&learned.needs, &in_force.policy, self.host, real_path)
            .into_iter()
            .cloned()
            .collect())
    }
}

fn must_be_free(file: &Path) -> Result<(), ExecError> {
    if file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    Ok(())
}

fn exists(file: &Path) -> ExecError {
    let error = ExecError::new(
        "sandbox.profile_exists",
        format!("{} exists already and stays as it is", file.display()),
    );
    error.with_hint("take another name, or remove it first")
}

/// Whole or not at all, and never over something else.
fn keep(file: &Path, text: &str) -> Result<(), ExecError> {
    let failed = |error: io::Error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            exists(file)
        } else {
            ExecError::new("sandbox.profile_unwritable", format!("cannot write {}: {error}", file.display()))
        }
    };
    let folder = file.parent().unwrap_or_else(|| Path::new("/"));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    temporary.write_all(text.as_bytes()).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist_noclobber(file).map_err(|error| failed(error.error))?;
    Ok(())
}
