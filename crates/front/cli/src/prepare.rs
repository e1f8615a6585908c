//! From the parsed command line to a run that can start: every check that needs no server, in a fixed order.
//!
//! `-c` syntax, working directory, configuration, prompt, output schema, git repository. Then `--trust` writes what it was asked to. The first that fails is the one that is reported.

use crate::args::Shared;
use crate::args::{Color, ExecCommand, Reviewed};
use crate::environment::{Surroundings, config_error};
use crate::local::LocalModel;
use crate::stdin::{self, Stdin};
use crate::trust;
use crate::worktree;
use codex_base::{AbsPath, RandomIds, SystemClock};
use codex_config::Overrides;
use codex_exec::human::{Colour, visible};
use codex_exec::prompt::{self, Continues};
use codex_exec::{ExecError, ExecOptions, Output, Session, Task};
use codex_model::LocalServer;
use codex_protocol::requests::ThreadSettings;
use codex_protocol::review::ReviewTarget;
use codex_protocol::settings::ApprovalsReviewer;
use std::io::Write;
use std::path::Path;

/// A run, and what the server is started with.
#[derive(Debug)]
pub struct Prepared {
    pub options: ExecOptions,
    pub overrides: Overrides,
    /// A model on this machine that must be there first.
    pub local: Option<LocalModel>,
}

/// # Errors
/// The first check that fails.
pub fn exec(command: &ExecCommand, surroundings: &Surroundings) -> Result<Prepared, ExecError> {
    for note in &command.notes {
        tell(&format!("note: {note}"));
    }
    if command.own.ephemeral && matches!(command.session, Session::Resume(_) | Session::Last { .. }) {
        let message = "--ephemeral cannot be used with resume: a session that is continued keeps its journal";
        return Err(ExecError::new("exec.ephemeral_resume", message));
    }
    let overrides = command.shared.overrides(&command.config)?;
    let cwd = conversation_directory(command.shared.cd.as_deref(), &surroundings.process.cwd)?;
    let overrides = Overrides {
        ignore_user_config: command.own.ignore_user_config,
        add_dirs: command.shared.add_dirs.iter().map(|dir| cwd.join(dir)).collect(),
        ..overrides
    };
    // A stored session goes on with today's provider and model, so they have to be there for it, too; a bare fork asks nobody.
    let asks = command.prompt.is_some() || !matches!(command.session, Session::Fork(_));
    let chosen = chosen_model(&command.shared, asks, surroundings, &cwd, &overrides)?;
    let trust = command
        .own
        .trust
        .then(|| trust::ask(&surroundings.process, &cwd, &overrides))
        .transpose()?;
    let task = match &command.review {
        Some(reviewed) => Task::Review(review_target(reviewed, command, surroundings)?),
        None => read_prompt(command, surroundings)?.map_or(Task::Open, Task::Answer),
    };
    let output_schema = command
        .own
        .output_schema
        .as_deref()
        .map(|path| output_schema(&surroundings.process.cwd.join(path)))
        .transpose()?;
    if !command.own.skip_git_repo_check && !command.shared.bypasses() && !codex_git::is_repository(&cwd) {
        return Err(no_repository());
    }
    let overrides = match trust {
        Some(trust) => {
            let (overrides, note) = trust.record(&surroundings.process, overrides)?;
            note.iter().for_each(|note| tell(note));
            overrides
        }
        None => overrides,
    };
    let cwd = if command.shared.worktree {
        new_worktree(&cwd, surroundings)?
    } else {
        cwd
    };
    let options = ExecOptions {
        session: command.session.clone(),
        task,
        images: command.images.iter().map(|path| image(path, command, surroundings)).collect(),
        cwd,
        settings: settings(&command.shared, chosen.model, chosen.model_provider),
        ephemeral: command.own.ephemeral,
        thread_source: command.own.thread_source.clone(),
        output_schema,
        last_message_file: command
            .own
            .output_last_message
            .as_ref()
            .map(|path| surroundings.process.cwd.join(path).as_path().to_owned()),
        output: output(command, surroundings),
    };
    Ok(Prepared {
        options,
        overrides,
        local: chosen.local,
    })
}

/// What the command line says of a thread, and who is asked.
pub fn settings(shared: &Shared, model: Option<String>, model_provider: Option<String>) -> ThreadSettings {
    ThreadSettings {
        model,
        model_provider,
        approvals_reviewer: shared.approve_for_me.then_some(ApprovalsReviewer::AutoReview),
        sandbox: shared.sandbox(),
        ..ThreadSettings::default()
    }
}

