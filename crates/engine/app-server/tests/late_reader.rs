//! A client in the same process that does not read for a while: whoever makes the messages waits for it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_model::{ModelClient, ModelEvent, ModelRequest};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::ThreadSettings;
use codex_protocol::response_item::ResponseItem;
use codex_testkit::{TempHome, events};
use pretty_assertions::assert_eq;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::Session;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Each becomes at least two messages, and so many of those are never kept.
const ITEMS: usize = 10_000;

/// Says [`ITEMS`] messages in one answer, and counts what was taken from it.
struct Talker {
    taken: Arc<AtomicUsize>,
}

impl ModelClient for Talker {
    fn sample(&self, _: ModelRequest, _: CancellationToken) -> mpsc::Receiver<ModelEvent> {
        let (events, receiver) = mpsc::channel(1);
        let taken = Arc::clone(&self.taken);
        tokio::spawn(async move {
            for number in 0..ITEMS {
                let item = ResponseItem::make(&events::message(&format!("msg_{number}"), "word")).unwrap();
                if events.send(ModelEvent::ItemDone(item)).await.is_err() {
                    return;
                }
                taken.fetch_add(1, Ordering::Relaxed);
            }
            let completed = ModelEvent::Completed {
                response_id: "resp_1".into(),
                usage: None,
                end_turn: None,
            };
            // Whoever no longer listens is told by the assertions.
            let _ = events.send(completed).await;
        });
        receiver
    }

    fn attempts_max(&self) -> u32 {
        1
    }
}

/// How many were taken once no more are: everything runs on the test's own thread, which has nothing else to do.
async fn settled(taken: &AtomicUsize) -> usize {
    let (mut before, mut quiet) = (0, 0);
    while before == 0 || quiet < 1000 {
        tokio::task::yield_now().await;
        let now = taken.load(Ordering::Relaxed);
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
    before
}

#[tokio::test]
async fn a_model_pauses_while_its_client_does_not_read_and_nothing_is_lost() {
    let home = TempHome::new();
    home.make_repository(&[("a.txt", "")]);
    let taken = Arc::new(AtomicUsize::new(0));
    let mut session = Session::open_model(&home, Arc::new(Talker { taken: Arc::clone(&taken) })).await;
    let thread = session.start(ThreadSettings::default()).await.thread;

    session.turn(&thread.id, "talk").await;
    let taken_unread = settled(&taken).await;
    let ended = session.until_turn_ends().await;

    assert!(taken_unread < ITEMS, "the model was not held up");
    assert_eq!(ended.error, None);
    let shown = session.seen.iter().filter(|seen| matches!(seen, Notification::ItemCompleted(_)));
    assert_eq!(shown.count(), ITEMS + 1, "the user's message and all of the model's");
}
