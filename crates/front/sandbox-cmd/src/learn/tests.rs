//! The rules of a proposal, case by case and over invented runs.

use super::propose::MANY;
use super::*;
use crate::learn::propose::Target;
use codex_permissions::{PathFacts, Repository, RepositoryKind, resolve};
use codex_process::Sandbox;
use codex_process::record::{SeenAddress, SeenFile};
use codex_protocol::settings::{FileRule, FileRules, SandboxPolicy};
use pretty_assertions::assert_eq;
use proptest::prelude::*;

fn path(text: &str) -> AbsPath {
    AbsPath::new(text).expect("test paths are absolute")
}

/// One that enforces everything exactly.
fn host() -> Capabilities {
    codex_process::NoSandbox::default().capabilities().clone()
}

fn some_folders() -> Folders {
    let home = path("/home/u");
    let codex_home = path("/home/u/.codex");
    Folders {
        cwd: path("/home/u/work"),
        tmpdir: Some(path("/var/tmp/u")),
        slash_tmp: Some(path("/tmp")),
        minimal: ["/usr", "/etc", "/bin"].map(path).to_vec(),
        credentials: codex_permissions::credential_places(Some(&home), &codex_home),
        home: Some(home),
        codex_home,
    }
}

/// `USE PATH`, with a `!` for what was missing and a `/` behind a folder.
fn file(line: &str) -> SeenFile {
    let (file_use, at) = line.split_once(' ').expect("a use and a path");
    let kind = if at.ends_with('/') {
        FileKind::Folder
    } else if file_use.ends_with('!') {
        FileKind::Missing
    } else {
        FileKind::File
    };
    SeenFile {
        path: path(at),
        spelled: None,
        file_use: match file_use.trim_end_matches('!') {
            "look" => FileUse::Look,
            "read" => FileUse::Read,
            "write" => FileUse::Write,
            "name" => FileUse::Rename,
            _ => FileUse::Run,
        },
        kind,
        program: "sh".to_owned(),
    }
}

fn record(lines: &[&str]) -> Record {
    Record {
        files: lines.iter().map(|line| file(line)).collect(),
        ..Record::default()
    }
}

fn proposed(record: &Record) -> (Learned, Proposal) {
    let learned = learned(&ResolvedPolicy::unconfined(), &host(), record);
    let proposal = propose(&learned.needs, &some_folders());
    (learned, proposal)
}

fn text(record: &Record) -> String {
    let (learned, proposal) = proposed(record);
    let told = Told {
        name: "p",
        program: "tool",
        exit_code: 0,
        learned: &learned,
        proposal: &proposal,
        uncovered: &[],
    };
    told.toml()
}

/// The lines alone, in short.
fn lines(seen: &[&str]) -> String {
    let (_, proposal) = proposed(&record(seen));
    let line = |line: &Line| {
        let target = match &line.target {
            Target::Minimal => ":minimal".to_owned(),
            Target::Workspace(below) => format!("./{below}"),
            Target::Tmpdir => ":tmpdir".to_owned(),
            Target::SlashTmp => ":slash_tmp".to_owned(),
            Target::Gpu => ":gpu".to_owned(),
            Target::Path(path) => path.clone(),
        };
        format!("{target}={}", line.rights.as_str())
    };
    let mut all: Vec<String> = proposal.lines.iter().map(line).collect();
    all.extend(
        proposal
            .withheld
            .iter()
            .map(|(withheld, risk)| format!("#{}: {risk:?}", line(withheld))),
    );
    all.extend(proposal.passed.iter().map(|folder| format!("#{folder} passed")));
    all.extend(proposal.unnamed.iter().map(|path| format!("#{path} unnamed")));
    all.retain(|line| line != "./.=read");
    all.join(" ")
}

