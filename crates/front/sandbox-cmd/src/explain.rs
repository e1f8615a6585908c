//! What the policy says of one path, host or program, why, and what would change it.

use crate::InForce;
use codex_base::AbsPath;
use codex_config::ProcessEnv;
use codex_permissions::devices::Device;
use codex_permissions::{Because, ResolvedPolicy, Rights, RuleSource, SocketDecision, decision, is_setting_of, repository_of_setting};
use codex_process::facts::real_path;
use codex_protocol::facts::Capabilities;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    Read,
    Write,
    Connect,
    Exec,
}

impl Access {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Connect => "connect",
            Self::Exec => "exec",
        }
    }
}

/// The answer, for people and (as JSON) for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub access: Access,
    /// As asked.
    pub target: String,
    /// The real path that was judged, links resolved; `None` for hosts and for programs that are nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<AbsPath>,
    /// Whether there is such a file now. The policy speaks of missing ones, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    pub allowed: bool,
    /// The rule that decided, with its file and line where it has one.
    pub rule: String,
    /// What that rule is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_path: Option<String>,
    /// What keeps a command to it on this host; empty where nothing has to.
    pub layers: Vec<String>,
    /// The smallest change that turns the answer around; `None` where no setting of the user does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
    /// What else matters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Looks at the path, not into it.
pub fn explain(access: Access, target: &str, in_force: &InForce, env: &ProcessEnv, host: &Capabilities) -> Explanation {
    match access {
        Access::Connect => connect(target, in_force, host),
        Access::Read | Access::Write => {
            let path = in_force.cwd.join(expanded(target, env));
            of_path(access, target, &path, in_force, host)
        }
        Access::Exec => match program(target, in_force, env) {
            Some(path) => of_program(target, &path, in_force, host),
            None => Explanation {
                exists: Some(false),
                rule: "no folder of PATH has it".to_owned(),
                ..nothing(access, target)
            },
        },
    }
}

const fn wanted(access: Access) -> Rights {
    match access {
        Access::Write => Rights::Write,
        Access::Read | Access::Connect | Access::Exec => Rights::Read,
    }
}

fn nothing(access: Access, target: &str) -> Explanation {
    Explanation {
        access,
        target: target.to_owned(),
        path: None,
        exists: None,
        allowed: false,
        rule: String::new(),
        rule_path: None,
        layers: Vec::new(),
        change: None,
        notes: Vec::new(),
    }
}

fn of_path(access: Access, target: &str, spelled: &AbsPath, in_force: &InForce, host: &Capabilities) -> Explanation {
    let policy = &in_force.policy;
    let path = real_path(spelled);
    let decided = decision(policy, &path);
    let deeper = (access == Access::Write && policy.confined)
        .then(|| deeper_repository(&path))
        .flatten();
    let allowed = decided.rights >= wanted(access) && deeper.is_none();
    let refusal = codex_approvals::refusal(policy, &path, wanted(access));
    let grant = refusal.as_ref().and_then(|refusal| refusal.grant.clone());
    let exists = std::fs::symlink_metadata(spelled).is_ok();
    let device = Device::of(&path);
    let change = match &decided.because {
        because if allowed => closing(&path, wanted(access), because, in_force),
        // Deny wins over every line that opens.
        Because::Glob(glob) if !glob.managed => Some(format!("without the pattern at {}", glob.place)),
        _ => grant.map(|line| format!("[permissions.{}.filesystem] {line}", profile_name(in_force))),
    };
    let mut notes = Vec::new();
    if path != *spelled {
        notes.push(format!("links lead from {spelled} to {path}, which is judged"));
    }
    if !exists {
        notes.push("it does not exist; the policy speaks of missing paths, too".to_owned());
    }
    if change.is_none() && !allowed {
        notes.push("no setting of yours opens it".to_owned());
    }
    if allowed {
        notes.push("the system's own rights count besides".to_owned());
    }
    if policy.confined && decided.rights == Rights::None {
        notes.extend(gaps(&decided.because).map(str::to_owned));
    }
    if allowed && policy.confined && device == Device::Named {
        notes.push("what its driver does for whoever has it open is limited by nothing here".to_owned());
    }
    if allowed && policy.confined && access == Access::Write && repository_of_setting(&path).is_some() {
        notes.push(
            "a repository that is there when a command starts keeps its settings; one that a command makes itself is not protected from it"
                .to_owned(),
        );
    }
    let is_by_policy = decided.rights < wanted(access);
    let deeper = deeper.filter(|_| !is_by_policy);
    Explanation {
        path: Some(path.clone()),
        exists: Some(exists),
        allowed,
        rule: deeper
            .as_ref()
            .map_or_else(|| rule(&decided.because, in_force), |_| RuleSource::Repository.to_string()),
        rule_path: deeper.map_or_else(
            || rule_path(&decided.because),
            |git| Some(format!("{git} = a repository that lies there now")),
        ),
        layers: match layers(access, allowed, policy, host) {
            layers if device == Device::Named && host.mechanism == NAMESPACES && !layers.is_empty() => {
                vec!["a private /dev that does not have it".to_owned()]
            }
            layers => layers,
        },
        change,
        notes,
        ..nothing(access, target)
    }
}

