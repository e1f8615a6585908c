//! Recognises a command that the sandbox stopped, by its output, and finds the rule that did it.

use crate::host;
use codex_base::AbsPath;
use codex_permissions::devices::{self, Device};
use codex_permissions::{Because, PathRule, ResolvedPolicy, Rights, RuleSource, SocketDecision, decision, rights};
use codex_protocol::facts::{Capabilities, Denial, DenialCause, DeniedAccess, Evidence, ShortfallKind};

/// Phrases of programs that were refused something; compared without case (as observed of the reference).
const PHRASES: [&str; 7] = [
    "operation not permitted",
    "permission denied",
    "read-only file system",
    "seccomp",
    "sandbox",
    "landlock",
    "failed to write file",
];
/// What programs say that find no network. Only telling when there is none for them.
const NETWORK_PHRASES: [&str; 7] = [
    "could not resolve host",
    "network is unreachable",
    "name or service not known",
    "temporary failure in name resolution",
    "failed to lookup address",
    "eai_again",
    "enotfound",
];
const NETWORK: &str = "network";
/// What programs say that could not connect to a unix socket, besides one of [`PHRASES`].
const SOCKET_PHRASES: [&str; 3] = ["connect", "socket", "dial unix"];
/// What a program is told that replaces or removes something protected. Means other things as well, so it counts only for a path that the
/// policy closes.
const IN_USE: &str = "device or resource busy";
/// 128 + SIGSYS on Linux: a system call that the filter kills.
const BAD_SYSTEM_CALL: i32 = 128 + 31;
const SNIPPET_CHARACTERS_MAX: usize = 512;
/// Lines of output that are looked at, and causes that are told: the first say most.
const LINES_MAX: usize = 20;
const CAUSES_MAX: usize = 3;

/// A confined command that ended.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    pub exit_code: i32,
    pub output: &'a str,
    /// The words of the command line.
    pub words: &'a [String],
    pub cwd: &'a AbsPath,
    pub policy: &'a ResolvedPolicy,
    /// What confined it.
    pub host: &'a Capabilities,
}

/// A failed confined command whose output (or end) looks like the sandbox's doing. Success and unconfined runs never do.
///
/// Paths are compared by spelling, so one that goes through a symbolic link is judged where it says it is.
pub fn denial(attempt: Attempt<'_>) -> Option<Denial> {
    if attempt.exit_code == 0 || !attempt.policy.confined {
        return None;
    }
    let tells = |line: &&str| {
        has_any(line, &PHRASES)
            || (!attempt.policy.network && has_any(line, &NETWORK_PHRASES))
            || (has_any(line, &[IN_USE]) && paths_in(line).any(|path| judge(&attempt, path, true).is_some()))
            || keeps_its_name(&attempt, line).is_some()
    };
    let telling: Vec<&str> = attempt.output.lines().filter(tells).take(LINES_MAX).collect();
    match telling.first() {
        Some(line) => Some(Denial {
            snippet: line.trim().chars().take(SNIPPET_CHARACTERS_MAX).collect(),
            causes: causes(&attempt, &telling),
        }),
        None if attempt.exit_code == BAD_SYSTEM_CALL => Some(Denial {
            snippet: "killed by a bad system call".to_owned(),
            causes: Vec::new(),
        }),
        None => None,
    }
}

/// The causes in one line each, for the model and for people.
pub fn explained(denial: &Denial) -> String {
    let line = |cause: &DenialCause| {
        if cause.by_host {
            return format!(
                "[sandbox] {}: the policy allows this, this host cannot: {}\n",
                cause.target, cause.rule
            );
        }
        let what = match cause.access {
            DeniedAccess::Read => format!("{} may not be read", cause.target),
            DeniedAccess::Write => format!("{} may not be written to", cause.target),
            DeniedAccess::Connect if cause.target == NETWORK => "there is no network".to_owned(),
            DeniedAccess::Connect => format!("the unix socket {} may not be connected to", cause.target),
        };
        let grant = cause
            .grant
            .as_ref()
            .map(|grant| format!("; `{grant}` would allow it"))
            .unwrap_or_default();
        format!("[sandbox] {what}: {}{grant}\n", cause.rule)
    };
    denial.causes.iter().map(line).collect()
}

fn has_any(line: &str, phrases: &[&str]) -> bool {
    let line = line.to_lowercase();
    phrases.iter().any(|phrase| line.contains(phrase))
}