#[test]
fn each_use_becomes_the_narrowest_line_there_is() {
    let check = |seen: &[&str], expect: &str| assert_eq!(lines(seen), expect, "{seen:?}");

    check(&["read /home/u/work/a", "look /home/u/work/b", "read /home/u/work/"], "");
    check(&["run /usr/bin/git", "read /etc/passwd"], ":minimal=read");
    check(&["read /opt/tool/conf"], "/opt/tool/conf=read");
    check(
        &["look /opt/tool/conf", "look /opt/tool/", "look! /opt/none"],
        "/opt/tool/conf=read",
    );
    check(&["read /opt/tool/"], "/opt/tool=read");
    check(&["read /home/u/.cache/x"], "~/.cache/x=read");
    // What exists is written to itself; a name that comes or goes changes its folder.
    check(&["write /home/u/work/build/out"], "./build/out=write");
    check(&["name! /home/u/work/build/out", "read /home/u/work/build/out"], "./build=write");
    check(&["name /home/u/work/build/out"], "./build=write");
    check(
        &[
            "name! /home/u/work/new",
            "name! /home/u/work/new/deep",
            "write /home/u/work/new/deep/x",
        ],
        "./.=write",
    );
    check(&["name! /tmp/x", "name! /var/tmp/u/y"], ":tmpdir=write :slash_tmp=write");
    check(&["read /tmp/x"], "/tmp/x=read");
    check(&["name! /data/out/x"], "/data/out=write");
    check(&["name! /home/u/work/.git/index.lock"], "./.git=write");
}

#[test]
fn many_lines_of_one_folder_become_it_and_unrelated_things_do_not() {
    let many = |folder: &str| (0..MANY).map(|number| format!("read {folder}/f{number}")).collect::<Vec<_>>();
    let check = |seen: &[String], expect: &str| {
        let seen: Vec<&str> = seen.iter().map(String::as_str).collect();
        assert_eq!(lines(&seen), expect, "{seen:?}");
    };
    let few = |folder: &str| many(folder).into_iter().skip(1).collect::<Vec<_>>();

    check(&many("/opt/tool/lib"), "/opt/tool/lib=read");
    check(
        &few("/opt/tool/lib"),
        "/opt/tool/lib/f1=read /opt/tool/lib/f2=read /opt/tool/lib/f3=read",
    );
    check(
        &["a", "b", "c", "d"].map(|name| many(&format!("/opt/tool/{name}"))).concat(),
        "/opt/tool=read",
    );
    check(
        &many("/var/lib"),
        "/var/lib/f0=read /var/lib/f1=read /var/lib/f2=read /var/lib/f3=read",
    );
    check(&many("/home/u"), "~/f0=read ~/f1=read ~/f2=read ~/f3=read");
    check(&many("/opt"), "/opt/f0=read /opt/f1=read /opt/f2=read /opt/f3=read");
    // It holds `gh`, which holds tokens.
    check(
        &many("/home/u/.config"),
        "~/.config/f0=read ~/.config/f1=read ~/.config/f2=read ~/.config/f3=read",
    );
    // Reading much is no reason to write, and the other way round.
    check(
        &[many("/data/x/y"), vec!["write /data/x/y/w".to_owned()]].concat(),
        "/data/x/y=read /data/x/y/w=write",
    );
}

#[test]
fn what_looks_risky_is_no_line_in_force() {
    let check = |seen: &str, expect: &str| assert_eq!(lines(&[seen]), expect, "{seen}");

    check("read /home/u/.ssh/id_ed25519", "#~/.ssh/id_ed25519=read: Credentials");
    check("read /home/u/.ssh/known_hosts", "");
    check("write /home/u/.ssh/known_hosts", "#~/.ssh/known_hosts=write: Credentials");
    check("read /home/u/.codex/config.toml", "#~/.codex/config.toml=read: CodexHome");
    check(
        "name! /home/u/work/.git/hooks/pre-commit",
        "#./.git/hooks=write: Repository #./.git/hooks/pre-commit=write: Repository",
    );
    check("write /home/u/work/sub/.git/config", "#./sub/.git/config=write: Repository");
    check(
        "write /home/u/work/.codex/config.toml",
        "#./.codex/config.toml=write: ProtectedName",
    );
    check("read /home/u/work/.codex/config.toml", "");
    check("write /home/u/.bashrc", "#~/.bashrc=write: StartUp");
    check("read /home/u/.bashrc", "~/.bashrc=read");
    check(
        "name! /usr/local/bin/tool",
        "#/usr/local/bin=write: System #/usr/local/bin/tool=write: System",
    );
    check("name! /home/u/work/.agents", "./.=write #./.agents=write: ProtectedName");
    check(
        "name! /home/u/.ssh/new",
        "#~/.ssh=write: Credentials #~/.ssh/new=write: Credentials",
    );
    check("name! /home/u/.zshrc", "#~=write: Broad #~/.zshrc=write: StartUp");
    check("name! /home/u/new", "#~=write: Broad");
    check("name! /new", "#/=write: Broad");
    check("name! /var/lib/new", "#/var/lib=write: Broad");
    check("read /", "#/ passed");
    check("read /home/u/", "#/home/u passed");
}

