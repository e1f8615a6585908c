//! What a bug leaves behind while somebody sits at the terminal: a report in a file, and the terminal as it was.
//!
//! A panic in one of the threads that the interface is made of ends it. Anywhere else it is caught (a turn fails, the rest goes on), so the
//! screen is left alone and only the report is written.

use codex_base::AbsPath;
use codex_base::os::{self, Privacy};
use codex_base::with_causes;
use codex_protocol::VERSION;
use codex_tui_kit::terminal::port::PAINTER;
use codex_tui_kit::terminal::process::KEYS;
use std::backtrace::Backtrace;
use std::io;
use std::panic::PanicHookInfo;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// So many reports are kept.
const REPORTS_MAX: usize = 10;
/// The thread of the interface's loop, by the name that Rust gives it.
const LOOP: &str = "main";

/// Opens a terminal whose own hook, which gives it back, runs for panics that end the interface and for no others. Reports go to `folder`.
///
/// # Errors
/// Those of `open`.
pub fn report_around<T>(folder: AbsPath, open: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let for_others = folder.clone();
    // Runs behind the terminal's.
    std::panic::set_hook(Box::new(move |panic| crate::tell(&last_words(panic, write(panic, &folder)))));
    let opened = open();
    let ends = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if matches!(std::thread::current().name(), Some(LOOP | PAINTER | KEYS)) {
            ends(panic);
        } else if let Err(error) = write(panic, &for_others) {
            tracing::error!(code = "internal.panic", %error, "a report cannot be written");
        }
    }));
    opened
}

fn last_words(panic: &PanicHookInfo<'_>, report: io::Result<AbsPath>) -> String {
    let report = match report {
        Ok(path) => format!("a report is in {path}"),
        Err(error) => format!("a report cannot be written: {}", with_causes(&error)),
    };
    format!(
        "error: codex has stopped because of a bug in it: {} [internal.panic]\n{report}\nto go on with the session: codex resume --last\n",
        message(panic)
    )
}

fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    panic.payload_as_str().unwrap_or("no message")
}

/// For the owner's eyes: a message may hold what was in a conversation.
fn write(panic: &PanicHookInfo<'_>, folder: &AbsPath) -> io::Result<AbsPath> {
    os::create_private_dir(folder)?;
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let path = folder.join(format!("panic-{seconds}-{}.txt", std::process::id()));
    let thread = std::thread::current();
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = format!(
        "codex {VERSION}, {} {}\nthread {} at {place}:\n{}\n\n{}\n",
        std::env::consts::OS,
        std::env::consts::ARCH,
        thread.name().unwrap_or("without a name"),
        message(panic),
        Backtrace::force_capture()
    );
    os::write_atomic(&path, text.as_bytes(), Privacy::Owner)?;
    keep_newest(folder)?;
    Ok(path)
}

/// Names begin with the time, so the newest ones are the last.
fn keep_newest(folder: &Path) -> io::Result<()> {
    let entries = std::fs::read_dir(folder)?.flatten().map(|entry| entry.file_name());
    let mut reports: Vec<_> = entries
        .filter(|name| {
            name.to_str()
                .is_some_and(|name| name.starts_with("panic-") && name.ends_with(".txt"))
        })
        .collect();
    reports.sort();
    let old = reports.len().saturating_sub(REPORTS_MAX);
    reports
        .iter()
        .take(old)
        .try_for_each(|name| std::fs::remove_file(folder.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn only_the_newest_reports_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        for number in 10..25 {
            std::fs::write(folder.path().join(format!("panic-{number}-1.txt")), "").unwrap();
        }
        std::fs::write(folder.path().join("codex.log"), "").unwrap();

        keep_newest(folder.path()).unwrap();

        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected: Vec<_> = std::iter::once("codex.log".to_owned())
            .chain((15..25).map(|number| format!("panic-{number}-1.txt")))
            .collect();
        assert_eq!(names, expected);
    }
}