fn causes(attempt: &Attempt<'_>, telling: &[&str]) -> Vec<DenialCause> {
    let mut causes: Vec<DenialCause> = Vec::new();
    let mut add = |cause: DenialCause| {
        if causes.len() < CAUSES_MAX && !causes.contains(&cause) {
            causes.push(cause);
        }
    };
    for line in telling {
        let writes = has_any(line, &["read-only file system", IN_USE]);
        paths_in(line).for_each(|path| judge(attempt, path, writes).into_iter().for_each(&mut add));
        of_host(attempt, line).into_iter().for_each(&mut add);
        keeps_its_name(attempt, line).into_iter().for_each(&mut add);
        if !attempt.policy.network && has_any(line, &NETWORK_PHRASES) {
            add(no_network());
        }
        if has_any(line, &SOCKET_PHRASES) {
            paths_in(line).filter_map(|path| closed_socket(attempt, path)).for_each(&mut add);
        }
    }
    // A program that does not name what it was refused named it perhaps on its command line, or meant where it runs.
    if causes.is_empty() {
        let writes = telling.iter().any(|line| line.to_lowercase().contains("read-only file system"));
        let words = attempt.words.iter().map(String::as_str).filter(|word| looks_like_a_path(word));
        let found = words.chain(std::iter::once(".")).find_map(|word| judge(attempt, word, writes));
        causes.extend(found);
    }
    causes
}

/// A folder in use that may be written to, but holds something that may not, or is hidden: under another name no rule would know that.
fn keeps_its_name(attempt: &Attempt<'_>, line: &str) -> Option<DenialCause> {
    if !has_any(line, &[IN_USE]) {
        return None;
    }
    let named = quoted_in(line).filter(|part| !part.is_empty()).chain(paths_in(line));
    let mut paths = named.map(|part| attempt.cwd.join(part));
    let target = paths.find(|path| rights(attempt.policy, path) == Rights::Write && holds_less(attempt.policy, path, Rights::Write))?;
    let points = attempt.policy.turning_points().into_iter();
    let mut inside = points.filter(|path| path.starts_with(&target) && rights(attempt.policy, path) < Rights::Write);
    let rule = format!("its name stays, for it holds {}", inside.next()?);
    Some(inferred(DeniedAccess::Write, target.to_string(), rule, None))
}

/// By the policy, and nobody saw it.
fn inferred(access: DeniedAccess, target: String, rule: String, grant: Option<String>) -> DenialCause {
    DenialCause {
        access,
        target,
        rule,
        grant,
        by_host: false,
        evidence: Evidence::Inferred,
    }
}

fn no_network() -> DenialCause {
    let grant = "network.enabled = true".to_owned();
    inferred(
        DeniedAccess::Connect,
        NETWORK.to_owned(),
        "the network is off".to_owned(),
        Some(grant),
    )
}

/// Whether it is a socket at all nobody has looked at.
fn closed_socket(attempt: &Attempt<'_>, path: &str) -> Option<DenialCause> {
    let path = path.starts_with('/').then(|| attempt.cwd.join(path))?;
    let is_seen = decision(attempt.policy, &path).rights > Rights::None;
    let is_closed = attempt.policy.socket_decision(&path) == SocketDecision::Closed;
    (is_seen && is_closed).then(|| socket_is_closed(&path))
}

fn socket_is_closed(path: &AbsPath) -> DenialCause {
    let rule = "unix sockets of other programs are closed".to_owned();
    let grant = format!("network.unix_sockets.{:?} = \"allow\"", path.to_string());
    inferred(DeniedAccess::Connect, path.to_string(), rule, Some(grant))
}

/// What the policy has against `path`. That it may be read but not written to explains a refusal only of something that writes.
fn judge(attempt: &Attempt<'_>, path: &str, writes: bool) -> Option<DenialCause> {
    let path = attempt.cwd.join(path);
    let decided = decision(attempt.policy, &path);
    let access = match decided.rights {
        Rights::None => DeniedAccess::Read,
        // A path of the system that may be read is more often closed by the system itself.
        Rights::Read if writes || attempt.policy.protected_paths().any(|protected| path.starts_with(protected)) => DeniedAccess::Write,
        Rights::Read | Rights::Write => return None,
    };
    let wanted = match access {
        DeniedAccess::Read | DeniedAccess::Connect => Rights::Read,
        DeniedAccess::Write => Rights::Write,
    };
    let Refusal { rule, grant } = refusal(attempt.policy, &path, wanted)?;
    Some(inferred(access, path.to_string(), rule, grant))
}