#[test]
fn names_that_a_line_cannot_hold_are_told_or_become_their_folder() {
    let check = |seen: &str, expect: &str| assert_eq!(lines(&[seen]), expect, "{seen}");

    check("read /opt/tool/a*b/c", "/opt/tool=read");
    check("read /opt/a[b", "#/opt=read: Broad");
    check("read /a\nb", "#/a\nb unnamed");
    check("write /home/u/work/a?", "./.=write");
}

#[test]
fn another_name_gets_a_line_where_it_would_not_be_seen() {
    let spelled = |real: &str, spelled: &str| {
        let seen = SeenFile {
            spelled: Some(path(spelled)),
            ..file(&format!("read {real}"))
        };
        Record {
            files: vec![seen],
            ..Record::default()
        }
    };
    let check = |real: &str, name: &str, expect: &[&str]| {
        let (_, proposal) = proposed(&spelled(real, name));
        let found: Vec<_> = proposal.lines.into_iter().map(|line| line.target).collect();
        let expect: Vec<_> = [Target::Workspace(".".to_owned())]
            .into_iter()
            .chain(expect.iter().map(|path| Target::Path((*path).to_owned())))
            .collect();
        assert_eq!(found, expect, "{real} {name}");
    };

    check("/opt/v2/x", "/opt/current/x", &["/opt/current/x", "/opt/v2/x"]);
    check("/opt/v2/x", "/home/u/work/link", &["/opt/v2/x"]);
}

