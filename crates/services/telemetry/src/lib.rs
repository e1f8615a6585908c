//! What codex notes about its own work: log lines on stderr, or in a file while a screen is drawn there, chosen with `RUST_LOG`.
//!
//! Input: the values of `RUST_LOG` and `LOG_FORMAT`, which `cli` has read. Output: one subscriber for the whole process.
//! The other crates say what they do with the macros of `tracing`, once per request, command or file, never once per delta, so that the
//! usual level costs nothing.
//!
//! No secret is logged at any level. Events carry names, numbers, codes and addresses without their query: no header, no body, no text of
//! a server, no argument of a command, no value of a setting or variable. Libraries know no such rule, so nothing that they say is shown.

mod choice;
mod destination;

pub use choice::{Choice, Format, choose};
pub use destination::use_file;

use tracing_subscriber::Layer;
use tracing_subscriber::filter::FilterFn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::Registry;

/// The names of our crates begin so.
const OWN: &str = "codex";

/// Logs from now on, to stderr unless [`use_file`] says otherwise. A process has one log: later calls change nothing and answer `false`.
pub fn init(choice: Choice) -> bool {
    tracing::subscriber::set_global_default(subscriber(choice, || destination::Destination)).is_ok()
}

fn subscriber(choice: Choice, writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static) -> impl tracing::Subscriber + Send + Sync {
    let Choice { filter, format, colours } = choice;
    // A closed stderr is nothing to talk about, least of all on stderr.
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(colours && format == Format::Text)
        .log_internal_errors(false);
    let lines = match format {
        Format::Text => lines.boxed(),
        Format::Json => lines.json().boxed(),
    };
    let own = FilterFn::new(|metadata| metadata.target().starts_with(OWN));
    Registry::default().with(lines).with(filter).with(own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use std::ffi::OsStr;
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged, the times cut off.
    fn logged(filter: Option<&str>, format: Option<&str>, colours: bool) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let (choice, _) = choose(filter.map(OsStr::new), format.map(OsStr::new), colours);
        tracing::subscriber::with_default(subscriber(choice, move || writer.clone()), || {
            let _span = tracing::info_span!(target: "codex_engine", "thread", id = "t1").entered();
            tracing::error!(target: "codex_engine::thread", program = "p", "cannot start");
            tracing::debug!(target: "codex_http", status = 200, "answered");
            tracing::error!(target: "hyper_util::client", "connecting with Bearer s3cret");
        });
        let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8(bytes).unwrap_or_default();
        text.lines()
            .map(|line| line.split_once('Z').map_or(line, |(_, rest)| rest).to_owned() + "\n")
            .collect()
    }

    #[test]
    fn errors_are_logged_unless_more_is_asked_for() {
        let usual = " ERROR codex_engine::thread: cannot start program=\"p\"\n";

        assert_eq!(logged(None, None, false), usual);
        assert_eq!(logged(Some("what=is=this"), None, false), usual);
        assert_eq!(logged(Some("off"), None, false), "");
        assert_eq!(
            logged(Some("codex_http=debug"), None, false),
            " DEBUG codex_http: answered status=200\n"
        );
    }

    #[test]
    fn nothing_that_a_library_says_is_logged() {
        insta::assert_snapshot!(logged(Some("trace"), None, false), @r#"
         ERROR thread{id="t1"}: codex_engine::thread: cannot start program="p"
         DEBUG thread{id="t1"}: codex_http: answered status=200
        "#);
        assert_eq!(logged(Some("hyper_util=trace"), None, false), "");
    }

    #[test]
    fn colours_are_for_text_alone() {
        let has_colours = |format: Option<&str>, colours: bool| logged(Some("trace"), format, colours).contains('\u{1b}');

        assert_eq!(
            [has_colours(None, true), has_colours(None, false), has_colours(Some("json"), true)],
            [true, false, false]
        );
    }

    #[test]
    fn a_line_may_be_json() {
        insta::assert_snapshot!(logged(None, Some("json"), false), @r#"","level":"ERROR","fields":{"message":"cannot start","program":"p"},"target":"codex_engine::thread"}"#);
    }
}
