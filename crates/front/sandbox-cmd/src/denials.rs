//! `--log-denials`: what a policy has against what a recorded command was seen to do.

use codex_approvals::{Asked, observed};
use codex_permissions::ResolvedPolicy;
use codex_process::record::{Address, FileUse, Record, SeenFile};
use codex_protocol::facts::{Capabilities, DenialCause, DeniedAccess};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One thing that was refused, and the process that asked for it first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenDenial {
    pub process: String,
    #[serde(flatten)]
    pub cause: DenialCause,
}

/// Each refused thing once, by what it is.
pub fn denials(policy: &ResolvedPolicy, host: &Capabilities, record: &Record) -> Vec<SeenDenial> {
    let files = record
        .files
        .iter()
        .filter_map(|file| Some((&file.program, of_file(policy, host, file)?)));
    let addresses = record
        .addresses
        .iter()
        .filter(|seen| seen.refused)
        .filter_map(|seen| Some((&seen.program, of_address(policy, host, &seen.address)?)));
    let mut found: BTreeMap<_, SeenDenial> = BTreeMap::new();
    for (process, cause) in files.chain(addresses) {
        let denial = SeenDenial {
            process: process.clone(),
            cause,
        };
        let key = (denial.cause.target.clone(), word(denial.cause.access));
        // Of two processes the same one is told, however the record is ordered.
        match found.get(&key) {
            Some(known) if known.process <= denial.process => {}
            Some(_) | None => drop(found.insert(key, denial)),
        }
    }
    found.into_values().collect()
}

/// `None` also for what is only looked at: the answer is that it is not there, as for much that is not.
pub(crate) fn of_file(policy: &ResolvedPolicy, host: &Capabilities, file: &SeenFile) -> Option<DenialCause> {
    let asked = match file.file_use {
        FileUse::Look => return None,
        FileUse::Read | FileUse::Run => Asked::Read(&file.path),
        FileUse::Write => Asked::Write(&file.path),
        FileUse::Rename => Asked::Rename(&file.path),
    };
    observed(policy, host, asked)
}

fn of_address(policy: &ResolvedPolicy, host: &Capabilities, address: &Address) -> Option<DenialCause> {
    match address {
        Address::Unix(path) => observed(policy, host, Asked::Socket(path)),
        Address::Inet(_) | Address::Listen(_) | Address::Abstract(_) | Address::Socket => {
            observed(policy, host, Asked::Connect(&target(address)))
        }
    }
}

/// An address as a person writes it.
pub(crate) fn target(address: &Address) -> String {
    match address {
        Address::Inet(address) | Address::Listen(address) => address.to_string(),
        Address::Unix(path) => format!("unix:{path}"),
        Address::Abstract(name) => format!("unix:@{name}"),
        Address::Socket => "network".to_owned(),
    }
}

const fn word(access: DeniedAccess) -> &'static str {
    match access {
        DeniedAccess::Read => "read",
        DeniedAccess::Write => "write",
        DeniedAccess::Connect => "connect",
    }
}

/// For people, in the form that other versions have: a title, then `(process) what was refused`, and here also why and what would allow it.
pub fn told(denials: &[SeenDenial], record: &Record) -> String {
    let mut text = "\n=== Sandbox denials ===\n".to_owned();
    for denial in denials {
        let _ = writeln!(text, "{}", line(denial));
    }
    if denials.is_empty() {
        text += "None found.\n";
    }
    text += &gaps(record);
    text
}

pub(crate) fn line(SeenDenial { process, cause }: &SeenDenial) -> String {
    let by_host = if cause.by_host {
        "the policy allows it, this host cannot: "
    } else {
        ""
    };
    let grant = cause.grant.as_ref().map(|grant| format!("; `{grant}` would allow it"));
    format!(
        "({process}) {} {}: {by_host}{}{}",
        word(cause.access),
        cause.target,
        cause.rule,
        grant.unwrap_or_default()
    )
}

/// What the record does not hold, one note a line.
pub(crate) fn gaps(record: &Record) -> String {
    let mut text = String::new();
    if record.unread > 0 {
        let _ = writeln!(
            text,
            "note: {} calls could not be seen, because their programs close their memory",
            record.unread
        );
    }
    if record.left_out > 0 {
        let _ = writeln!(
            text,
            "note: there was more than can be recorded; {} calls were left out",
            record.left_out
        );
    }
    text
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use codex_base::AbsPath;
    use codex_permissions::{PathRule, Rights, RuleSource};
    use codex_process::Sandbox;
    use codex_process::record::{FileKind, SeenAddress};
    use codex_protocol::settings::SandboxMode;

    fn path(text: &str) -> AbsPath {
        AbsPath::new(text).expect("test paths are absolute")
    }

    fn file(at: &str, file_use: FileUse, program: &str) -> SeenFile {
        SeenFile {
            path: path(at),
            spelled: None,
            file_use,
            kind: FileKind::File,
            program: program.to_owned(),
        }
    }

    fn host() -> Capabilities {
        codex_process::NoSandbox::default().capabilities().clone()
    }

    #[test]
    fn what_was_refused_is_told_once_and_with_its_rule() {
        let rule = |at: &str, rights: Rights, source: RuleSource| PathRule {
            path: path(at),
            rights,
            source,
            spelled: None,
        };
        let policy = ResolvedPolicy {
            mode: SandboxMode::WorkspaceWrite,
            rules: vec![
                rule("/", Rights::Read, RuleSource::Mode),
                rule("/h/.netrc", Rights::None, RuleSource::Credentials),
                rule("/w", Rights::Write, RuleSource::WorkingDirectory),
            ],
            limits: Vec::new(),
            deny_globs: Vec::new().into(),
            network: false,
            unix_sockets: codex_permissions::UnixSockets::default(),
            confined: true,
            managed: codex_permissions::ManagedClosed::default(),
        };
        let record = Record {
            files: vec![
                file("/w/made", FileUse::Rename, "sh"),
                file("/etc/x", FileUse::Write, "sh"),
                file("/etc/x", FileUse::Rename, "rm"),
                file("/h/.netrc", FileUse::Look, "curl"),
                file("/h/.netrc", FileUse::Read, "curl"),
                file("/usr/bin/curl", FileUse::Run, "sh"),
            ],
            addresses: vec![
                SeenAddress {
                    address: Address::Socket,
                    refused: true,
                    program: "curl".to_owned(),
                },
                SeenAddress {
                    address: Address::Unix(path("/run/x")),
                    refused: false,
                    program: "curl".to_owned(),
                },
            ],
            unread: 2,
            ..Record::default()
        };

        insta::assert_snapshot!(told(&denials(&policy, &host(), &record), &record), @r#"

        === Sandbox denials ===
        (rm) write /etc/x: the sandbox mode; `"/etc" = "write"` would allow it
        (curl) read /h/.netrc: a well-known place of credentials; `"/h/.netrc" = "read"` would allow it
        (curl) connect network: the network is off; `network.enabled = true` would allow it
        note: 2 calls could not be seen, because their programs close their memory
        "#);
        insta::assert_snapshot!(told(&[], &Record::default()), @"

        === Sandbox denials ===
        None found.
        ");
    }
}