/// Under which names what is hidden can still be read, as `docs/sandbox.md` says.
fn gaps(because: &Because) -> impl Iterator<Item = &'static str> {
    let appearing = "what comes to match while a command runs is hidden from the next command on";
    let linked = "a hard link to it is found where patterns are looked for and in writable folders, not elsewhere";
    let (is_pattern, is_line) = (
        matches!(because, Because::Glob(_)),
        matches!(because, Because::Rule(_) | Because::Limit(_)),
    );
    is_pattern
        .then_some(appearing)
        .into_iter()
        .chain((is_pattern || is_line).then_some(linked))
}

/// The repository that is there and has `path` as one of its settings: these are protected when a command starts, wherever they lie.
fn deeper_repository(path: &AbsPath) -> Option<AbsPath> {
    let is_repository = |git: &AbsPath| {
        let is_there = |name: &str| std::fs::symlink_metadata(git.join(name).as_path()).is_ok();
        is_there("HEAD") && is_there("objects") && is_there("refs")
    };
    path.ancestors().skip(1).find(|git| is_setting_of(git, path) && is_repository(git))
}

fn of_program(target: &str, path: &AbsPath, in_force: &InForce, host: &Capabilities) -> Explanation {
    let mut explanation = of_path(Access::Exec, target, path, in_force, host);
    explanation.notes.push(if in_force.policy.confined {
        "what can be read can be executed; it runs under the same policy, without set-user-ID rights".to_owned()
    } else {
        "it runs unconfined".to_owned()
    });
    explanation
}

fn connect(target: &str, in_force: &InForce, host: &Capabilities) -> Explanation {
    let socket = target.strip_prefix("unix://").filter(|path| path.starts_with('/'));
    let socket = socket
        .or_else(|| target.strip_prefix("unix:"))
        .or(target.starts_with('/').then_some(target));
    match socket {
        Some(name) => of_socket(target, name, in_force, host),
        None => of_network(target, in_force, host),
    }
}

fn of_network(target: &str, in_force: &InForce, host: &Capabilities) -> Explanation {
    let policy = &in_force.policy;
    let rule = match (policy.confined, policy.network) {
        (false, _) => "there is no sandbox",
        (true, true) => "the network is on",
        (true, false) => "the network is off",
    };
    let allowed = !policy.confined || policy.network;
    let line = format!("[permissions.{}.network] enabled = {}", profile_name(in_force), !allowed);
    Explanation {
        allowed,
        rule: format!("{rule}, chosen by {}", in_force.network_by.unwrap_or(&in_force.chosen_by)),
        layers: layers(Access::Connect, allowed, policy, host),
        change: Some(if policy.confined { line } else { UNCONFINED_CHANGE.to_owned() }),
        notes: vec!["hosts and ports are not told apart: all of the network, this machine included, or none".to_owned()],
        ..nothing(Access::Connect, target)
    }
}

