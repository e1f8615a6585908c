//! `codex sessions`, `archive`, `unarchive`, `delete`, `rename`: stored sessions, by id or exact name.

use super::{Root, print, server};
use crate::environment;
use crate::tell;
use codex_base::Timestamp;
use codex_exec::ExecError;
use codex_protocol::items::Thread;
use codex_protocol::requests::{
    ThreadArchive, ThreadDelete, ThreadIdParams, ThreadList, ThreadListParams, ThreadNameSet, ThreadNameSetParams, ThreadSortKey,
    ThreadSourceKind, ThreadUnarchive,
};
use codex_rpc::Client;
use codex_rpc::lookup::{self, Found, Place};
use std::fmt::Write as _;
use std::io::{BufRead, Write as _};
use std::process::ExitCode;

/// Arguments of `codex sessions`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Sessions {
    /// Those of every directory
    #[arg(long)]
    all: bool,
    /// Those in the archive
    #[arg(long)]
    archived: bool,
    /// Only those with this text in their name or first words
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// At most so many
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// One JSON object per line
    #[arg(long)]
    json: bool,
}

/// Arguments of `codex archive` and `codex unarchive`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Move {
    /// Id or exact name
    session: String,
}

/// Arguments of `codex delete`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Delete {
    /// Id or exact name
    session: String,
    /// Do not ask; needs the id
    #[arg(long)]
    force: bool,
}

/// Arguments of `codex rename`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Rename {
    /// Id or exact name
    session: String,
    /// What to call it
    name: String,
}

impl Sessions {
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        let surroundings = environment::read()?;
        let cwd = match &root.shared.cd {
            Some(folder) => surroundings.process.cwd.join(folder),
            None => surroundings.process.cwd.clone(),
        };
        let params = ThreadListParams {
            limit: Some(self.limit),
            cwd: (!self.all).then(|| cwd.to_string().into()),
            archived: Some(self.archived),
            search_term: self.search,
            sort_key: Some(ThreadSortKey::UpdatedAt),
            source_kinds: Some(ThreadSourceKind::ROOTS.to_vec()),
            ..ThreadListParams::default()
        };
        let found = server::ask::<ThreadList>(&surroundings, root.overrides()?, params)?;
        if found.data.is_empty() && !self.all {
            tell(&format!("no sessions in {cwd}; --all lists those of every directory"));
        }
        let text = match self.json {
            true => lines(&found.data)?,
            false => table(&found.data, self.all, &surroundings.process.timezone),
        };
        print(&text).map(|()| ExitCode::SUCCESS)
    }
}

impl Move {
    pub fn archive(self, root: &Root) -> Result<ExitCode, ExecError> {
        with_session(root, &self.session, Place::Active, async |client, session| {
            client.request::<ThreadArchive>(params(&session)).await?;
            Ok(format!("Archived session {}.\n", called(&session)))
        })
    }

    pub fn unarchive(self, root: &Root) -> Result<ExitCode, ExecError> {
        with_session(root, &self.session, Place::Archive, async |client, session| {
            client.request::<ThreadUnarchive>(params(&session)).await?;
            Ok(format!("Unarchived session {}.\n", called(&session)))
        })
    }
}

impl Delete {
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        let terminals = environment::read()?.terminals;
        if self.force && !lookup::is_uuid(&self.session) {
            let error = ExecError::new(
                "session.force_needs_id",
                "--force deletes by id only, because names need not be unique",
            );
            return Err(error.with_hint("codex sessions --all names the ids"));
        }
        if !(self.force || terminals.stdin && terminals.stderr) {
            let error = ExecError::new("session.unconfirmed", "there is no terminal to ask for confirmation");
            return Err(error.with_hint("--force with the session's id deletes without asking"));
        }
        let force = self.force;
        with_session(root, &self.session, Place::Both, async |client, session| {
            if !force && !confirmed(&session)? {
                return Ok("Nothing was deleted.\n".to_owned());
            }
            client.request::<ThreadDelete>(params(&session)).await?;
            Ok(format!("Deleted session {}.\n", called(&session)))
        })
    }
}

impl Rename {
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        let name = self.name;
        with_session(root, &self.session, Place::Active, async |client, session| {
            let thread_id = session.id.clone();
            let given = name.trim().to_owned();
            client.request::<ThreadNameSet>(ThreadNameSetParams { thread_id, name }).await?;
            Ok(format!("Session {} is called {given} now.\n", session.id))
        })
    }
}

/// As people are told of it.
fn called(session: &Found) -> String {
    match &session.name {
        Some(name) => format!("{name} ({})", session.id),
        None => session.id.clone(),
    }
}

fn params(session: &Found) -> ThreadIdParams {
    ThreadIdParams {
        thread_id: session.id.clone(),
    }
}

fn with_session(
    root: &Root,
    wanted: &str,
    place: Place,
    work: impl AsyncFnOnce(&Client, Found) -> Result<String, ExecError>,
) -> Result<ExitCode, ExecError> {
    let surroundings = environment::read()?;
    let text = server::with_client(&surroundings, root.overrides()?, None, async |client| {
        let session = lookup::find(&client, wanted, place).await?;
        work(&client, session).await
    })?;
    print(&text).map(|()| ExitCode::SUCCESS)
}

fn confirmed(session: &Found) -> Result<bool, ExecError> {
    let failed = |error: std::io::Error| ExecError::new("session.unconfirmed", format!("cannot ask: {error}"));
    let mut stderr = std::io::stderr();
    write!(stderr, "Delete session {} and its sub-agents for good? [y/N] ", called(session)).map_err(failed)?;
    stderr.flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn lines(threads: &[Thread]) -> Result<String, ExecError> {
    let line = |thread: &Thread| serde_json::to_string(thread).map(|text| text + "\n");
    let lines: Result<String, _> = threads.iter().map(line).collect();
    lines.map_err(super::unserialisable)
}

/// Last use, id, name or first words; with `directories` also where.
fn table(threads: &[Thread], directories: bool, timezone: &str) -> String {
    let zone = codex_base::zone::named(timezone);
    let mut text = String::new();
    for thread in threads {
        let used = Timestamp::from_second(thread.updated_at).unwrap_or_default().to_zoned(zone.clone());
        let title = thread.name.as_deref().unwrap_or(&thread.preview);
        let title: String = title
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(TITLE_CHARS_MAX)
            .collect();
        // Writing to a string does not fail.
        let _ = write!(text, "{}  {}", used.strftime("%Y-%m-%d %H:%M"), thread.id);
        if directories {
            let _ = write!(text, "  {}", thread.cwd);
        }
        let _ = writeln!(text, "  {title}");
    }
    text
}

const TITLE_CHARS_MAX: usize = 80;
