//! Edits of the user's configuration through the client.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_protocol::config::{ConfigBatchWriteParams, ConfigEdit, ConfigWriteErrorCode as Code, ConfigWriteResult, WriteStatus};
use codex_protocol::requests::{ConfigBatchWrite, ConfigValueWrite, RequestError};
use codex_rpc::CallError;
use codex_testkit::{MockModel, TempHome};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use support::{Session, home_for};

const MORE: &str = "\n# colours\n[tui]\ntheme = \"nord\" # for the evening\n";

async fn open() -> (MockModel, TempHome, Session) {
    let mock = MockModel::start(Vec::new());
    let home = home_for(&mock, MORE);
    let session = Session::open(&home).await;
    (mock, home, session)
}

fn config(home: &TempHome) -> String {
    std::fs::read_to_string(home.codex_home().join("config.toml")).unwrap()
}

async fn write(session: &Session, edits: Vec<ConfigEdit>, expected_version: Option<&str>) -> Result<ConfigWriteResult, RequestError> {
    let params = ConfigBatchWriteParams {
        edits,
        expected_version: expected_version.map(str::to_owned),
        file_path: None,
        reload_user_config: true,
    };
    match session.client.request::<ConfigBatchWrite>(params).await {
        Ok(result) => Ok(result),
        Err(CallError::Rejected(error)) => Err(error),
        Err(CallError::PeerGone(gone)) => unreachable!("{gone}"),
    }
}

fn codes(error: &RequestError) -> (Option<&str>, Option<Code>) {
    let data = error.data.as_ref();
    (
        data.map(|data| data.code.as_str()),
        data.and_then(|data| data.config_write_error_code),
    )
}

#[tokio::test]
async fn an_edit_keeps_comments_and_guards_against_a_lost_update() {
    let (_mock, home, session) = open().await;
    let before = config(&home);

    let edits = vec![
        ConfigEdit::replace("tui.theme", "dark"),
        ConfigEdit::replace("tui.keymap.global.copy", json!(["f2", "leader c"])),
    ];
    let written = write(&session, edits, None).await.unwrap();
    let taken = write(
        &session,
        vec![ConfigEdit::replace("tui.theme", Value::Null)],
        Some(&written.version),
    )
    .await
    .unwrap();
    let late = write(&session, vec![ConfigEdit::replace("tui.theme", "light")], Some(&written.version))
        .await
        .unwrap_err();

    assert_eq!((written.status, taken.status), (WriteStatus::Ok, WriteStatus::Ok));
    assert_eq!(codes(&late), (Some("config.version_conflict"), Some(Code::ConfigVersionConflict)));
    let after = before.replace(
        "theme = \"nord\" # for the evening\n",
        "\n[tui.keymap.global]\ncopy = [\"f2\", \"leader c\"]\n",
    );
    assert_eq!(config(&home), after);
}

#[tokio::test]
async fn what_would_be_no_configuration_is_refused_as_a_whole() {
    let (_mock, home, session) = open().await;
    let before = config(&home);

    let edits = vec![
        ConfigEdit::replace("tui.theme", "dark"),
        ConfigEdit::replace("tui.animations", "yes"),
    ];
    let wrong_type = write(&session, edits, None).await.unwrap_err();
    let no_value = write(&session, vec![ConfigEdit::replace("tui.theme", json!([null]))], None)
        .await
        .unwrap_err();
    let other_file = json!({"keyPath": "tui.theme", "mergeStrategy": "replace", "value": "dark", "filePath": "/etc/codex/config.toml"});
    let other_file = session
        .client
        .request_raw("config/value/write", Some(other_file))
        .await
        .unwrap_err();

    assert_eq!(codes(&wrong_type), (Some("config.type"), Some(Code::ConfigValidationError)));
    assert!(
        wrong_type.message.ends_with("`tui.animations` must be true or false, not \"yes\""),
        "{}",
        wrong_type.message
    );
    assert_eq!(codes(&no_value), (Some("config.edit_refused"), Some(Code::ConfigValidationError)));
    let CallError::Rejected(other_file) = other_file else {
        unreachable!()
    };
    assert_eq!(codes(&other_file), (Some("config.not_writable"), Some(Code::ConfigLayerReadonly)));
    assert_eq!(config(&home), before);
}

#[tokio::test]
async fn one_value_that_a_project_overrides_is_written_and_said_to_be() {
    let (_mock, home, session) = open().await;
    home.write(".codex/config.toml", "model_verbosity = \"low\"\n");
    let trust = ConfigEdit::replace(
        format!("projects.{:?}.trust_level", home.workspace().canonicalize().unwrap()),
        "trusted",
    );
    write(&session, vec![trust], None).await.unwrap();

    let params = json!({"keyPath": "model_verbosity", "mergeStrategy": "replace", "value": "high"});
    let params = serde_json::from_value(params).unwrap();
    let written = session.client.request::<ConfigValueWrite>(params).await.unwrap();

    assert_eq!(written.status, WriteStatus::OkOverridden);
    let overridden = written.overridden_metadata.unwrap();
    assert_eq!(overridden.effective_value, "low");
    assert_eq!(serde_json::to_value(&overridden.overriding_layer.name).unwrap()["type"], "project");
    assert!(config(&home).contains("model_verbosity = \"high\"\n"));
}
