#!/usr/bin/env python3
"""Plays the main journeys through codex in a real terminal (tmux) and keeps what the screen shows, as text and as pictures.

    cargo build -p codex-cli && python3 docs/images/journeys.py          # writes journeys/*.txt and pictures
    python3 docs/images/journeys.py --check                              # compares instead; fails where a screen differs

The model reads from a script; codex, its commands, the sandbox and the journal are real. Needs tmux and git; what is missing is named, and
that is a failure. Ids, times, process numbers and the temporary folder are made words.
"""

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import make

ROOT = Path(__file__).resolve().parents[2]
CODEX = Path(os.environ.get("CODEX_BIN") or Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "codex")
KEPT = ROOT / "docs/images/journeys"
COLUMNS, ROWS = 100, 40
LIMIT = 30


def say(*items, **more):
    """One answer of the script."""
    return {"items": list(items), **more}


def message(text):
    return {"message": text}


def command(cmd, **more):
    return {"call": "exec_command", "arguments": {"cmd": cmd, **more}}


def escalated(cmd, why):
    return command(cmd, sandbox_permissions="require_escalated", justification=why)


PATCH = "*** Begin Patch\n*** Update File: sum.sh\n@@\n-echo $(($1 - $2))\n+echo $(($1 + $2))\n*** End Patch\n"

# Steps of which a picture is made: file and title.
PICTURES = {
    ("two-approvals", "the second question"): ("tui.svg", "codex asks before it runs a command"),
    ("plan", "the proposal"): ("plan.svg", "codex proposes a plan and asks whether to implement it"),
}

# What is typed (keys as tmux names them, text after "text "), and what must be seen before.
JOURNEYS = {
    "first-run": {
        "start": "",
        "steps": [
            ("Which model", "nobody to ask yet", ["k"]),
            ("API key", "a key", ["text sk-1"]),
            ("****", "typed unseen", ["Escape"]),
            ("Which model", "back", ["d"]),
            ("worked for", "a whole turn without an account", ["C-d"]),
            ("It leaves:", "what is left", []),
        ],
    },
    "two-approvals": {
        "start": "'mend the test'",
        "script": [
            say(message("I'll run the test outside the sandbox: it needs a real terminal."), escalated("sh test.sh", "the test needs a terminal")),
            say(message("The sum is a difference."), {"custom": "apply_patch", "input": PATCH}, escalated("sh test.sh", "once more")),
            say(message("`sum.sh` subtracted. It adds now, and the test passes.")),
        ],
        "steps": [
            ("sh test.sh", "the first question", ["y"]),
            ("once more", "the second question", ["y"]),
            ("worked for", "mended", []),
        ],
    },
    "interrupt-and-steer": {
        "start": "'count slowly'",
        "script": [
            say(message("I'll wait."), command("sleep 600", yield_time_ms=30000)),
            say(message("Then I count quickly: one, two, three.")),
        ],
        "steps": [
            ("sleep 600", "a command runs", ["text quicker, please", "Enter"]),
            ("quicker, please", "a message for the running turn", ["Escape"]),
            ("interrupted", "interrupted", ["text go on", "Enter"]),
            ("one, two, three", "and on", []),
        ],
    },
    "resume": {
        "start": "'which season?'",
        "script": [say(message("It is winter.")), say(message("Still winter."))],
        "steps": [
            ("worked for", "a session", ["C-d"]),
            ("codex resume", "left", ["text codex resume", "Enter"]),
            ("1/1", "the list", ["Enter"]),
            ("going on with", "the same session", ["text and now?", "Enter"]),
            ("Still winter.", "and on", []),
        ],
    },
    "review": {
        "start": "",
        "before": "echo 'echo $(($1 * $2))' > sum.sh",
        "script": [
            say(message(json.dumps({
                "findings": [{
                    "title": "[P1] A product is no sum", "body": "`sum.sh` multiplies; the test passes by chance, for 2 and 2.", "confidence_score": 0.9,
                    "priority": 1, "code_location": {"absolute_file_path": "sum.sh", "line_range": {"start": 1, "end": 1}},
                }],
                "overall_correctness": "patch is incorrect", "overall_explanation": "One operator is wrong.", "overall_confidence_score": 0.9,
            }))),
        ],
        "steps": [
            ("Ask for", "a change to look at", ["text /review", "Enter"]),
            ("What shall be", "what to review", ["1", "Enter"]),
            ("worked for", "what is wrong with it", ["text /diff", "Enter"]),
            ("last commit", "the change itself", ["q"]),
            ("worked for", "and back", []),
        ],
    },
    "plan": {
        "start": "",
        "script": [
            say(message("I'll see what there is."), command("cat sum.sh test.sh")),
            say({"call": "request_user_input", "arguments": {"questions": [{
                "id": "how", "header": "Mending", "question": "What shall change?", "options": [
                    {"label": "The script", "description": "it subtracts"}, {"label": "The test", "description": "it expects a sum"},
                ],
            }]}}),
            say(message("Understood.\n<proposed_plan>\n# Mend the sum\n\n1. let `sum.sh` add\n2. run `test.sh`\n</proposed_plan>")),
            say({"custom": "apply_patch", "input": PATCH}),
            say(command("sh test.sh"), expect={"last_output_contains": "sum.sh"}),
            say(message("`sum.sh` adds now, and the test passes."), expect={"last_output_contains": "passed"}),
        ],
        "steps": [
            ("Ask for", "nothing is changed while a plan is made", ["text /plan mend the test", "Enter"]),
            ("What shall change?", "a question first", ["1"]),
            ("Implement this plan?", "the proposal", ["y"]),
            # Until then the last row says that plan mode is left.
            ("scripted ·", "carried out", ["text /diff", "Enter"]),
            ("last commit", "what has changed", ["q"]),
            ("worked for", "and back", []),
        ],
    },
    "background-terminal": {
        "start": "'start the server'",
        "script": [
            say(command("echo listening; sleep 600", yield_time_ms=500)),
            say(message("The server runs in the background.")),
        ],
        "steps": [
            ("worked for", "the turn is over, the server is not", ["text /ps", "Enter"]),
            ("sleep 600", "what runs", ["Escape", "text /stop", "Enter"]),
            ("exit code 143", "stopped", []),
        ],
    },
}

