//! `codex` at a terminal without anybody to ask: shows [`FirstRun`] and does what it wants. Writes only what was confirmed on it.

use crate::commands::login;
use crate::environment::{Surroundings, config_error, edit_error};
use crate::signals::Signals;
use crate::terminal;
use codex_config::edit::{self, Change};
use codex_config::{Overrides, Resolved};
use codex_exec::ExecError;
use codex_login::{Place, Store};
use codex_model::local;
use codex_tui::Failure;
use codex_tui::first_run::{FirstRun, Kind, Offer, Server, Wanted};
use codex_tui::look::Look;
use codex_tui_kit::terminal::process::TypedAhead;
use codex_tui_kit::terminal::{Input, Port, Surface};
use codex_tui_kit::theme::{Background, Theme};
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the terminal may take to be left.
const LEAVING_MAX: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is somebody to ask now.
    Ready,
    Demo,
    Left,
}

/// Whether the provider in force asks for a key and nobody ever gave one. What stands in the way of a key that there is, or of any, is told
/// by the first request.
pub fn is_needed(resolved: &Resolved, surroundings: &Surroundings) -> bool {
    let provider = &resolved.config.provider;
    let set = |name: &&str| surroundings.process.var(name).is_some_and(|value| !value.trim().is_empty());
    let own_key = provider.env_key.is_some() || provider.auth.is_some() || provider.experimental_bearer_token.is_some();
    let settings = login::settings_of(resolved);
    provider.requires_openai_auth
        && !own_key
        && !settings.no_keys
        && !["CODEX_API_KEY", "OPENAI_API_KEY"].iter().any(set)
        && matches!(codex_login::load(&surroundings.process.codex_home, settings), Ok(None))
}

/// Shows the screen until something came of it.
///
/// # Errors
/// If there is no terminal any more.
pub async fn lead(
    resolved: &Resolved,
    theme: Theme,
    surface: Surface,
    surroundings: &Surroundings,
    signals: &Signals,
) -> Result<Outcome, ExecError> {
    let (mut port, size) = terminal::open_terminal(surroundings, TypedAhead::Lost)?;
    let process = &surroundings.process;
    let look = Look::new(theme, process.home.clone(), &process.timezone);
    let settings = login::settings_of(resolved);
    let offer = Offer {
        key_place: match settings.store {
            Store::File => look.path(&codex_login::path(&process.codex_home)),
            Store::Keyring | Store::Auto | Store::Ephemeral => Place::Keyring.to_string(),
        },
        config_file: look.path(&edit::user_file(process)),
        ollama: usual_address("ollama", surroundings)?,
        lm_studio: usual_address("lmstudio", surroundings)?,
    };
    let mut screen = FirstRun::new(offer.clone(), look, surface, size);
    let mut count = signals.count.clone();
    let (told, mut answers) = mpsc::channel(1);
    let mut changed = true;
    let outcome = loop {
        if std::mem::replace(&mut changed, true) {
            port.show(screen.frame());
        }
        let wanted = tokio::select! {
            Some(answer) = answers.recv() => {
                screen.asked(answer);
                continue;
            }
            // Who counts them lives as long as the process.
            _ = count.wait_for(|count| *count > 0) => break Outcome::Left,
            input = port.next() => match input {
                Input::Key(key, _) => screen.press(key),
                Input::Paste(text) => screen.paste(&text),
                Input::Gone => return Err(ExecError::new("cli.no_terminal", "the terminal is gone")),
                other => {
                    changed = seen(other, &mut screen, &port);
                    continue;
                }
            },
        };
        let done = match wanted {
            Wanted::Nothing => continue,
            Wanted::Leave => break Outcome::Left,
            Wanted::Demo => break Outcome::Demo,
            Wanted::AskServer(address) => {
                let (env, told) = (process.clone(), told.clone());
                tokio::spawn(async move {
                    let models = local::models(&address, &|name| env.var(name).map(str::to_owned)).await;
                    // Somebody who has left waits for nothing.
                    let _ = told.send(models.map_err(|error| Failure::new(error.code, error.message))).await;
                });
                continue;
            }
            Wanted::StoreKey(key) => codex_login::save_key(&process.codex_home, settings, key.as_bytes())
                .map(drop)
                .map_err(login::login_error),
            Wanted::UseServer(server) => edit::user_config(process, &changes(&server, &offer)).map(drop).map_err(edit_error),
        };
        match done {
            Ok(()) => break Outcome::Ready,
            Err(error) => screen.failed(error),
        }
    };
    // A terminal that takes nothing must not hold the process.
    let left = tokio::task::spawn_blocking(move || port.leave());
    let _ = tokio::time::timeout(LEAVING_MAX, left).await;
    Ok(outcome)
}

/// What is neither a key nor a paste; whether the screen changes.
fn seen(input: Input, screen: &mut FirstRun, port: &Port) -> bool {
    match input {
        Input::Resized(size) => screen.size = size,
        Input::Background { red, green, blue } => screen.look.set_background(Background::of(red, green, blue)),
        Input::Stop => port.suspend(),
        Input::Continued => port.retake(),
        Input::Resumed => {}
        Input::Painted | Input::Focus(_) | Input::Key(..) | Input::Paste(_) | Input::Gone => return false,
    }
    true
}

fn usual_address(provider: &str, surroundings: &Surroundings) -> Result<String, ExecError> {
    let overrides = Overrides {
        model_provider: Some(provider.to_owned()),
        ..Overrides::default()
    };
    let resolved = codex_config::resolve(&surroundings.process, &surroundings.process.cwd, &overrides).map_err(config_error)?;
    Ok(resolved.config.provider.base_url.unwrap_or_default())
}

/// What `config.toml` says then. A server at another address than its usual one is a provider of its own.
fn changes(server: &Server, offer: &Offer) -> Vec<Change> {
    let set = |path: &[&str], value: &str| Change::Set {
        path: Change::path(path),
        value: value.into(),
    };
    let (id, is_usual) = match server.kind {
        Kind::Ollama => ("ollama", server.base_url == offer.ollama),
        Kind::LmStudio => ("lmstudio", server.base_url == offer.lm_studio),
        Kind::Other => ("local", false),
    };
    let id = if is_usual { id } else { "local" };
    let mut changes = vec![set(&["model_provider"], id), set(&["model"], &server.model)];
    if !is_usual {
        changes.push(set(&["model_providers", id, "name"], "Local server"));
        changes.push(set(&["model_providers", id, "base_url"], &server.base_url));
    }
    changes
}
