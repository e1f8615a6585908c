//! Plans the confinement of one command without namespaces and mounts: rules of Landlock, and the filter for system calls.
//!
//! Input: a resolved policy and what lies around the paths it names. Output: a [`LandlockPlan`], data that travels to the helper. Nothing
//! here touches the system.
//!
//! Landlock only grants, and a grant counts for everything below its path. So where something is closed, its surroundings are granted piece
//! by piece: on the way from an open folder down to the closed path each neighbour gets a rule of its own, the folders on the way none. In
//! those nothing can be made, renamed or removed, which also keeps a protected name from being made that is missing. Less is allowed than
//! the policy says, never more.

mod grants;

use crate::ladder::{LANDLOCK_SIGNALS, shows};
use crate::plan::{Entry, HostFacts, Sockets, SystemCalls, devices_title};
use codex_base::AbsPath;
use codex_permissions::devices::Device;
use codex_permissions::{ResolvedPolicy, Rights, RuleSource, rights};
use codex_process::SandboxError;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

pub use grants::{Grants, PathGrant};

/// What the helper does before it starts a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LandlockPlan {
    /// Everything else is closed.
    pub grants: Grants,
    pub system_calls: SystemCalls,
    /// Never [`Sockets::Own`]: the helper is no ancestor of what the command leaves behind, so it may not act for it.
    pub sockets: Sockets,
    pub signals: Signals,
    /// What the supervisor does for the command beyond the grants; `None` where it cannot.
    pub brokered: Option<Brokered>,
}

/// What the supervisor must know to decide about a place that it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Brokered {
    /// A [`ResolvedPolicy`] as JSON: most commands never need it.
    pub policy: String,
    /// Closed as well: other names of what is closed, and what matches a pattern.
    pub closed: Vec<AbsPath>,
}

/// What may be done at a path and everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Folders are listed, nothing is read.
    List,
    Read,
    Write,
    /// The same of what is no folder; one that has become a folder meanwhile gets nothing.
    WriteFile,
    /// Read and write, with the operations of a device.
    Device,
}

/// What keeps signals inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signals {
    /// Landlock does.
    Scoped,
    /// The filter: none but to the sender's own process group.
    OwnGroup,
}

/// What must be known besides [`HostFacts`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LandlockFacts<'a> {
    /// The version of Landlock.
    pub abi: u32,
    /// The supervisor can be handed calls.
    pub hands_over: bool,
    /// What lies in each of the [`crowded`] folders; one that is not listed here, or holds too much, is not granted.
    pub listings: BTreeMap<AbsPath, Cow<'a, Listing>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    Entries(BTreeMap<OsString, Listed>),
    /// More than [`LISTING_MAX`] entries.
    TooMany,
}

/// An entry of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    pub entry: Entry,
    /// Device and number, if they are known.
    pub file: Option<(u64, u64)>,
    /// A file with contents, and no terminal, pipe or the like.
    pub is_regular: bool,
}

/// Entries of a folder that are granted one by one.
pub const LISTING_MAX: usize = 4096;

/// Devices that every program may use.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// The folders whose entries a plan needs: those around closed paths that would allow more, and the whole disk's.
pub fn crowded(policy: &ResolvedPolicy, host: &HostFacts) -> BTreeSet<AbsPath> {
    let mut crowded = BTreeSet::new();
    for closed in closed(policy, host) {
        let around = closed.path.ancestors().skip(1);
        crowded.extend(around.filter(|folder| rights(policy, folder) > closed.rights));
    }
    crowded
}

/// A path that allows less than its surroundings.
struct Closed<'a> {
    path: AbsPath,
    rights: Rights,
    /// Names are seen in a folder around it, so it must not be a folder itself if they are listed.
    is_file: bool,
    source: Option<&'a RuleSource>,
}

