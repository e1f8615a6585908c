//! The one vocabulary: every plain type that crosses a crate boundary.
//!
//! Types here are data without decisions, with serde derives where they are sent or stored. Names and JSON shapes are the app-server
//! protocol and the journal format that existing clients and files use, so a field is never renamed; new fields are optional with a default
//! and readers ignore unknown fields.
//!
//! | module | holds |
//! | --- | --- |
//! | [`items`] | model items as received bytes plus a view; thread, turn and item as clients see them |
//! | [`requests`] | what a client may ask, with parameters and results |
//! | [`notifications`] | what the server tells |
//! | [`questions`] | server requests: their parameters and answers |
//! | [`collaboration`] | modes of a turn, and the model's questions to the user |
//! | [`assessment`] | what an automatic reviewer says about a question |
//! | [`review`] | what a code review looks at, and what the reviewer says |
//! | [`search`] | finding files by a few letters |
//! | [`additional`] | permissions besides those in force |
//! | [`skills`] | skills, and what configuration says about them |
//! | [`terminals`] | commands that no call waits for |
//! | [`settings`] | approval policy, sandbox policy, provider and shell-environment settings, origins |
//! | [`terminal`] | what configuration says of the terminal interface |
//! | [`config`] | edits of the user's configuration |
//! | [`facts`] | tool intents, capabilities, grants, denials: what decisions are made from |
//! | [`journal`] | the record types of a rollout line |
//! | [`limits`] | how much of an account's allowance is used |
//! | [`errors`] | stable error codes |

/// An enum of plain words: each word is what serde and `as_str` spell.
macro_rules! words {
    ($($(#[$of_all:meta])* pub enum $name:ident { $($(#[$of_one:meta])* $variant:ident = $word:literal,)* })*) => {
        $(
            $(#[$of_all])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
            pub enum $name {
                $($(#[$of_one])* #[serde(rename = $word)] $variant,)*
            }

            impl $name {
                pub const fn as_str(self) -> &'static str {
                    match self {
                        $(Self::$variant => $word,)*
                    }
                }
            }
        )*
    };
}

pub mod additional;
pub mod assessment;
pub mod call_items;
pub mod collaboration;
pub mod config;
pub mod errors;
pub mod facts;
pub mod items;
pub mod journal;
pub mod limits;
pub mod models;
pub mod notifications;
pub mod questions;
pub mod requests;
pub mod response_item;
pub mod review;
pub mod search;
pub mod settings;
pub mod skills;
pub mod spelling;
pub mod terminal;
pub mod terminals;

/// The version that clients parse out of the user agent (some refuse less than 0.151).
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
