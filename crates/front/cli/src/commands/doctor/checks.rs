//! The looks themselves. Each is bounded in time and tells no secret.

use super::report::{Check, Group, Status};
use crate::commands::{demo, login};
use crate::environment::Surroundings;
use crate::wire;
use codex_base::AbsPath;
use codex_config::{Overrides, Resolved};
use codex_http::{HttpClient, HttpSettings, Post};
use codex_login::{Place, Stored};
use codex_protocol::VERSION;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long the provider may take for the head of an answer.
const PROVIDER_LIMIT: Duration = Duration::from_secs(10);

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    AllButNetwork,
    AllWithNetwork,
    NetworkOnly,
}

/// Runs the checks, in the order in which they are told.
pub fn run(surroundings: &Surroundings, overrides: &Overrides, scope: Scope) -> Vec<Check> {
    let started = Instant::now();
    let resolved = codex_config::resolve(&surroundings.process, &surroundings.process.cwd, overrides);
    let mut checks = Vec::new();
    if scope != Scope::NetworkOnly {
        checks.extend([
            timed(installation),
            timed(|| home(surroundings)),
            timed(|| disk(surroundings)),
            timed(|| git(surroundings)),
            timed(|| sandbox(surroundings)),
            timed(|| shell(surroundings)),
        ]);
    }
    let mut config = match &resolved {
        Ok(resolved) => config_loaded(surroundings, resolved),
        Err(error) => config_broken(error),
    };
    config.duration_ms = milliseconds(started);
    checks.push(config);
    let Ok(resolved) = resolved else { return checks };
    if scope != Scope::NetworkOnly {
        checks.push(timed(|| credentials(surroundings, &resolved)));
    }
    checks.push(timed(|| network_environment(surroundings)));
    checks.push(match scope {
        Scope::AllButNetwork => not_asked(&resolved),
        Scope::AllWithNetwork | Scope::NetworkOnly => timed(|| provider(surroundings, &resolved)),
    });
    checks
}

fn timed(look: impl FnOnce() -> Check) -> Check {
    let started = Instant::now();
    let check = look();
    Check {
        duration_ms: milliseconds(started),
        ..check
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A finding about this machine.
fn found(id: &'static str, status: Status, summary: impl Into<String>) -> Check {
    check(id, Group::Environment, status, summary)
}

fn check(id: &'static str, group: Group, status: Status, summary: impl Into<String>) -> Check {
    Check {
        id,
        group,
        status,
        summary: summary.into(),
        details: Vec::new(),
        remediation: None,
        duration_ms: 0,
    }
}

impl Check {
    fn detail(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }

    fn remedy(mut self, text: impl Into<String>) -> Self {
        self.remediation = Some(text.into());
        self
    }
}

fn installation() -> Check {
    let program = std::env::current_exe().map_or_else(|error| error.to_string(), |path| path.display().to_string());
    found("installation", Status::Ok, format!("codex {VERSION}"))
        .detail("program", program)
        .detail("system", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH))
}

fn home(surroundings: &Surroundings) -> Check {
    const ID: &str = "home.rights";
    let home = &surroundings.process.codex_home;
    let told = |status, summary: String| found(ID, status, summary).detail("CODEX_HOME", home.to_string());
    match std::fs::metadata(home) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => told(Status::Note, format!("{home} is made when it is needed")),
        Err(error) => told(Status::Fail, format!("{home} cannot be looked at: {error}")).remedy("check the rights of the folders above it"),
        Ok(facts) if !facts.is_dir() => {
            told(Status::Fail, format!("{home} is no folder")).remedy("move it away, or set CODEX_HOME to a folder")
        }
        Ok(facts) => match codex_base::os::may_write(home) {
            Err(error) => told(Status::Warning, format!("{home} cannot be written: {error}"))
                .remedy("sessions, logins and settings cannot be kept; --ephemeral works without"),
            Ok(()) if others_may_write(&facts) => told(Status::Warning, format!("others may write to {home}"))
                .remedy(format!("chmod go-w {home}: who writes there decides what codex runs")),
            Ok(()) => told(Status::Ok, home.to_string()),
        },
    }
}

fn others_may_write(facts: &Metadata) -> bool {
    codex_base::os::mode(facts).is_some_and(|mode| mode & 0o022 != 0)
}

/// Less free space than this is worth a warning, or too little for a session.
const FREE_BYTES_LOW: u64 = 1024 * 1024 * 1024;
const FREE_BYTES_MIN: u64 = 64 * 1024 * 1024;

fn disk(surroundings: &Surroundings) -> Check {
    let home = &surroundings.process.codex_home;
    let folder = home.ancestors().find(|folder| folder.exists());
    let free = folder.and_then(|folder| codex_base::os::free_bytes(&folder));
    let told = |status, summary: String| found("disk", status, summary).detail("CODEX_HOME", home.to_string());
    match free.map(|bytes| (bytes, format!("{} MiB free for {home}", bytes / (1024 * 1024)))) {
        None => told(Status::Note, format!("free space for {home} is not known")),
        Some((bytes, text)) if bytes < FREE_BYTES_MIN => told(Status::Fail, text).remedy("make space: a session needs its journal"),
        Some((bytes, text)) if bytes < FREE_BYTES_LOW => told(Status::Warning, text).remedy("make space"),
        Some((_, text)) => told(Status::Ok, text),
    }
}

