//! The published TypeScript SDK, installed from npm, drives this program against a mock model.
//!
//! `tests/sdk` holds its pinned version and a little script that performs a list of steps and prints what each of them gave. What the SDK
//! tells its caller is compared, and what the model's server received.

use crate::support::{Lab, Ran, assert_grows_and_is_journaled};
use codex_testkit::{Answer, MockModel, Recorded, events};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// Of one script, node's own start included.
const PATIENCE: Duration = Duration::from_secs(60);

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk")
}

/// The folder with the installed SDK and the script. Installed once per content of the lock file, below the target folder.
///
/// Without node, npm or the package this fails and says what is missing: nothing here passes by skipping.
fn installed() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let guard = File::create(target.join("sdk.lock")).unwrap();
    guard.lock().unwrap();
    let folder = target.join("sdk");
    let lock = fs::read(sources().join("package-lock.json")).unwrap();
    if fs::read(folder.join("installed")).ok().as_deref() != Some(&lock) {
        // What an install left that did not come to its end.
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for name in ["package.json", "package-lock.json"] {
            fs::copy(sources().join(name), folder.join(name)).unwrap();
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(&folder);
        let output = output_of(&mut npm, "npm");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "the SDK cannot be installed: npm needs its registry, or a cache that holds the packages of {}\n{told}",
            sources().join("package-lock.json").display()
        );
        fs::write(folder.join("installed"), lock).unwrap();
    }
    put_whole(&sources().join("client.mjs"), &folder.join("client.mjs"));
    folder
}

/// A copy that no reader ever sees half: a node of another test may be about to read the one that is there, and an empty script is one that
/// ends well and prints nothing.
fn put_whole(from: &Path, to: &Path) {
    let beside = to.with_extension("new");
    fs::copy(from, &beside).unwrap();
    fs::rename(beside, to).unwrap();
}

#[expect(clippy::panic, reason = "a test that cannot go on has failed")]
fn output_of(command: &mut Command, name: &str) -> Output {
    match command.output() {
        Ok(output) => output,
        Err(error) => panic!("{name} cannot be started ({error}): this test needs node and npm, which `./setup test` installs"),
    }
}

/// A user of the SDK: a repository, an empty home, and a mock that the SDK is pointed at.
struct User {
    lab: Lab,
    mock: MockModel,
}

impl User {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let lab = Lab::new();
        lab.home.make_repository(&[("README.md", "A test.\n")]);
        Self {
            lab,
            mock: MockModel::start(answers),
        }
    }

    /// Performs the steps with these options of the `Codex` object beside address and key.
    fn perform_with(&self, more: Value, steps: &Value) -> Vec<Value> {
        let mut options = json!({
            "codexPathOverride": self.lab.root().join("codex"),
            "baseUrl": self.mock.base_url(),
            "apiKey": "sk-test",
        });
        let more = more.as_object().cloned().unwrap_or_default();
        options.as_object_mut().unwrap().extend(more);
        let folder = installed();
        let mut node = self.lab.home.command("node");
        let (marker, word) = self.lab.marker.env();
        node.env(marker, word)
            .arg(folder.join("client.mjs"))
            .arg(json!({ "codex": options, "steps": steps }).to_string());
        let ran: Ran = self.lab.start(node).ended(PATIENCE);
        ran.assert_code(0);
        self.lab.assert_none_left(Duration::from_secs(2));
        serde_json::from_str(&ran.stdout).unwrap()
    }

    fn perform(&self, steps: &Value) -> Vec<Value> {
        self.perform_with(json!({}), steps)
    }
}

#[track_caller]
fn ok(result: &Value) -> &Value {
    assert_eq!(result["error"], Value::Null, "{result}");
    &result["ok"]
}

#[track_caller]
fn error_of(result: &Value) -> &str {
    result["error"]["message"]
        .as_str()
        .unwrap_or_else(|| unreachable!("no error: {result}"))
}

fn types(events: &Value) -> Vec<&str> {
    let events = events.as_array().unwrap().iter();
    events.map(|event| event["type"].as_str().unwrap()).collect()
}

fn last_user_text(request: &Recorded) -> &str {
    let items = request.input().iter();
    let mut texts = items
        .filter(|item| item["role"] == "user")
        .filter_map(|item| item["content"][0]["text"].as_str());
    texts.next_back().unwrap()
}

