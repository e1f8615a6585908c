//! Closes this process to others of the same user before it knows a secret, and takes away what would load foreign code into it.
//!
//! Done in every build and without a switch: a variable that opened the process again would be the hole. Debuggers attach as root, or to
//! the tests of a crate. Called first in `main`, while there is one thread.

use std::ffi::OsStr;

/// Exit codes of a start that could not be made safe (those of the reference).
#[cfg(target_os = "linux")]
const NOT_CLOSED: i32 = 5;
#[cfg(target_os = "macos")]
const NOT_CLOSED: i32 = 6;
#[cfg(unix)]
const CORE_NOT_LIMITED: i32 = 7;

/// No memory, environment or core file of this process for other processes; nothing of the loader's for its children.
pub fn harden() {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    check(close_to_others(), NOT_CLOSED, "other processes can read this one's memory");
    #[cfg(unix)]
    check(no_core_files(), CORE_NOT_LIMITED, "core files cannot be switched off");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_loader_variable(name, std::env::consts::OS)) {
        // SAFETY: the process has one thread, nobody reads the environment meanwhile.
        unsafe { std::env::remove_var(name) };
    }
}

/// What makes the loader of `os` run or write something else than the program asks for. Names are compared as bytes: they need not be text.
fn is_loader_variable(name: &OsStr, os: &str) -> bool {
    let prefixes: &[&str] = match os {
        "macos" => &["DYLD_", "MallocStackLogging", "MallocLogFile"],
        "windows" => &[],
        _ => &["LD_"],
    };
    prefixes.iter().any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

#[cfg(unix)]
fn check(done: std::io::Result<()>, code: i32, danger: &str) {
    if let Err(error) = done {
        crate::tell(&format!("error: not started, because {danger}: {error} [{}]\n", "cli.not_hardened"));
        std::process::exit(code)
    }
}

/// `/proc/PID/{mem,environ,fd,...}` belong to root from here on, and `ptrace` is refused, unless the asker is allowed to trace everybody.
#[cfg(target_os = "linux")]
fn close_to_others() -> std::io::Result<()> {
    Ok(rustix::process::set_dumpable_behavior(
        rustix::process::DumpableBehavior::NotDumpable,
    )?)
}

#[cfg(target_os = "macos")]
fn close_to_others() -> std::io::Result<()> {
    // SAFETY: address and data are unused with this request.
    match unsafe { libc::ptrace(libc::PT_DENY_ATTACH, 0, std::ptr::null_mut(), 0) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// No core file may hold what this process knows (keys, conversations). Commands inherit it, as they do from any careful program.
#[cfg(unix)]
fn no_core_files() -> std::io::Result<()> {
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    Ok(rustix::process::setrlimit(rustix::process::Resource::Core, none)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn each_system_has_its_loader_variables() {
        let names = [
            "LD_PRELOAD",
            "LD_",
            "LDFLAGS",
            "XLD_A",
            "DYLD_INSERT_LIBRARIES",
            "MallocLogFile",
            "MallocStackLoggingNoCompact",
            "PATH",
        ];
        let of = |os: &str| {
            names
                .into_iter()
                .filter(|name| is_loader_variable(name.as_ref(), os))
                .collect::<Vec<_>>()
        };

        assert_eq!(of("linux"), ["LD_PRELOAD", "LD_"]);
        assert_eq!(of("freebsd"), ["LD_PRELOAD", "LD_"]);
        assert_eq!(
            of("macos"),
            ["DYLD_INSERT_LIBRARIES", "MallocLogFile", "MallocStackLoggingNoCompact"]
        );
        assert_eq!(of("windows"), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_is_seen_through() {
        use std::os::unix::ffi::OsStrExt;

        assert!(is_loader_variable(OsStr::from_bytes(b"LD_\xff"), "linux"));
        assert!(!is_loader_variable(OsStr::from_bytes(b"\xffLD_"), "linux"));
    }
}