fn closed<'a>(policy: &'a ResolvedPolicy, host: &HostFacts) -> Vec<Closed<'a>> {
    let turning = policy.turning_points().into_iter().filter_map(|path| {
        let (above, now) = (rights(policy, &path.parent()?), rights(policy, path));
        let entry = host.entries.get(path);
        let is_missing = matches!(entry, None | Some(Entry::Placeholder));
        // What is missing and cannot be made needs not be hidden; where it can, the folder around it is closed for writing.
        let rights = if is_missing { now.max(Rights::Read) } else { now };
        let rules = policy.limits.iter().chain(&policy.rules);
        (rights < above).then(|| Closed {
            path: path.clone(),
            rights,
            is_file: entry.is_some_and(|entry| *entry == Entry::Other),
            source: rules.into_iter().find(|rule| rule.path == *path).map(|rule| &rule.source),
        })
    });
    let others = host.others.iter().filter_map(|(path, (entry, most))| {
        let rights = rights(policy, path).min(*most);
        let is_closed = path
            .parent()
            .is_some_and(|above| codex_permissions::rights(policy, &above) > rights);
        is_closed.then(|| Closed {
            path: path.clone(),
            rights,
            is_file: *entry == Entry::Other,
            source: None,
        })
    });
    // Devices are granted by name, and `/proc` as a whole for reading.
    let system = ["/dev", "/proc"].into_iter().flat_map(AbsPath::new).map(|path| Closed {
        path,
        rights: Rights::None,
        is_file: true,
        source: Some(&RuleSource::Mode),
    });
    turning.chain(others).chain(system).collect()
}

/// What to do so that a command can do nothing that `policy` does not allow.
///
/// # Errors
/// If a folder around something hidden holds more entries than can be granted one by one.
pub fn plan_landlock(policy: &ResolvedPolicy, host: &HostFacts, facts: &LandlockFacts<'_>) -> Result<LandlockPlan, SandboxError> {
    let mut granting = Granting {
        policy,
        facts,
        closed: closed(policy, host),
        grants: Vec::new(),
    };
    for (root, entry) in roots(policy, host) {
        granting.read(&root, entry, None)?;
        granting.write(&root, entry, None);
    }
    let mut grants = granting.grants;
    let system = |path: &str, access| AbsPath::new(path).map(|path| PathGrant { path, access, file: None });
    grants.extend(system("/proc", Access::Read));
    grants.extend(system("/dev", Access::List));
    let terminals: &[&str] = if facts.hands_over { &["ptmx", "pts/ptmx"] } else { &[] };
    grants.extend(
        DEVICES
            .iter()
            .chain(terminals)
            .flat_map(|name| system(&format!("/dev/{name}"), Access::Device)),
    );
    // Mostly in order already.
    grants.sort();
    grants.dedup();
    Ok(LandlockPlan {
        grants: grants.into(),
        system_calls: SystemCalls::of(policy.network),
        sockets: Sockets::of(policy, false),
        signals: if facts.abi < LANDLOCK_SIGNALS {
            Signals::OwnGroup
        } else {
            Signals::Scoped
        },
        brokered: facts.hands_over.then(|| brokered(policy, host)),
    })
}

fn brokered(policy: &ResolvedPolicy, host: &HostFacts) -> Brokered {
    let closed = host
        .others
        .iter()
        .filter(|(path, (_, most))| rights(policy, path).min(*most) < Rights::Write);
    Brokered {
        // A policy is data that has a form as JSON; if not, nothing is done for the command.
        policy: serde_json::to_string(policy).unwrap_or_default(),
        closed: closed.map(|(path, _)| path.clone()).collect(),
    }
}

/// Where something opens: the whole disk, and every path that allows more than its surroundings.
fn roots(policy: &ResolvedPolicy, host: &HostFacts) -> Vec<(AbsPath, Entry)> {
    let mut roots: Vec<(AbsPath, Entry)> = AbsPath::new("/").into_iter().map(|root| (root, Entry::Folder)).collect();
    roots.extend(policy.turning_points().into_iter().filter_map(|path| {
        let above = rights(policy, &path.parent()?);
        let entry = *host.entries.get(path)?;
        let is_system = path.as_path() == Path::new("/dev") || path.starts_with("/proc");
        (rights(policy, path) > above && !is_system).then(|| (path.clone(), entry))
    }));
    roots
}

struct Granting<'a> {
    policy: &'a ResolvedPolicy,
    facts: &'a LandlockFacts<'a>,
    closed: Vec<Closed<'a>>,
    grants: Vec<PathGrant>,
}

