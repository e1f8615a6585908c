//! Everything built and connected: sandbox, clock, ids, engine, app server, a client in this process.

use crate::environment::Surroundings;
use crate::hit_points::{self, Hooked};
use codex_app_server::{AppServer, ServerFacts};
use codex_base::{Clock, RandomIds, SystemClock};
use codex_config::Overrides;
use codex_engine::{Engine, EngineParts};
use codex_model::{ClientIdentity, ModelClient};
use codex_process::Sandbox;
use codex_protocol::VERSION;
use codex_protocol::items::SessionSource;
use codex_rpc::{Client, Events, Wire};
use std::sync::Arc;

/// A server, and a client that is connected to it.
pub struct Connected {
    pub server: AppServer,
    pub client: Client,
    pub events: Events,
    pub clock: Arc<dyn Clock>,
}

/// Who talks to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// A run without a person.
    Exec,
    Tui,
}

/// Builds the server; `model` stands in place of the configured one. Needs a tokio runtime.
pub fn connect(
    front: Front,
    surroundings: &Surroundings,
    overrides: Overrides,
    sandbox: Arc<dyn Sandbox>,
    model: Option<Arc<dyn ModelClient>>,
) -> Connected {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let facts = ServerFacts {
        user_agent: surroundings.user_agent(),
        cwd: surroundings.process.cwd.clone(),
    };
    let Hooked { sandbox, faults } = hit_points::hook(&surroundings.process, sandbox);
    let engine = Engine::new(EngineParts {
        env: surroundings.process.clone(),
        overrides,
        sandbox,
        clock: Arc::clone(&clock),
        ids: Arc::new(RandomIds),
        identity: identity(front, surroundings),
        source: match front {
            Front::Exec => SessionSource::Exec,
            Front::Tui => SessionSource::Cli,
        },
        faults,
        model,
    });
    let server = AppServer::new(engine, facts);
    let (client, events) = server.connect_in_process(Wire::Direct);
    Connected {
        server,
        client,
        events,
        clock,
    }
}

/// How providers are told who asks.
pub fn identity(front: Front, surroundings: &Surroundings) -> ClientIdentity {
    let name = match front {
        Front::Exec => "codex_exec",
        Front::Tui => "codex-tui",
    };
    ClientIdentity {
        originator: surroundings.originator.clone(),
        user_agent: format!("{} ({name}; {VERSION})", surroundings.user_agent()),
    }
}

/// The sandbox of this system; one that only runs unconfined commands where there is none yet.
///
/// What the host can enforce takes a trial start of the helper, which is made beside whatever comes next.
#[cfg(target_os = "linux")]
pub fn sandbox() -> Arc<dyn Sandbox> {
    let sandbox = Arc::new(codex_sandbox_linux::probe());
    let early = Arc::clone(&sandbox);
    let trial = move || {
        let capabilities = early.capabilities();
        tracing::debug!(facts = ?capabilities, "sandbox");
    };
    // Without a thread the first who asks makes the trial.
    let _ = std::thread::Builder::new().name("sandbox-trial".to_owned()).spawn(trial);
    sandbox
}

/// The sandbox of this system; one that only runs unconfined commands where there is none yet.
#[cfg(not(target_os = "linux"))]
pub fn sandbox() -> Arc<dyn Sandbox> {
    Arc::new(codex_process::NoSandbox::default())
}

/// The same for a process that runs one command and ends.
pub fn sandbox_for_one_command() -> Arc<dyn Sandbox> {
    #[cfg(target_os = "linux")]
    let sandbox = Arc::new(codex_sandbox_linux::probe().for_one_command());
    #[cfg(not(target_os = "linux"))]
    let sandbox = sandbox();
    sandbox
}
