//! What was learned, for people, files and programs.

use super::Learned;
use super::propose::{Line, Proposal, Target};
use super::risk::Risk;
use crate::denials::{self, target};
use codex_base::AbsPath;
use codex_permissions::Rights;
use codex_process::record::Address;
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Things of one kind that a comment lists; the JSON has them all.
const LISTED_MAX: usize = 12;

/// Everything there is to tell of one run.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Of the profile.
    pub name: &'a str,
    /// As it was called.
    pub program: &'a str,
    /// How the command ended.
    pub exit_code: u8,
    pub learned: &'a Learned,
    pub proposal: &'a Proposal,
    /// What the proposed lines do not open, although it was used: something stronger closes it.
    pub uncovered: &'a [AbsPath],
}

impl Told<'_> {
    /// The text of a configuration file of its own. Names of files come from anywhere, so that what is a comment stays one.
    pub fn toml(&self) -> String {
        let Self { learned, proposal, .. } = self;
        let mut text = String::new();
        let from = format!("one run of {} (exit code {})", self.program, self.exit_code);
        comment(
            &mut text,
            &format!("Learned by `codex sandbox learn` from {from}. Another run may need more."),
        );
        comment(&mut text, &listed("It ran: ", learned.programs.iter().map(file_name)));
        let _ = writeln!(text, "default_permissions = {}\n", quoted(self.name));
        self.filesystem(&mut text);
        self.network(&mut text);
        let passed = "Listed, and too broad to open; only what is named above is seen there: ";
        let closed = "Used, and not open with this profile, because something stronger closes it: ";
        let left_out: [(&str, Vec<&AbsPath>); 3] = [
            (passed, proposal.passed.iter().collect()),
            ("Used, and no line can name it: ", proposal.unnamed.iter().collect()),
            (closed, self.uncovered.iter().collect()),
        ];
        for (title, paths) in left_out.into_iter().filter(|(_, paths)| !paths.is_empty()) {
            comment(&mut text, &listed(title, paths));
        }
        if !learned.denied.is_empty() {
            comment(&mut text, "Refused while learning, and not in this profile:");
            learned
                .denied
                .iter()
                .for_each(|denial| comment(&mut text, &format!("  {}", denials::line(denial))));
        }
        learned.gaps.lines().for_each(|line| comment(&mut text, line));
        text.truncate(text.trim_end().len());
        text + "\n"
    }

    fn filesystem(&self, text: &mut String) {
        let Proposal { lines, withheld, .. } = self.proposal;
        let in_workspace = |line: &Line| matches!(line.target, Target::Workspace(_));
        let title = format!("[permissions.{}.filesystem", quoted_key(self.name));
        let _ = writeln!(text, "{title}]");
        for line in lines.iter().filter(|line| !in_workspace(line)) {
            if line.leaves_workspace {
                comment(text, "Written to outside of the workspace:");
            }
            let _ = writeln!(text, "{}", written(line));
        }
        let apart = |text: &mut String, workspace: bool| {
            for (line, risk) in withheld.iter().filter(|(line, _)| in_workspace(line) == workspace) {
                comment(text, &format!("RISK, so not in force: {risk}"));
                comment(text, &written(line));
            }
        };
        apart(text, false);
        if lines.iter().any(in_workspace) || withheld.iter().any(|(line, _)| in_workspace(line)) {
            let _ = writeln!(text, "\n{title}.\":workspace_roots\"]");
            for line in lines.iter().filter(|line| in_workspace(line)) {
                let _ = writeln!(text, "{}", written(line));
            }
            apart(text, true);
        }
        text.push('\n');
    }

    fn network(&self, text: &mut String) {
        let needs = &self.learned.needs;
        let _ = writeln!(text, "[permissions.{}.network]", quoted_key(self.name));
        let withheld = &self.proposal.withheld_addresses;
        let harmless = needs.addresses.iter().filter(|address| {
            let is_socket = matches!(address, Address::Unix(_));
            !is_socket && !withheld.iter().any(|(risky, _)| risky == *address)
        });
        let harmless: Vec<String> = harmless.map(target).collect();
        if self.proposal.network {
            comment(text, "Hosts are not told apart: all of the network is on, this machine included.");
            comment(text, &listed("Reached: ", &harmless));
        }
        if !self.learned.names.is_empty() {
            comment(text, &listed("Asked for: ", &self.learned.names));
        }
        for (address, risk) in withheld {
            comment(text, &format!("RISK: {}: {risk}", target(address)));
        }
        if !self.proposal.network && !withheld.is_empty() {
            comment(text, "enabled = true");
        }
        let _ = writeln!(text, "enabled = {}\n", self.proposal.network);
        if self.proposal.sockets.is_empty() {
            return;
        }
        let _ = writeln!(text, "[permissions.{}.network.unix_sockets]", quoted_key(self.name));
        for (path, risk) in &self.proposal.sockets {
            let line = format!("{} = \"allow\"", quoted(&path.to_string()));
            if let Some(risk) = risk {
                comment(text, &format!("RISK, so not in force: {risk}"));
                comment(text, &line);
            } else {
                let _ = writeln!(text, "{line}");
            }
        }
        text.push('\n');
    }

    /// The same for programs.
    pub fn json(&self) -> String {
        let Self { learned, proposal, .. } = self;
        let line = |line: &Line| {
            json!({
                "table": if matches!(line.target, Target::Workspace(_)) { "filesystem.:workspace_roots" } else { "filesystem" },
                "key": key(&line.target),
                "access": line.rights.as_str(),
            })
        };
        let paths = |paths: &mut dyn Iterator<Item = &AbsPath>| paths.map(ToString::to_string).collect::<Vec<_>>();
        let used = |wanted: Rights| {
            let files = learned.needs.files.iter().filter(move |(_, need)| need.rights == wanted);
            files.map(|(path, _)| path)
        };
        let risky = |risk: &Risk| json!({ "kind": risk, "why": risk.to_string() });
        let value = json!({
            "name": self.name,
            "exitCode": self.exit_code,
            "profile": self.toml(),
            "lines": proposal.lines.iter().map(line).collect::<Vec<_>>(),
            "network": proposal.network,
            "withheld": proposal.withheld.iter().map(|(withheld, risk)| json!({ "line": line(withheld), "risk": risky(risk) })).collect::<Vec<_>>(),
            "withheldAddresses": proposal.withheld_addresses.iter().map(|(address, risk)| json!({ "address": target(address), "risk": risky(risk) })).collect::<Vec<_>>(),
            "read": paths(&mut used(Rights::Read)),
            "written": paths(&mut used(Rights::Write)),
            "listed": paths(&mut learned.needs.listed.iter()),
            "programs": paths(&mut learned.programs.iter()),
            "unixSockets": proposal.sockets.iter().map(|(path, risk)| json!({ "path": path.to_string(), "risk": risk.as_ref().map(risky) })).collect::<Vec<_>>(),
            "addresses": learned.needs.addresses.iter().map(target).collect::<Vec<_>>(),
            "names": learned.names,
            "denied": learned.denied,
            "tooBroad": paths(&mut proposal.passed.iter()),
            "unnamed": paths(&mut proposal.unnamed.iter()),
            "uncovered": paths(&mut self.uncovered.iter()),
            "gaps": learned.gaps.lines().collect::<Vec<_>>(),
        });
        format!("{value:#}\n")
    }

    /// What the user has to know besides, one line each.
    pub fn notices(&self) -> Vec<String> {
        let sockets = self.proposal.sockets.iter().filter(|(_, risk)| risk.is_some());
        let risky = self.proposal.withheld.len() + self.proposal.withheld_addresses.len() + sockets.count();
        let mut notices = Vec::new();
        if !self.learned.denied.is_empty() {
            notices.push(
                "note: the profile is not complete, something was refused while learning (its end says what); -s workspace-write, or \
                 -s danger-full-access for a command that you trust, lets it do more"
                    .to_owned(),
            );
        }
        if risky > 0 {
            notices.push(format!(
                "note: {risky} lines look risky, so they are comments in the profile; look at them before you put them in force"
            ));
        }
        if !self.uncovered.is_empty() || !self.proposal.unnamed.is_empty() {
            notices.push("note: the profile does not open everything that was used; its end says what".to_owned());
        }
        notices.extend(self.learned.gaps.lines().map(str::to_owned));
        notices
    }
}

