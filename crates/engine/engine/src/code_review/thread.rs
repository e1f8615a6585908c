//! The reviewer's thread: started beside the thread that tells of the review, listened to, and ended with it.

use super::INSTRUCTIONS;
use crate::engine::{Engine, NewThread, Parent};
use crate::settings::TurnOverrides;
use crate::thread::actor::Mailbox;
use crate::thread::event::{ThreadEvent, ThreadRequest};
use crate::thread::perform::{CaughtUp, Subscriber, Subscribers};
use codex_protocol::items::{SubAgentKind, UserInput};
use codex_protocol::notifications::Notification;
use codex_protocol::questions::{Answer, ApprovalDecision, ServerRequest};
use codex_protocol::requests::{RequestError, RequestId};
use std::sync::{Arc, PoisonError, Weak};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What the telling thread hears.
#[derive(Debug)]
pub enum ReviewerNews {
    /// It does not run: nothing more will be heard.
    NotStarted(RequestError),
    /// The last of them is `ThreadClosed`.
    Told(Box<Notification>),
}

/// A reviewer to start.
pub struct Reviewer {
    /// The turn that tells of the review.
    pub turn_id: String,
    pub prompt: String,
    /// Model, directory and limits.
    pub overrides: TurnOverrides,
    pub parent: Parent,
    pub ephemeral: bool,
    /// Who listens to the telling thread.
    pub followers: Subscribers,
}

impl Reviewer {
    pub(crate) fn parent(thread_id: String, session_id: String) -> Parent {
        Parent {
            thread_id,
            session_id,
            kind: SubAgentKind::Review,
        }
    }
}

/// Starts the reviewer and gives it its task. It ends when `cancel` does.
pub async fn run(engine: Weak<Engine>, reviewer: Reviewer, mailbox: Mailbox, cancel: CancellationToken) {
    let (news, heard) = mpsc::unbounded_channel();
    tokio::spawn(pass_on(heard, reviewer.turn_id.clone(), mailbox, engine.clone()));
    let told = news.clone();
    // The parent hears of every failure, or of the reviewer's end.
    if let Err(error) = start(&engine, reviewer, news, cancel).await {
        drop(told.send(Heard::News(ReviewerNews::NotStarted(error))));
    }
}

async fn start(
    engine: &Weak<Engine>,
    reviewer: Reviewer,
    news: mpsc::UnboundedSender<Heard>,
    cancel: CancellationToken,
) -> Result<(), RequestError> {
    let gone = || RequestError::internal("thread.closing", "codex is ending");
    let new = NewThread {
        base_instructions: Some(INSTRUCTIONS.to_owned()),
        ephemeral: reviewer.ephemeral,
        thread_source: None,
        parent: Some(reviewer.parent),
    };
    let listener = Arc::new(Listener {
        news: news.clone(),
        followers: reviewer.followers,
    });
    let setup = engine.upgrade().ok_or_else(gone)?.start(reviewer.overrides, new, listener).await?;
    let engine = engine.upgrade().ok_or_else(gone)?;
    let thread = engine.get(&setup.thread.id).ok_or_else(gone)?;
    drop(engine);
    let request = ThreadRequest::StartTurn {
        input: vec![UserInput::Text { text: reviewer.prompt }],
        overrides: Box::default(),
        output_schema: None,
    };
    let refused = thread.clone();
    let reply = Box::new(move |reply: Result<_, RequestError>| {
        if let Err(error) = reply {
            drop(news.send(Heard::News(ReviewerNews::NotStarted(error))));
            tokio::spawn(async move { refused.shut_down().await });
        }
    });
    thread.request(request, reply).await;
    cancel.cancelled().await;
    thread.shut_down().await;
    Ok(())
}

enum Heard {
    News(ReviewerNews),
    /// The reviewer's thread and its question.
    Asked(String, RequestId),
}

/// A subscriber must not wait. What is heard waits here for the telling thread without a bound: what a model says letter by letter is left
/// out, output is merged where it is read, and of the rest there is no more than the reviewer's own journal holds.
struct Listener {
    news: mpsc::UnboundedSender<Heard>,
    followers: Subscribers,
}

impl Subscriber for Listener {
    /// Numbers of clients count from zero.
    fn connection(&self) -> u64 {
        u64::MAX
    }

    fn notify(&self, notification: &Notification) {
        if !matches!(notification, Notification::AgentMessageDelta(_)) {
            drop(self.news.send(Heard::News(ReviewerNews::Told(Box::new(notification.clone())))));
        }
    }

    /// Whoever follows the telling thread sets the pace of the reviewer, too.
    fn caught_up(&self) -> Option<CaughtUp> {
        let followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.iter().find_map(|follower| follower.caught_up())
    }

    fn ask(&self, request_id: &RequestId, request: &ServerRequest) {
        drop(self.news.send(Heard::Asked(request.thread_id().to_owned(), request_id.clone())));
    }
}

/// To the telling thread, in order. Questions are declined: a reviewer needs no permission that it does not have.
async fn pass_on(mut heard: mpsc::UnboundedReceiver<Heard>, turn_id: String, mailbox: Mailbox, engine: Weak<Engine>) {
    while let Some(heard) = heard.recv().await {
        match heard {
            Heard::News(news) => {
                let turn_id = turn_id.clone();
                if mailbox.event(ThreadEvent::CodeReview { turn_id, news }).await.is_err() {
                    return;
                }
            }
            Heard::Asked(thread_id, request_id) => {
                if let Some(thread) = engine.upgrade().and_then(|engine| engine.get(&thread_id)) {
                    thread.answer(request_id, Ok(Answer::Decision(ApprovalDecision::Decline))).await;
                }
            }
        }
    }
}
