//! Stored threads through the client: fork, archive, delete, name, list.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::items::{Thread, ThreadStatus, TurnStatus};
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{
    RequestError, ThreadArchive, ThreadDelete, ThreadFork, ThreadForkParams, ThreadIdParams, ThreadList, ThreadListParams, ThreadNameSet,
    ThreadNameSetParams, ThreadRead, ThreadReadParams, ThreadResume, ThreadResumeParams, ThreadSetup, ThreadSourceKind, ThreadUnarchive,
};
use codex_rpc::{CallError, Wire};
use codex_testkit::{Answer, MockModel, TempHome, events};
use pretty_assertions::assert_eq;
use support::{Session, home_for};

/// Answers every request with its number.
fn counting() -> MockModel {
    MockModel::start_with(|number, _| Answer::items([events::message(&format!("m{number}"), &format!("answer {number}"))]))
}

async fn open() -> (MockModel, TempHome, Session) {
    let mock = counting();
    let home = home_for(&mock, "");
    let session = Session::open(&home).await;
    (mock, home, session)
}

async fn fork(session: &Session, params: ThreadForkParams) -> Result<ThreadSetup, CallError> {
    session.client.request::<ThreadFork>(params).await
}

fn of(thread_id: &str) -> ThreadForkParams {
    ThreadForkParams {
        thread_id: thread_id.to_owned(),
        ..Default::default()
    }
}

