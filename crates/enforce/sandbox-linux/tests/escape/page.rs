//! `docs/sandbox-probes.md`, from the table.

use super::table::{CLASSES, Class, Control, MODES, Mode, Probe, RUNGS, Rung, probes};
use pretty_assertions::assert_eq;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/sandbox-probes.md");

/// Behind what could not be checked where the page was written.
const MARK: &str = " (cannot run here)";

const INTRODUCTION: &str = "\
# What the sandbox is tried with

<!-- Written by `cargo xtask sandbox-probes-docs` from the table of the escape suite. Do not edit. -->

Each probe is a compiled attempt to get out, or to do something that must keep working. It is made without a sandbox first, where it must
succeed (the control), and then in every mode on every rung, in all that write or hide also under a recorder (`--log-denials`); each time as root and as an ordinary user, with the same result (*more taken*: as an ordinary user alone, with small limits and without a
control group). Whether it worked is judged from
outside by what it did, and by what the system answered only where nothing outside could show it (*own answer*). A refused attempt must
leave no other trace either.

| column | says |
| --- | --- |
| shows as | what has to be seen from outside to say that it worked: a changed file outside or under a protected name, a new name in a folder of the host, an arrival at a receiver of the host, a change to a process of the host, something told that only a process of the host knows, a process left, more of the machine in use than a limit allows, a file made in the workspace |
| control | for whom it succeeds without a sandbox: everybody, or root alone; *needs*: only on a host that has this. `(cannot run here)`: it did not where this page was written, so that \"refused\" proves little |
| the others | mode, and the rung it is enforced with: **refused**, or allowed and why. *Landlock alone* is the rung of hosts that refuse namespaces. *Hiding* is `workspace-write` by a permission profile that also hides some paths |

The suite is `crates/enforce/sandbox-linux/tests/escape`. As another user than root it tries everything as that user alone.
";

fn page(cannot_run: &BTreeSet<&str>) -> String {
    let mut page = INTRODUCTION.to_owned();
    writeln!(page, "\n{} probes.", probes().count()).unwrap();
    for class in &CLASSES {
        section(class, cannot_run, &mut page);
    }
    page
}

fn section(class: &Class, cannot_run: &BTreeSet<&str>, page: &mut String) {
    let columns = || RUNGS.into_iter().flat_map(|rung| MODES.map(|mode| (rung, mode)));
    let titles: Vec<String> = columns()
        .map(|(rung, mode)| format!("{}, {}", mode.title(), rung.title()))
        .collect();
    let head = format!("| probe | tries to | shows as | control | {} | why |", titles.join(" | "));
    write!(
        page,
        "\n## {}\n\n{head}\n|{}\n",
        class.title,
        " --- |".repeat(head.matches('|').count() - 1)
    )
    .unwrap();
    for probe in class.probes {
        let cells: Vec<&str> = columns().map(|(rung, mode)| cell(probe, rung, mode)).collect();
        let mark = if cannot_run.contains(probe.id) { MARK } else { "" };
        writeln!(
            page,
            "| {} | {} | {} | {}{mark} | {} | {} |",
            probe.id,
            probe.what,
            probe.effect.title(),
            control(probe),
            cells.join(" | "),
            reasons(probe)
        )
        .unwrap();
    }
}

fn reasons(probe: &Probe) -> String {
    let own = Some(probe.allowed.reason.to_owned()).filter(|reason| !reason.is_empty());
    let others = RUNGS
        .into_iter()
        .filter_map(|rung| Some(format!("{}: {}", rung.title(), probe.exception(rung)?.reason)));
    own.into_iter().chain(others).collect::<Vec<_>>().join("; ")
}

fn cell(probe: &Probe, rung: Rung, mode: Mode) -> &'static str {
    if probe.is_allowed(rung, mode) { "allowed" } else { "**refused**" }
}

fn control(probe: &Probe) -> String {
    match probe.control {
        Control::Anybody => "everybody".to_owned(),
        Control::Root => "root".to_owned(),
        Control::With(what) => format!("needs {what}"),
        Control::RootWith(what) => format!("root, needs {what}"),
    }
}

/// With `CODEX_WRITE_DOCS` in the environment.
pub fn write_if_asked(cannot_run: &BTreeSet<&str>) {
    if std::env::var_os("CODEX_WRITE_DOCS").is_some() {
        fs::write(FILE, page(cannot_run)).unwrap();
    }
}

/// What depends on the host is left out of the comparison.
pub fn check() {
    let found = fs::read_to_string(FILE).unwrap_or_default().replace(MARK, "");

    assert_eq!(found, page(&BTreeSet::new()), "run `cargo xtask sandbox-probes-docs`");
}
