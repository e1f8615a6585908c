//! Logins in the system's own store: the real Secret Service of a desktop, in a session bus of the test's own.

use crate::support::{Lab, PATIENCE, Ran};
use codex_testkit::{Answer, MockModel};
use pretty_assertions::assert_eq;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const NEEDED: [&str; 3] = ["dbus-run-session", "gnome-keyring-daemon", "secret-tool"];

fn is_here(program: &str) -> bool {
    ["/usr/bin", "/bin", "/usr/local/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).is_file())
}

/// Whether the test `name` can run; says so if not.
#[expect(clippy::print_stdout, reason = "a test that cannot run says so")]
fn can_run(name: &str) -> bool {
    let missing: Vec<_> = NEEDED.into_iter().filter(|program| !is_here(program)).collect();
    if !missing.is_empty() {
        println!("cannot run here: {name} (not installed: {})", missing.join(", "));
    }
    missing.is_empty()
}

/// Runs `script` with the program as `$CODEX`, in a session with a store that is unlocked. Its stderr is its own: what the bus starts writes to
/// that of the session.
fn in_session(lab: &Lab, script: &str) -> Ran {
    let said = lab.root().join("said");
    let runtime = lab.root().join("runtime");
    fs::create_dir_all(&runtime).unwrap();
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
    let unlock = "printf %s password | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1";
    let program = lab.command(&[]);
    let mut command = Command::new("dbus-run-session");
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args(["--", "sh", "-c", &format!("{unlock}\nexec 2> \"$SAID\"\n{script}")])
        .env("CODEX", lab.program())
        .env("SAID", &said)
        .env("XDG_RUNTIME_DIR", &runtime)
        .env("XDG_DATA_HOME", lab.root().join("data"))
        .current_dir(program.get_current_dir().unwrap_or(lab.root()))
        .stdin(Stdio::null());
    let ran = lab.start(command).ended(PATIENCE);
    Ran {
        stderr: fs::read_to_string(said).unwrap(),
        ..ran
    }
}

fn lines(lab: &Lab, ran: &Ran) -> String {
    ran.stderr.replace(lab.home.codex_home().to_str().unwrap(), "HOME")
}

#[test]
fn a_key_goes_into_the_system_s_store_is_used_and_goes_away() {
    if !can_run("a key goes into the system's store, is used and goes away") {
        return;
    }
    let mock = MockModel::start([Answer::message("done")]);
    let lab = Lab::new();
    lab.home.make_repository(&[("README.md", "A test.\n")]);
    lab.home.write_config(&format!(
        "openai_base_url = \"{}\"\ncli_auth_credentials_store = \"keyring\"\n",
        mock.base_url()
    ));
    fs::write(
        lab.home.codex_home().join("auth.json"),
        "{\"OPENAI_API_KEY\":\"sk-old-in-a-file-0123456789\"}",
    )
    .unwrap();

    let ran = in_session(
        &lab,
        "set -e
        printf sk-proj-1234567890abcdef | $CODEX login --with-api-key
        $CODEX login status
        $CODEX exec hello 2>/dev/null
        secret-tool search --all service 'Codex Auth' 2>&1 | grep -v 'created\\|modified\\|username\\|label\\|schema' | sort
        $CODEX logout
        $CODEX logout
        $CODEX login status || true",
    );

    insta::assert_snapshot!(format!("{:?}\n{}{}", ran.end(), lines(&lab, &ran), ran.stdout), @r#"
    Ok(0)
    API key stored in the system's credential store. The provider checks it with the first request.
    Logged in: API key sk-proj-***bcdef, stored in the system's credential store.
    Logged out: the entry in the system's credential store is removed.
    Not logged in.
    Not logged in.
    done

      "OPENAI_API_KEY": "sk-proj-1234567890abcdef"
      "auth_mode": "apikey",
    [/1]
    attribute.application = rust-keyring
    attribute.service = Codex Auth
    attribute.target = default
    secret = {
    }
    "#);
    lab.assert_none_left(PATIENCE);
    assert_eq!(mock.requests()[0].header("authorization"), Some("Bearer sk-proj-1234567890abcdef"));
    assert!(!lab.home.codex_home().join("auth.json").exists());
}

#[test]
fn where_the_store_cannot_be_asked_keyring_is_an_error_and_auto_is_the_file() {
    let lab = Lab::new();
    let bin = lab.root().join("bin");
    fs::create_dir_all(&bin).unwrap();
    fs::write(lab.root().join("key"), "sk-proj-1234567890abcdef\n").unwrap();
    let run = |store: &str, arguments: &[&str]| {
        let store = format!("cli_auth_credentials_store={store}");
        let mut command = lab.command(&[&["-c", store.as_str()], arguments].concat());
        let key = fs::File::open(lab.root().join("key")).unwrap();
        // Without any program at all.
        command.env("PATH", &bin).stdin(Stdio::from(key));
        let ran = lab.start(command).ended(PATIENCE);
        format!("{:?} {}", ran.end(), lines(&lab, &ran))
    };

    let mut told = vec![
        run("keyring", &["login", "--with-api-key"]),
        run("keyring", &["login", "status"]),
        run("auto", &["login", "--with-api-key"]),
        run("auto", &["login", "status"]),
    ];
    // One that fails.
    let tool = bin.join("secret-tool");
    fs::write(&tool, "#!/bin/sh\necho 'secret-tool: Cannot autolaunch D-Bus' >&2\nexit 1\n").unwrap();
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
    told.extend([
        run("keyring", &["login", "status"]),
        run("auto", &["login", "status"]),
        run("keyring", &["logout"]),
        run("auto", &["logout"]),
    ]);

    insta::assert_snapshot!(told.concat(), @r#"
    Ok(1) error: the system's credential store cannot be used: there is no program `secret-tool` to ask it with [login.keyring]
    hint: it is asked with `secret-tool` (Debian: libsecret-tools) in a desktop session; or set cli_auth_credentials_store to "file"
    Ok(1) error: the system's credential store cannot be used: there is no program `secret-tool` to ask it with [login.keyring]
    hint: it is asked with `secret-tool` (Debian: libsecret-tools) in a desktop session; or set cli_auth_credentials_store to "file"
    Ok(0) API key stored in HOME/auth.json. The provider checks it with the first request.
    Ok(0) Logged in: API key sk-proj-***bcdef, stored in HOME/auth.json.
    Ok(1) error: the system's credential store cannot be used: `secret-tool` says: Cannot autolaunch D-Bus [login.keyring]
    hint: it is asked with `secret-tool` (Debian: libsecret-tools) in a desktop session; or set cli_auth_credentials_store to "file"
    Ok(0) Logged in: API key sk-proj-***bcdef, stored in HOME/auth.json.
    Ok(1) error: the system's credential store cannot be used: `secret-tool` says: Cannot autolaunch D-Bus [login.keyring]
    hint: it is asked with `secret-tool` (Debian: libsecret-tools) in a desktop session; or set cli_auth_credentials_store to "file"
    Ok(0) Logged out: HOME/auth.json is removed.
    "#);
}