#[test]
fn two_runs_of_one_thread_and_a_third_in_another_process() {
    let user = User::new([Answer::message("One."), Answer::message("Two."), Answer::message("Three.")]);

    let results = user.perform(&json!([
        { "op": "run", "thread": "a", "input": "first" },
        { "op": "run", "thread": "a", "input": [{ "type": "text", "text": "second" }, { "type": "text", "text": "and more" }] },
    ]));
    let id = results[0]["thread"].as_str().unwrap();
    let resumed = user.perform(&json!([{ "op": "run", "thread": "b", "resume": id, "input": "third" }]));

    assert_eq!(id, user.lab.session_id());
    assert_eq!((&results[1]["thread"], &resumed[0]["thread"]), (&json!(id), &json!(id)));
    let turns = [&results[0], &results[1], &resumed[0]].map(ok);
    assert_eq!(
        turns.map(|turn| turn["finalResponse"].as_str().unwrap()),
        ["One.", "Two.", "Three."]
    );
    assert_eq!(
        turns[0]["items"],
        json!([{ "id": "item_0", "type": "agent_message", "text": "One." }])
    );
    // Usage is the total of the thread.
    let used = turns.map(|turn| turn["usage"]["input_tokens"].as_u64().unwrap());
    assert_eq!(used, [used[0], 2 * used[0], 3 * used[0]]);
    assert!(used[0] > 0);
    let requests = user.mock.requests();
    assert_eq!(
        requests.iter().map(last_user_text).collect::<Vec<_>>(),
        ["first", "second\n\nand more", "third"]
    );
    for request in &requests {
        assert_eq!(request.header("authorization"), Some("Bearer sk-test"));
        assert_eq!(request.header("originator"), Some("codex_sdk_ts"));
        assert!(request.header("user-agent").unwrap().starts_with("codex_sdk_ts/"));
    }
    assert_grows_and_is_journaled(&user.mock, &user.lab.journal_text());
}

#[test]
fn a_stream_has_every_event_in_order() {
    let calls = [
        events::reasoning("rs_1", &["Look first."], "sealed"),
        events::exec_command("c1", "cat README.md"),
    ];
    let user = User::new([Answer::items(calls), Answer::message("It is a test.")]);

    let results = user.perform(&json!([{ "op": "stream", "thread": "a", "input": "what is it?" }]));

    let events = ok(&results[0]);
    assert_eq!(
        types(events),
        [
            "thread.started",
            "turn.started",
            "item.completed",
            "item.started",
            "item.completed",
            "item.completed",
            "turn.completed"
        ]
    );
    assert_eq!(events[0]["thread_id"], results[0]["thread"]);
    assert_eq!(events[2]["item"]["type"], "reasoning");
    let item = &events[4]["item"];
    assert_eq!((&item["type"], &item["exit_code"]), (&json!("command_execution"), &json!(0)));
    assert_eq!(item["aggregated_output"], "A test.\n");
    assert_eq!(events[5]["item"]["text"], "It is a test.");
}

#[test]
fn an_output_schema_reaches_the_model() {
    let schema = json!({ "type": "object", "properties": { "season": { "type": "string" } }, "required": ["season"], "additionalProperties": false });
    let user = User::new([Answer::message("{\"season\":\"winter\"}")]);

    let results = user.perform(&json!([{ "op": "run", "thread": "a", "input": "which?", "turn": { "outputSchema": schema } }]));

    assert_eq!(ok(&results[0])["finalResponse"], "{\"season\":\"winter\"}");
    let request = &user.mock.requests()[0];
    let format = &request.json["text"]["format"];
    assert_eq!(
        (&format["type"], &format["schema"], &format["strict"]),
        (&json!("json_schema"), &schema, &json!(true))
    );
}