WORDS = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"worked for [0-9hms ]+ · [0-9:]{5}", "worked for TIME"),
    (r"\((\d+s)?( · )?pid \d+", "(pid N"),
    (r"pid \d+", "pid N"),
    (r"codex-demo-\w+", "codex-demo"),
    (r"\b\d+s\b", "Ns"),
    (r"\b[0-9a-f]{7}\b", "COMMIT"),
    (r"tokens: .*", "tokens: N"),
    # The spinner, wherever it stands.
    (r"[⠀-⣿]", "◦"),
]


def words(text: str, folder: Path) -> str:
    text = text.replace(str(folder), "~")
    for pattern, word in WORDS:
        text = re.sub(pattern, word, text)
    return text


def repository(folder: Path) -> Path:
    work = folder / "work"
    work.mkdir()
    (work / "sum.sh").write_text("echo $(($1 - $2))\n")
    (work / "test.sh").write_text('test "$(sh sum.sh 2 2)" = 4 && echo passed\n')
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "-A"], [*author, "commit", "-q", "-m", "A sum and its test"]):
        subprocess.run(["git", *arguments], cwd=work, check=True)
    return work


def home(folder: Path, work: Path, script: list | None) -> None:
    """Without a script nobody has configured anything."""
    if script is None:
        return
    codex_home = folder / ".codex"
    codex_home.mkdir()
    (folder / "script.jsonl").write_text("".join(json.dumps(line) + "\n" for line in script))
    (codex_home / "config.toml").write_text(
        'model_provider = "scripted"\napproval_policy = "on-request"\nsandbox_mode = "workspace-write"\n'
        f'[model_providers.scripted]\nscript = "{folder}/script.jsonl"\n[projects."{work}"]\ntrust_level = "trusted"\n'
    )


