//! What a person sees on the main journeys, in tmux: `docs/images/journeys.py` plays them and compares the screens with those it keeps.

use std::path::Path;
use std::process::Command;

const NEEDED: [&str; 3] = ["tmux", "git", "python3"];

fn is_here(program: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(program).is_file())
}

#[test]
fn the_main_journeys_look_as_they_are_kept() {
    let missing: Vec<_> = NEEDED.into_iter().filter(|program| !is_here(program)).collect();
    if !missing.is_empty() {
        println!(
            "cannot run here: the_main_journeys_look_as_they_are_kept (not installed: {})",
            missing.join(", ")
        );
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/images/journeys.py");

    let played = Command::new("python3")
        .arg(script)
        .arg("--check")
        .env("CODEX_BIN", env!("CARGO_BIN_EXE_codex"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();

    assert!(
        played.status.success(),
        "{}\n{}\nif that is how it shall look: python3 docs/images/journeys.py",
        String::from_utf8_lossy(&played.stdout),
        String::from_utf8_lossy(&played.stderr)
    );
}
