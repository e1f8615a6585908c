//! Finding files through the client.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::notifications::Notification;
use codex_protocol::requests::{FileSearchStart, FileSearchStop, FileSearchUpdate, FuzzyFileSearch};
use codex_protocol::search::{FileSearchIdParams, FileSearchStartParams, FileSearchUpdateParams, FoundKind, FuzzyFileSearchParams};
use codex_rpc::CallError;
use codex_testkit::{MockModel, TempHome};
use pretty_assertions::assert_eq;
use support::{Session, home_for};

async fn open() -> (MockModel, TempHome, Session) {
    let mock = MockModel::start(Vec::new());
    let home = home_for(&mock, "");
    home.make_repository(&[("src/parser.rs", ""), ("src/main.rs", ""), ("docs/parser.md", "")]);
    let session = Session::open(&home).await;
    (mock, home, session)
}

#[tokio::test]
async fn one_question_is_answered_with_the_best_paths() {
    let (_mock, home, session) = open().await;

    let params = FuzzyFileSearchParams {
        query: "parserrs".into(),
        roots: vec![".".into()],
        cancellation_token: Some("1".into()),
    };
    let found = session.client.request::<FuzzyFileSearch>(params).await.unwrap().files;

    let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["src/parser.rs"]);
    assert_eq!(found[0].file_name, "parser.rs");
    assert_eq!(found[0].match_type, FoundKind::File);
    assert_eq!(found[0].root, home.workspace().to_str().unwrap());
}

#[tokio::test]
async fn a_session_tells_what_it_finds_for_the_last_query_until_it_is_stopped() {
    let (_mock, _home, mut session) = open().await;
    let session_id = "s".to_owned();
    let update = |query: &str| FileSearchUpdateParams {
        session_id: "s".into(),
        query: query.into(),
    };

    let start = FileSearchStartParams {
        session_id: session_id.clone(),
        roots: vec![".".into()],
    };
    session.client.request::<FileSearchStart>(start).await.unwrap();
    session.client.request::<FileSearchUpdate>(update("main")).await.unwrap();
    session.client.request::<FileSearchUpdate>(update("parser")).await.unwrap();
    let is_last = |n: &Notification| match n {
        Notification::FileSearchUpdated(n) if n.query == "parser" && n.files.len() == 2 => Some(n.clone()),
        _ => None,
    };
    let found = session.until(is_last).await;
    let mut paths: Vec<String> = found.files.into_iter().map(|file| file.path).collect();
    paths.sort();
    assert_eq!(paths, ["docs/parser.md", "src/parser.rs"]);

    let id = FileSearchIdParams { session_id };
    session.client.request::<FileSearchStop>(id).await.unwrap();
    let refused = session.client.request::<FileSearchUpdate>(update("main")).await.unwrap_err();
    let code = match &refused {
        CallError::Rejected(error) => error.stable_code(),
        CallError::PeerGone(_) => "gone",
    };
    assert_eq!(code, "search.not_found");
}
