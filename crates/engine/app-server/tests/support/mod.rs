//! A client of an app-server in this process, in front of a real HTTP model and a temporary home. Every message passes as JSON text.
#![expect(dead_code, reason = "each test program uses its own part of this")]

use codex_app_server::{AppServer, ServerFacts};
use codex_base::{AbsPath, Clock, RandomIds, SystemClock};
use codex_config::{Overrides, ProcessEnv};
use codex_engine::{Engine, EngineParts};
use codex_model::{ClientIdentity, ModelClient};
use codex_permissions::ResolvedPolicy;
use codex_process::{CommandSpec, Launch, PreparedCommand, Sandbox, SandboxError};
use codex_protocol::collaboration::CollaborationMode;
use codex_protocol::facts::Capabilities;
use codex_protocol::items::{SessionSource, Turn, TurnStatus, UserInput};
use codex_protocol::notifications::Notification;
use codex_protocol::questions::ServerRequest;
use codex_protocol::requests::{
    ClientInfo, Initialize, InitializeParams, RequestId, ThreadResume, ThreadResumeParams, ThreadSettings, ThreadSetup, ThreadStart,
    TurnStart, TurnStartParams,
};
use codex_rpc::{Client, Events, ServerMessage, Wire};
use codex_sessions::Faults;
use codex_testkit::{MockModel, TempHome};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a test waits for the server.
const PATIENCE: Duration = Duration::from_secs(30);

/// Claims to confine and starts commands as they are: these tests are about decisions and order, not about the kernel.
pub struct PretendSandbox {
    capabilities: Capabilities,
    policies: Arc<Mutex<Vec<(String, ResolvedPolicy)>>>,
}

impl PretendSandbox {
    pub fn new(policies: Arc<Mutex<Vec<(String, ResolvedPolicy)>>>) -> Self {
        let capabilities = Capabilities {
            mechanism: "pretended".into(),
            confines: true,
            missing: Vec::new(),
            rungs: Vec::new(),
        };
        Self { capabilities, policies }
    }
}

impl Sandbox for PretendSandbox {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn prepare(&self, spec: CommandSpec, policy: &ResolvedPolicy) -> Result<PreparedCommand, SandboxError> {
        let words: Vec<_> = spec.argv.iter().map(|word| word.to_string_lossy()).collect();
        self.policies.lock().unwrap().push((words.join(" "), policy.clone()));
        Ok(PreparedCommand {
            spec,
            launch: Launch::Direct,
            enforced: Vec::new(),
            withheld: Vec::new(),
        })
    }
}

/// The machine's clock, some days ahead.
pub struct ShiftedClock {
    clock: SystemClock,
    days: i64,
}

impl ShiftedClock {
    pub fn new(days: i64) -> Self {
        Self {
            clock: SystemClock::default(),
            days,
        }
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> codex_base::Timestamp {
        codex_base::Timestamp::from_second(self.clock.now().as_second() + self.days * 86_400).unwrap()
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        self.clock.sleep(duration)
    }
}

/// A server and one initialized client. Dropping it is a crash as far as the engine is concerned; [`Self::shutdown`] ends it well.
pub struct Session {
    pub client: Client,
    pub events: Events,
    pub server: AppServer,
    pub seen: Vec<Notification>,
    /// What commands were started with, in their order.
    pub policies: Arc<Mutex<Vec<(String, ResolvedPolicy)>>>,
}

impl Session {
    pub async fn open(home: &TempHome) -> Self {
        Self::open_on(home, 0).await
    }

    /// A new engine over the same home, as a new process would make it; `days` ahead of the machine's clock.
    pub async fn open_on(home: &TempHome, days: i64) -> Self {
        Self::open_with(home, days, None).await
    }

    /// With hit points in the journal.
    pub async fn open_with(home: &TempHome, days: i64, faults: Option<Arc<dyn Faults>>) -> Self {
        Self::open_parts(home, Arc::new(ShiftedClock::new(days)), faults).await
    }

    pub async fn open_parts(home: &TempHome, clock: Arc<dyn Clock>, faults: Option<Arc<dyn Faults>>) -> Self {
        Self::open_env(home, &[], clock, faults).await
    }

    /// With a model of the test's own in place of the provider.
    pub async fn open_model(home: &TempHome, model: Arc<dyn ModelClient>) -> Self {
        Self::open_all(home, &[], Arc::new(ShiftedClock::new(0)), None, Some(model)).await
    }

    /// With variables besides those of the home.
    pub async fn open_env(home: &TempHome, more: &[(String, String)], clock: Arc<dyn Clock>, faults: Option<Arc<dyn Faults>>) -> Self {
        Self::open_all(home, more, clock, faults, None).await
    }

