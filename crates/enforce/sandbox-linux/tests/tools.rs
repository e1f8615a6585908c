//! Tools of every day do the same in `workspace-write` as without a sandbox: the same output, the same end.
//!
//! Each script runs in a fresh workspace. What is not installed cannot be tried; the run names it, and the test fails where fewer than
//! half are there.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "this is a test")]

mod lab;

use codex_permissions::ResolvedPolicy;
use codex_process::{CommandIo, Expiration};
use lab::{Lab, Ran, User, eventually};
use pretty_assertions::assert_eq;
use std::time::Duration;

/// A program that must be installed, and what it is to do.
type Tool = (&'static str, &'static str);

/// `$TMPDIR` is in the workspace. Scripts print nothing that differs from run to run.
const TOOLS: &[Tool] = &[
    (
        "git",
        "git init -q sub && cd sub && git config user.email a@b && git config user.name a && echo x > f && git add f && git commit -qm one \
         && git switch -qc two && echo y >> f && git stash -q && git stash pop -q && git commit -qam two && git log --format=%s && git gc -q \
         && git clone -q . ../copy && git -C ../copy status --short",
    ),
    (
        "cargo",
        "export CARGO_HOME=$PWD/cargo-home && cargo -q new --lib --vcs none demo && cd demo && cargo -q test --offline 2>&1 | grep -c 'test result: ok'",
    ),
    ("rustc", "echo 'fn main() { println!(\"hi\"); }' > m.rs && rustc m.rs && ./m"),
    (
        "gcc",
        "printf '#include <pthread.h>\\n#include <stdio.h>\\nvoid *f(void *a) { return a; }\\nint main(void) { pthread_t t; \
         pthread_create(&t, 0, f, 0); pthread_join(t, 0); puts(\"joined\"); }' > m.c && gcc -O1 m.c -o m -lpthread && ./m",
    ),
    (
        "g++",
        "printf '#include <iostream>\\n#include <thread>\\nint main() { std::thread t([]{}); t.join(); std::cout << 7; }' > m.cc && g++ m.cc -o m && ./m",
    ),
    (
        "make",
        "printf 'all: a b\\n\\t@echo done\\na b:\\n\\t@sleep 0.1; touch $@\\n' > Makefile && make -j2 && ls",
    ),
    (
        "cmake",
        "printf 'cmake_minimum_required(VERSION 3.5)\\nproject(p C)\\nadd_executable(m m.c)\\n' > CMakeLists.txt && echo 'int main(void) { return 0; }' > m.c \
         && cmake -S . -B b > log && cmake --build b > log2 && b/m && echo built",
    ),
    (
        "node",
        r#"node -e 'const {Worker} = require("worker_threads"); new Worker("console.log(6*7)", {eval: true}).on("exit", () => {
             require("fs").writeFileSync("f", "x"); require("child_process").exec("cat f", (e, out) => console.log(e, out)) })'"#,
    ),
    (
        "npm",
        "export npm_config_cache=$PWD/cache npm_config_update_notifier=false HOME=$PWD && npm init -y > /dev/null \
         && npm pkg set scripts.test='node -e \"console.log(1+1)\"' && npm test --silent",
    ),
    (
        "python3",
        "cat > m.py <<'END'\nimport asyncio, multiprocessing, sqlite3, subprocess, tempfile, threading\n\
         def square(n):\n    return n * n\n\
         async def main():\n    process = await asyncio.create_subprocess_exec('echo', 'sub', stdout=asyncio.subprocess.PIPE)\n    \
         out, _ = await process.communicate()\n    loop = asyncio.get_running_loop()\n    n = await loop.run_in_executor(None, square, 5)\n    \
         await asyncio.gather(asyncio.sleep(0.01), asyncio.sleep(0.01))\n    print(out, n)\n\
         if __name__ == '__main__':\n    asyncio.run(main())\n    \
         with multiprocessing.Pool(2) as pool:\n        print(pool.map(square, range(5)))\n    \
         queue = multiprocessing.Queue()\n    child = multiprocessing.Process(target=queue.put, args=(1,))\n    child.start()\n    print(queue.get())\n    child.join()\n    \
         with multiprocessing.get_context('spawn').Pool(1) as pool:\n        print(pool.map(square, [9]))\n    \
         with tempfile.TemporaryFile() as file:\n        file.write(b'x')\n    \
         print(sqlite3.connect('d').execute('select 1').fetchall(), subprocess.run(['true']).returncode)\nEND\npython3 m.py",
    ),
    (
        "pytest",
        "set -o pipefail; mkdir t && cat > t/test_it.py <<'END'\nimport subprocess, sys\n\n\
         def test_files(tmp_path):\n    (tmp_path / 'f').write_text('x')\n    assert (tmp_path / 'f').read_text() == 'x'\n\n\
         def test_a_child(capfd):\n    subprocess.run([sys.executable, '-c', 'print(6 * 7)'], check=True)\n    \
         assert capfd.readouterr().out == '42\\n'\nEND\npytest -q t | sed 's/ in [0-9.]*s.*//'",
    ),
    (
        "perl",
        "perl -e 'open(my $p, \"-|\", \"echo sub\"); print <$p>; my $child = fork // die; exit 3 if !$child; waitpid $child, 0; print $? >> 8'",
    ),
    (
        "sqlite3",
        "sqlite3 d 'pragma journal_mode=wal; create table t(a); insert into t values (1), (2);' && sqlite3 d 'select sum(a) from t' && ls",
    ),
    ("rg", "mkdir -p a/b && echo needle > a/b/f && rg -l needle"),
    (
        "grep",
        "mkdir -p a/b && echo needle > a/b/f && grep -rl needle . | grep -v proc && grep -c '' /etc/passwd > /dev/null",
    ),
    (
        "grep",
        "for i in {1..3000}; do [ -d d$((i % 60)) ] || mkdir d$((i % 60)); echo \"line $i\" > d$((i % 60))/f$i; done; \
         grep -rl 'line 1717$' . && grep -rh line . | sort | md5sum",
    ),
    (
        "find",
        "mkdir -p a/b && touch a/b/f && find . -name f -newermt 2000-01-01 -print | xargs -P 2 -n 1 basename",
    ),
    (
        "sed",
        "echo one > f && sed -i s/one/two/ f && cat f && awk '{print $1$1}' f | sort -u | tee g | wc -l",
    ),
    (
        "tar",
        "mkdir d && echo x > d/f && ln d/f d/g && tar czf t.tgz d && rm -r d && tar xzpf t.tgz && cat d/g && ls",
    ),
    ("zip", "echo x > f && zip -q z f && rm f && unzip -q z && cat f"),
    (
        "bash",
        "{ set -m; sleep 0.05 & sleep 1000 & kill %2; wait %1; echo $?; wait %2; echo $?; jobs -r; } 2> /dev/null; (trap 'echo term' TERM; kill -TERM $BASHPID); cat <(echo sub); coproc cat; echo $?; ulimit -n 100 && ulimit -n",
    ),
    ("ps", "ps -o comm= -p $$; pgrep -c bash > /dev/null; kill -0 $$ && echo alive"),
    (
        "diff",
        "echo a > x; echo b > y; diff x y; echo $?; patch x <<'END'\n1c1\n< a\n---\n> b\nEND\ncmp x y && echo same",
    ),
    (
        "openssl",
        "openssl genrsa -out k 2048 2>/dev/null && openssl rsa -in k -check -noout 2>&1",
    ),
    (
        "gpg",
        "export GNUPGHOME=$PWD/g && mkdir -m 700 g && gpg --batch -q --print-md sha1 /dev/null",
    ),
    (
        "gpg",
        "export GNUPGHOME=$PWD/agent && mkdir -m 700 agent && gpg --batch -q --passphrase '' --quick-gen-key a@b ed25519 default never 2> /dev/null; \
         echo x | gpg --batch -q --sign 2> /dev/null | gpg --batch -q --decrypt 2> /dev/null; gpgconf --kill all",
    ),
    (
        "ssh-agent",
        "eval $(ssh-agent -a $PWD/agent) > /dev/null && ssh-keygen -q -t ed25519 -N '' -C me -f key && ssh-add -q key && ssh-add -l | cut -d' ' -f3; \
         ssh-agent -k > /dev/null",
    ),
    (
        "tmux",
        "export SHELL=/bin/sh; tmux -S t -f /dev/null new-session -d 'sleep 5' && tmux -S t list-sessions -F '#{session_windows}' && tmux -S t kill-server",
    ),
    (
        "node",
        r#"node -e 'const net = require("net"); const server = net.createServer(peer => peer.end("hi")).listen("n.sock", () => {
             net.connect("n.sock").on("data", data => { console.log("" + data); server.close(); }) })'"#,
    ),
    (
        "python3",
        "cat > m.py <<'END'\nfrom multiprocessing import get_context\nfrom multiprocessing.managers import SyncManager\n\
         def twice(n):\n    return 2 * n\n\
         if __name__ == '__main__':\n    \
         with SyncManager() as manager:\n        shared = manager.dict(a=1)\n        print(shared.copy())\n    \
         with get_context('forkserver').Pool(2) as pool:\n        print(pool.map(twice, range(3)))\nEND\npython3 m.py",
    ),
    ("java", "java -version 2>&1 | wc -l"),
    (
        "go",
        "export GOCACHE=$PWD/c HOME=$PWD && printf 'package main\\nfunc main() { println(1) }\\n' > m.go && go run m.go",
    ),
    (
        "ruby",
        "ruby -e 'puts Thread.new { `echo sub` }.value; pid = fork { exit 3 }; Process.wait pid; p $?.exitstatus'",
    ),
    ("php", "php -r 'echo array_sum([1, 2]);'"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tools_do_the_same_as_without_a_sandbox() {
    let (there, absent): (Vec<&Tool>, Vec<&Tool>) = TOOLS.iter().partition(|(program, _)| is_installed(program));
    let tasks: Vec<_> = there.into_iter().map(|tool| tokio::spawn(compare(tool))).collect();

    for task in tasks {
        task.await.unwrap();
    }

    let absent: Vec<&str> = absent.into_iter().map(|(program, _)| *program).collect();
    println!("not installed: {}", absent.join(", "));
    assert!(absent.len() * 2 < TOOLS.len(), "too few tools to try: {absent:?}");
}

async fn compare((program, script): &Tool) {
    let free = run(&Lab::new(User::Own), |_| ResolvedPolicy::unconfined(), script).await;
    assert_eq!(free.code, 0, "the control failed: {program}: {}", free.output);
    let confined = run(&Lab::new(User::Own), |lab| lab.workspace(false), script).await;
    assert_eq!((confined.code, confined.output), (free.code, free.output), "{program}");
}

#[tokio::test]
async fn curl_fetches_when_the_network_is_on() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let count = peer.read(&mut request).unwrap();
        peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
            .unwrap();
        String::from_utf8_lossy(&request[..count]).into_owned()
    });
    let lab = Lab::new(User::Own);

    let fetched = lab
        .run(&lab.workspace(true), &format!("curl -sS http://localhost:{port}/path"))
        .await;
    let off = lab
        .run(&lab.workspace(false), &format!("curl -sS http://127.0.0.1:{port}/path"))
        .await;

    assert_eq!((fetched.code, fetched.output.as_str()), (0, "hello"));
    assert!(server.join().unwrap().starts_with("GET /path"));
    assert!(off.code != 0, "{off:?}");
}

