//! Opening the connection and a thread on it: a new one, a stored one, or a copy of one.

use crate::Failure;
use codex_base::AbsPath;
use codex_protocol::items::Thread;
use codex_protocol::requests::{
    ThreadFork, ThreadForkParams, ThreadResume, ThreadResumeParams, ThreadSettings, ThreadSetup, ThreadSourceKind, ThreadStart,
};
use codex_rpc::Client;
use codex_rpc::lookup::{self, Place};

/// Which conversation it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    New,
    Stored {
        verb: Verb,
        which: Which,
    },
    /// A new one that begins with the history of this one before a turn; what was said there is not told again.
    Back {
        thread_id: String,
        before_turn_id: String,
    },
}

/// Which of the stored sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// By id or name.
    Named(String),
    /// The one that was worked on last.
    Last(Among),
}

impl Opening {
    pub fn named(verb: Verb, session: &str) -> Self {
        let which = Which::Named(session.to_owned());
        Self::Stored { verb, which }
    }
}

/// Which stored sessions are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Among {
    pub everywhere: bool,
    /// Those that no person led, too.
    pub non_interactive: bool,
}

/// A stored session is chosen from a list before anything is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choosing {
    pub verb: Verb,
    pub among: Among,
}

/// What is done with a stored session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Resume,
    /// A new one begins with its history.
    Fork,
}

/// What the command line says of a thread; `None` leaves it to the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub cwd: AbsPath,
    /// But for the directory.
    pub thread: ThreadSettings,
}

impl Settings {
    fn asked(&self) -> ThreadSettings {
        ThreadSettings {
            cwd: Some(self.cwd.to_string()),
            ..self.thread.clone()
        }
    }
}

/// The first request of the connection.
///
/// # Errors
/// If the server is gone or refuses.
pub async fn introduce(client: &Client) -> Result<(), Failure> {
    client.introduce("codex-tui", "Codex").await?;
    Ok(())
}

/// Opens a thread. What it said so far is in the answer.
///
/// # Errors
/// If there is no such session, or the server refuses.
pub async fn open(opening: &Opening, settings: &Settings, client: &Client) -> Result<ThreadSetup, Failure> {
    let fork = match opening {
        Opening::New => return Ok(client.request::<ThreadStart>(settings.asked().into()).await?),
        Opening::Stored { verb, which } => {
            let thread_id = match which {
                Which::Named(session) => lookup::find(client, session, Place::Active).await?.id,
                Which::Last(among) => last(settings, client, *among).await?.id,
            };
            if *verb == Verb::Resume {
                let params = ThreadResumeParams {
                    thread_id,
                    settings: settings.asked(),
                    exclude_turns: false,
                };
                return Ok(client.request::<ThreadResume>(params).await?);
            }
            ThreadForkParams {
                thread_id,
                ..ThreadForkParams::default()
            }
        }
        Opening::Back { thread_id, before_turn_id } => ThreadForkParams {
            thread_id: thread_id.clone(),
            before_turn_id: Some(before_turn_id.clone()),
            exclude_turns: true,
            ..ThreadForkParams::default()
        },
    };
    let params = ThreadForkParams {
        settings: settings.asked(),
        ..fork
    };
    Ok(client.request::<ThreadFork>(params).await?)
}

async fn last(settings: &Settings, client: &Client, among: Among) -> Result<Thread, Failure> {
    let kinds: &[ThreadSourceKind] = if among.non_interactive {
        &ThreadSourceKind::ROOTS
    } else {
        &ThreadSourceKind::INTERACTIVE
    };
    let cwd = (!among.everywhere).then(|| settings.cwd.to_string());
    let found = lookup::last(client, cwd, kinds).await?;
    found.ok_or_else(|| {
        let place = if among.everywhere {
            "anywhere".to_owned()
        } else {
            format!("in {}", settings.cwd)
        };
        let failure = Failure::new("session.not_found", format!("no session to go on with {place}"));
        failure.with_hint("--all looks at every directory, --include-non-interactive at sessions of codex exec, too")
    })
}