fn git(surroundings: &Surroundings) -> Check {
    const ID: &str = "git.environment";
    let cwd = &surroundings.process.cwd;
    const LIMIT: Duration = Duration::from_secs(10);
    let output = codex_base::os::output_within(Command::new("git").arg("--version").current_dir(cwd), LIMIT);
    let version = match output {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return found(ID, Status::Warning, format!("git does not work: {why}")).remedy("mend or install git");
        }
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            return found(ID, Status::Warning, format!("git does not answer within {LIMIT:?}"))
                .remedy("see what git is on PATH, and what it waits for");
        }
        Err(error) => {
            return found(ID, Status::Warning, format!("git cannot be started: {error}")).remedy("install git");
        }
    };
    if codex_git::is_repository(cwd) {
        found(ID, Status::Ok, version).detail("repository", cwd.to_string())
    } else {
        found(ID, Status::Note, format!("{version}; {cwd} is in no repository")).remedy("codex exec wants one, or --skip-git-repo-check")
    }
}

fn sandbox(surroundings: &Surroundings) -> Check {
    const ID: &str = "sandbox.capabilities";
    let sandbox = wire::sandbox();
    let capabilities = sandbox.capabilities();
    let mechanism = capabilities.mechanism.clone();
    if !capabilities.confines {
        let missing = capabilities.missing.join("; ");
        return found(ID, Status::Fail, format!("commands cannot be confined: {missing}"))
            .detail("mechanism", mechanism)
            .remedy("docs/sandbox.md names what is needed; without it only danger-full-access runs commands");
    }
    match demo::try_sandbox(surroundings, sandbox.as_ref()) {
        Ok(()) => {
            let ran = format!("{mechanism}; an empty command ran in it");
            // What a better way than the one that is used lacks.
            match capabilities.rungs.iter().find_map(|rung| rung.lacks.first()) {
                Some(lack) if capabilities.rungs.first().is_some_and(|best| best.mechanism != mechanism) => {
                    found(ID, Status::Note, format!("{ran}; {}", lack.why)).remedy(&lack.remedy)
                }
                Some(_) | None => found(ID, Status::Ok, ran),
            }
        }
        Err(error) => found(ID, Status::Fail, error.message)
            .detail("mechanism", mechanism)
            .remedy("docs/sandbox.md names what is needed"),
    }
}

fn shell(surroundings: &Surroundings) -> Check {
    const ID: &str = "shell";
    match &surroundings.process.user_shell {
        Some(shell) => found(ID, Status::Ok, shell.display().to_string()),
        None => found(ID, Status::Fail, "no shell that reads POSIX commands").remedy("install bash, or set SHELL"),
    }
}

fn config_loaded(surroundings: &Surroundings, resolved: &Resolved) -> Check {
    let file = surroundings.process.codex_home.join("config.toml");
    let there = if file.exists() { "" } else { " (missing)" };
    let trust = match resolved.trusted {
        Some(true) => "trusted",
        Some(false) => "untrusted",
        None => "not decided",
    };
    let model = resolved.config.model.clone().unwrap_or_else(|| "default".to_owned());
    let (status, summary) = match resolved.warnings.len() {
        0 => (Status::Ok, "loaded".to_owned()),
        count => (Status::Warning, format!("loaded with {count} warnings")),
    };
    let loaded = check("config.load", Group::Configuration, status, summary)
        .detail("config.toml", format!("{file}{there}"))
        .detail("model", model)
        .detail("provider", resolved.config.provider.id.clone())
        .detail("project", format!("{} ({trust})", resolved.project_root));
    resolved
        .warnings
        .iter()
        .fold(loaded, |check, warning| check.detail("warning", warning.clone()))
}

fn config_broken(error: &codex_config::ConfigError) -> Check {
    let text = codex_base::with_causes(error);
    check(
        "config.load",
        Group::Configuration,
        Status::Fail,
        format!("{text} [{}]", error.code()),
    )
    .remedy("mend the named place; docs/config.md names every key")
}