/// A name that starts with `@` is an abstract one, which no rule can name.
fn of_socket(target: &str, name: &str, in_force: &InForce, host: &Capabilities) -> Explanation {
    const OWN: &str = "a socket that the command itself listens at needs no rule";
    let policy = &in_force.policy;
    let is_abstract = name.starts_with('@');
    let spelled = in_force.cwd.join(name);
    let path = real_path(&spelled);
    let visible = decision(policy, &path).rights >= Rights::Read;
    let decided = policy.socket_decision(&path);
    if !is_abstract && !visible {
        let mut explanation = of_path(Access::Connect, target, &spelled, in_force, host);
        explanation.notes.push("what is hidden cannot be connected to either".to_owned());
        return explanation;
    }
    let table = format!("permissions.{}.network", profile_name(in_force));
    let all = |on: bool| format!("[{table}] dangerously_allow_all_unix_sockets = {on}");
    let line = |word: &str| format!("[{table}.unix_sockets] {:?} = {word:?}", path.to_string());
    let (allowed, rule, says, change) = match decided {
        SocketDecision::Unconfined => (
            true,
            format!("there is no sandbox, chosen by {}", in_force.chosen_by),
            None,
            UNCONFINED_CHANGE.to_owned(),
        ),
        SocketDecision::All { place } => (true, place.to_owned(), Some("all unix sockets = allow".to_owned()), all(false)),
        SocketDecision::Named(rule) => (true, rule.place.clone(), Some(format!("{} = allow", rule.path)), line("deny")),
        SocketDecision::Closed => (
            false,
            "unix sockets of other programs are closed".to_owned(),
            None,
            if is_abstract { all(true) } else { line("allow") },
        ),
    };
    let mut notes = Vec::new();
    if path != spelled && !is_abstract {
        notes.push(format!("links lead from {spelled} to {path}, which is judged"));
    }
    match decided {
        SocketDecision::Closed => notes.push(OWN.to_owned()),
        SocketDecision::Named(_) if host.mechanism != NAMESPACES => {
            notes.push("without namespaces single sockets cannot be told apart: it stays closed on this host".to_owned());
        }
        SocketDecision::Unconfined | SocketDecision::All { .. } | SocketDecision::Named(_) => {
            notes.push("the system's own rights count besides".to_owned());
        }
    }
    if !allowed && policy.network {
        notes.push("the network being on does not open it".to_owned());
    }
    Explanation {
        exists: (!is_abstract).then(|| std::fs::symlink_metadata(&spelled).is_ok()),
        path: (!is_abstract).then_some(path),
        allowed,
        rule,
        rule_path: says,
        layers: match (allowed, host.confines) {
            (true, _) => Vec::new(),
            (false, true) => vec!["the system call filter, and the helper that it hands the call over to".to_owned()],
            (false, false) => vec![NO_CONFINEMENT.to_owned()],
        },
        change: Some(change),
        notes,
        ..nothing(Access::Connect, target)
    }
}

fn rule(because: &Because<'_>, in_force: &InForce) -> String {
    match because {
        Because::Unconfined => format!("there is no sandbox, chosen by {}", in_force.chosen_by),
        Because::Rule(rule) | Because::Limit(rule) if rule.source == RuleSource::Mode => {
            format!("the sandbox mode, chosen by {}", in_force.chosen_by)
        }
        Because::Rule(rule) | Because::Limit(rule) => rule.source.to_string(),
        Because::Glob(glob) => glob.place.clone(),
        Because::Harmless => "every command has this device".to_owned(),
        Because::Device => "a device has to be named, a line for what is around it is not enough".to_owned(),
        Because::Nothing => "no rule opens it".to_owned(),
    }
}

fn rule_path(because: &Because<'_>) -> Option<String> {
    match because {
        Because::Rule(rule) | Because::Limit(rule) => Some(format!("{} = {}", rule.path, rule.rights.as_str())),
        Because::Glob(glob) => Some(format!("{} = deny", glob.pattern)),
        Because::Unconfined | Because::Harmless | Because::Device | Because::Nothing => None,
    }
}

const NAMESPACES: &str = "linux-namespaces";
const NO_CONFINEMENT: &str = "none: a confined command does not start on this host";
const UNCONFINED_CHANGE: &str = "-s workspace-write";

