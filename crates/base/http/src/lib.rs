//! The one place that opens a connection on our own behalf: client builder, TLS, proxies.
//!
//! In: a [`Post`] (URL, headers, secret headers, body). Out: an [`HttpResponse`] whose body is read chunk by chunk.
//! Credentials become header values here and nowhere else, and every such header is marked sensitive.
//!
//! Refused: redirects (a credential must not travel to a host nobody configured), cookies, compressed bodies. Retries are not made here.
//!
//! Making an [`HttpClient`] costs nothing: what a request needs is built when the first one needs it. Root certificates, which take
//! several milliseconds to load, are loaded for `https` only. They are the operating system's;
//! `CODEX_CA_CERTIFICATE` or `SSL_CERT_FILE` adds a bundle.

pub mod client;
mod obstacle;
pub mod proxy;
pub mod socket;
mod url;

pub use client::{ExtraRoots, HttpClient, HttpError, HttpResponse, HttpSettings, Post, status_text};
pub use obstacle::{Obstacle, Way};
pub use proxy::ProxySettings;
pub use socket::{Opened, SocketError, WebSocket};
pub use url::{endpoint, is_loopback_url};
