//! `codex` at a terminal: every check that needs no server, the terminal, the server, and the interface between them.

use crate::args::TuiCommand;
use crate::commands::demo;
use crate::environment::{self, Surroundings, config_error};
use crate::first_run::Outcome;
use crate::local::LocalModel;
use crate::prepare::PROMPT_BEHIND_PICTURES;
use crate::prepare::{self, tell};
use crate::signals::{self, Signals};
use crate::trust::Level;
use crate::{SHUTDOWN_LIMIT, first_run, hit_points, panics, runtime, wire};
use codex_base::AbsPath;
use codex_config::{Overrides, Resolved};
use codex_exec::ExecError;
use codex_process::Sandbox;
use codex_protocol::requests::ThreadSettings;
use codex_protocol::settings::{HistoryPersistence, HistorySettings};
use codex_protocol::terminal::TerminalSettings;
use codex_tui::alert;
use codex_tui::editor::Editor;
use codex_tui::preferences::Preferences;
use codex_tui::themes::Themes;
use codex_tui::trust::{Decision, Trust};
use codex_tui::{Ended, Options, Settings};
use codex_tui_kit::terminal::notify::Method;
use codex_tui_kit::terminal::process::{self, Keyboard, ProcessTerminal, TypedAhead};
use codex_tui_kit::terminal::{Device, Port, Surface};
use codex_tui_kit::theme::{TerminalFacts, Theme};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

/// Runs the interface to its end and leaves the process.
///
/// # Errors
/// If there is no terminal, or something is wrong before the interface begins.
pub fn run(command: &TuiCommand) -> Result<ExitCode, ExecError> {
    let sandbox = wire::sandbox();
    let surroundings = environment::read_for(command.shared.cd.as_deref())?;
    at_a_terminal(&surroundings)?;
    run_in(command, surroundings, sandbox, || {})
}