    async fn open_all(
        home: &TempHome,
        more: &[(String, String)],
        clock: Arc<dyn Clock>,
        faults: Option<Arc<dyn Faults>>,
        model: Option<Arc<dyn ModelClient>>,
    ) -> Self {
        let variables = home.env().into_iter();
        let variables: Vec<_> = variables
            .chain(more.iter().map(|(name, value)| (name.into(), value.into())))
            .collect();
        let cwd = AbsPath::new(home.workspace()).unwrap();
        let mut env = ProcessEnv::new(variables, cwd.clone(), Some("/bin/sh".into()), "Etc/UTC".into()).unwrap();
        env.system_config_dir = home.home().join("etc");
        let identity = ClientIdentity {
            originator: "codex_test".into(),
            user_agent: "codex_test/0".into(),
        };
        let policies = Arc::default();
        let engine = Engine::new(EngineParts {
            env,
            overrides: Overrides::default(),
            sandbox: Arc::new(PretendSandbox::new(Arc::clone(&policies))),
            clock,
            ids: Arc::new(RandomIds),
            identity,
            source: SessionSource::AppServer,
            faults,
            model,
        });
        let server = AppServer::new(
            engine,
            ServerFacts {
                user_agent: "codex_test/0.200.0".into(),
                cwd,
            },
        );
        Self {
            policies,
            ..Self::connect(server).await
        }
    }

    /// Another client of the same server.
    pub async fn second(&self) -> Self {
        Self::connect(self.server.clone()).await
    }

    async fn connect(server: AppServer) -> Self {
        let (client, events) = server.connect_in_process(Wire::Serialised);
        Self::introduced(client, events, server).await
    }

    /// With a client that has not said who it is.
    pub async fn introduced(client: Client, events: Events, server: AppServer) -> Self {
        let client_info = ClientInfo {
            name: "test".into(),
            title: None,
            version: "1".into(),
        };
        client
            .request::<Initialize>(InitializeParams {
                client_info,
                capabilities: None,
            })
            .await
            .unwrap();
        Self {
            client,
            events,
            server,
            seen: Vec::new(),
            policies: Arc::default(),
        }
    }

    /// What commands were started with whose words hold `text`; the login profile is read by one, too.
    pub fn policies_of(&self, text: &str) -> Vec<ResolvedPolicy> {
        let all = self.policies.lock().unwrap();
        all.iter()
            .filter(|(words, _)| words.contains(text))
            .map(|(_, policy)| policy.clone())
            .collect()
    }

    pub async fn start(&self, settings: ThreadSettings) -> ThreadSetup {
        self.client.request::<ThreadStart>(settings.into()).await.unwrap()
    }

    pub async fn resume(&self, thread_id: &str) -> ThreadSetup {
        self.client
            .request::<ThreadResume>(ThreadResumeParams {
                thread_id: thread_id.into(),
                ..Default::default()
            })
            .await
            .unwrap()
    }

    pub async fn turn(&self, thread_id: &str, text: &str) -> Turn {
        self.turn_in(thread_id, text, None).await
    }

    /// In this mode from now on.
    pub async fn turn_in(&self, thread_id: &str, text: &str, collaboration_mode: Option<CollaborationMode>) -> Turn {
        let params = TurnStartParams {
            thread_id: thread_id.into(),
            input: text_input(text),
            collaboration_mode: collaboration_mode.map(Box::new),
            ..Default::default()
        };
        self.client.request::<TurnStart>(params).await.unwrap().turn
    }

    /// The next message; notifications are also kept in `seen`.
    pub async fn next(&mut self) -> ServerMessage {
        let message = tokio::time::timeout(PATIENCE, self.events.next())
            .await
            .expect("the server says something in time");
        let message = message.expect("the connection stands");
        if let ServerMessage::Notification(notification) = &message {
            self.seen.push(notification.clone());
        }
        message
    }

    /// Reads on to the first notification that `wanted` accepts.
    pub async fn until<T>(&mut self, wanted: impl Fn(&Notification) -> Option<T>) -> T {
        loop {
            if let ServerMessage::Notification(notification) = self.next().await
                && let Some(found) = wanted(&notification)
            {
                return found;
            }
        }
    }

    pub async fn until_question(&mut self) -> (RequestId, ServerRequest) {
        loop {
            if let ServerMessage::Request { id, request } = self.next().await {
                return (id, request);
            }
        }
    }

    pub async fn until_turn_ends(&mut self) -> Turn {
        self.until(|notification| match notification {
            Notification::TurnCompleted(ended) => Some(ended.turn.clone()),
            _ => None,
        })
        .await
    }

    /// A whole turn; panics if it does not complete.
    pub async fn run_turn(&mut self, thread_id: &str, text: &str) -> Turn {
        self.turn(thread_id, text).await;
        let turn = self.until_turn_ends().await;
        assert_eq!(turn.status, TurnStatus::Completed, "{:?}", turn.error);
        turn
    }

    pub async fn shutdown(self) {
        self.server.shutdown().await;
    }
}

pub fn text_input(text: &str) -> Vec<UserInput> {
    vec![UserInput::Text { text: text.into() }]
}

/// A home whose provider is `mock`, and a repository to work in.
pub fn home_for(mock: &MockModel, more: &str) -> TempHome {
    let home = TempHome::new();
    home.make_repository(&[("README.md", "# demo\n"), ("a.txt", "one\ntwo\n")]);
    home.use_model(mock, more);
    home
}
