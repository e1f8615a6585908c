//! `codex debug prompt-input`: the conversation that the first request of a session would carry.
//!
//! A real thread, kept in memory, runs a real turn whose model only looks at its request. So what is printed is what would be sent, and
//! nothing is sent or written.

use crate::commands::{Root, print, server};
use crate::environment::{self, Surroundings, config_error};
use crate::prepare::working_directory;
use codex_base::AbsPath;
use codex_config::Overrides;
use codex_exec::ExecError;
use codex_model::{ModelClient, ModelEvent, ModelRequest};
use codex_protocol::items::UserInput;
use codex_protocol::requests::{ThreadSettings, ThreadStart, ThreadStartParams, TurnStart, TurnStartParams};
use codex_rpc::Client;
use serde_json::Value;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Arguments of `codex debug prompt-input`. What decides about the session stands before `debug`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct PromptInput {
    /// The user's message; without one only what codex says itself is shown
    #[arg(value_name = "PROMPT")]
    prompt: Option<String>,

    /// Attach pictures (several values; put `--` before a prompt that follows)
    #[arg(short, long = "image", value_name = "FILE", num_args = 1.., value_delimiter = ',')]
    images: Vec<String>,
}

impl PromptInput {
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        let surroundings = environment::read()?;
        let (cwd, overrides) = settings(root, &surroundings)?;
        codex_config::resolve(&surroundings.process, &cwd, &overrides).map_err(config_error)?;
        let has_input = self.prompt.is_some() || !self.images.is_empty();
        let (asked, requests) = mpsc::channel(1);
        let model: Arc<dyn ModelClient> = Arc::new(Onlooker { asked });
        let mut items = server::with_client(&surroundings, overrides, Some(model), async |client| {
            first_request(self, client, cwd, root, requests).await
        })?;
        if !has_input {
            items.pop();
        }
        print(&format!("{:#}\n", Value::Array(items))).map(|()| ExitCode::SUCCESS)
    }
}

fn settings(root: &Root, surroundings: &Surroundings) -> Result<(AbsPath, Overrides), ExecError> {
    let cwd = working_directory(root.shared.cd.as_deref(), &surroundings.process.cwd)?;
    let overrides = Overrides {
        add_dirs: root.shared.add_dirs.iter().map(|dir| cwd.join(dir)).collect(),
        ..root.overrides()?
    };
    Ok((cwd, overrides))
}

async fn first_request(
    command: PromptInput,
    client: Client,
    cwd: AbsPath,
    root: &Root,
    mut requests: mpsc::Receiver<ModelRequest>,
) -> Result<Vec<Value>, ExecError> {
    let start = ThreadStartParams {
        settings: ThreadSettings {
            cwd: Some(cwd.to_string()),
            model: root.shared.model.clone(),
            sandbox: root.shared.sandbox(),
            ..ThreadSettings::default()
        },
        ephemeral: Some(true),
        ..ThreadStartParams::default()
    };
    let thread = client.request::<ThreadStart>(start).await?.thread;
    let images = command.images.into_iter().map(|path| UserInput::LocalImage { path });
    let text = UserInput::Text {
        text: command.prompt.unwrap_or_default(),
    };
    let turn = TurnStartParams {
        thread_id: thread.id,
        input: images.chain([text]).collect(),
        ..TurnStartParams::default()
    };
    client.request::<TurnStart>(turn).await?;
    let request = requests.recv().await;
    let request = request.ok_or_else(|| ExecError::new("server.gone", "the turn ended before it made a request"))?;
    let items = request.input.iter().map(serde_json::to_value).collect::<Result<_, _>>();
    items.map_err(|error| ExecError::new("rpc.unserialisable", error.to_string()))
}

/// A model that hands on what it is asked and says nothing.
struct Onlooker {
    asked: mpsc::Sender<ModelRequest>,
}

impl ModelClient for Onlooker {
    fn sample(&self, request: ModelRequest, cancel: CancellationToken) -> mpsc::Receiver<ModelEvent> {
        // One request is all that is wanted.
        let _ = self.asked.try_send(request);
        let (answer, events) = mpsc::channel(1);
        tokio::spawn(async move {
            cancel.cancelled().await;
            drop(answer);
        });
        events
    }

    fn attempts_max(&self) -> u32 {
        1
    }
}