#[test]
fn the_whole_text_is_a_configuration_and_its_comments_stay_comments() {
    let mut record = record(&[
        "run /usr/bin/git",
        "read /opt/tool/conf",
        "name! /data/out/x",
        "read /home/u/.netrc",
        "name! /home/u/work/build/x",
        "write /home/u/work/.git/config",
        "read /",
        "read /x\n[permissions.p.network]\nenabled = true",
    ]);
    let address = |address: Address| SeenAddress {
        address,
        refused: false,
        program: "curl".to_owned(),
    };
    record.addresses = vec![
        address(Address::Inet(([192, 0, 2, 1], 443).into())),
        address(Address::Inet(([169, 254, 169, 254], 80).into())),
        address(Address::Unix(path("/run/docker.sock"))),
        address(Address::Unix(path("/run/x.sock"))),
        address(Address::Socket),
    ];
    record.names = vec!["example.org".to_owned()];
    record.unread = 3;

    let text = text(&record);

    insta::assert_snapshot!(text, @r#"
    # Learned by `codex sandbox learn` from one run of tool (exit code 0). Another run may need more.
    # It ran: git
    default_permissions = "p"

    [permissions.p.filesystem]
    ":minimal" = "read"
    # Written to outside of the workspace:
    "/data/out" = "write"
    "/opt/tool/conf" = "read"
    "/run/x.sock" = "read"
    # RISK, so not in force: a well-known place of credentials
    # "~/.netrc" = "read"

    [permissions.p.filesystem.":workspace_roots"]
    "." = "read"
    "build" = "write"
    # RISK, so not in force: git runs or believes this later, outside of the sandbox
    # ".git/config" = "write"

    [permissions.p.network]
    # Hosts are not told apart: all of the network is on, this machine included.
    # Reached: 192.0.2.1:443
    # Asked for: example.org
    # RISK: 169.254.169.254:80: the rights of this machine in its cloud are handed out there
    enabled = true

    [permissions.p.network.unix_sockets]
    # RISK, so not in force: whoever reaches this service can do what it can, outside of the sandbox
    # "/run/docker.sock" = "allow"
    "/run/x.sock" = "allow"

    # Listed, and too broad to open; only what is named above is seen there: /
    # Used, and no line can name it: /x�[permissions.p.network]�enabled = true
    # note: 3 calls could not be seen, because their programs close their memory
    "#);
    let parsed: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(parsed["permissions"]["p"]["network"]["enabled"].as_bool(), Some(true));
}

#[test]
fn addresses_that_are_a_risk_open_no_network() {
    let seen = |address: Address| Record {
        addresses: vec![SeenAddress {
            address,
            refused: false,
            program: "x".to_owned(),
        }],
        ..Record::default()
    };
    let check = |address: Address, network: bool, risk: Option<Risk>| {
        let (_, proposal) = proposed(&seen(address.clone()));
        let of_socket = proposal.sockets.first().and_then(|(_, risk)| *risk);
        let found = proposal.withheld_addresses.first().map(|(_, risk)| *risk).or(of_socket);
        assert_eq!((proposal.network, found), (network, risk), "{address:?}");
    };

    check(Address::Inet(([127, 0, 0, 1], 80).into()), true, None);
    check(Address::Listen(([127, 0, 0, 1], 80).into()), true, None);
    check(Address::Abstract("x".to_owned()), true, None);
    check(Address::Socket, false, None);
    check(Address::Inet(([169, 254, 169, 254], 80).into()), false, Some(Risk::Metadata));
    check(
        Address::Inet("[::ffff:169.254.169.254]:80".parse().unwrap()),
        false,
        Some(Risk::Metadata),
    );
    check(Address::Inet("[fd00:ec2::254]:80".parse().unwrap()), false, Some(Risk::Metadata));
    check(Address::Unix(path("/var/run/docker.sock")), false, Some(Risk::Service));
    check(Address::Unix(path("/tmp/ssh-x/agent.12")), false, Some(Risk::Service));
    check(Address::Unix(path("/run/x.sock")), false, None);
}

#[test]
fn what_was_refused_is_told_and_not_proposed() {
    let policy = ResolvedPolicy {
        confined: true,
        network: false,
        ..ResolvedPolicy::unconfined()
    };

    let learned = learned(&policy, &host(), &record(&["read /opt/tool/conf"]));

    assert_eq!(learned.needs, Needs::default());
    assert_eq!(learned.denied.len(), 1);
}

/// What the lines mean, by the code that commands are confined with.
fn policy_of(proposal: &Proposal) -> ResolvedPolicy {
    let folders = some_folders();
    let one = |path: AbsPath, rights: Rights| FileRule {
        path,
        rights,
        place: "p".to_owned(),
    };
    let line = |line: &Line| match &line.target {
        Target::Minimal => folders.minimal.iter().map(|path| one(path.clone(), line.rights)).collect(),
        Target::Workspace(below) => vec![one(folders.cwd.join(below), line.rights)],
        Target::Tmpdir => vec![one(path("/var/tmp/u"), line.rights)],
        Target::SlashTmp => vec![one(path("/tmp"), line.rights)],
        Target::Gpu => codex_permissions::devices::gpu().map(|path| one(path, line.rights)).collect(),
        Target::Path(text) => vec![one(
            text.strip_prefix('~')
                .map_or_else(|| path(text), |below| path(&format!("/home/u{below}"))),
            line.rights,
        )],
    };
    let files = FileRules {
        profile: Some(proposal.lines.iter().flat_map(line).collect()),
        ..FileRules::default()
    };
    let facts = PathFacts {
        repositories: vec![Repository {
            root: folders.cwd.clone(),
            kind: RepositoryKind::Folder,
            modules: Vec::new(),
            work_trees: Vec::new(),
        }],
        home: folders.home.clone(),
        ..PathFacts::unknown(folders.codex_home.clone())
    };
    resolve(&SandboxPolicy::read_only(), &files, &folders.cwd, &facts)
}

fn any_seen() -> impl Strategy<Value = SeenFile> {
    let base = prop_oneof![
        Just("/"),
        Just("/home/u"),
        Just("/home/u/.config"),
        Just("/home/u/.ssh"),
        Just("/home/u/work"),
        Just("/home/u/work/.git"),
        Just("/usr/lib"),
        Just("/opt/tool"),
        Just("/tmp"),
        Just("/var/tmp/u"),
        Just("/data/x/y"),
    ];
    let name = prop_oneof![
        Just("a"),
        Just("b"),
        Just("c"),
        Just("d"),
        Just("e"),
        Just("hooks"),
        Just("config"),
        Just("x*"),
        Just(".codex")
    ];
    let names = proptest::collection::vec(name, 0..4);
    let file_use = prop_oneof![
        Just(FileUse::Look),
        Just(FileUse::Read),
        Just(FileUse::Write),
        Just(FileUse::Rename),
        Just(FileUse::Run)
    ];
    let kind = prop_oneof![Just(FileKind::File), Just(FileKind::Folder), Just(FileKind::Missing)];
    (base, names, file_use, kind).prop_map(|(base, names, file_use, kind)| SeenFile {
        path: names.iter().fold(path(base), |at, name| at.join(name)),
        spelled: None,
        file_use,
        kind: if names.is_empty() { FileKind::Folder } else { kind },
        program: "sh".to_owned(),
    })
}

proptest! {
    #[test]
    fn everything_that_was_used_is_open_or_said_to_be_left_out(files in proptest::collection::vec(any_seen(), 0..30)) {
        let (learned, proposal) = proposed(&Record { files, ..Record::default() });
        let policy = policy_of(&proposal);

        for closed in uncovered(&learned.needs, &policy, &host(), AbsPath::clone) {
            prop_assert!(proposal.leaves_out(closed), "{closed} is closed without a word: {proposal:#?}");
        }
        for listed in &learned.needs.listed {
            prop_assert!(
                rights(&policy, listed) >= Rights::Read || proposal.passed.contains(listed) || proposal.leaves_out(listed),
                "{listed}: {proposal:#?}"
            );
        }
    }

    #[test]
    fn nothing_is_open_that_no_rule_has_a_reason_for(files in proptest::collection::vec(any_seen(), 0..30)) {
        let folders = some_folders();
        let (learned, proposal) = proposed(&Record { files, ..Record::default() });
        let used = |at: &AbsPath, wanted: Rights| {
            let files = learned.needs.files.iter().filter(move |(_, need)| need.rights >= wanted).map(|(path, _)| path);
            let listed = learned.needs.listed.iter().filter(move |_| wanted == Rights::Read);
            files.chain(listed).filter(|path| path.starts_with(at)).collect::<BTreeSet<_>>()
        };

        for line in &proposal.lines {
            let at = match &line.target {
                Target::Minimal | Target::Tmpdir | Target::SlashTmp | Target::Gpu => continue,
                Target::Workspace(below) if below == "." && line.rights == Rights::Read => continue,
                Target::Workspace(below) => folders.cwd.join(below),
                Target::Path(text) => text.strip_prefix('~').map_or_else(|| path(text), |below| path(&format!("/home/u{below}"))),
            };
            let used = used(&at, line.rights);
            let itself = used.contains(&at);
            let unnameable = used.iter().any(|path| path.to_string().contains('*'));
            prop_assert!(itself || unnameable || used.len() >= MANY, "{line:?} for {used:?}");
            prop_assert!(risk::of_credentials(&at, &folders).is_none(), "{line:?}");
            prop_assert!(!folders.credentials.iter().any(|(place, _)| place.starts_with(&at)), "{line:?} holds credentials");
        }
    }
}