impl<'a> Granting<'a> {
    fn read(&mut self, path: &AbsPath, entry: Entry, file: Option<(u64, u64)>) -> Result<(), SandboxError> {
        if rights(self.policy, path) == Rights::None || self.is_closed(path, Rights::Read) || entry == Entry::Symlink {
            return Ok(());
        }
        let Some(inside) = self.closed_below(path, Rights::Read) else {
            self.grant(path, Access::Read, file);
            return Ok(());
        };
        let (rule, missing) = (
            inside.to_string(),
            format!("{path} holds more than {LISTING_MAX} entries, and each needs a rule of its own"),
        );
        match self.listing(path) {
            None => Ok(()),
            Some(Listing::TooMany) => Err(SandboxError::Unenforceable { rule, missing }),
            Some(Listing::Entries(entries)) => {
                // Whoever lists a folder does not read the files in it.
                if self
                    .closed
                    .iter()
                    .filter(|closed| is_below(&closed.path, path))
                    .all(|closed| closed.is_file || closed.rights > Rights::None)
                {
                    self.grant(path, Access::List, file);
                }
                let alike = self.alike(path);
                for (name, listed) in entries {
                    let path = path.join(name);
                    if !alike.holds(self.policy, name, &path) {
                        self.read(&path, listed.entry, listed.file)?;
                    } else if listed.entry != Entry::Symlink && alike.rights >= Rights::Read {
                        self.grant(&path, Access::Read, listed.file);
                    }
                }
                Ok(())
            }
        }
    }

    fn write(&mut self, path: &AbsPath, entry: Entry, file: Option<(u64, u64)>) {
        let is_open = rights(self.policy, path) == Rights::Write && !self.is_closed(path, Rights::Write);
        if !is_open || matches!(entry, Entry::Symlink | Entry::Placeholder) {
            return;
        }
        if self.closed_below(path, Rights::Write).is_none() {
            self.grant(path, granted(path), file);
        } else if entry == Entry::Other {
            // A root that is a file: what would be protected at its top cannot be there.
            self.grant(path, Access::WriteFile, file);
        } else if let Some(Listing::Entries(entries)) = self.listing(path) {
            let alike = self.alike(path);
            for (name, listed) in entries {
                // Files come and go, and the kernel keeps one that has a rule, with all of its space. Whoever opens it for writing asks the
                // supervisor anyway.
                if listed.is_regular && self.facts.hands_over {
                    continue;
                }
                let path = path.join(name);
                if !alike.holds(self.policy, name, &path) {
                    self.write(&path, listed.entry, listed.file);
                } else if alike.rights == Rights::Write && !matches!(listed.entry, Entry::Symlink | Entry::Placeholder) {
                    self.grant(&path, Access::Write, listed.file);
                }
            }
        }
    }

    fn listing(&self, folder: &AbsPath) -> Option<&'a Listing> {
        self.facts.listings.get(folder).map(Cow::as_ref)
    }

    fn grant(&mut self, path: &AbsPath, access: Access, file: Option<(u64, u64)>) {
        self.grants.push(PathGrant {
            path: path.clone(),
            access,
            file,
        });
    }

    fn alike(&self, folder: &AbsPath) -> Alike {
        let rules = self.policy.rules.iter().chain(&self.policy.limits).map(|rule| &rule.path);
        let named = rules.chain(self.closed.iter().map(|closed| &closed.path));
        let is_system = ["/dev", "/proc"].iter().any(|system| folder.starts_with(system));
        Alike {
            named: (!is_system).then(|| named.filter_map(|path| name_in(path, folder)).collect()),
            rights: rights(self.policy, folder),
        }
    }

    fn is_closed(&self, path: &AbsPath, wanted: Rights) -> bool {
        self.closed.iter().any(|closed| closed.path == *path && closed.rights < wanted)
    }

    /// What keeps `path` from being granted as a whole, as its rule is called.
    fn closed_below(&self, path: &AbsPath, wanted: Rights) -> Option<String> {
        let inside = self
            .closed
            .iter()
            .find(|closed| closed.rights < wanted && is_below(&closed.path, path))?;
        let source = inside
            .source
            .map_or_else(|| "a pattern, or another name".to_owned(), ToString::to_string);
        Some(format!("{} ({source})", inside.path))
    }
}

/// Entries of one folder of which nothing is said by name: they have the rights of the folder, and so has everything in them. There may be
/// thousands, and to ask for each would take longer than all the rest.
struct Alike {
    /// The others, in lower case; `None`: there are no such entries.
    named: Option<BTreeSet<OsString>>,
    rights: Rights,
}

impl Alike {
    fn holds(&self, policy: &ResolvedPolicy, name: &OsStr, path: &AbsPath) -> bool {
        let named = self.named.as_ref();
        named.is_some_and(|named| !named.contains(&name.to_ascii_lowercase())) && policy.deny_globs.matching(path).is_none()
    }
}

