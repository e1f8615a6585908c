//! The recipes of `docs/sandbox.md`: the clients that they are for do their work under them, with a registry on this machine, and not
//! without them.

use crate::support::{Lab, PATIENCE, Ran};
use codex_testkit::examples::{Kind, examples};
use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// Clients of registries think for a while.
const LONG: Duration = PATIENCE.saturating_mul(4);

/// The profile that stands below a heading of the page.
fn recipe(heading: &str) -> String {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/sandbox.md")).unwrap();
    let start = page.find(&format!("\n### {heading}\n")).expect("the page has the recipe");
    let profile = examples(&page[start..])
        .unwrap()
        .into_iter()
        .find(|block| block.kind == Kind::Config);
    profile.expect("the recipe has a profile").text
}

/// A registry: what it has at which path. Answers until the test ends.
fn serve(listener: TcpListener, files: HashMap<String, Vec<u8>>) {
    let files = Arc::new(files);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let files = Arc::clone(&files);
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut first = String::new();
                reader.read_line(&mut first).unwrap();
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                    line.clear();
                }
                let path = first.split(' ').nth(1).unwrap_or_default();
                let (status, body) = files.get(path).map_or(("404 Not Found", &[][..]), |body| ("200 OK", body));
                let kind = if path.starts_with("/simple") {
                    "text/html"
                } else {
                    "application/octet-stream"
                };
                let length = body.len();
                let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                let mut stream = stream;
                let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
            });
        }
    });
}

/// The real program behind a name: what a version manager puts in its place needs the home of whoever runs the tests.
fn program(ask: &[&str], missing: &str) -> PathBuf {
    let asked = Command::new(ask[0]).args(&ask[1..]).output().expect(missing);
    assert!(asked.status.success(), "{missing}: {}", String::from_utf8_lossy(&asked.stderr));
    PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim())
}

/// Makes something in a folder of the lab's.
fn made(lab: &Lab, script: &str) -> PathBuf {
    let folder = lab.root().join("published");
    fs::create_dir_all(&folder).unwrap();
    let run = Command::new("sh").args(["-euc", script]).current_dir(&folder).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    folder
}

fn run(lab: &Lab, profile: &str, path: &Path, script: &str) -> Ran {
    let mut command = lab.command(&["sandbox", "-P", profile, "--", "sh", "-euc", script]);
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", path.display()));
    lab.start(command).ended(LONG)
}

fn home(lab: &Lab) -> PathBuf {
    let mut env = lab.home.env().into_iter();
    env.find(|(name, _)| name == "HOME").map(|(_, home)| PathBuf::from(home)).unwrap()
}