fn id(thread_id: &str) -> ThreadIdParams {
    ThreadIdParams {
        thread_id: thread_id.to_owned(),
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, CallError>) -> RequestError {
    let rejected = |error| match error {
        CallError::Rejected(error) => Some(error),
        CallError::PeerGone(_) => None,
    };
    rejected(result.unwrap_err()).unwrap()
}

async fn list(session: &Session, params: ThreadListParams) -> Vec<Thread> {
    let params = ThreadListParams {
        source_kinds: Some(ThreadSourceKind::ROOTS.to_vec()),
        ..params
    };
    session.client.request::<ThreadList>(params).await.unwrap().data
}

#[tokio::test]
async fn a_fork_goes_on_from_its_source_byte_for_byte_and_both_live_on() {
    let (mock, _home, mut session) = open().await;
    let source = session.start(Default::default()).await.thread;
    let first = session.run_turn(&source.id, "one").await;
    session.run_turn(&source.id, "two").await;

    let whole = fork(&session, of(&source.id)).await.unwrap().thread;
    let started = session.until(|n| matches!(n, Notification::ThreadStarted(n) if n.thread.id == whole.id).then_some(()));
    started.await;
    let early = ThreadForkParams {
        last_turn_id: Some(first.id.clone()),
        exclude_turns: true,
        ..of(&source.id)
    };
    let early = fork(&session, early).await.unwrap().thread;
    session.run_turn(&whole.id, "in the fork").await;
    session.run_turn(&early.id, "in the early fork").await;
    session.run_turn(&source.id, "three").await;

    assert_eq!(whole.forked_from_id.as_deref(), Some(source.id.as_str()));
    assert_eq!((whole.turns.len(), early.turns.len(), whole.preview.as_str()), (2, 0, "one"));
    let requests = mock.requests();
    let [one, two, in_whole, in_early, three] = &requests[..] else {
        panic!("{} requests", requests.len())
    };
    assert!(in_whole.input().starts_with(two.input()), "a fork extends what its source sent");
    assert!(in_early.input().starts_with(one.input()) && in_early.input().len() < in_whole.input().len());
    assert!(three.input().starts_with(two.input()));
    assert_eq!(in_whole.json["tools"], two.json["tools"]);
    session.shutdown().await;
}

#[tokio::test]
async fn a_fork_survives_its_process_and_the_archiving_of_its_source() {
    let (mock, home, mut session) = open().await;
    let source = session.start(Default::default()).await.thread;
    session.run_turn(&source.id, "one").await;
    let forked = fork(&session, of(&source.id)).await.unwrap().thread;
    session.client.request::<ThreadArchive>(id(&source.id)).await.unwrap();
    session.shutdown().await;

    let mut session = Session::open(&home).await;
    let resumed = session.resume(&forked.id).await.thread;
    session.run_turn(&forked.id, "two").await;

    assert_eq!(resumed.turns.len(), 1);
    let requests = mock.requests();
    assert!(requests[1].input().starts_with(requests[0].input()));
    session.shutdown().await;
}

#[tokio::test]
async fn the_turns_of_a_fork_without_its_source_are_refused_with_the_way_out() {
    let (_mock, _home, mut session) = open().await;
    let source = session.start(Default::default()).await.thread;
    session.run_turn(&source.id, "one").await;
    let forked = fork(&session, of(&source.id)).await.unwrap().thread;
    std::fs::remove_file(source.path.unwrap()).unwrap();

    let params = ThreadReadParams {
        thread_id: forked.id,
        include_turns: true,
    };
    let error = refused(session.client.request::<ThreadRead>(params).await);

    assert_eq!(error.stable_code(), "session.fork_source_missing");
    let hint = error.data.and_then(|data| data.hint).unwrap();
    assert!(hint.contains("put the file of"), "{hint}");
    session.shutdown().await;
}

#[tokio::test]
async fn an_ephemeral_fork_leaves_no_file() {
    let (_mock, _home, mut session) = open().await;
    let source = session.start(Default::default()).await.thread;
    session.run_turn(&source.id, "one").await;

    let params = ThreadForkParams {
        ephemeral: true,
        ..of(&source.id)
    };
    let forked = fork(&session, params).await.unwrap().thread;
    session.run_turn(&forked.id, "two").await;

    assert_eq!((forked.path, forked.ephemeral, forked.turns.len()), (None, true, 1));
    assert_eq!(list(&session, ThreadListParams::default()).await.len(), 1);
    session.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_forked_is_refused() {
    let (_mock, _home, mut session) = open().await;
    let source = session.start(Default::default()).await.thread;
    session.run_turn(&source.id, "one").await;

    let unknown = refused(fork(&session, of("01a1f850-5e9b-7640-b3cf-849f0dfad6aa")).await);
    let turn = ThreadForkParams {
        last_turn_id: Some("nope".to_owned()),
        ..of(&source.id)
    };
    let turn = refused(fork(&session, turn).await);
    let both = ThreadForkParams {
        last_turn_id: Some("a".to_owned()),
        before_turn_id: Some("b".to_owned()),
        ..of(&source.id)
    };
    let both = refused(fork(&session, both).await);

    assert_eq!(unknown.stable_code(), "session.not_found");
    assert_eq!(
        (turn.stable_code(), turn.message.as_str()),
        ("turn.not_found", "turn not found: nope")
    );
    assert_eq!(both.stable_code(), "request.fork_cut");
    session.shutdown().await;
}

#[tokio::test]
async fn an_archived_thread_is_out_of_sight_until_it_is_brought_back() {
    let (_mock, _home, mut session) = open().await;
    let thread = session.start(Default::default()).await.thread;
    session.run_turn(&thread.id, "one").await;
    let archived = |archived| ThreadListParams {
        archived: Some(archived),
        ..Default::default()
    };

    session.client.request::<ThreadArchive>(id(&thread.id)).await.unwrap();
    session
        .until(|n| matches!(n, Notification::ThreadStatusChanged(n) if n.status == ThreadStatus::NotLoaded).then_some(()))
        .await;
    session.until(|n| matches!(n, Notification::ThreadArchived(_)).then_some(())).await;
    assert_eq!(
        (
            list(&session, archived(false)).await.len(),
            list(&session, archived(true)).await.len()
        ),
        (0, 1)
    );

    let params = ThreadResumeParams {
        thread_id: thread.id.clone(),
        ..Default::default()
    };
    let resumed = refused(session.client.request::<ThreadResume>(params).await);
    assert_eq!(resumed.stable_code(), "session.archived");
    assert_eq!(resumed.data.unwrap().hint, Some(format!("codex unarchive {}", thread.id)));
    let again = refused(session.client.request::<ThreadArchive>(id(&thread.id)).await);
    assert_eq!(again.stable_code(), "session.archived");

    let back = session.client.request::<ThreadUnarchive>(id(&thread.id)).await.unwrap().thread;
    assert_eq!(
        (back.id, back.preview, back.path),
        (thread.id.clone(), "one".to_owned(), thread.path)
    );
    session.run_turn(&session.resume(&thread.id).await.thread.id, "two").await;
    session.shutdown().await;
}

#[tokio::test]
async fn deleting_a_thread_ends_its_turn_and_removes_its_file_but_not_what_forks_need() {
    let mock = MockModel::start_with(|number, _| match number {
        1 => Answer::message("answer"),
        _ => Answer::items([events::exec_command("c", "sleep 60")]),
    });
    let home = home_for(&mock, "");
    let mut session = Session::open(&home).await;
    let thread = session.start(Default::default()).await.thread;
    session.run_turn(&thread.id, "one").await;
    let forked = fork(&session, of(&thread.id)).await.unwrap().thread;
    session.turn(&thread.id, "two").await;
    session
        .until(|n| matches!(n, Notification::ItemStarted(n) if n.item.id() == "c").then_some(()))
        .await;

    let kept = refused(session.client.request::<ThreadDelete>(id(&thread.id)).await);
    assert_eq!(kept.stable_code(), "session.has_forks");
    assert!(kept.message.contains(&forked.id), "{}", kept.message);
    session.client.request::<ThreadDelete>(id(&forked.id)).await.unwrap();
    session.client.request::<ThreadDelete>(id(&thread.id)).await.unwrap();

    let ended = session.until_turn_ends().await;
    assert_eq!(ended.status, TurnStatus::Interrupted);
    session
        .until(|n| matches!(n, Notification::ThreadDeleted(n) if n.thread_id == thread.id).then_some(()))
        .await;
    assert!(!thread.path.unwrap().exists() && !forked.path.unwrap().exists());
    let gone = refused(session.client.request::<ThreadDelete>(id(&thread.id)).await);
    assert_eq!(gone.stable_code(), "session.not_found");
    session.shutdown().await;
}

#[tokio::test]
async fn a_name_is_told_found_and_kept() {
    let (_mock, home, mut session) = open().await;
    let thread = session.start(Default::default()).await.thread;
    session.run_turn(&thread.id, "one").await;
    let named = |name: &str| ThreadNameSetParams {
        thread_id: thread.id.clone(),
        name: name.to_owned(),
    };

    session.client.request::<ThreadNameSet>(named("  the mending ")).await.unwrap();
    let told = session
        .until(|n| match n {
            Notification::ThreadNameUpdated(n) => Some(n.thread_name.clone()),
            _ => None,
        })
        .await;
    assert_eq!(told.as_deref(), Some("the mending"));
    let empty = refused(session.client.request::<ThreadNameSet>(named(" ")).await);
    assert_eq!(
        (empty.stable_code(), empty.message.as_str()),
        ("session.bad_name", "thread name must not be empty")
    );

    let read = ThreadReadParams {
        thread_id: thread.id.clone(),
        include_turns: false,
    };
    let read = session.client.request::<ThreadRead>(read).await.unwrap().thread;
    assert_eq!(read.name.as_deref(), Some("the mending"), "a loaded thread knows it");
    session.shutdown().await;

    let session = Session::open(&home).await;
    let exactly = |name: &str| ThreadListParams {
        name: Some(name.to_owned()),
        ..Default::default()
    };
    assert_eq!(list(&session, exactly("the mending")).await.len(), 1);
    assert_eq!(list(&session, exactly("the")).await.len(), 0);
    assert_eq!(session.resume(&thread.id).await.thread.name.as_deref(), Some("the mending"));
    session.shutdown().await;
}

#[tokio::test]
async fn what_becomes_of_a_thread_is_told_to_every_client_once() {
    let (_mock, _home, mut session) = open().await;
    let mut other = session.second().await;
    let (stranger, events) = session.server.connect_in_process(Wire::Serialised);
    let thread = session.start(Default::default()).await.thread;
    session.run_turn(&thread.id, "one").await;
    let named = ThreadNameSetParams {
        thread_id: thread.id.clone(),
        name: "mending".to_owned(),
    };

    session.client.request::<ThreadNameSet>(named).await.unwrap();
    session.client.request::<ThreadArchive>(id(&thread.id)).await.unwrap();
    session.client.request::<ThreadUnarchive>(id(&thread.id)).await.unwrap();
    other.client.request::<ThreadDelete>(id(&thread.id)).await.unwrap();

    for session in [&mut session, &mut other] {
        session.until(|n| matches!(n, Notification::ThreadDeleted(_)).then_some(())).await;
        let told = session.seen.iter().filter_map(|n| match n {
            Notification::ThreadStarted(n) => Some(("started", n.thread.id.as_str())),
            Notification::ThreadNameUpdated(n) => Some(("named", &n.thread_id)),
            Notification::ThreadStatusChanged(n) if n.status == ThreadStatus::NotLoaded => Some(("not loaded", &n.thread_id)),
            Notification::ThreadArchived(n) => Some(("archived", &n.thread_id)),
            Notification::ThreadUnarchived(n) => Some(("unarchived", &n.thread_id)),
            Notification::ThreadDeleted(n) => Some(("deleted", &n.thread_id)),
            _ => None,
        });
        let (what, ids): (Vec<&str>, Vec<&str>) = told.unzip();
        assert_eq!(what, ["started", "named", "not loaded", "archived", "unarchived", "deleted"]);
        assert!(ids.iter().all(|id| *id == thread.id), "{ids:?}");
    }
    let mut stranger = Session::introduced(stranger, events, session.server.clone()).await;
    let next = session.start(Default::default()).await.thread;
    stranger
        .until(|n| matches!(n, Notification::ThreadStarted(n) if n.thread.id == next.id).then_some(()))
        .await;
    assert_eq!(stranger.seen.len(), 1, "a client that has not introduced itself is told nothing");
    session.shutdown().await;
}

#[tokio::test]
async fn a_list_shows_what_people_led_unless_asked_otherwise_and_pages() {
    let (_mock, _home, mut session) = open().await;
    let mut ids = Vec::new();
    for text in ["first", "second", "third"] {
        let thread = session.start(Default::default()).await.thread;
        session.run_turn(&thread.id, text).await;
        ids.push(thread.id);
    }

    let unasked = session.client.request::<ThreadList>(ThreadListParams::default()).await.unwrap();
    assert_eq!(unasked.data, [], "these came through another program");
    let mut page = ThreadListParams {
        limit: Some(2),
        source_kinds: Some(vec![ThreadSourceKind::AppServer]),
        ..Default::default()
    };
    let first = session.client.request::<ThreadList>(page.clone()).await.unwrap();
    page.cursor = first.next_cursor;
    let second = session.client.request::<ThreadList>(page).await.unwrap();

    assert_eq!((first.data.len(), second.data.len(), second.next_cursor), (2, 1, None));
    let search = ThreadListParams {
        search_term: Some("SECO".to_owned()),
        ..Default::default()
    };
    let found = list(&session, search).await;
    assert_eq!(found.iter().map(|thread| &thread.id).collect::<Vec<_>>(), [&ids[1]]);
    session.shutdown().await;
}