/// The entry of `folder` that `path` is, or lies in; in lower case, as limits ignore it.
fn name_in(path: &Path, folder: &Path) -> Option<OsString> {
    let mut parts = path.components();
    let is_around = folder.components().all(|wanted| {
        parts
            .next()
            .is_some_and(|part| part.as_os_str().eq_ignore_ascii_case(wanted.as_os_str()))
    });
    let name = parts.next().filter(|_| is_around)?;
    Some(name.as_os_str().to_ascii_lowercase())
}

/// The first folder for temporary files, if no name can be made in it.
#[cfg(any(target_os = "linux", all(test, unix)))]
pub(crate) fn scratch_in(policy: &ResolvedPolicy, host: &HostFacts) -> Option<AbsPath> {
    let mut rules: Vec<_> = policy.rules.iter().filter(|rule| rule.source.temporary().is_some()).collect();
    rules.sort_by_key(|rule| rule.source.temporary());
    let first = &rules.into_iter().find(|rule| rights(policy, &rule.path) == Rights::Write)?.path;
    let mut closed = closed(policy, host).into_iter();
    closed
        .any(|closed| closed.rights < Rights::Write && is_below(&closed.path, first))
        .then(|| first.clone())
}

/// Of devices none is made or taken away.
fn granted(path: &AbsPath) -> Access {
    match Device::of(path) {
        Device::No => Access::Write,
        Device::Harmless | Device::Named => Access::Device,
    }
}

/// Case is ignored, as limits do.
pub(crate) fn is_below(path: &Path, folder: &Path) -> bool {
    name_in(path, folder).is_some()
}

