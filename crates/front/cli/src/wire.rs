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

/// Builds the server for one run without a person. Needs a tokio runtime.
pub fn connect(surroundings: &Surroundings, overrides: Overrides, sandbox: Arc<dyn Sandbox>) -> Connected {
    connect_to(surroundings, overrides, sandbox, None)
}

/// Builds the server for the terminal interface. Needs a tokio runtime.
pub fn connect_terminal(surroundings: &Surroundings, overrides: Overrides, sandbox: Arc<dyn Sandbox>) -> Connected {
    let identity = ClientIdentity {
        originator: surroundings.originator.clone(),
        user_agent: format!("{} (codex-tui; {VERSION})", surroundings.user_agent()),
    };
    connect_as(surroundings, overrides, sandbox, None, identity, SessionSource::Cli)
}

/// The same with another model than the configured one.
pub fn connect_to(
    surroundings: &Surroundings,
    overrides: Overrides,
    sandbox: Arc<dyn Sandbox>,
    model: Option<Arc<dyn ModelClient>>,
) -> Connected {
    connect_as(surroundings, overrides, sandbox, model, identity(surroundings), SessionSource::Exec)
}

fn connect_as(
    surroundings: &Surroundings,
    overrides: Overrides,
    sandbox: Arc<dyn Sandbox>,
    model: Option<Arc<dyn ModelClient>>,
    identity: ClientIdentity,
    source: SessionSource,
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
        identity,
        source,
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
pub fn identity(surroundings: &Surroundings) -> ClientIdentity {
    ClientIdentity {
        originator: surroundings.originator.clone(),
        user_agent: format!("{} (codex_exec; {VERSION})", surroundings.user_agent()),
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