/// The same where the surroundings are known and there is a terminal; `at_end` has the last word.
///
/// # Errors
/// If something is wrong before the interface begins.
pub fn run_in(
    command: &TuiCommand,
    surroundings: Surroundings,
    sandbox: Arc<dyn Sandbox>,
    at_end: impl FnOnce(),
) -> Result<ExitCode, ExecError> {
    surroundings.can_be_told()?;
    let surroundings = named(surroundings);
    for note in &command.notes {
        tell(&format!("note: {note}"));
    }
    let mut configured = configured(command, &surroundings)?;
    let runtime = runtime::two_workers()?;
    let signals = runtime.block_on(async { Signals::listen() }).map_err(signals::deaf)?;
    if !command.shared.oss && first_run::is_needed(&configured.resolved, &surroundings) {
        let mut preferences = preferences(command, configured.resolved.config.terminal.clone(), &surroundings)?;
        let (theme, surface) = (preferences.apply(theme(&surroundings)), surface(command, &preferences));
        let leading = first_run::lead(&configured.resolved, theme, surface, &surroundings, &signals);
        match runtime.block_on(Box::pin(leading))? {
            Outcome::Ready => configured = self::configured(command, &surroundings)?,
            Outcome::Demo => return demo::converse(None, surroundings, sandbox),
            Outcome::Left => {
                signals.die_if_told_to();
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    let Prepared { options, overrides, local } = prepare(command, configured, &surroundings)?;
    runtime.block_on(async {
        if let Some(local) = local {
            Box::pin(local.ready(&surroundings, &signals)).await?;
        }
        let typed_ahead = if options.trust.is_some() {
            TypedAhead::Lost
        } else {
            TypedAhead::Kept
        };
        let (terminal, size) = open_terminal(&surroundings, typed_ahead)?;
        let connected = wire::connect(wire::Front::Tui, &surroundings, overrides, sandbox, None);
        let around = codex_tui::Surroundings {
            terminal,
            size,
            client: connected.client,
            events: connected.events,
            clock: hit_points::hook_clock(&surroundings.process, connected.clock),
            signals: signals.count.clone(),
        };
        let outcome = Box::pin(codex_tui::run(options, around)).await;
        let mut more = signals.count.clone();
        more.mark_unchanged();
        // The signal that comes with a terminal's end may be later than the news of it; it is no second request.
        let signals_to_wait_for = if outcome.ended == Ended::TerminalGone { 2 } else { 1 };
        // Whatever has not ended by then ends with the process: its supervisors see that.
        tokio::select! {
            () = connected.server.shutdown() => {}
            () = tokio::time::sleep(SHUTDOWN_LIMIT) => {}
            () = told(&mut more, signals_to_wait_for) => {}
        }
        let code = closing(&outcome);
        if outcome.ended != Ended::TerminalGone {
            at_end();
        }
        signals.die_if_told_to();
        std::process::exit(code)
    })
}

/// Waits for so many more signals.
async fn told(count: &mut watch::Receiver<u32>, signals: usize) {
    for _ in 0..signals {
        // Who counts them lives as long as the process.
        if count.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The name that providers and journals get, unless whoever started us gave another one.
fn named(surroundings: Surroundings) -> Surroundings {
    if surroundings.process.var("CODEX_INTERNAL_ORIGINATOR_OVERRIDE").is_some() {
        return surroundings;
    }
    Surroundings {
        originator: "codex-tui".to_owned(),
        ..surroundings
    }
}

/// # Errors
/// If there is none.
pub fn at_a_terminal(surroundings: &Surroundings) -> Result<(), ExecError> {
    let missing = match (surroundings.terminals.stdin, surroundings.terminals.stdout) {
        (true, true) => return Ok(()),
        (false, _) => "stdin",
        (true, false) => "stdout",
    };
    Err(ExecError::new("cli.no_terminal", format!("{missing} is not a terminal"))
        .with_hint("codex exec PROMPT runs one prompt without a terminal; codex --help names everything"))
}

/// An interface that can start.
struct Prepared {
    options: Options,
    overrides: Overrides,
    /// A model on this machine that must be there first.
    local: Option<LocalModel>,
}

/// What the command line makes of the configuration.
struct Configured {
    cwd: AbsPath,
    overrides: Overrides,
    resolved: Resolved,
}

fn configured(command: &TuiCommand, surroundings: &Surroundings) -> Result<Configured, ExecError> {
    let process = &surroundings.process;
    let mut overrides = command.shared.overrides(&command.config)?;
    if command.interactive.search {
        overrides.cli.push(("web_search".to_owned(), "live".into()));
    }
    let cwd = prepare::conversation_directory(command.shared.cd.as_deref(), &process.cwd)?;
    overrides.ignore_user_config = command.is_demo;
    overrides.add_dirs = command.shared.add_dirs.iter().map(|dir| cwd.join(dir)).collect();
    let resolved = codex_config::resolve(process, &cwd, &overrides).map_err(config_error)?;
    // A line of the log in between would spoil the screen.
    if surroundings.terminals.stderr {
        codex_telemetry::use_file(resolved.config.log_dir.join("codex-tui.log"));
    }
    Ok(Configured { cwd, overrides, resolved })
}

fn prepare(command: &TuiCommand, configured: Configured, surroundings: &Surroundings) -> Result<Prepared, ExecError> {
    let Configured { cwd, overrides, resolved } = configured;
    let process = &surroundings.process;
    let chosen = prepare::chosen_model(&command.shared, true, surroundings, &cwd, &overrides)?;
    let cwd = if command.shared.worktree {
        prepare::new_worktree(&cwd, surroundings)?
    } else {
        cwd
    };
    let preferences = preferences(command, resolved.config.terminal, surroundings)?;
    let settings = Settings {
        cwd,
        thread: ThreadSettings {
            approval_policy: command.approval_policy(),
            ..prepare::settings(&command.shared, chosen.model, chosen.model_provider)
        },
    };
    let options = Options {
        opening: command.opening.clone(),
        choosing: command.choosing,
        settings,
        prompt: command.prompt.clone(),
        images: pictures(&command.images, &process.cwd)?,
        home: process.home.clone(),
        history: history(&resolved.config.history, surroundings),
        timezone: process.timezone.clone(),
        theme: theme(surroundings),
        surface: surface(command, &preferences),
        preferences,
        trust: (resolved.trusted.is_none() && !command.is_demo)
            .then(|| trust(&resolved.project_root, surroundings))
            .flatten(),
    };
    Ok(Prepared {
        options,
        overrides,
        local: chosen.local,
    })
}

/// # Errors
/// If one of them is not there: it may be meant as the prompt.
fn pictures(images: &[String], cwd: &AbsPath) -> Result<Vec<String>, ExecError> {
    let there = |path: &String| {
        let file = cwd.join(path);
        match file.metadata() {
            Ok(facts) if facts.is_file() => Ok(file.to_string()),
            Ok(_) | Err(_) => {
                Err(ExecError::new("cli.no_picture", format!("there is no picture {path:?}")).with_hint(PROMPT_BEHIND_PICTURES))
            }
        }
    };
    images.iter().map(there).collect()
}

fn preferences(command: &TuiCommand, wanted: TerminalSettings, surroundings: &Surroundings) -> Result<Preferences, ExecError> {
    let process = &surroundings.process;
    let wanted = TerminalSettings {
        screen_reader: wanted.screen_reader || command.interactive.screen_reader,
        ..wanted
    };
    Ok(Preferences {
        terminal: terminal_facts(surroundings),
        editor: editor(surroundings),
        scratch: Some(process.codex_home.join("tmp")),
        ..Preferences::new(wanted, Themes::read(&process.codex_home.join("themes")))?
    })
}

const fn surface(command: &TuiCommand, preferences: &Preferences) -> Surface {
    match command.interactive.fullscreen() {
        _ if preferences.settings.screen_reader => Surface::Linear,
        Some(true) => Surface::Fullscreen,
        Some(false) => Surface::Inline,
        None => preferences.surface(),
    }
}

/// The question about a git checkout; other folders are not asked about.
fn trust(root: &AbsPath, surroundings: &Surroundings) -> Option<Trust> {
    codex_git::is_repository(root).then(|| {
        // As configuration is looked up: by the real folder.
        let real = root.canonicalize().ok().and_then(|real| AbsPath::new(real).ok());
        let folder = real.unwrap_or_else(|| root.clone());
        let process = surroundings.process.clone();
        Trust {
            folder: folder.clone(),
            record: Arc::new(move |decision| {
                let level = match decision {
                    Decision::Trusted => Level::Trusted,
                    Decision::Untrusted => Level::Untrusted,
                };
                crate::trust::record(&process, &folder, level).map(drop)
            }),
        }
    })
}

/// As the variables describe the terminal.
fn theme(surroundings: &Surroundings) -> Theme {
    let var = |name: &str| surroundings.process.var(name);
    let facts = TerminalFacts {
        no_color: var("NO_COLOR"),
        colorterm: var("COLORTERM"),
        term: var("TERM"),
        term_program: var("TERM_PROGRAM"),
        wt_session: var("WT_SESSION"),
        colorfgbg: var("COLORFGBG"),
    };
    Theme::default_for(facts.background().unwrap_or_default(), facts.depth())
}

/// How the terminal tells somebody who looks at another window.
fn terminal_facts(surroundings: &Surroundings) -> alert::Terminal {
    let var = |name: &str| surroundings.process.var(name).filter(|value| !value.is_empty());
    let program = var("TERM_PROGRAM").filter(|program| *program != "tmux").or_else(|| var("TERM"));
    alert::Terminal {
        method: program.map(Method::of_terminal).unwrap_or_default(),
        in_tmux: var("TMUX").is_some(),
        toasts: var("WT_SESSION").is_some() && var("WSL_DISTRO_NAME").is_some(),
        // Escape sequences that it does not know are text to the console of Linux.
        links: var("TERM").is_some_and(|term| term != "linux" && term != "dumb"),
    }
}

/// `VISUAL`, then `EDITOR`.
fn editor(surroundings: &Surroundings) -> Option<Editor> {
    let var = |name: &str| surroundings.process.var(name).filter(|value| !value.trim().is_empty());
    let command = var("VISUAL").or_else(|| var("EDITOR"))?;
    Some(Editor {
        command: command.to_owned(),
        folder: surroundings.process.codex_home.join("tmp"),
    })
}

fn history(settings: &HistorySettings, surroundings: &Surroundings) -> Option<codex_tui::history::File> {
    (settings.persistence == HistoryPersistence::SaveAll).then(|| codex_tui::history::File {
        path: surroundings.process.codex_home.join("history.jsonl"),
        bytes_max: settings.max_bytes,
    })
}

/// # Errors
/// If it cannot be used.
pub fn open_terminal(surroundings: &Surroundings, typed_ahead: TypedAhead) -> Result<(Port, codex_tui_kit::terminal::Size), ExecError> {
    let failed = |error: std::io::Error| ExecError::new("cli.no_terminal", format!("cannot use the terminal: {error}"));
    let var = |name: &str| surroundings.process.var(name).filter(|value| !value.is_empty());
    let keyboard = match var("CODEX_TUI_DISABLE_KEYBOARD_ENHANCEMENT") {
        None | Some("0" | "false" | "no" | "off") => Keyboard::Enhanced,
        Some(_) => Keyboard::Plain,
    };
    let reports = surroundings.process.codex_home.join("log");
    let device = panics::report_around(reports, || ProcessTerminal::open(keyboard, typed_ahead)).map_err(failed)?;
    let size = device.size().map_err(failed)?;
    let reader = device.reader();
    let port = Port::open(hit_points::hook_terminal(&surroundings.process, Box::new(device))).map_err(failed)?;
    reader.read_to(port.sender()).map_err(failed)?;
    process::follow_job_control(&port.sender()).map_err(failed)?;
    Ok((port, size))
}

/// What is left to say when the terminal is its owner's again; the exit code.
fn closing(outcome: &codex_tui::app::Outcome) -> i32 {
    match &outcome.ended {
        Ended::Left => {
            if let Some(usage) = outcome.usage {
                let total = usage.total;
                // As the way back below: for whoever still reads.
                let _ = writeln!(
                    std::io::stdout(),
                    "tokens: {} in all, {} in ({} cached), {} out ({} reasoning)",
                    total.total_tokens,
                    total.input_tokens,
                    total.cached_input_tokens,
                    total.output_tokens,
                    total.reasoning_output_tokens
                );
            }
            if let Some(id) = &outcome.thread_id {
                // A reader that is gone needs no way back.
                let _ = writeln!(std::io::stdout(), "to go on with this session: codex resume {id}");
            }
            0
        }
        Ended::Failed(failure) => {
            crate::tell(&format!("{}\n", failure.report()));
            1
        }
        Ended::TerminalGone => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_tui::keymap::ROWS;

    #[test]
    fn a_prompt_that_was_taken_for_a_picture_is_told_how_to_be_none() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.png"), "").expect("a file");
        let cwd = AbsPath::new(folder.path()).expect("an absolute path");
        let of = |words: &[&str]| pictures(&words.iter().map(ToString::to_string).collect::<Vec<_>>(), &cwd);

        assert_eq!(of(&["a.png"]).expect("it is there"), [cwd.join("a.png").to_string()]);
        let error = of(&["a.png", "what is it"]).expect_err("there is no such file");
        assert_eq!(
            format!("{error} / {}", error.hint.as_deref().unwrap_or_default()),
            "there is no picture \"what is it\" / -i takes every word behind it; put -- before the prompt: -i FILE -- 'what to do'"
        );
    }

    #[test]
    fn the_configuration_knows_every_action_that_has_a_key() {
        let schema: serde_json::Value = serde_json::from_str(&codex_config::json_schema()).expect("it is JSON");
        let keymap = &schema["properties"]["tui"]["properties"]["keymap"]["properties"];

        for row in ROWS {
            let name = row.context.name();
            let action = &keymap[name]["properties"][row.name];
            assert!(
                action.is_object() || keymap[name]["additionalProperties"].is_object(),
                "tui.keymap.{name}.{} is not in the tables of the configuration",
                row.name
            );
        }
    }
}