/// What the host's way to confine commands has against something that `line` names and the policy lets be written to. Landlock says
/// "permission denied" of names, the filter "operation not permitted" of everything else.
fn of_host(attempt: &Attempt<'_>, line: &str) -> Option<DenialCause> {
    let shortfalls = host::shortfalls(attempt.policy, attempt.host);
    let found = shortfalls.into_iter().find_map(|shortfall| {
        let (phrase, below) = match shortfall.kind {
            ShortfallKind::Names => ("permission denied", Some(Rights::Write)),
            ShortfallKind::NamesAroundHidden => ("permission denied", Some(Rights::Read)),
            ShortfallKind::Metadata => ("operation not permitted", None),
            ShortfallKind::System => return None,
        };
        let is_meant = |path: &AbsPath| {
            let closed_beside = |below| path.parent().is_some_and(|folder| holds_less(attempt.policy, &folder, below));
            rights(attempt.policy, path) == Rights::Write && below.is_none_or(closed_beside)
        };
        let named = quoted_in(line).filter(|part| !part.is_empty()).chain(paths_in(line));
        let mut paths = named.map(|part| attempt.cwd.join(part));
        let target = paths.find(|path| has_any(line, &[phrase]) && is_meant(path))?;
        Some((shortfall, target))
    });
    let (shortfall, target) = found?;
    Some(DenialCause {
        by_host: true,
        ..inferred(DeniedAccess::Write, target.to_string(), shortfall.what.clone(), None)
    })
}

/// Whether something in or below `folder` allows less than `rights`.
fn holds_less(policy: &ResolvedPolicy, folder: &AbsPath, wanted: Rights) -> bool {
    let points = policy.turning_points();
    let mut below = points.into_iter().filter(|path| path != &folder && path.starts_with(folder));
    below.any(|path| rights(policy, path) < wanted)
}