/// Who is asked.
pub struct Chosen {
    pub model: Option<String>,
    pub model_provider: Option<String>,
    pub local: Option<LocalModel>,
}

/// What the command line and, for `--oss`, the configuration say of provider and model. Somebody will be asked if `asks`.
///
/// # Errors
/// If the configuration is broken, or nothing says which local provider is meant.
pub fn chosen_model(
    shared: &Shared,
    asks: bool,
    surroundings: &Surroundings,
    cwd: &AbsPath,
    overrides: &Overrides,
) -> Result<Chosen, ExecError> {
    let mut resolved = codex_config::resolve(&surroundings.process, cwd, overrides).map_err(config_error)?;
    // The provider of the command line, else the configured one.
    let local_provider = shared.local_provider.clone().or(resolved.config.oss_provider.take());
    let model_provider = local_provider.filter(|_| shared.oss);
    if shared.oss && model_provider.is_none() {
        return Err(ExecError::new("exec.no_local_provider", "--oss does not say which local provider")
            .with_hint("add --local-provider ollama or --local-provider lmstudio, or set oss_provider in the configuration"));
    }
    if model_provider.is_some() {
        let overrides = Overrides {
            model_provider: model_provider.clone(),
            ..overrides.clone()
        };
        resolved = codex_config::resolve(&surroundings.process, cwd, &overrides).map_err(config_error)?;
    }
    // With --oss, the model of the configuration is for another provider.
    let usual = LocalServer::of(&resolved.config.provider).filter(|_| shared.oss);
    let model = shared.model.clone().or_else(|| Some(usual?.default_model().to_owned()));
    let local = if asks { LocalModel::of(&resolved, model.as_deref()) } else { None };
    Ok(Chosen {
        model,
        model_provider,
        local,
    })
}

/// The working directory in a work tree of its own.
///
/// # Errors
/// If git cannot make it.
pub fn new_worktree(cwd: &AbsPath, surroundings: &Surroundings) -> Result<AbsPath, ExecError> {
    let made = worktree::make(&surroundings.process.codex_home, cwd, &RandomIds)?;
    tell(&format!(
        "note: working in the new git worktree {}, at {}; it stays",
        made.root, made.commit
    ));
    Ok(made.cwd)
}

/// A line on stderr, if anybody is there.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", visible(line));
}

/// As [`working_directory`], for a conversation: its journal and its model are told of the directory as text, and commands would not find it.
pub fn conversation_directory(cd: Option<&Path>, cwd: &AbsPath) -> Result<AbsPath, ExecError> {
    let path = working_directory(cd, cwd)?;
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err(ExecError::new("cli.no_directory", format!("cannot work in {path}: its name is no Unicode")).with_hint("rename it")),
    }
}

/// The directory of `-C`, links resolved where the system has them.
pub fn working_directory(cd: Option<&Path>, cwd: &AbsPath) -> Result<AbsPath, ExecError> {
    let Some(cd) = cd else {
        return Ok(cwd.clone());
    };
    let wrong = |why: String| ExecError::new("cli.no_directory", format!("cannot work in {}: {why}", cd.display()));
    let path = cwd.join(cd);
    if !path.metadata().map_err(|error| wrong(error.to_string()))?.is_dir() {
        return Err(wrong("not a directory".to_owned()));
    }
    if cfg!(windows) {
        return Ok(path);
    }
    let real = path.canonicalize().map_err(|error| wrong(error.to_string()))?;
    AbsPath::new(real).map_err(|error| wrong(error.to_string()))
}

fn review_target(reviewed: &Reviewed, command: &ExecCommand, surroundings: &Surroundings) -> Result<ReviewTarget, ExecError> {
    match reviewed {
        Reviewed::Target(target) => Ok(target.clone()),
        Reviewed::Prompt if command.prompt.is_none() => Err(ExecError::new("review.no_target", "the review does not say of what")
            .with_hint("add --uncommitted, --base BRANCH or --commit SHA, or a prompt of your own")),
        Reviewed::Prompt => {
            let source = prompt::source(command.prompt.as_deref(), surroundings.terminals.stdin, Continues::Yes);
            let instructions = read_from(source, command.prompt.as_deref())?;
            Ok(ReviewTarget::Custom { instructions })
        }
    }
}

/// With `-i a.png 'what is it'` the prompt is a picture, too.
pub const PROMPT_BEHIND_PICTURES: &str = "-i takes every word behind it; put -- before the prompt: -i FILE -- 'what to do'";

