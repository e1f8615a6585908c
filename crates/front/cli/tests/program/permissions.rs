//! What a model asks for besides, in the sandbox of this system.

use crate::support::Lab;
use crate::tui::Seat;
use codex_testkit::{Answer, MockModel, events};
use serde_json::{Value, json};

fn call(id: &str, tool: &str, arguments: &Value) -> Answer {
    Answer::items([events::function_call(id, tool, arguments)])
}

/// A lab that offers what is under development.
fn lab(mock: &MockModel) -> Lab {
    let lab = Lab::new();
    let offered = "[features]\nrequest_permissions_tool = true\nexec_permission_approvals = true\n";
    lab.home.use_model(mock, offered);
    for folder in ["granted", "other"] {
        std::fs::create_dir(lab.root().join(folder)).unwrap();
    }
    lab
}

const WRITES: &str = "echo ran >> ../granted/x; echo ran >> ../other/x";

fn written(lab: &Lab) -> [usize; 2] {
    ["granted", "other"].map(|folder| {
        let text = std::fs::read_to_string(lab.root().join(folder).join("x"));
        text.map_or(0, |text| text.lines().count())
    })
}

fn output(mock: &MockModel, id: &str) -> String {
    let requests = mock.requests();
    let output = requests.iter().find_map(|request| request.output_of(id).cloned());
    output.expect("the call was answered").as_str().unwrap().to_owned()
}

#[test]
fn commands_get_what_a_person_grants_for_the_turn_and_nothing_beside_it() {
    let folder = |lab: &Lab| lab.root().join("granted").display().to_string();
    let mock = MockModel::start([
        call("c1", "exec_command", &json!({"cmd": WRITES})),
        call(
            "c2",
            "request_permissions",
            &json!({"permissions": {"file_system": {"write": ["../granted"]}}}),
        ),
        call("c3", "exec_command", &json!({"cmd": WRITES})),
        Answer::message("First done."),
        call("c4", "exec_command", &json!({"cmd": WRITES})),
        Answer::message("Second done."),
    ]);
    let lab = lab(&mock);
    let seat = Seat::take(&lab, &["-a", "on-request", "-s", "workspace-write"]);

    seat.say("go");
    seat.wait_for("Allow this from now on?");
    assert_eq!(written(&lab), [0, 0]);
    seat.press(b"y");
    seat.wait_for("First done.");
    assert_eq!(written(&lab), [1, 0], "{}", output(&mock, "c3"));
    seat.say("go on");
    seat.wait_for("Second done.");

    assert_eq!(written(&lab), [1, 0]);
    assert!(output(&mock, "c2").contains(&folder(&lab)));
    seat.leave();
}

#[test]
fn one_command_gets_what_a_person_allows_it_and_the_next_one_does_not() {
    let more = json!({"cmd": WRITES, "sandbox_permissions": "with_additional_permissions",
        "additional_permissions": {"file_system": {"write": ["../granted"]}}, "justification": "May it publish?"});
    let mock = MockModel::start([
        call("c1", "exec_command", &json!({"cmd": WRITES})),
        call("c2", "exec_command", &more),
        call("c3", "exec_command", &json!({"cmd": WRITES})),
        Answer::message("All done."),
    ]);
    let lab = lab(&mock);
    let seat = Seat::take(&lab, &["-a", "on-request", "-s", "workspace-write"]);

    seat.say("go");
    seat.wait_for("May it publish?");
    assert_eq!(written(&lab), [0, 0]);
    seat.press(b"y");
    seat.wait_for("All done.");

    assert_eq!(written(&lab), [1, 0], "{}", output(&mock, "c2"));
    seat.leave();
}

#[test]
fn without_anybody_to_ask_nothing_is_granted_and_the_model_is_told() {
    let mock = MockModel::start([
        call(
            "c1",
            "request_permissions",
            &json!({"permissions": {"file_system": {"write": ["../granted"]}}}),
        ),
        call("c2", "exec_command", &json!({"cmd": WRITES})),
        Answer::message("Done."),
    ]);
    let lab = lab(&mock);

    lab.run(&["exec", "--skip-git-repo-check", "-s", "workspace-write", "go"])
        .assert_code(0);

    assert_eq!(
        output(&mock, "c1"),
        "request_permissions refused: the approval policy is Never, so there is nobody to ask; nothing was granted"
    );
    assert_eq!(written(&lab), [0, 0]);
}