fn credentials(surroundings: &Surroundings, resolved: &Resolved) -> Check {
    const ID: &str = "auth.credentials";
    let provider = &resolved.config.provider;
    let set = |name: &str| surroundings.process.var(name).is_some_and(|value| !value.trim().is_empty());
    let found = |status, summary: String| check(ID, Group::Configuration, status, summary).detail("provider", provider.id.clone());
    if let Some(variable) = &provider.env_key {
        return if set(variable) {
            found(Status::Ok, format!("{variable} is set"))
        } else {
            found(Status::Fail, format!("{variable} is not set")).remedy(format!("set {variable}, which the provider's env_key names"))
        };
    }
    if !provider.requires_openai_auth {
        return found(Status::Ok, format!("provider `{}` needs no login", provider.id));
    }
    let home = &surroundings.process.codex_home;
    let settings = login::settings_of(resolved);
    if settings.no_keys {
        let why = "`allowed_login_methods` in the requirements of this machine allows no API key";
        return found(Status::Fail, why.to_owned()).remedy("use a provider that needs no login, or ask whoever manages this machine");
    }
    let store_key = "printenv OPENAI_API_KEY | codex login --with-api-key";
    match codex_login::load(home, settings) {
        _ if set("CODEX_API_KEY") => found(Status::Ok, "CODEX_API_KEY is set".to_owned()),
        Err(error) => found(Status::Fail, codex_base::with_causes(&error)).remedy(error.hint()),
        Ok(Some(login)) => stored(&login, found),
        Ok(None) if set("OPENAI_API_KEY") => found(Status::Ok, "OPENAI_API_KEY is set".to_owned()),
        Ok(None) => found(Status::Fail, "no key and no login".to_owned()).remedy(store_key),
    }
}

fn stored(Stored { login, place }: &Stored, found: impl Fn(Status, String) -> Check) -> Check {
    let summary = format!("{} in {place}", login.description());
    let readable = |file: &AbsPath| {
        let facts = std::fs::metadata(file).ok();
        facts
            .and_then(|facts| codex_base::os::mode(&facts))
            .is_some_and(|mode| mode & 0o077 != 0)
    };
    match (login.unusable(), place) {
        (Some(why), _) => found(Status::Fail, summary).remedy(why),
        (None, Place::File(file)) if readable(file) => {
            found(Status::Warning, format!("{summary}, which others may read")).remedy(format!("chmod 600 {file}"))
        }
        (None, _) => found(Status::Ok, summary),
    }
}

/// Names of variables only: their values may hold passwords.
fn network_environment(surroundings: &Surroundings) -> Check {
    const ID: &str = "network.env";
    const PROXIES: [&str; 8] = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
    ];
    let value = |name: &str| surroundings.process.var(name).filter(|value| !value.is_empty());
    let proxies: Vec<&str> = PROXIES.into_iter().filter(|name| value(name).is_some()).collect();
    let certificates = ["CODEX_CA_CERTIFICATE", "SSL_CERT_FILE"]
        .into_iter()
        .find_map(|name| Some((name, value(name)?)));
    let summary = if proxies.is_empty() {
        "no proxy is set".to_owned()
    } else {
        format!("set: {}", proxies.join(", "))
    };
    let Some((name, file)) = certificates else {
        return check(ID, Group::Connectivity, Status::Ok, summary);
    };
    match std::fs::File::open(surroundings.process.cwd.join(file)) {
        Ok(_) => check(ID, Group::Connectivity, Status::Ok, summary).detail(name, file),
        Err(error) => check(
            ID,
            Group::Connectivity,
            Status::Fail,
            format!("{name} names {file}, which cannot be read: {error}"),
        )
        .remedy(format!("set {name} to a file of PEM certificates, or unset it")),
    }
}

const REACHABILITY: &str = "network.provider";

fn not_asked(resolved: &Resolved) -> Check {
    let provider = &resolved.config.provider;
    check(
        REACHABILITY,
        Group::Connectivity,
        Status::Note,
        format!("provider `{}` was not contacted", provider.id),
    )
    .remedy("--network tries to reach it, --network-only does nothing else")
}

/// Any answer will do, a refusal too. The request carries no key and no model would answer it.
fn provider(surroundings: &Surroundings, resolved: &Resolved) -> Check {
    let provider = &resolved.config.provider;
    let found = |status, summary: String| check(REACHABILITY, Group::Connectivity, status, summary).detail("provider", provider.id.clone());
    let Some(base) = &provider.base_url else {
        return found(Status::Ok, format!("provider `{}` is in this program", provider.id));
    };
    let url = match codex_http::endpoint(base, "responses", &provider.query_params) {
        Ok(url) => url,
        Err(problem) => return found(Status::Fail, format!("base_url is {problem}")).remedy("mend base_url"),
    };
    let lookup = |name: &str| surroundings.process.var(name).map(str::to_owned);
    let http = HttpClient::new(HttpSettings::from_env(surroundings.user_agent(), &lookup));
    let post = Post {
        url,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: b"{}".to_vec(),
        ..Post::default()
    };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return found(Status::Fail, "the system refused threads".to_owned());
    };
    let answer = runtime.block_on(async { tokio::time::timeout(PROVIDER_LIMIT, http.post(post)).await });
    runtime.shutdown_background();
    match answer {
        Ok(Ok(response)) => found(Status::Ok, format!("{} answers (status {})", response.url(), response.status())),
        Ok(Err(error)) => found(Status::Fail, error.with_causes()).remedy("check the network, proxies and base_url"),
        Err(_) => found(Status::Fail, format!("no answer from {base} within {} s", PROVIDER_LIMIT.as_secs()))
            .remedy("check the network, proxies and base_url"),
    }
}
