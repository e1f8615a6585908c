//! Against a real server on this machine.

use super::*;
use crate::request::tests::request;
use crate::{ClientIdentity, ModelClient, ModelEvent, Source, StoredLogin, build, catalog_for};
use codex_protocol::settings::{ProviderSettings, TokenCommand};
use codex_testkit::{Answer, Gate, MockModel};
use pretty_assertions::assert_eq;
use std::path::Path;
use tokio_util::sync::CancellationToken;

struct World {
    mock: MockModel,
    provider: ProviderSettings,
    lists: Arc<ModelLists>,
    client: Arc<dyn ModelClient>,
}

impl World {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::in_home(answers, None)
    }

    fn in_home(answers: impl IntoIterator<Item = Answer>, home: Option<&Path>) -> Self {
        let mock = MockModel::start(answers);
        let provider = ProviderSettings {
            id: "mine".into(),
            base_url: Some(mock.base_url()),
            query_params: [("v".to_owned(), "2".to_owned())].into(),
            auth: Some(TokenCommand {
                command: "echo".into(),
                args: vec!["t0ken".into()],
                timeout_ms: 5_000,
                refresh_interval_ms: 0,
                cwd: None,
            }),
            ..ProviderSettings::default()
        };
        let lists = Arc::new(ModelLists::new(home));
        let client = client(&provider, &lists);
        Self {
            mock,
            provider,
            lists,
            client,
        }
    }

    /// One question for the list, to its end.
    async fn refresh(&self) -> Result<(), ListError> {
        self.client.refresh_models().expect("the list is not fresh").await.unwrap()
    }

    /// One answer, to its end.
    async fn sample(&self) {
        let mut events = self.client.sample(request(), CancellationToken::new());
        while let Some(event) = events.recv().await {
            assert!(!matches!(event, ModelEvent::Failed(_)), "{event:?}");
        }
    }

    /// The window of the provider's own model; 0 while nothing is known of it.
    fn window(&self) -> u64 {
        let info = catalog_for(None, &self.provider, &self.lists).unwrap().find("own");
        if info.known { info.context_window } else { 0 }
    }

    /// As if the list had been asked for long ago.
    fn grow_old(&self) {
        let identity = crate::offered::identity(&self.provider).unwrap();
        let known = self.lists.get(&identity).unwrap();
        self.lists.put(&identity, known.again(Timestamp::UNIX_EPOCH));
    }

    async fn until_asked(&self, times: usize) {
        self.mock
            .wait_for_any("the question for the list", |_| self.mock.models_asked() == times)
            .await;
    }
}

fn identity() -> ClientIdentity {
    ClientIdentity {
        originator: "codex_exec".into(),
        user_agent: "codex_exec/1".into(),
    }
}

fn client(provider: &ProviderSettings, lists: &Arc<ModelLists>) -> Arc<dyn ModelClient> {
    build(provider, &|_| None, StoredLogin::None, &identity(), lists).unwrap()
}

fn list(etag: &str, window: u64) -> Answer {
    let body = format!(r#"{{"models": [{{"slug": "own", "context_window": {window}}}]}}"#);
    Answer::status(200, body).header("etag", etag)
}

#[tokio::test]
async fn a_list_is_asked_for_once_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let world = World::in_home([], Some(home.path()));
    world.mock.set_models(list("\"1\"", 9_000));
    assert_eq!(world.window(), 0);

    assert_eq!(world.refresh().await, Ok(()));

    assert_eq!(world.window(), 9_000);
    assert!(world.client.refresh_models().is_none());
    let another_process = Arc::new(ModelLists::new(Some(home.path())));
    assert!(client(&world.provider, &another_process).refresh_models().is_none());
    let catalog = catalog_for(None, &world.provider, &another_process).unwrap();
    assert_eq!(catalog.models().last().map(|model| model.slug.as_str()), Some("own"));
    assert!(matches!(catalog.source(), Source::Provider { .. }));
    let asked = &world.mock.all_requests()[0];
    assert_eq!(
        (asked.method.as_str(), asked.path.as_str(), asked.header("authorization")),
        (
            "GET",
            format!("/v1/models?client_version={}&v=2", codex_protocol::VERSION).as_str(),
            Some("Bearer t0ken")
        )
    );
    assert_eq!(
        (asked.header("originator"), asked.header("if-none-match")),
        (Some("codex_exec"), None)
    );
}

#[tokio::test]
async fn an_old_list_counts_until_there_is_a_newer_one() {
    let world = World::new([]);
    world.mock.set_models(list("\"1\"", 9_000));
    world.refresh().await.unwrap();

    world.grow_old();
    world.mock.set_models(Answer::status(304, ""));
    assert_eq!(world.window(), 9_000);
    assert_eq!(world.refresh().await, Ok(()));
    assert!(world.client.refresh_models().is_none());
    world.grow_old();
    world.mock.set_models(list("\"2\"", 10_000));
    assert_eq!(world.refresh().await, Ok(()));

    assert_eq!(world.window(), 10_000);
    let asked = world.mock.all_requests();
    let etags: Vec<_> = asked.iter().map(|request| request.header("if-none-match")).collect();
    assert_eq!(etags, [None, Some("\"1\""), Some("\"1\"")]);
}