class Tmux:
    """A server of its own, so that nobody's sessions are touched."""

    def __init__(self, name: str) -> None:
        self.name = f"codex-journey-{os.getpid()}-{name}"

    def run(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-L", self.name, "-f", "/dev/null", *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    def screen(self) -> str:
        # Joined where the terminal wrapped: the temporary folder's name has any length.
        lines = self.run("capture-pane", "-p", "-J", "-t", "0").rstrip("\n").split("\n")
        return "\n".join(line.rstrip() for line in lines)

    def wait(self, text: str) -> None:
        """Until the screen shows it and has come to rest but for what counts seconds."""
        deadline, last, calm = time.monotonic() + LIMIT, "", 0
        while calm < 4:
            if time.monotonic() > deadline:
                raise SystemExit(f"{self.name}: {text!r} did not come in {LIMIT} s; the screen:\n{self.screen()}")
            time.sleep(0.1)
            now = re.sub(r"\d+s|[⠀-⣿]", "", self.screen())
            calm = calm + 1 if text in now and now == last else 0
            last = now

    def press(self, key: str) -> None:
        if key.startswith("text "):
            for letter in key.removeprefix("text "):
                self.run("send-keys", "-t", "0", "-l", letter)
                time.sleep(0.02)
            time.sleep(0.2)
        else:
            self.run("send-keys", "-t", "0", key)


def draw(name: str, title: str, tmux: Tmux, folder: Path) -> None:
    picture = PICTURES.get((name, title))
    if picture:
        lines = tmux.run("capture-pane", "-e", "-p", "-t", "0").rstrip("\n").split("\n")
        lines = [words(line, folder) for line in lines]
        (ROOT / "docs/images" / picture[0]).write_text(make.svg(lines, picture[1], COLUMNS))


def play(name: str, journey: dict, drawing: bool) -> str:
    folder = Path(tempfile.mkdtemp(prefix="codex-journey-")).resolve()
    tmux = Tmux(name)
    try:
        work = repository(folder)
        home(folder, work, journey.get("script"))
        start = folder / "start.sh"
        path = f"{CODEX.parent}:{os.environ['PATH']}"
        subprocess.run(["sh", "-c", journey.get("before", ":")], cwd=work, check=True)
        start.write_text(f"cd {work}\nexport HOME={folder} TMPDIR={folder} PATH={path} TERM=xterm-256color TZ=UTC PS1='$ '\n"
                         f"unset TMUX\nclear\ncodex {journey['start']}\nexec sh -i\n")
        tmux.run("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), f"env -i PATH={path} LANG=C.UTF-8 sh {start}")
        screens = []
        for awaited, title, keys in journey["steps"]:
            tmux.wait(awaited)
            screens.append(f"== {title}\n{words(tmux.screen(), folder)}\n")
            if drawing:
                draw(name, title, tmux, folder)
            for key in keys:
                tmux.press(key)
        return "\n".join(screens)
    finally:
        subprocess.run(["tmux", "-L", tmux.name, "kill-server"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    check = "--check" in sys.argv
    wanted = [word for word in sys.argv[1:] if not word.startswith("-")] or list(JOURNEYS)
    for needed in ("tmux", "git"):
        if not shutil.which(needed):
            raise SystemExit(f"the journeys cannot be played here: there is no {needed}")
    if not CODEX.exists():
        raise SystemExit(f"the journeys cannot be played here: {CODEX} is not built")
    KEPT.mkdir(exist_ok=True)
    differ = []
    for name in wanted:
        screens, file = play(name, JOURNEYS[name], not check), KEPT / f"{name}.txt"
        if not check:
            file.write_text(screens)
        elif screens != file.read_text():
            differ.append(name)
            sys.stdout.writelines(difflib.unified_diff(file.read_text().splitlines(True), screens.splitlines(True), f"{name}, kept", f"{name}, now"))
        print(f"{name}: {'differs' if name in differ else 'played'}")
    if differ:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
