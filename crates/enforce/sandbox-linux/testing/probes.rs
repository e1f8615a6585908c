//! Things that a shell cannot try. The exit code is 0 if it worked, else the system's error number.

mod escape;
mod talk;

use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::process::CommandExt;

/// `nobody` in most systems; nothing belongs to it.
const ORDINARY: u32 = 65534;

pub fn main() {
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    if name == codex_sandbox_linux::HELPER_ARG0 {
        give_up_root(&name);
        codex_sandbox_linux::helper_main();
    }
    let arguments: Vec<String> = arguments.filter_map(|argument| argument.into_string().ok()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    std::process::exit(run(&arguments));
}

/// Starts itself anew, since a process that changed its user is closed to itself.
fn give_up_root(arg0: &OsStr) {
    let Ok(executable) = std::env::current_exe() else { return };
    if !executable.as_os_str().as_encoded_bytes().ends_with(b"-user") || !rustix::process::geteuid().is_root() {
        return;
    }
    let error = std::process::Command::new(executable)
        .arg0(arg0)
        .args(std::env::args_os().skip(1))
        .env_clear()
        .gid(ORDINARY)
        .uid(ORDINARY)
        .exec();
    std::process::exit(error.raw_os_error().unwrap_or(1));
}

fn run(arguments: &[&str]) -> i32 {
    let result = match arguments {
        ["victim", secret] => return escape::victim(secret),
        ["escape", file] => told(escape::run(file)),
        ["hold", _tag, mib] => return escape::hold(mib),
        ["attempts"] => escape::list(),
        ["serve", kind, address] => told(talk::serve(kind, address)),
        ["connect", kind, address] => told(talk::connect(kind, address)),
        ["user" | "capabilities"] => escape::about(arguments[0]),
        _ => Err(Errno::INVAL),
    };
    result.map_or_else(Errno::raw_os_error, |()| 0)
}

fn told(done: std::io::Result<()>) -> Result<(), Errno> {
    done.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::INVAL))
}
