//! A network of a test's own, and a record of every attempt to reach anything over it.
//!
//! | part | is |
//! | --- | --- |
//! | [`inside`] | runs a test once more in a user, network and mount namespace of its own: loopback alone, name servers as the test likes |
//! | [`NameServer`] | the only name server there; it keeps the names it was asked for, and answers or stays silent |
//! | [`Recorder`] | every `connect` and every send to an address by a program and all its descendants, as the kernel sees it |
//!
//! Linux only. Needs `unshare` (util-linux) and user namespaces, like the sandbox; without them a test fails and says so.

mod names;
mod recorder;

pub use names::NameServer;
pub use recorder::{Address, Attempt, Recorder};

use rustix::mount::mount_bind;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// Set in the process that is inside.
const VARIABLE: &str = "CODEX_TEST_OWN_NETWORK";

/// Runs `body` in a network of its own. `name` is the calling test's full name (`module::test`): the test program starts itself once more
/// inside of the namespaces, with this one test.
pub fn inside(name: &str, body: impl FnOnce()) {
    if std::env::var_os(VARIABLE).is_some() {
        prepare();
        return body();
    }
    let program = std::env::current_exe().expect("a test knows its own program");
    let mut command = own_network(&program);
    command.args(["--exact", name, "--nocapture"]);
    let output = command.output().expect("unshare (util-linux) is installed");
    let told = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success() && told.contains("1 passed"),
        "inside a network of its own (this needs user namespaces): {told}"
    );
}

/// A command that starts `program` in new namespaces, where it calls [`prepare`] first.
pub fn own_network(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--net", "--mount", "--"])
        .arg(program)
        .env(VARIABLE, "1");
    command
}

/// Loopback is up, and 127.0.0.1 is the only name server, asked for every name but `localhost`.
pub fn prepare() {
    loopback_up().expect("loopback can be switched on in an own network");
    cover("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n");
    cover("/etc/nsswitch.conf", "hosts: files dns\n");
    cover("/etc/hosts", "127.0.0.1 localhost\n");
}

/// The file has these contents, for this mount namespace alone.
fn cover(path: &str, contents: &str) {
    let real = fs::canonicalize(path);
    let Ok(real) = real else {
        // Nothing to cover, and no way to make it without writing to the machine: the C library's defaults say the same.
        return;
    };
    let own = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(own.path(), contents).expect("a temporary file can be written");
    let mounted = mount_bind(own.path(), &real);
    assert_eq!(mounted, Ok(()), "{path} cannot be covered");
}

fn loopback_up() -> io::Result<()> {
    // SAFETY: the structure may be all zeros; descriptor and pointer are valid for the calls.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = *from as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
        let done = libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request);
        let error = io::Error::last_os_error();
        libc::close(socket);
        if done < 0 { Err(error) } else { Ok(()) }
    }
}
