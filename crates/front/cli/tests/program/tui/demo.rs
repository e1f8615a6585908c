//! The demonstration as a conversation.

use super::{LEAVES, QUIET, Seat};
use crate::support::Lab;

#[test]
fn the_demo_mends_its_repository_at_the_terminal_and_says_what_it_leaves() {
    let lab = Lab::new();
    // What somebody has configured has no part in it.
    lab.home
        .write_config("model_provider = \"nobody\"\n[model_providers.nobody]\nbase_url = \"http://127.0.0.1:9/v1\"\n");
    let seat = Seat::start(&lab, &["demo", "--tui", "greet"], &[], (100, 60));
    seat.wait_for("worked for");
    seat.pty.settle(QUIET);
    let shown = seat.pty.lines().join("\n");
    assert!(shown.contains("The words of the model come from a script"), "{shown}");
    assert!(!shown.contains("Do you trust"), "{shown}");

    seat.press(b"\x04");

    assert!(seat.pty.ended(LEAVES).is_some_and(|status| status.success()), "{}", seat.pty.text());
    seat.assert_given_back();
    let repository = lab.home.workspace().join("greet");
    let left = seat.pty.lines().join("\n");
    assert!(
        left.contains("It leaves:") && left.contains(&format!("repository: {}", repository.display())),
        "{left}"
    );
    assert!(left.contains("codex resume"), "{left}");
    let test = std::process::Command::new("sh").arg("test.sh").current_dir(&repository).output();
    assert!(test.unwrap().status.success());
    lab.assert_none_left(LEAVES);
}