#[test]
fn images_reach_the_model() {
    let user = User::new([Answer::message("A dot."), Answer::message("Another.")]);
    // One transparent pixel.
    let pixel = "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d4944415478da63f8ffffff7f0009fb03fd05e4c94b0000000049454e44ae426082";
    let bytes: Vec<u8> = (0..pixel.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&pixel[at..at + 2], 16).unwrap())
        .collect();
    user.lab.home.write("dot.png", bytes);
    let picture = user.lab.home.workspace().join("dot.png");
    let input = json!([{ "type": "text", "text": "what is this?" }, { "type": "local_image", "path": picture }]);

    let results = user.perform(&json!([
        { "op": "run", "thread": "a", "input": input },
        { "op": "run", "thread": "a", "input": input },
    ]));

    assert_eq!(ok(&results[1])["finalResponse"], "Another.");
    for (request, count) in user.mock.requests().iter().zip(1..) {
        let parts = request.input().iter().filter_map(|item| item["content"].as_array()).flatten();
        let images = parts.filter(|part| part["type"] == "input_image");
        let sent: Vec<&str> = images.map(|part| part["image_url"].as_str().unwrap()).collect();
        assert_eq!(sent.len(), count);
        assert!(sent.iter().all(|url| url.starts_with("data:image/png;base64,")), "{sent:?}");
    }
}

#[test]
fn an_abort_ends_everything_and_the_thread_goes_on() {
    let command = events::exec_command("c1", "(setsid sleep 3611 >/dev/null 2>&1 &); sleep 3612");
    let user = User::new([Answer::items([command]), Answer::message("Back again.")]);

    let results = user.perform(&json!([
        { "op": "stream", "thread": "a", "input": "wait", "abortAt": "command_execution" },
    ]));

    assert_eq!(results[0]["error"]["name"], "AbortError", "{results:?}");
    // The SDK does not wait for the program that it told to end; `perform` has by now.
    assert_eq!(user.lab.turn_event(), "turn_aborted");
    let id = results[0]["thread"].as_str().unwrap();
    let resumed = user.perform(&json!([{ "op": "run", "thread": "b", "resume": id, "input": "go on" }]));
    assert_eq!(ok(&resumed[0])["finalResponse"], "Back again.");
    assert_grows_and_is_journaled(&user.mock, &user.lab.journal_text());
}

#[test]
fn a_provider_that_fails_is_told_to_the_caller() {
    let refused = || Answer::error(400, "invalid_request_error", "That makes no sense.");
    let user = User::new([refused(), refused(), Answer::message("Better.")]);

    let results = user.perform(&json!([
        { "op": "run", "thread": "a", "input": "nonsense" },
        { "op": "stream", "thread": "a", "input": "nonsense" },
        { "op": "run", "thread": "a", "input": "sense" },
    ]));

    assert!(error_of(&results[0]).contains("That makes no sense."), "{results:?}");
    // The caller sees the failed turn, and then how the program ended.
    let seen = types(&results[1]["error"]["events"]);
    assert_eq!(seen[..2], ["thread.started", "turn.started"]);
    assert_eq!(seen[seen.len() - 2..], ["error", "turn.failed"]);
    assert!(error_of(&results[1]).starts_with("Codex Exec exited with code 1: "), "{results:?}");
    assert_eq!(ok(&results[2])["finalResponse"], "Better.");
    assert_grows_and_is_journaled(&user.mock, &user.lab.journal_text());
}

#[test]
fn nobody_listens_and_the_caller_is_told() {
    let user = User::new([]);
    // Nothing is tried again, so that the test does not wait.
    let config = json!({ "model_provider": "gone", "model_providers": { "gone": {
        "name": "gone", "base_url": "http://127.0.0.1:1/v1", "request_max_retries": 0, "stream_max_retries": 0,
    } } });

    let results = user.perform_with(
        json!({ "config": config }),
        &json!([{ "op": "run", "thread": "a", "input": "hello?" }]),
    );

    assert!(error_of(&results[0]).contains("refused"), "{results:?}");
}

#[test]
fn an_unknown_thread_is_an_error_with_the_reason() {
    let user = User::new([]);

    let id = "01a1f84b-c74f-7223-8daf-c7c8e964d410";
    let results = user.perform(&json!([{ "op": "run", "thread": "a", "resume": id, "input": "go on" }]));

    let told = error_of(&results[0]);
    assert!(told.starts_with("Codex Exec exited with code 1: "), "{told}");
    assert!(told.contains(id) && told.contains("[session.not_found]"), "{told}");
    assert!(user.mock.requests().is_empty());
}