/// `None` if only a fork is wanted.
fn read_prompt(command: &ExecCommand, surroundings: &Surroundings) -> Result<Option<String>, ExecError> {
    let argument = command.prompt.as_deref();
    let continues = match command.session {
        Session::Fork(_) if argument.is_none() && command.images.is_empty() => return Ok(None),
        Session::Fork(_) if argument.is_none() => {
            return Err(ExecError::new("exec.no_prompt", "there are pictures but no prompt").with_hint(PROMPT_BEHIND_PICTURES));
        }
        Session::New => Continues::No,
        Session::Fork(_) | Session::Resume(_) | Session::Last { .. } => Continues::Yes,
    };
    let source = prompt::source(argument, surroundings.terminals.stdin, continues);
    let read = read_from(source, argument).map(Some);
    match read {
        Err(error) if error.code == "exec.no_prompt" && !command.images.is_empty() => Err(error.with_hint(PROMPT_BEHIND_PICTURES)),
        read => read,
    }
}

fn read_from(source: prompt::Source, argument: Option<&str>) -> Result<String, ExecError> {
    let clock = SystemClock::default();
    let mut stdin = Stdin::default();
    let bytes = match source {
        prompt::Source::Argument | prompt::Source::Missing => Vec::new(),
        prompt::Source::Both => stdin::read_addition(&mut stdin, &clock, &mut tell)?,
        prompt::Source::Stdin { notice } => {
            if notice {
                tell("reading the prompt from stdin");
            }
            stdin::read_all(&mut stdin, &clock, &mut tell)?
        }
    };
    prompt::compose(source, argument, &bytes)
}

/// As given, but for `-C`: then a relative path, which counts from where codex was started, no longer says where the picture is.
fn image(path: &str, command: &ExecCommand, surroundings: &Surroundings) -> String {
    if command.shared.cd.is_some() {
        surroundings.process.cwd.join(path).to_string()
    } else {
        path.to_owned()
    }
}

fn output_schema(path: &AbsPath) -> Result<serde_json::Value, ExecError> {
    let wrong = |message: String| ExecError::new("exec.output_schema", message);
    let text = std::fs::read(path).map_err(|error| wrong(format!("cannot read the output schema {path}: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| wrong(format!("the output schema {path} is not JSON: {error}")))
}

fn no_repository() -> ExecError {
    ExecError::new("exec.no_repository", "this directory is in no git repository")
        .with_hint("changes can be seen and undone in one; --skip-git-repo-check goes on without")
}

fn output(command: &ExecCommand, surroundings: &Surroundings) -> Output {
    match command.color {
        _ if command.own.json => Output::Json {
            status: command.own.status,
        },
        Color::Always => Output::Human { colour: Colour::Ansi },
        Color::Never => Output::Human { colour: Colour::Plain },
        Color::Auto => surroundings.output(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_directory_must_exist_and_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let base = AbsPath::new(folder.path().canonicalize().unwrap()).unwrap();
        std::fs::create_dir(base.join("in")).unwrap();
        std::fs::write(base.join("file"), "").unwrap();
        let check = |cd: Option<&str>| working_directory(cd.map(Path::new), &base).map_err(|error| error.code);

        assert_eq!(check(None), Ok(base.clone()));
        assert_eq!(check(Some("in/../in")), Ok(base.join("in")));
        assert_eq!(check(Some("file")), Err("cli.no_directory".to_owned()));
        assert_eq!(check(Some("missing")), Err("cli.no_directory".to_owned()));
    }

    #[cfg(unix)]
    #[test]
    fn a_conversation_needs_a_directory_whose_name_is_text() {
        use std::os::unix::ffi::OsStrExt;
        let base = AbsPath::new("/").unwrap();
        let odd = base.join(std::ffi::OsStr::from_bytes(b"caf\xe9"));

        assert_eq!(conversation_directory(None, &base), Ok(base));
        let refused = conversation_directory(None, &odd).unwrap_err();
        assert_eq!(refused.message, "cannot work in /caf\u{fffd}: its name is no Unicode");
        assert_eq!(working_directory(None, &odd), Ok(odd));
    }

    #[test]
    fn a_schema_must_be_json() {
        let folder = tempfile::tempdir().unwrap();
        let base = AbsPath::new(folder.path()).unwrap();
        std::fs::write(base.join("good"), r#"{"type": "object"}"#).unwrap();
        std::fs::write(base.join("bad"), "{").unwrap();
        let check = |name: &str| output_schema(&base.join(name)).map_err(|error| error.code);

        assert_eq!(check("good"), Ok(serde_json::json!({"type": "object"})));
        assert_eq!(check("bad"), Err("exec.output_schema".to_owned()));
        assert_eq!(check("missing"), Err("exec.output_schema".to_owned()));
    }
}