/// The profile in force, if it is one that a user can write to.
fn profile_name(in_force: &InForce) -> &str {
    in_force.profile.as_deref().filter(|name| !name.starts_with(':')).unwrap_or("NAME")
}

/// The line that takes it away: a rule of the user's own for exactly this path, one step narrower.
fn closing(path: &AbsPath, wanted: Rights, because: &Because<'_>, in_force: &InForce) -> Option<String> {
    let narrower = match (wanted, because) {
        (_, Because::Unconfined) => return Some(UNCONFINED_CHANGE.to_owned()),
        (_, Because::Harmless) => return None,
        // A device is open or not.
        (_, Because::Rule(_)) if Device::of(path) == Device::Named => Rights::None,
        (Rights::Write, _) => Rights::Read,
        (Rights::Read | Rights::None, _) => Rights::None,
    };
    let (name, path) = (profile_name(in_force), path.to_string());
    Some(format!("[permissions.{name}.filesystem] {path:?} = {:?}", narrower.as_str()))
}

/// What stands between a command and what it may not do.
fn layers(access: Access, allowed: bool, policy: &ResolvedPolicy, host: &Capabilities) -> Vec<String> {
    if allowed || !policy.confined {
        return Vec::new();
    }
    if !host.confines {
        return vec![NO_CONFINEMENT.to_owned()];
    }
    let namespaces = host.mechanism == NAMESPACES;
    let layers: &[&str] = match (access, namespaces) {
        (Access::Connect, true) => &[
            "a network namespace of its own",
            "the system call filter",
            "Landlock, as far as the kernel has it",
        ],
        (Access::Write, true) => &["read-only mounts", "Landlock, as far as the kernel has it"],
        (Access::Read | Access::Exec, true) => &["something else mounted in its place"],
        (Access::Connect, false) => &["the system call filter", "Landlock, as far as the kernel has it"],
        (Access::Read | Access::Write | Access::Exec, false) => &["Landlock"],
    };
    layers.iter().map(|layer| (*layer).to_owned()).collect()
}

/// A tilde in front is the user's home: what a quoted word keeps.
fn expanded(target: &str, env: &ProcessEnv) -> PathBuf {
    match (target.strip_prefix("~/"), &env.home) {
        (Some(rest), Some(home)) => home.join(rest).as_path().to_owned(),
        _ if target == "~" => env
            .home
            .as_ref()
            .map_or_else(|| PathBuf::from(target), |home| home.as_path().to_owned()),
        _ => PathBuf::from(target),
    }
}

/// Where a command of that name is found.
fn program(target: &str, in_force: &InForce, env: &ProcessEnv) -> Option<AbsPath> {
    if target.contains('/') {
        return Some(in_force.cwd.join(expanded(target, env)));
    }
    let variables = codex_config::shell_environment(&in_force.shell_environment_policy, &env.vars);
    let path = variables.into_iter().find(|(name, _)| name == "PATH")?.1;
    let folders = path.to_str()?.split(':').map(|folder| in_force.cwd.join(Path::new(folder)));
    folders.map(|folder| folder.join(target)).find(|path| path.is_file())
}

impl Explanation {
    /// A few lines for people.
    pub fn text(&self) -> String {
        let answer = if self.allowed { "allowed" } else { "denied" };
        let mut text = format!("{} {}: {answer}\n", self.access.as_str(), self.target);
        let is_unnamed = |change: &&String| change.starts_with("[permissions.NAME.");
        let make = "where NAME is a profile that you make ([permissions.NAME] with `extends`) and choose with -P NAME";
        let by = Some(self.layers.join("; ")).filter(|layers| !layers.is_empty());
        let lines = [
            ("rule", Some(self.rule.as_str())),
            ("says", self.rule_path.as_deref()),
            ("by", by.as_deref()),
            ("change", self.change.as_deref()),
            ("", self.change.as_ref().filter(is_unnamed).map(|_| make)),
        ];
        let notes = self.notes.iter().map(|note| ("note", Some(note.as_str())));
        for (name, what) in lines.into_iter().chain(notes) {
            if let Some(what) = what {
                let _ = writeln!(text, "  {name:<8} {what}");
            }
        }
        text
    }
}
