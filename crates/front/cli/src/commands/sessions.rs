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

/// Where a session is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Active,
    Archive,
    Both,
}

impl Sessions {
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        let surroundings = environment::read()?;
        let cwd = match &root.cd {
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
            client.request::<ThreadArchive>(session.params()).await?;
            Ok(format!("Archived session {session}.\n"))
        })
    }

    pub fn unarchive(self, root: &Root) -> Result<ExitCode, ExecError> {
        with_session(root, &self.session, Place::Archive, async |client, session| {
            client.request::<ThreadUnarchive>(session.params()).await?;
            Ok(format!("Unarchived session {session}.\n"))
        })
    }
}

impl Delete {
    pub fn run(self, root: &Root) -> Result<ExitCode, ExecError> {
        let terminals = environment::read()?.terminals;
        if self.force && !is_uuid(&self.session) {
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
            client.request::<ThreadDelete>(session.params()).await?;
            Ok(format!("Deleted session {session}.\n"))
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

/// A session that was found.
struct Session {
    id: String,
    name: Option<String>,
}

impl Session {
    fn params(&self) -> ThreadIdParams {
        ThreadIdParams {
            thread_id: self.id.clone(),
        }
    }
}

impl std::fmt::Display for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.id),
            None => self.id.fmt(f),
        }
    }
}

fn with_session(
    root: &Root,
    wanted: &str,
    place: Place,
    work: impl AsyncFnOnce(&Client, Session) -> Result<String, ExecError>,
) -> Result<ExitCode, ExecError> {
    let surroundings = environment::read()?;
    let text = server::with_client(&surroundings, root.overrides()?, async |client| {
        let session = find(&client, wanted, place).await?;
        work(&client, session).await
    })?;
    print(&text).map(|()| ExitCode::SUCCESS)
}

/// An id is taken as it is; a name must be that of one session.
async fn find(client: &Client, wanted: &str, place: Place) -> Result<Session, ExecError> {
    if is_uuid(wanted) {
        return Ok(Session {
            id: wanted.to_ascii_lowercase(),
            name: None,
        });
    }
    let named = ThreadListParams {
        name: Some(wanted.to_owned()),
        ..ThreadListParams::default()
    };
    let found = in_place(client, place, named).await?;
    let mut called: Vec<&Thread> = found.iter().filter(|thread| thread.name.as_deref() == Some(wanted)).collect();
    match (called.pop(), called.len()) {
        (Some(thread), 0) => Ok(Session {
            id: thread.id.clone(),
            name: thread.name.clone(),
        }),
        (Some(last), _) => {
            called.push(last);
            let ids: Vec<&str> = called.iter().map(|thread| thread.id.as_str()).collect();
            let error = ExecError::new("session.ambiguous", format!("{} sessions are called {wanted:?}", ids.len()));
            Err(error.with_hint(format!("name one by its id: {}", ids.join(", "))))
        }
        (None, _) => {
            let error = ExecError::new(
                "session.not_found",
                format!("no {}session has the id or name {wanted:?}", place.word()),
            );
            // Only for the hint: this looks at every session.
            let all = in_place(client, place, ThreadListParams::default()).await?;
            let names = all.iter().filter_map(|thread| thread.name.as_deref());
            Err(match codex_base::nearest(wanted, names) {
                Some(name) => error.with_hint(format!("did you mean {name:?}?")),
                None => error.with_hint("codex sessions --all lists them"),
            })
        }
    }
}

impl Place {
    const fn word(self) -> &'static str {
        match self {
            Self::Active | Self::Both => "",
            Self::Archive => "archived ",
        }
    }
}

/// Most pages of sessions that are looked through for a name.
const PAGES_MAX: usize = 100;

async fn in_place(client: &Client, place: Place, params: ThreadListParams) -> Result<Vec<Thread>, ExecError> {
    let places: &[bool] = match place {
        Place::Active => &[false],
        Place::Archive => &[true],
        Place::Both => &[false, true],
    };
    let mut all = Vec::new();
    for archived in places {
        let mut cursor = None;
        for _ in 0..PAGES_MAX {
            let params = ThreadListParams {
                archived: Some(*archived),
                limit: Some(1000),
                source_kinds: Some(ThreadSourceKind::ROOTS.to_vec()),
                cursor,
                ..params.clone()
            };
            let page = client.request::<ThreadList>(params).await?;
            all.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(all)
}

fn confirmed(session: &Session) -> Result<bool, ExecError> {
    let failed = |error: std::io::Error| ExecError::new("session.unconfirmed", format!("cannot ask: {error}"));
    let mut stderr = std::io::stderr();
    write!(stderr, "Delete session {session} and its sub-agents for good? [y/N] ").map_err(failed)?;
    stderr.flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn lines(threads: &[Thread]) -> Result<String, ExecError> {
    let line = |thread: &Thread| serde_json::to_string(thread).map(|text| text + "\n");
    let lines: Result<String, _> = threads.iter().map(line).collect();
    lines.map_err(|error| ExecError::new("exec.unserialisable", error.to_string()))
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

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