#[tokio::test]
async fn an_answer_that_names_another_version_has_it_fetched_once() {
    let named = |etag: &str| Answer::message("Done.").header("x-models-etag", etag);
    let world = World::new(["\"1\"", "\"2\"", "\"2\"", "\"2\"", "\"1\""].map(named));
    world.mock.set_models(list("\"1\"", 9_000));
    world.refresh().await.unwrap();

    world.sample().await;
    assert_eq!(world.mock.models_asked(), 1);
    world.sample().await;
    world.until_asked(2).await;
    // The list still calls itself the first: that is no reason to ask with every answer.
    world.sample().await;
    world.sample().await;
    world.sample().await;

    assert_eq!(world.mock.models_asked(), 2);
}

#[tokio::test]
async fn no_request_waits_for_the_list() {
    let world = World::new([Answer::message("Done.")]);
    let gate = Gate::new();
    world.mock.set_models(list("\"1\"", 9_000).stall_head(&gate));

    let refresh = world.client.refresh_models().unwrap();
    world.until_asked(1).await;
    assert!(world.client.refresh_models().is_none(), "it is asked for already");
    assert!(
        client(&world.provider, &world.lists).refresh_models().is_none(),
        "by another thread"
    );
    world.sample().await;
    assert_eq!(world.window(), 0);
    gate.open();

    assert_eq!(refresh.await.unwrap(), Ok(()));
    assert_eq!(world.window(), 9_000);
}

#[tokio::test]
async fn a_list_that_does_not_come_is_given_up_after_its_limit() {
    let world = World::new([]);
    world.mock.set_models(list("\"1\"", 9_000).stall_head(&Gate::new()));
    let identity = identity();
    let endpoint = crate::provider::endpoint(&world.provider, &|_| None, StoredLogin::None, &identity, &world.lists).unwrap();
    let http = codex_http::HttpClient::new(codex_http::HttpSettings::from_env(identity.user_agent, &|_| None));
    let responses = crate::responses::Responses::new(endpoint, http);

    let refresh = start(&responses.inner, Duration::ZERO).unwrap();

    assert_eq!(refresh.await.unwrap(), Err(ListError::TimedOut));
    assert_eq!(ListError::TimedOut.to_string(), "no list of models within 5 s");
    assert!(responses.refresh_models().is_some(), "it can be asked for again");
}

#[tokio::test]
async fn a_bad_answer_changes_nothing_and_is_named() {
    let world = World::new([]);
    world.mock.set_models(list("\"1\"", 9_000));
    world.refresh().await.unwrap();
    let url = format!("{}/models", world.mock.base_url());
    let status = |text: &str| format!("unexpected status {text} from {url}");
    let huge = vec![b' '; listing::BYTES_MAX + 1];
    let cases = [
        (Answer::status(404, "no"), status("404 Not Found")),
        (Answer::status(500, "oh"), status("500 Internal Server Error")),
        (Answer::status(401, ""), status("401 Unauthorized")),
        (Answer::status(302, "").header("location", "http://192.0.2.1/"), status("302 Found")),
        (
            Answer::status(200, "<html>Sign in</html>"),
            "the answer is no list of models: expected value at line 1 column 1".to_owned(),
        ),
        (
            Answer::status(200, "{\"models\": 1}"),
            "the answer is no list of models: invalid type: integer `1`, expected a sequence at line 1 column 12".to_owned(),
        ),
        (
            Answer::status(200, "{}").header("content-encoding", "br"),
            "the answer is no list of models: it is packed as br, which codex did not ask for".to_owned(),
        ),
        (Answer::status(200, huge), "the list of models is over 16777216 bytes".to_owned()),
        (Answer::reset(), "network error: error sending request".to_owned()),
    ];

    for (answer, why) in cases {
        world.grow_old();
        world.mock.set_models(answer);
        let told = world.refresh().await.unwrap_err().to_string();
        assert!(told.starts_with(&why), "{told}, not {why}");
        assert_eq!(world.window(), 9_000, "{why}");
    }
}

#[tokio::test]
async fn entries_that_make_no_sense_are_left_out() {
    let world = World::new([]);
    let body =
        r#"{"models": [{"slug": 1}, {"slug": "own", "context_window": 9000, "new": [1]}, {"slug": "bad", "context_window": "big"}]}"#;
    world.mock.set_models(Answer::status(200, body));

    world.refresh().await.unwrap();

    assert_eq!(world.window(), 9_000);
    assert!(!catalog_for(None, &world.provider, &world.lists).unwrap().find("bad").known);
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let mut world = World::new([]);
    world.provider.auth.as_mut().unwrap().command = "false".into();
    world.client = client(&world.provider, &world.lists);

    let why = world.refresh().await.unwrap_err().to_string();

    assert!(
        why.starts_with("The token command `false` of the provider `mine` ended with"),
        "{why}"
    );
    assert_eq!(world.mock.models_asked(), 0);
}

#[tokio::test]
async fn a_provider_with_a_key_is_never_asked() {
    let world = World::new([Answer::message("Done.").header("x-models-etag", "\"1\"")]);
    let provider = ProviderSettings {
        auth: None,
        experimental_bearer_token: Some("key".into()),
        ..world.provider.clone()
    };
    let keyed = World {
        client: client(&provider, &world.lists),
        ..world
    };

    assert!(keyed.client.refresh_models().is_none());
    keyed.sample().await;

    assert_eq!(keyed.mock.models_asked(), 0);
}