/// Every option there is, in every value it may have.
#[test]
fn every_option_of_a_thread_is_understood() {
    let approvals = ["never", "on-request", "on-failure", "untrusted"];
    let efforts = ["minimal", "low", "medium", "high", "xhigh", "max", "ultra", "persistent"];
    let sandboxes = ["read-only", "workspace-write", "danger-full-access"];
    let searches = ["disabled", "cached", "live"];
    let programs = ["standard", "daybreak_blue", "daybreak_red"];
    let user = User::new((0..efforts.len()).map(|_| Answer::message("Done.")));
    let elsewhere = user.lab.root().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let steps: Vec<Value> = efforts
        .iter()
        .enumerate()
        .map(|(at, effort)| {
            let mut options = json!({
                "model": "gpt-5.5",
                "threadSource": format!("sdk_{effort}"),
                "sandboxMode": sandboxes[at % sandboxes.len()],
                "workingDirectory": elsewhere,
                "additionalDirectories": [user.lab.home.workspace()],
                "skipGitRepoCheck": true,
                "modelReasoningEffort": effort,
                "networkAccessEnabled": at % 2 == 0,
                "approvalPolicy": approvals[at % approvals.len()],
            });
            // The older switch of the search, and its modes.
            options[if at % 4 == 3 { "webSearchEnabled" } else { "webSearchMode" }] = match at % 4 {
                3 => json!(at % 8 == 3),
                mode => json!(searches[mode]),
            };
            let turn = json!({ "cyberAccessProgram": programs[at % programs.len()] });
            json!({ "op": "run", "thread": effort, "input": "hello", "options": options, "turn": turn })
        })
        .collect();
    let overrides = ["model_verbosity=high", "developer_instructions=\"Be brief.\""];
    let config = json!({ "configOverrides": overrides, "config": { "show_raw_agent_reasoning": true, "sandbox_workspace_write": { "writable_roots": ["/srv/a b"] }, "features": {} } });

    let results = user.perform_with(config, &json!(steps));

    for (result, effort) in results.iter().zip(efforts) {
        assert_eq!(ok(result)["finalResponse"], "Done.", "{effort}");
    }
    let requests = user.mock.requests();
    assert_eq!(requests.len(), efforts.len());
    for (request, effort) in requests.iter().zip(efforts) {
        assert_eq!(
            (&request.json["model"], &request.json["text"]["verbosity"]),
            (&json!("gpt-5.5"), &json!("high"))
        );
        let told = request.json["input"].to_string();
        assert!(told.contains(elsewhere.to_str().unwrap()) && told.contains("Be brief."), "{told}");
        let metadata: Value = serde_json::from_str(request.header("x-codex-turn-metadata").unwrap()).unwrap();
        assert_eq!(metadata["thread_source"], format!("sdk_{effort}"));
    }
    let searches = requests.iter().map(|request| {
        let tools = request.json["tools"].as_array().unwrap();
        let search = tools.iter().find(|tool| tool["type"] == "web_search")?;
        search["external_web_access"].as_bool()
    });
    let (off, cached, live) = (None, Some(false), Some(true));
    assert_eq!(searches.collect::<Vec<_>>(), [off, cached, live, live, off, cached, live, off]);
}

#[test]
fn with_an_environment_of_its_own_nothing_else_is_inherited() {
    let user = User::new([Answer::items([events::exec_command("c1", "env")]), Answer::message("Done.")]);
    let (marker, word) = user.lab.marker.env();
    let env = json!({
        "PATH": std::env::var("PATH").unwrap(), "HOME": user.lab.home.home(), "CODEX_HOME": user.lab.home.codex_home(),
        "ONLY_THIS": "yes", marker: word,
    });

    let results = user.perform_with(json!({ "env": env }), &json!([{ "op": "stream", "thread": "a", "input": "look" }]));

    let events = ok(&results[0]).as_array().unwrap();
    let command = events.iter().find(|event| event["item"]["exit_code"].is_number()).unwrap();
    let printed = command["item"]["aggregated_output"].as_str().unwrap();
    assert!(printed.contains("ONLY_THIS=yes\n"), "{printed}");
    // The lab's own environment has these.
    for name in ["TZ=", "GIT_AUTHOR_NAME="] {
        assert!(!printed.contains(name), "{printed}");
    }
}
