//! The task that owns a thread: the whole concurrency story of one.
//!
//! Two lanes lead in. Interrupts, answers and shutdown overtake; everything else is bounded and slows its sender down.

use super::event::{PreparedCall, RequestKey, ThreadEvent, ThreadReply, ThreadRequest};
use super::lost::after_lost_commit;
use super::perform::{Ended, Subscriber, World};
use super::state::ThreadState;
use crate::settings::TurnOverrides;
use codex_protocol::items::Thread;
use codex_protocol::questions::Answer;
use codex_protocol::requests::{RequestError, RequestId};
use codex_tools::{Prepared, Terminals};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Reports under way to a thread that is busy; their senders wait when it is full.
const NORMAL_LANE: usize = 256;
/// Interrupts, answers and subscriptions: a client waits for each, so this is never near full.
const URGENT_LANE: usize = 1024;

/// Called by the thread's task itself, so that an answer cannot be overtaken by what the thread tells next. Must not wait.
pub type Reply = Box<dyn FnOnce(Result<ThreadReply, RequestError>) + Send>;

/// What arrives at a thread's task.
#[expect(clippy::large_enum_variant, reason = "nearly all messages are events, and each is moved once")]
pub enum Message {
    Event(ThreadEvent),
    Request {
        request: ThreadRequest,
        reply: Reply,
    },
    Prepared {
        call_id: String,
        result: Result<Box<Prepared>, String>,
    },
    Subscribe(Arc<dyn Subscriber>),
    Unsubscribe {
        connection: u64,
    },
    /// The user called it so; kept beside the journal.
    Renamed {
        name: String,
    },
    Overrides {
        reply: oneshot::Sender<TurnOverrides>,
    },
    /// To be told to all subscribers, if it is known; the last turn's.
    Usage {
        turn_id: String,
    },
    /// What goes on without a call that waits for it.
    Terminals {
        reply: oneshot::Sender<Arc<Terminals>>,
    },
    Read {
        include_turns: bool,
        reply: oneshot::Sender<Result<Thread, RequestError>>,
    },
}

/// The way into a thread's task.
#[derive(Clone)]
pub struct Mailbox {
    urgent: mpsc::Sender<Message>,
    normal: mpsc::Sender<Message>,
}

/// The thread's task is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct Gone;

impl Mailbox {
    pub fn new() -> (Self, Inbox) {
        let (urgent, urgent_inbox) = mpsc::channel(URGENT_LANE);
        let (normal, normal_inbox) = mpsc::channel(NORMAL_LANE);
        (
            Self { urgent, normal },
            Inbox {
                urgent: urgent_inbox,
                normal: normal_inbox,
            },
        )
    }

    pub async fn send(&self, message: Message) -> Result<(), Gone> {
        let lane = if is_urgent(&message) { &self.urgent } else { &self.normal };
        lane.send(message).await.map_err(|_| Gone)
    }

    pub async fn event(&self, event: ThreadEvent) -> Result<(), Gone> {
        self.send(Message::Event(event)).await
    }

    /// Puts a request; `reply` is called once, with an error if the thread is gone.
    pub async fn request(&self, request: ThreadRequest, reply: Reply) {
        let urgent = matches!(request, ThreadRequest::Interrupt { .. });
        let lane = if urgent { &self.urgent } else { &self.normal };
        if let Err(unsent) = lane.send(Message::Request { request, reply }).await
            && let Message::Request { reply, .. } = unsent.0
        {
            reply(Err(RequestError::invalid("thread.not_loaded", "the thread is not loaded any more")));
        }
    }

    pub async fn answer(&self, request_id: RequestId, answer: Result<Answer, String>) -> Result<(), Gone> {
        self.event(ThreadEvent::Answered { request_id, answer }).await
    }
}

fn is_urgent(message: &Message) -> bool {
    match message {
        Message::Event(ThreadEvent::Answered { .. } | ThreadEvent::Reviewed { .. } | ThreadEvent::Shutdown | ThreadEvent::Timer(_))
        | Message::Request {
            request: ThreadRequest::Interrupt { .. },
            ..
        }
        | Message::Subscribe(_)
        | Message::Unsubscribe { .. }
        | Message::Renamed { .. }
        | Message::Overrides { .. }
        | Message::Usage { .. }
        | Message::Terminals { .. }
        | Message::Read { .. } => true,
        Message::Event(_) | Message::Request { .. } | Message::Prepared { .. } => false,
    }
}

pub struct Inbox {
    urgent: mpsc::Receiver<Message>,
    normal: mpsc::Receiver<Message>,
}

impl Inbox {
    async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            biased;
            message = self.urgent.recv() => message,
            message = self.normal.recv() => message,
        }
    }
}

/// Runs a thread until it unloads. Steps are synchronous; effects are performed in order; a commit that fails comes back as an event.
pub async fn run(mut state: ThreadState, mut inbox: Inbox, mut world: World) {
    let mut keys = 0;
    while let Some(message) = inbox.next().await {
        let event = match message {
            Message::Event(event) => {
                match &event {
                    ThreadEvent::Finished { call_id, .. } => world.call_ended(call_id),
                    ThreadEvent::Reviewed { request_id, .. } => world.review_ended(request_id),
                    _ => {}
                }
                event
            }
            Message::Request { request, reply } => {
                keys += 1;
                let key = RequestKey(keys);
                world.await_reply(key, reply);
                ThreadEvent::Request { key, request }
            }
            Message::Prepared { call_id, result } => ThreadEvent::Prepared {
                result: world.keep(&call_id, result),
                call_id,
            },
            Message::Subscribe(subscriber) => {
                world.subscribe(subscriber);
                continue;
            }
            Message::Unsubscribe { connection } => {
                world.unsubscribe(connection);
                continue;
            }
            Message::Renamed { name } => {
                state.name = Some(name);
                continue;
            }
            Message::Overrides { reply } => {
                // Whoever asked may have gone.
                let _ = reply.send(state.overrides.clone());
                continue;
            }
            Message::Usage { turn_id } => {
                world.tell_usage(&state, turn_id);
                continue;
            }
            Message::Terminals { reply } => {
                // Whoever asked may have gone.
                let _ = reply.send(Arc::clone(&world.tools.terminals));
                continue;
            }
            Message::Read { include_turns, reply } => {
                world.read(&state, include_turns, reply);
                continue;
            }
        };
        if step_and_perform(&mut state, &mut world, event) == Ended::Yes {
            return;
        }
    }
}

fn step_and_perform(state: &mut ThreadState, world: &mut World, event: ThreadEvent) -> Ended {
    let mut effects = world.with_env(|env| state.step(event, env));
    loop {
        match world.perform_in_order(effects) {
            Ok(ended) => return ended,
            Err((lost, rest)) => {
                let reason = lost.with_cause();
                effects = after_lost_commit(rest, &reason);
                effects.extend(world.with_env(|env| state.step(ThreadEvent::CommitFailed { reason }, env)));
            }
        }
    }
}

/// What the step needs to know of a prepared call.
pub fn facts_of(prepared: &Prepared) -> PreparedCall {
    PreparedCall {
        intent: prepared.intent.clone(),
        widened: prepared.widened.clone(),
        started: prepared.started.clone(),
        parallel: prepared.parallel,
    }
}