impl LandlockPlan {
    /// What is enforced, for humans.
    pub fn summary(&self, policy: &ResolvedPolicy) -> Vec<String> {
        let is_whole = |access: Access| matches!(access, Access::Write | Access::WriteFile);
        let granted = |path: &AbsPath| self.grants.iter().any(|grant| grant.path == *path && is_whole(grant.access));
        let (whole, pieces): (Vec<&AbsPath>, Vec<&AbsPath>) =
            policy.writable_roots().partition(|root| granted(root) || self.brokered.is_some());
        let list = |paths: Vec<&AbsPath>| paths.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut lines = Vec::new();
        if whole.is_empty() && pieces.is_empty() {
            lines.push("writes: none".to_owned());
        }
        if !whole.is_empty() {
            lines.push(format!("writes: below {}", list(whole)));
        }
        if !pieces.is_empty() {
            lines.push(format!(
                "writes: what is already there in {}; new names only in sub-folders that are not protected, at the top by a patch",
                list(pieces)
            ));
        }
        let is_device = |grant: &&PathGrant| grant.access == Access::Device && Device::of(&grant.path) == Device::Named;
        lines.extend(devices_title(self.grants.iter().filter(is_device).map(|grant| &grant.path)));
        lines.push(self.system_calls.title().to_owned());
        lines.push(self.sockets.title());
        lines.extend(shows());
        lines
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use codex_permissions::{DenyGlobs, PathRule};
    use codex_protocol::settings::SandboxMode;

    fn path(path: &str) -> AbsPath {
        AbsPath::new(path).expect("tests use absolute paths")
    }

    fn policy(rules: &[(&str, Rights, RuleSource)], limits: &[&str]) -> ResolvedPolicy {
        let rule = |(at, rights, source): (&str, Rights, RuleSource)| PathRule {
            path: path(at),
            rights,
            source,
            spelled: None,
        };
        ResolvedPolicy {
            mode: SandboxMode::WorkspaceWrite,
            rules: rules.iter().cloned().map(rule).collect(),
            limits: limits
                .iter()
                .map(|at| rule((at, Rights::Read, RuleSource::ProtectedName)))
                .collect(),
            deny_globs: DenyGlobs::default(),
            network: false,
            unix_sockets: codex_permissions::UnixSockets::default(),
            confined: true,
            managed: codex_permissions::ManagedClosed::default(),
        }
    }

    /// Files end in a letter after a dot, links in `@`; everything above what is listed is a folder.
    fn tree(paths: &[&str]) -> (HostFacts, LandlockFacts<'static>) {
        let mut host = HostFacts::default();
        let mut facts = LandlockFacts {
            abi: 7,
            ..LandlockFacts::default()
        };
        for leaf in paths {
            let kind = match leaf {
                link if link.ends_with('@') => Entry::Symlink,
                file if file.rsplit('/').next().is_some_and(|name| name.contains(".f")) => Entry::Other,
                _ => Entry::Folder,
            };
            let leaf = path(leaf);
            for (number, at) in leaf.ancestors().enumerate() {
                let entry = if number == 0 { kind } else { Entry::Folder };
                host.entries.entry(at.clone()).or_insert(entry);
                let (Some(folder), Some(name)) = (at.parent(), at.file_name()) else {
                    continue;
                };
                let listing = facts
                    .listings
                    .entry(folder)
                    .or_insert_with(|| Cow::Owned(Listing::Entries(BTreeMap::new())));
                let Listing::Entries(entries) = listing.to_mut() else {
                    continue;
                };
                entries.entry(name.to_owned()).or_insert(Listed {
                    entry,
                    file: None,
                    is_regular: entry == Entry::Other,
                });
            }
        }
        (host, facts)
    }

    fn show(policy: &ResolvedPolicy, (host, facts): &(HostFacts, LandlockFacts<'_>)) -> String {
        let scratch = scratch_in(policy, host).map(|folder| format!("\nscratch in {folder}"));
        match plan_landlock(policy, host, facts) {
            Ok(plan) => {
                let system = |grant: &&PathGrant| !grant.path.starts_with("/dev") && !grant.path.starts_with("/proc");
                let grants = plan.grants.iter().filter(system);
                grants
                    .map(|grant| format!("{:?} {}", grant.access, grant.path))
                    .collect::<Vec<_>>()
                    .join("\n")
                    + &scratch.unwrap_or_default()
            }
            Err(error) => error.to_string(),
        }
    }

    const DISK: (&str, Rights, RuleSource) = ("/", Rights::Read, RuleSource::Mode);
    const ROOT: (&str, Rights, RuleSource) = ("/w", Rights::Write, RuleSource::WorkingDirectory);

    #[test]
    fn the_disk_is_read_around_its_devices() {
        let tree = tree(&["/usr", "/bin@", "/boot.f", "/dev/sda", "/proc/1"]);
        insta::assert_snapshot!(show(&policy(&[DISK], &[]), &tree), @r"
        List /
        Read /boot.f
        Read /usr
        ");
    }

    #[test]
    fn what_is_not_protected_in_a_root_is_granted_piece_by_piece() {
        let tree = tree(&[
            "/w/src/a.f",
            "/w/x.f",
            "/w/link@",
            "/w/.git/config.f",
            "/w/.git/objects/1",
            "/w/a/b/home/x.f",
            "/w/a/c",
        ]);
        let policy = policy(&[DISK, ROOT], &["/w/.codex", "/w/.git/config.f", "/w/a/b/home"]);
        insta::assert_snapshot!(show(&policy, &tree), @r"
        List /
        Read /w
        Write /w/.git/objects
        Write /w/a/c
        Write /w/src
        Write /w/x.f
        ");
    }

    #[test]
    fn files_at_the_top_of_a_root_need_no_rule_where_the_supervisor_opens_them() {
        let mut tree = tree(&["/w/src/a.f", "/w/x.f"]);
        tree.1.hands_over = true;
        insta::assert_snapshot!(show(&policy(&[DISK, ROOT], &["/w/.codex"]), &tree), @r"
        List /
        Read /w
        Write /w/src
        ");
    }

    #[test]
    fn a_root_that_is_a_file_is_written_to_and_has_nothing_at_its_top() {
        let tree = tree(&["/w/build/out.f", "/w/build/other.f"]);
        let file = ("/w/build/out.f", Rights::Write, RuleSource::WorkingDirectory);
        insta::assert_snapshot!(show(&policy(&[DISK, file], &["/w/build/out.f/.git"]), &tree), @r"
        List /
        Read /w
        Read /w/build/out.f
        WriteFile /w/build/out.f
        ");
    }

    #[test]
    fn another_case_of_a_protected_name_is_not_granted_either() {
        let tree = tree(&["/w/.GIT/hooks", "/w/.git/hooks", "/w/.Codex"]);
        let policy = policy(&[DISK, ROOT], &["/w/.codex", "/w/.git/hooks"]);
        insta::assert_snapshot!(show(&policy, &tree), @r"
        List /
        Read /w
        ");
    }

    #[test]
    fn what_is_hidden_has_neighbours() {
        let tree = tree(&[
            "/h/u/.ssh/key.f",
            "/h/u/.ssh/config.f",
            "/h/u/doc",
            "/h/u/.netrc.f",
            "/etc/x.f",
            "/srv/secret.f",
            "/srv/open",
        ]);
        let hidden = |at| (at, Rights::None, RuleSource::Credentials);
        let policy = policy(
            &[
                DISK,
                hidden("/h/u/.ssh"),
                ("/h/u/.ssh/config.f", Rights::Read, RuleSource::Credentials),
                hidden("/h/u/.netrc.f"),
                hidden("/h/u/.missing"),
                hidden("/srv/secret.f"),
            ],
            &[],
        );
        insta::assert_snapshot!(show(&policy, &tree), @r"
        Read /etc
        Read /h/u/.ssh/config.f
        Read /h/u/doc
        List /srv
        Read /srv/open
        ");
    }

    #[test]
    fn a_hidden_disk_shows_what_is_named() {
        let tree = tree(&["/usr/lib", "/etc/hosts.f", "/etc/other.f", "/w/a"]);
        let policy = policy(
            &[
                ("/usr", Rights::Read, RuleSource::Mode),
                ("/etc/hosts.f", Rights::Read, RuleSource::Mode),
                ROOT,
            ],
            &[],
        );
        insta::assert_snapshot!(show(&policy, &tree), @r"
        Read /etc/hosts.f
        Read /usr
        Read /w
        Write /w
        ");
    }

    #[test]
    fn temporary_files_go_where_the_user_wants_them() {
        let tree = tree(&["/w/a", "/tmp/old", "/t/x"]);
        let temporary = [
            ("/tmp", Rights::Write, RuleSource::SlashTmp),
            ("/t", Rights::Write, RuleSource::Tmpdir),
        ];
        let both = policy(&[DISK, ROOT, temporary[0].clone(), temporary[1].clone()], &["/tmp/.git", "/t/.git"]);
        insta::assert_snapshot!(show(&both, &tree), @r"
        List /
        Read /t
        Write /t/x
        Read /tmp
        Write /tmp/old
        Read /w
        Write /w
        scratch in /t
        ");
        let open = policy(&[DISK, temporary[0].clone()], &[]);
        assert!(!show(&open, &tree).contains("scratch"));
    }

    #[test]
    fn a_crowd_around_something_hidden_is_refused_and_in_a_root_not_granted() {
        let mut tree = tree(&["/h/secret", "/h/b", "/w/a"]);
        tree.1.listings.insert(path("/w"), Cow::Owned(Listing::TooMany));
        assert!(!show(&policy(&[DISK, ROOT], &["/w/.git"]), &tree).contains("Write"));
        tree.1.listings.insert(path("/h"), Cow::Owned(Listing::TooMany));
        let hidden = policy(&[DISK, ("/h/secret", Rights::None, RuleSource::Credentials)], &[]);
        insta::assert_snapshot!(show(&hidden, &tree), @"cannot enforce /h/secret (a well-known place of credentials) on this system: /h holds more than 4096 entries, and each needs a rule of its own");
    }

    #[test]
    fn no_more_is_granted_than_the_policy_says() {
        let tree = tree(&["/w/.git/hooks", "/w/s/.git", "/w/s/d", "/h/.ssh", "/h/x", "/w/secret/open"]);
        let policy = policy(
            &[
                DISK,
                ROOT,
                ("/w/secret", Rights::None, RuleSource::Mode),
                ("/w/secret/open", Rights::Write, RuleSource::Mode),
                ("/h/.ssh", Rights::None, RuleSource::Credentials),
            ],
            &["/w/.git/hooks", "/w/s/.git", "/w/.codex"],
        );
        let plan = plan_landlock(&policy, &tree.0, &tree.1).expect("nothing is crowded");
        for path in tree
            .0
            .entries
            .keys()
            .filter(|path| !path.starts_with("/dev") && !path.starts_with("/proc"))
        {
            let granted = plan
                .grants
                .iter()
                .filter(|grant| path.starts_with(&grant.path))
                .map(|grant| match grant.access {
                    Access::List => Rights::None,
                    Access::Read => Rights::Read,
                    Access::Write | Access::WriteFile | Access::Device => Rights::Write,
                });
            assert!(granted.max().unwrap_or(Rights::None) <= rights(&policy, path), "{path}");
        }
    }
}