/// One line, whatever is in it.
fn comment(text: &mut String, words: &str) {
    let plain: String = words
        .chars()
        .map(|sign| if sign.is_control() { '\u{fffd}' } else { sign })
        .collect();
    let _ = writeln!(text, "# {plain}");
}

fn listed<T: ToString>(title: &str, things: impl IntoIterator<Item = T>) -> String {
    let things: BTreeSet<String> = things.into_iter().map(|thing| thing.to_string()).collect();
    let mut things: Vec<String> = things.into_iter().collect();
    let left_out = things.len().saturating_sub(LISTED_MAX);
    things.truncate(LISTED_MAX);
    let more = if left_out > 0 {
        format!(", and {left_out} more")
    } else {
        String::new()
    };
    format!("{title}{}{more}", things.join(", "))
}

fn file_name(path: &AbsPath) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn key(target: &Target) -> &str {
    match target {
        Target::Minimal => ":minimal",
        Target::Tmpdir => ":tmpdir",
        Target::SlashTmp => ":slash_tmp",
        Target::Gpu => codex_permissions::devices::GPU_WORD,
        Target::Workspace(below) => below,
        Target::Path(path) => path,
    }
}

fn written(line: &Line) -> String {
    format!("{} = {}", quoted(key(&line.target)), quoted(line.rights.as_str()))
}

/// As a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for sign in text.chars() {
        match sign {
            '"' | '\\' => quoted.extend(['\\', sign]),
            sign if sign.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(sign));
            }
            sign => quoted.push(sign),
        }
    }
    quoted + "\""
}

fn quoted_key(name: &str) -> String {
    let is_bare = !name.is_empty() && name.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_'));
    if is_bare { name.to_owned() } else { quoted(name) }
}