/// What a command was seen to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'a> {
    Read(&'a AbsPath),
    /// The contents or attributes of something that is there.
    Write(&'a AbsPath),
    /// This name comes, goes or is replaced.
    Rename(&'a AbsPath),
    /// An address of a network, or what is known of it.
    Connect(&'a str),
    /// A unix socket of another program.
    Socket(&'a AbsPath),
}

/// What `policy`, or this host's way to enforce it, refused of it; `None` if they have nothing against it, however the call ended.
pub fn observed(policy: &ResolvedPolicy, host: &Capabilities, asked: Asked<'_>) -> Option<DenialCause> {
    let cause = |access: DeniedAccess, target: String, Refusal { rule, grant }: Refusal| DenialCause {
        evidence: Evidence::Observed,
        ..inferred(access, target, rule, grant)
    };
    match asked {
        // On the way to something that is open there is a folder to pass through, which only lists what is open.
        Asked::Read(path) if is_passage(policy, path) => None,
        Asked::Read(path) => Some(cause(DeniedAccess::Read, path.to_string(), refusal(policy, path, Rights::Read)?)),
        Asked::Write(path) => Some(cause(DeniedAccess::Write, path.to_string(), refusal(policy, path, Rights::Write)?)),
        Asked::Rename(path) => {
            let folder = path.parent().unwrap_or_else(|| path.clone());
            let Some(refusal) = refusal_of(policy, path, Rights::Write, &folder) else {
                return name_shortfall(policy, host, path, &folder);
            };
            Some(cause(DeniedAccess::Write, path.to_string(), refusal))
        }
        Asked::Socket(path) if policy.socket_decision(path) == SocketDecision::Closed => Some(DenialCause {
            evidence: Evidence::Observed,
            ..socket_is_closed(path)
        }),
        Asked::Socket(_) => None,
        Asked::Connect(_) if !policy.confined || policy.network => None,
        Asked::Connect(target) => Some(DenialCause {
            target: target.to_owned(),
            evidence: Evidence::Observed,
            ..no_network()
        }),
    }
}

/// Where names in `folder` cannot be told apart, none of them is made or taken away.
fn name_shortfall(policy: &ResolvedPolicy, host: &Capabilities, path: &AbsPath, folder: &AbsPath) -> Option<DenialCause> {
    let applies = |kind: ShortfallKind| match kind {
        ShortfallKind::Names => holds_less(policy, folder, Rights::Write),
        ShortfallKind::NamesAroundHidden => holds_less(policy, folder, Rights::Read),
        ShortfallKind::Metadata | ShortfallKind::System => false,
    };
    let shortfalls = host::shortfalls(policy, host);
    let shortfall = shortfalls.into_iter().find(|shortfall| applies(shortfall.kind))?;
    Some(DenialCause {
        by_host: true,
        evidence: Evidence::Observed,
        ..inferred(DeniedAccess::Write, path.to_string(), shortfall.what.clone(), None)
    })
}

fn is_passage(policy: &ResolvedPolicy, path: &AbsPath) -> bool {
    let opens = |rule: &PathRule| rule.rights > Rights::None && rule.path != *path && rule.path.starts_with(path);
    decision(policy, path).because == Because::Nothing && policy.rules.iter().any(opens)
}

/// The rule that keeps a path from being used, and what would lift it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub rule: String,
    /// The line that a `[permissions.NAME.filesystem]` table needs; `None` if no line does it.
    pub grant: Option<String>,
}

/// What `policy` has against using `path` so; `None` if nothing has.
pub fn refusal(policy: &ResolvedPolicy, path: &AbsPath, wanted: Rights) -> Option<Refusal> {
    refusal_of(policy, path, wanted, path)
}

/// `opens`: what a line has to name where no rule's own path is it.
fn refusal_of(policy: &ResolvedPolicy, path: &AbsPath, wanted: Rights, opens: &AbsPath) -> Option<Refusal> {
    if decision(policy, path).rights >= wanted {
        return None;
    }
    let because = match policy
        .limits
        .iter()
        .find(|limit| path.starts_with(&limit.path) && !is_liftable(&limit.source))
    {
        Some(limit) if limit.rights < wanted => Because::Limit(limit),
        Some(_) | None => decision(policy, path).because,
    };
    let (rule, liftable) = match because {
        Because::Rule(rule) | Because::Limit(rule) => (rule.source.to_string(), is_liftable(&rule.source)),
        Because::Glob(glob) => (format!("the pattern {} ({})", glob.pattern, glob.place), false),
        Because::Device => ("no line names this device".to_owned(), true),
        Because::Nothing => ("no rule opens it".to_owned(), true),
        Because::Unconfined | Because::Harmless => return None,
    };
    let named = match because {
        // The rule's own path is what a line has to name.
        Because::Limit(rule) => Some(&rule.path),
        // Closed itself, and the folder perhaps, too: no one line does it.
        Because::Rule(rule) if rule.path != *opens && rule.path == *path => None,
        _ => Some(opens),
    };
    Some(Refusal {
        rule,
        grant: named.filter(|_| liftable).map(|named| match Device::of(named) {
            Device::Named => devices::grant(named),
            Device::No | Device::Harmless => format!("{:?} = {:?}", named.to_string(), wanted.as_str()),
        }),
    })
}

fn is_liftable(source: &RuleSource) -> bool {
    match source {
        RuleSource::CodexHome | RuleSource::Managed { .. } => false,
        RuleSource::Mode
        | RuleSource::WorkingDirectory
        | RuleSource::WritableRoot
        | RuleSource::Tmpdir
        | RuleSource::SlashTmp
        | RuleSource::ProtectedName
        | RuleSource::Repository
        | RuleSource::Credentials
        | RuleSource::Profile { .. } => true,
    }
}

const QUOTES: [char; 7] = ['\'', '"', '`', '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'];

fn quoted_in(line: &str) -> impl Iterator<Item = &str> {
    line.split(QUOTES).skip(1).step_by(2)
}

/// A shell names itself and a line of the script before it says what went wrong: `/bin/bash: line 1: …`, `/bin/sh: 1: …`.
fn without_shell(line: &str) -> &str {
    let after = |line: &'_ str| -> Option<usize> {
        let (shell, rest) = line.split_once(": ")?;
        let number = rest.strip_prefix("line ").unwrap_or(rest);
        let (number, said) = number.split_once(": ")?;
        let is_place = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        (is_place && !shell.contains(' ')).then(|| line.len() - said.len())
    };
    after(line).map_or(line, |at| &line[at..])
}

/// What a line of output names: texts in quotes, and parts between colons and spaces that look like paths.
fn paths_in(line: &str) -> impl Iterator<Item = &str> {
    let line = without_shell(line);
    let plain = line
        .split([':', ' ', ',', ';', '(', ')', '[', ']', '='])
        .map(move |part| part.trim_matches(QUOTES));
    quoted_in(line)
        .chain(plain)
        .filter(|part| looks_like_a_path(part) || is_plain_name(part))
}

fn looks_like_a_path(text: &str) -> bool {
    text.contains('/') && !text.contains("://")
}

/// A file in the working directory, as programs name it: with a dot in it, so that it is no ordinary word.
fn is_plain_name(text: &str) -> bool {
    text.len() > 2 && text.trim_matches('.').contains('.') && !text.contains(char::is_whitespace)
        || (text.starts_with('.') && text.len() > 2 && text[1..].starts_with(char::is_alphabetic))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use codex_permissions::PathFacts;
    use codex_protocol::facts::{Rung, Shortfall};
    use codex_protocol::settings::{FileRule, FileRules, SandboxPolicy};
    use pretty_assertions::assert_eq;

    fn path(text: &str) -> AbsPath {
        AbsPath::new(text).expect("test paths are absolute")
    }

    fn policy(lines: &[(&str, Rights)]) -> ResolvedPolicy {
        let line = |(at, rights): &(&str, Rights)| FileRule {
            path: path(at),
            rights: *rights,
            place: format!("config.toml: {at}"),
        };
        let files = FileRules {
            profile: Some(lines.iter().map(line).collect()),
            ..FileRules::default()
        };
        let facts = PathFacts {
            home: Some(path("/home/u")),
            ..PathFacts::unknown(path("/home/u/.codex"))
        };
        codex_permissions::resolve(&SandboxPolicy::workspace_write(), &files, &path("/w"), &facts)
    }

    fn host(shortfalls: &[(ShortfallKind, &str)]) -> Capabilities {
        let shortfall = |(kind, what): &(ShortfallKind, &str)| Shortfall {
            kind: *kind,
            what: (*what).to_owned(),
        };
        Capabilities {
            mechanism: "m".to_owned(),
            confines: true,
            missing: Vec::new(),
            rungs: vec![Rung {
                mechanism: "m".to_owned(),
                lacks: Vec::new(),
                shortfalls: shortfalls.iter().map(shortfall).collect(),
                shows: Vec::new(),
            }],
        }
    }

    fn told(output: &str, words: &[&str]) -> Option<String> {
        told_on(&host(&[]), output, words)
    }

    fn told_on(host: &Capabilities, output: &str, words: &[&str]) -> Option<String> {
        let policy = policy(&[("/", Rights::Read), ("/w", Rights::Write), ("/w/keys", Rights::None)]);
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let found = denial(Attempt {
            exit_code: 1,
            output,
            words: &words,
            cwd: &path("/w"),
            policy: &policy,
            host,
        });
        found.map(|found| format!("{}|{}", found.snippet, explained(&found)))
    }

    #[test]
    fn a_denial_needs_failure_confinement_and_a_sign() {
        let confined = policy(&[("/", Rights::Read)]);
        let check = |code: i32, output: &str, policy: &ResolvedPolicy, expect: Option<&str>| {
            let found = denial(Attempt {
                exit_code: code,
                output,
                words: &[],
                cwd: &path("/w"),
                policy,
                host: &host(&[]),
            });
            assert_eq!(found.map(|denial| denial.snippet).as_deref(), expect, "{code} {output}");
        };

        let shadow = "cat: /etc/shadow: Permission denied";
        check(1, &format!("x\n{shadow}\ny"), &confined, Some(shadow));
        check(2, "touch: READ-ONLY file system", &confined, Some("touch: READ-ONLY file system"));
        check(159, "", &confined, Some("killed by a bad system call"));
        check(0, "Permission denied", &confined, None);
        check(1, "Permission denied", &ResolvedPolicy::unconfined(), None);
        check(127, "sh: foo: not found", &confined, None);
        check(1, "assertion failed", &confined, None);
        let long = format!("sandbox {}", "ä".repeat(600));
        check(1, &long, &confined, Some(&format!("sandbox {}", "ä".repeat(504))));
        let network = "curl: (6) Could not resolve host: example.org";
        check(6, network, &confined, Some(network));
        let open = ResolvedPolicy { network: true, ..confined };
        check(6, network, &open, None);
    }

    #[test]
    fn the_rule_is_found_by_what_the_output_or_the_command_line_names() {
        let check = |output: &str, words: &[&str], expect: &str| {
            let told = told(output, words).expect("a denial");
            assert_eq!(told.split_once('|').map(|(_, causes)| causes), Some(expect), "{output}");
        };

        check(
            "touch: cannot touch '/etc/x': Read-only file system",
            &[],
            "[sandbox] /etc/x may not be written to: config.toml: /; `\"/etc/x\" = \"write\"` would allow it\n",
        );
        check(
            "cat: keys/a: Permission denied",
            &[],
            "[sandbox] /w/keys/a may not be read: config.toml: /w/keys; `\"/w/keys/a\" = \"read\"` would allow it\n",
        );
        check(
            "error: could not write .codex/config.toml: Permission denied",
            &[],
            "[sandbox] /w/.codex/config.toml may not be written to: a protected name; `\"/w/.codex\" = \"write\"` would allow it\n",
        );
        check(
            "OSError: [Errno 30] Read-only file system",
            &["tool", "--out=x", "/opt/thing"],
            "[sandbox] /opt/thing may not be written to: config.toml: /; `\"/opt/thing\" = \"write\"` would allow it\n",
        );
        check(
            "fatal: unable to access 'https://example.org/': Could not resolve host: example.org",
            &[],
            "[sandbox] there is no network: the network is off; `network.enabled = true` would allow it\n",
        );
        check(
            "error: could not write config file /w/.agents/config: Device or resource busy",
            &[],
            "[sandbox] /w/.agents/config may not be written to: a protected name; `\"/w/.agents\" = \"write\"` would allow it\n",
        );
        // The system itself closes this; the policy lets it be read.
        check("cat: /etc/shadow: Permission denied", &[], "");
    }

    #[test]
    fn what_was_seen_is_judged_by_the_policy_alone() {
        let policy = policy(&[("/opt/open", Rights::Read), ("/w", Rights::Write), ("/w/keys", Rights::None)]);
        let check = |asked: Asked<'_>, expect: Option<(&str, &str, Option<&str>)>| {
            let found = observed(&policy, &host(&[]), asked);
            assert!(found.iter().all(|cause| cause.evidence == Evidence::Observed));
            let found = found.map(|cause| (cause.target, cause.rule, cause.grant));
            let expect = expect.map(|(target, rule, grant)| (target.to_owned(), rule.to_owned(), grant.map(str::to_owned)));
            assert_eq!(found, expect, "{asked:?}");
        };

        check(Asked::Read(&path("/opt/open/x")), None);
        check(Asked::Read(&path("/opt")), None);
        check(
            Asked::Read(&path("/opt/other")),
            Some(("/opt/other", "no rule opens it", Some("\"/opt/other\" = \"read\""))),
        );
        check(
            Asked::Write(&path("/opt/open/x")),
            Some(("/opt/open/x", "config.toml: /opt/open", Some("\"/opt/open/x\" = \"write\""))),
        );
        // A line for a file that is not there opens nothing, so it names the folder.
        check(
            Asked::Rename(&path("/opt/open/x")),
            Some(("/opt/open/x", "config.toml: /opt/open", Some("\"/opt/open\" = \"write\""))),
        );
        check(Asked::Rename(&path("/w/new")), None);
        check(
            Asked::Rename(&path("/opt/open")),
            Some(("/opt/open", "config.toml: /opt/open", None)),
        );
        check(
            Asked::Rename(&path("/w/.codex/new")),
            Some(("/w/.codex/new", "a protected name", Some("\"/w/.codex\" = \"write\""))),
        );
        check(
            Asked::Read(&path("/w/keys")),
            Some(("/w/keys", "config.toml: /w/keys", Some("\"/w/keys\" = \"read\""))),
        );
        check(
            Asked::Socket(&path("/run/s")),
            Some((
                "/run/s",
                "unix sockets of other programs are closed",
                Some("network.unix_sockets.\"/run/s\" = \"allow\""),
            )),
        );
        check(
            Asked::Connect("10.0.0.1:80"),
            Some(("10.0.0.1:80", "the network is off", Some("network.enabled = true"))),
        );
        let by_host = observed(
            &policy,
            &host(&[(ShortfallKind::Names, "no names")]),
            Asked::Rename(&path("/w/new")),
        )
        .unwrap();
        assert!(by_host.by_host && by_host.evidence == Evidence::Observed, "{by_host:?}");
        assert_eq!(
            observed(
                &policy,
                &host(&[(ShortfallKind::Names, "no names")]),
                Asked::Rename(&path("/w/sub/new"))
            ),
            None
        );
        assert_eq!(
            observed(
                &policy,
                &host(&[(ShortfallKind::Names, "no names")]),
                Asked::Write(&path("/w/file"))
            ),
            None
        );
        assert_eq!(observed(&ResolvedPolicy::unconfined(), &host(&[]), Asked::Connect("x")), None);
        assert_eq!(observed(&ResolvedPolicy::unconfined(), &host(&[]), Asked::Write(&path("/x"))), None);
    }

    #[test]
    fn a_socket_that_is_closed_is_named_with_its_grant() {
        let told = told(
            "permission denied while trying to connect to the daemon socket at unix:///run/d.sock: Get",
            &[],
        )
        .expect("a denial");

        assert!(
            told.ends_with(
                "|[sandbox] the unix socket /run/d.sock may not be connected to: unix sockets of other programs are closed; \
             `network.unix_sockets.\"/run/d.sock\" = \"allow\"` would allow it\n"
            ),
            "{told}"
        );
    }

    #[test]
    fn something_in_use_that_the_policy_opens_is_no_denial() {
        assert_eq!(told("umount: /w/disk: Device or resource busy", &[]), None);
    }

    #[test]
    fn a_shell_that_says_where_it_was_is_not_what_was_refused() {
        let check = |output: &str| {
            let told = told(output, &[]).expect("a denial");
            let causes = told.split_once('|').map(|(_, causes)| causes);
            let expect = "[sandbox] /etc/x may not be written to: config.toml: /; `\"/etc/x\" = \"write\"` would allow it\n";
            assert_eq!(causes, Some(expect), "{output}");
        };

        check("/bin/bash: line 1: /etc/x: Read-only file system");
        check("/bin/sh: 1: cannot create /etc/x: Read-only file system");
        check("bash: /etc/x: Read-only file system");
    }

    #[test]
    fn a_folder_around_something_closed_says_why_its_name_stays() {
        let policy = policy(&[("/", Rights::Read), ("/w", Rights::Write), ("/w/sub/keys", Rights::None)]);
        let told = |output: &str| {
            let found = denial(Attempt {
                exit_code: 1,
                output,
                words: &[],
                cwd: &path("/w"),
                policy: &policy,
                host: &host(&[]),
            });
            found.map(|found| explained(&found))
        };

        assert_eq!(
            told("mv: cannot move 'sub' to 'other': Device or resource busy").as_deref(),
            Some("[sandbox] /w/sub may not be written to: its name stays, for it holds /w/sub/keys\n")
        );
        assert_eq!(told("mv: cannot move 'free' to 'other': Device or resource busy"), None);
    }

    #[test]
    fn nothing_lifts_what_is_always_closed() {
        let told = told("sed: couldn't open /home/u/.codex/config.toml: Read-only file system", &[]).expect("a denial");

        assert!(
            told.ends_with("|[sandbox] /home/u/.codex/config.toml may not be written to: codex's own home\n"),
            "{told}"
        );
    }

    #[test]
    fn what_the_policy_allows_and_the_host_cannot_is_said_so() {
        let host = host(&[(ShortfallKind::Names, "no new names"), (ShortfallKind::Metadata, "no new times")]);
        let check = |output: &str, expect: &str| {
            let told = told_on(&host, output, &[]).expect("a denial");
            assert_eq!(told.split_once('|').map(|(_, causes)| causes), Some(expect), "{output}");
        };

        check(
            "sh: 1: cannot create new.txt: Permission denied",
            "[sandbox] /w/new.txt: the policy allows this, this host cannot: no new names\n",
        );
        check(
            "touch: setting times of 'x': Operation not permitted",
            "[sandbox] /w/x: the policy allows this, this host cannot: no new times\n",
        );
        // Nothing closed is around these, so the system itself refuses them.
        check("cat: sub/x.txt: Permission denied", "");
        check("kill: (1) - Operation not permitted", "");
        // What the policy closes is told as that.
        check(
            "touch: cannot touch '/w/.codex/x': Permission denied",
            "[sandbox] /w/.codex/x may not be written to: a protected name; `\"/w/.codex\" = \"write\"` would allow it\n",
        );
    }
}
