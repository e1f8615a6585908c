//! Model providers behind one trait: Responses over SSE, and the scripted model.
//!
//! In: a [`ModelRequest`] (model, input items, tools). Out: a channel of [`ModelEvent`]s that ends with exactly one
//! [`ModelEvent::Completed`] or [`ModelEvent::Failed`] (or with nothing after a cancel). One call of [`ModelClient::sample`] is one
//! attempt and one HTTP request; whether there is another is the caller's decision, made from [`ModelError::retry`], [`backoff`] and
//! [`ModelClient::attempts_max`].
//!
//! | module | holds |
//! | --- | --- |
//! | [`provider`] | [`build`]: which client serves which settings, and with which key |
//! | [`request`] | the request as data, its body and its headers |
//! | `responses` | one attempt over HTTP: limits in time, cancel, back-pressure |
//! | `reading` | bytes of a body -> batches of events, with the limits in size, pure |
//! | [`sse`] | bytes -> the data of events, pure |
//! | [`stream`] | data of events -> [`ModelEvent`]s, pure |
//! | `socket` | one attempt over a websocket |
//! | `token` | a bearer token that a program prints |
//! | [`error`], [`failures`] | stable codes; the tables that turn statuses and failed responses into them |
//! | [`news`], [`limits`] | what an answer tells beside its items |
//! | [`catalog`], `listing` | what is known of each model; a catalogue as files and providers write it |
//! | `offered`, `refresh` | the lists that providers gave; asking for one beside the requests |
//! | [`local`] | model servers on this machine: running, new enough, with the model |
//! | [`scripted`] | answers from a JSONL file, and the script of the demo |

mod bounds;
pub mod catalog;
pub mod error;
pub mod event;
pub mod failures;
pub mod limits;
mod listing;
pub mod local;
pub mod news;
mod offered;
pub mod provider;
mod reading;
mod refresh;
pub mod request;
mod responses;
pub mod scripted;
mod socket;
pub mod sse;
pub mod stream;
mod token;

pub use catalog::{Catalog, Effort, ModelInfo, SCRIPTED_MODEL, Source, catalog, catalog_for};
pub use error::{ModelError, Retry, backoff};
pub use event::{AddedKind, ModelEvent};
pub use listing::CatalogError;
pub use local::LocalServer;
pub use news::{News, is_same_model};
pub use offered::ModelLists;
pub use provider::{ClientIdentity, ModelClient, ModelSetupError, StoredLogin, build};
pub use refresh::{ListError, Refresh};
pub use request::{ModelRequest, RequestMetadata, SubagentMetadata};
pub use scripted::demo::{DemoFile, demo_files, demo_script};