#[tokio::test]
async fn programs_for_terminals_run_in_one() {
    for (program, keys, seen) in [("less", "q", "line 1"), ("vi", "\x1b:wq\r", "line 1")] {
        assert!(is_installed(program), "{program} is not installed");
        let lab = Lab::new(User::Own);
        lab.write("w/text", "line 1\nline 2\n");
        let mut spec = lab.spec(&["/bin/sh", "-c", &format!("{program} text; echo end $?")], CommandIo::PTY);
        spec.env.push(("TERM".into(), "xterm".into()));
        let running = lab.start(&lab.workspace(false), spec, Expiration::default()).await.unwrap();
        eventually("it shows the text", || running.aggregated().to_text().contains(seen)).await;

        running.write(keys.as_bytes()).await.unwrap();
        running.exited().await;

        let output = running.aggregated().to_text();
        assert!(output.contains("end 0"), "{program}: {output}");
    }
}

async fn run(lab: &Lab, policy: impl Fn(&Lab) -> ResolvedPolicy, script: &str) -> Ran {
    lab.make_folder("w/tmp");
    let mut spec = lab.spec(&["/bin/bash", "-c", script], CommandIo::Pipes);
    // Tools that a user installed lie in the home.
    spec.env = ["PATH", "HOME"]
        .iter()
        .filter_map(|name| Some((name.into(), std::env::var_os(name)?)))
        .collect();
    spec.env.push(("TMPDIR".into(), lab.path("w/tmp").as_path().into()));
    let expiration = Expiration {
        timeout: Some(Duration::from_secs(120)),
        ..Expiration::default()
    };
    let running = lab.start(&policy(lab), spec, expiration).await.unwrap();
    let code = running.exited().await.exit_code();
    Ran {
        code,
        output: running.aggregated().to_text(),
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}