#[test]
fn npm_installs_a_package() {
    let lab = Lab::new();
    let node = program(
        &["node", "-p", "process.execPath"],
        "node and npm are needed, `./setup` installs them",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = format!("http://{}", listener.local_addr().unwrap());
    let script = r#"mkdir package && echo 'module.exports = "tiny works"' > package/index.js
        echo '{"name": "tiny", "version": "1.0.0"}' > package/package.json && tar czf tiny.tgz package"#;
    let published = made(&lab, script);
    let about = format!(
        r#"{{"name":"tiny","dist-tags":{{"latest":"1.0.0"}},"versions":{{"1.0.0":{{"name":"tiny","version":"1.0.0","dist":{{"tarball":"{registry}/tiny.tgz"}}}}}}}}"#
    );
    serve(
        listener,
        HashMap::from([
            ("/tiny".to_owned(), about.into_bytes()),
            ("/tiny.tgz".to_owned(), fs::read(published.join("tiny.tgz")).unwrap()),
        ]),
    );
    lab.home.write_config(&recipe("npm"));
    fs::create_dir(home(&lab).join(".npm")).unwrap();
    let script =
        format!("npm install tiny --registry {registry} --no-audit --no-fund --fetch-retries 0 >&2 && node -p 'require(\"tiny\")'");

    let closed = run(&lab, ":workspace", node.parent().unwrap(), &script);
    let ran = run(&lab, "npm", node.parent().unwrap(), &script);

    assert_ne!(closed.end(), Ok(0), "{}", closed.all());
    assert_eq!(ran.assert_code(0).stdout, "tiny works\n");
    assert!(home(&lab).join(".npm/_cacache").is_dir(), "{}", ran.all());
}

#[test]
fn cargo_fetches_and_builds_a_crate() {
    let lab = Lab::new();
    let cargo = PathBuf::from(std::env::var_os("CARGO").expect("the tests are run by cargo"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = format!("http://{}", listener.local_addr().unwrap());
    let script = r#"mkdir -p tiny-1.0.0/src && echo 'pub fn say() { println!("tiny works") }' > tiny-1.0.0/src/lib.rs
        printf '[package]\nname = "tiny"\nversion = "1.0.0"\nedition = "2021"\n' > tiny-1.0.0/Cargo.toml
        tar czf tiny.crate tiny-1.0.0 && sha256sum tiny.crate | cut -d ' ' -f 1 > sum"#;
    let published = made(&lab, script);
    let sum = fs::read_to_string(published.join("sum")).unwrap();
    let line = format!(
        "{{\"name\":\"tiny\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\"{}\",\"features\":{{}},\"yanked\":false}}\n",
        sum.trim()
    );
    serve(
        listener,
        HashMap::from([
            (
                "/index/config.json".to_owned(),
                format!(r#"{{"dl":"{registry}/crates"}}"#).into_bytes(),
            ),
            ("/index/ti/ny/tiny".to_owned(), line.into_bytes()),
            (
                "/crates/tiny/1.0.0/download".to_owned(),
                fs::read(published.join("tiny.crate")).unwrap(),
            ),
        ]),
    );
    lab.home.write_config(&recipe("cargo"));
    for folder in [".cargo/registry", ".cargo/git"] {
        fs::create_dir_all(home(&lab).join(folder)).unwrap();
    }
    let settings =
        format!("[source.crates-io]\nreplace-with = \"here\"\n[source.here]\nregistry = \"sparse+{registry}/index/\"\n[net]\nretry = 0\n");
    let workspace = lab.home.workspace();
    fs::create_dir_all(workspace.join("src")).unwrap();
    fs::create_dir_all(workspace.join(".cargo")).unwrap();
    fs::write(workspace.join(".cargo/config.toml"), settings).unwrap();
    fs::write(workspace.join("src/main.rs"), "fn main() { tiny::say() }\n").unwrap();
    let manifest = "[package]\nname = \"big\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[dependencies]\ntiny = \"1\"\n";
    fs::write(workspace.join("Cargo.toml"), manifest).unwrap();

    let closed = run(&lab, ":workspace", cargo.parent().unwrap(), "cargo run");
    let ran = run(&lab, "cargo", cargo.parent().unwrap(), "cargo run");
    let offline = run(&lab, ":workspace", cargo.parent().unwrap(), "rm -r target && cargo run --offline");

    assert_ne!(closed.end(), Ok(0), "{}", closed.all());
    assert_eq!(ran.assert_code(0).stdout, "tiny works\n");
    assert_eq!(offline.assert_code(0).stdout, "tiny works\n");
}

#[test]
fn pip_installs_a_package_into_a_virtual_environment() {
    let lab = Lab::new();
    let python = program(
        &["python3", "-c", "import sys, venv, ensurepip; print(sys.executable)"],
        "python3 with venv is needed",
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = format!("http://{}", listener.local_addr().unwrap());
    let script = r#"info=tiny-1.0.0.dist-info; mkdir $info && echo 'print("tiny works")' > tiny.py
        printf 'Metadata-Version: 2.1\nName: tiny\nVersion: 1.0.0\n' > $info/METADATA
        printf 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n' > $info/WHEEL
        printf "tiny.py,,\n$info/METADATA,,\n$info/WHEEL,,\n$info/RECORD,,\n" > $info/RECORD
        python3 -m zipfile -c tiny-1.0.0-py3-none-any.whl tiny.py $info"#;
    let published = made(&lab, script);
    let wheel = "tiny-1.0.0-py3-none-any.whl";
    serve(
        listener,
        HashMap::from([
            ("/simple/tiny/".to_owned(), format!("<a href=\"/{wheel}\">{wheel}</a>").into_bytes()),
            (format!("/{wheel}"), fs::read(published.join(wheel)).unwrap()),
        ]),
    );
    lab.home.write_config(&recipe("pip"));
    fs::create_dir_all(home(&lab).join(".cache/pip")).unwrap();
    let script = format!(
        "{} -m venv .venv >&2 && .venv/bin/pip install --retries 0 --index-url {registry}/simple tiny >&2 && test -w ~/.cache/pip && .venv/bin/python -m tiny",
        python.display()
    );

    let closed = run(&lab, ":workspace", python.parent().unwrap(), &script);
    let ran = run(&lab, "pip", python.parent().unwrap(), &script);

    assert_ne!(closed.end(), Ok(0), "{}", closed.all());
    assert_eq!(ran.assert_code(0).stdout, "tiny works\n");
}

/// No container is started: a daemon is no part of a test. What the recipe opens is its socket.
#[test]
fn docker_is_reached_at_its_socket_by_a_stand_in_for_the_daemon() {
    let lab = Lab::new();
    let python = program(&["python3", "-c", "import sys; print(sys.executable)"], "python3 is needed");
    let socket = lab.root().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4];
            let _ = stream.read_exact(&mut asked).and_then(|()| stream.write_all(b"pong"));
        }
    });
    let profile = recipe("docker");
    assert!(profile.contains("\"/run/docker.sock\""), "{profile}");
    lab.home
        .write_config(&profile.replace("/run/docker.sock", socket.to_str().unwrap()));
    let script = format!(
        "{} -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(b\"ping\"); print(s.recv(4))' {}",
        python.display(),
        socket.display()
    );

    let closed = run(&lab, ":workspace", python.parent().unwrap(), &script);
    let ran = lab.run(&["sandbox", "-P", "docker", "--", "sh", "-euc", &script]);

    assert_ne!(closed.end(), Ok(0), "{}", closed.all());
    assert_eq!(ran.assert_code(0).stdout, "b'pong'\n");
}

/// No card is needed: that named devices are there is tested with others (`tests/devices.rs` of the Linux sandbox).
#[test]
fn graphics_cards_are_opened_by_one_word_that_explain_names() {
    let lab = Lab::new();
    lab.home.write_config(&recipe("GPU"));
    let root = lab.root().display().to_string();
    let explain = |profile: &str, words: &[&str]| {
        let ran = lab.run(&[&["sandbox", "-P", profile, "explain"], words].concat());
        ran.assert_code(0).stdout.replace(&root, "ROOT")
    };

    let told = [
        explain("gpu", &["write", "/dev/dri/no-such-card"]),
        explain("gpu", &["read", "/dev/no-such-device"]),
        explain(":workspace", &["write", "/dev/nvidia15"]),
        explain(":workspace", &["write", "/dev/null"]),
    ];

    insta::assert_snapshot!(told.join(""), @r#"
    write /dev/dri/no-such-card: allowed
      rule     :gpu at ROOT/codex-home/config.toml:7:1
      says     /dev/dri = write
      change   [permissions.gpu.filesystem] "/dev/dri/no-such-card" = "deny"
      note     it does not exist; the policy speaks of missing paths, too
      note     the system's own rights count besides
      note     what its driver does for whoever has it open is limited by nothing here
    read /dev/no-such-device: denied
      rule     a device has to be named, a line for what is around it is not enough
      by       a private /dev that does not have it
      change   [permissions.gpu.filesystem] "/dev/no-such-device" = "write"
      note     it does not exist; the policy speaks of missing paths, too
    write /dev/nvidia15: denied
      rule     a device has to be named, a line for what is around it is not enough
      by       a private /dev that does not have it
      change   [permissions.NAME.filesystem] ":gpu" = "write"
               where NAME is a profile that you make ([permissions.NAME] with `extends`) and choose with -P NAME
      note     it does not exist; the policy speaks of missing paths, too
    write /dev/null: allowed
      rule     every command has this device
      note     the system's own rights count besides
    "#);
    lab.run(&["sandbox", "-P", "gpu", "--", "true"]).assert_code(0);
}
