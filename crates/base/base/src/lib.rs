//! Small tools without opinions that every layer uses.
//!
//! | module | gives |
//! | --- | --- |
//! | [`path`] | [`AbsPath`], a path that is absolute and lexically normal |
//! | [`clock`] | [`Clock`]: time and timers, real or stepped |
//! | [`error`], [`hex()`] | errors and bytes in words |
//! | [`ids`] | [`Ids`]: thread, item and call ids, real or counted |
//! | [`nearest()`] | the name that somebody probably meant |
//! | [`output`] | [`HeadTail`]: the first and last bytes of something long |
//! | [`truncate`] | cutting text to a token budget |
//! | [`secret`] | [`Secret`]: a value that is never printed |
//! | [`os`] | file modes, locks, atomic writes, well-known folders |
//! | [`zone`] | time zones by name |

pub mod clock;
pub mod error;
mod hex;
pub mod ids;
mod nearest;
pub mod os;
pub mod output;
pub mod path;
pub mod secret;
pub mod truncate;
pub mod zone;

pub use clock::{Clock, SystemClock, Timestamp};
pub use error::with_causes;
pub use hex::hex;
pub use ids::{Ids, RandomIds};
pub use nearest::{nearest, nearest_within};
pub use output::HeadTail;
pub use path::AbsPath;
pub use secret::Secret;
