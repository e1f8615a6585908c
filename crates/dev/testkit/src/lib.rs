//! What tests share: a mock Responses server, a temporary home, a stepped clock, a terminal, snapshot filters.
//!
//! | module | gives |
//! | --- | --- |
//! | [`events`] | the events and items of a model answer, as JSON |
//! | [`answer`] | [`Answer`]: a whole HTTP answer with the faults a test wants |
//! | [`mock`] | [`MockModel`]: a real HTTP server on 127.0.0.1 that plays answers and records requests |
//! | [`tls`] | [`Tls`]: a certificate authority of its own, for a server that speaks TLS |
//! | [`proxy`] | [`MockProxy`]: a proxy that leads everything to one server, or fails |
//! | [`faults`] | the cases below `faults/`: what a provider does wrong, and what is expected of codex then |
//! | [`sockets`] | [`Sockets`]: the same over websockets |
//! | [`home`] | [`TempHome`]: `HOME`, `CODEX_HOME` and a workspace that go away with the test |
//! | [`clock`] | [`SteppedClock`]: time that moves when the test says so |
//! | [`examples`] | the fenced blocks of a Markdown page, and what each of them promises |
//! | [`network`] | a network of a test's own, and a record of every attempt to reach anything (Linux) |
//! | [`processes`] | [`Marker`]: finds every process that a test started, to prove that none is left |
//! | [`pty`] | [`Pty`]: a program on a terminal of its own (Unix) |
//! | [`screen`] | [`Screen`]: a terminal without a window |
//! | [`snapshots`] | [`snapshot_filters`]: ids, times, temporary paths and ports become words |
//! | [`world`] | machines that are less than this one, for one program at a time (Linux) |
//!
//! A helper that finds its own use wrong (no answer in time, a file that cannot be written) panics: the test has failed.
//! Nothing here is ever linked into the program.

pub mod answer;
pub mod clock;
pub mod events;
pub mod examples;
pub mod faults;
pub mod home;
mod http;
pub mod mock;
#[cfg(target_os = "linux")]
pub mod network;
pub mod processes;
pub mod proxy;
#[cfg(unix)]
pub mod pty;
pub mod screen;
mod served;
pub mod snapshots;
pub mod sockets;
pub mod tls;
#[cfg(target_os = "linux")]
pub mod world;

pub use answer::{Answer, Gate};
pub use clock::SteppedClock;
pub use home::TempHome;
pub use mock::{Ended, MockModel, Recorded};
pub use processes::{Marker, is_alive};
pub use proxy::{MockProxy, ProxyManner};
#[cfg(unix)]
pub use pty::Pty;
pub use screen::Screen;
pub use snapshots::snapshot_filters;
pub use sockets::Sockets;
pub use tls::Tls;
