//! How the model and the user work together in a turn, and what the model asks the user meanwhile.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

words! {
    /// What a turn is to come to.
    #[derive(Default)]
    pub enum ModeKind {
        /// A plan; nothing is changed.
        Plan = "plan",
        /// Work.
        #[default]
        Default = "default",
    }
}

/// The mode of a turn and of those after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollaborationMode {
    pub mode: ModeKind,
    pub settings: ModeSettings,
}

/// What goes along with a mode. Their names are those of the configuration, as clients know them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeSettings {
    /// Empty leaves the thread's model as it is.
    #[serde(default)]
    pub model: String,
    /// `None` leaves it to the configuration.
    #[serde(default)]
    pub reasoning_effort: Option<String>,
    /// Told instead of our own words about the mode.
    #[serde(default)]
    pub developer_instructions: Option<String>,
}

/// What a client may offer for choice; `None` changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollaborationModeMask {
    pub name: String,
    #[serde(default)]
    pub mode: Option<ModeKind>,
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub reasoning_effort: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollaborationModeListResult {
    pub data: Vec<CollaborationModeMask>,
}

/// Something that the model wants to know of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInputQuestion {
    pub id: String,
    /// A word or two.
    pub header: String,
    pub question: String,
    /// The client is to offer words of the user's own besides.
    #[serde(default)]
    pub is_other: bool,
    /// What is typed is not to be shown.
    #[serde(default)]
    pub is_secret: bool,
    #[serde(default)]
    pub options: Option<Vec<UserInputOption>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInputOption {
    pub label: String,
    pub description: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInputParams {
    pub thread_id: String,
    pub turn_id: String,
    /// The call; it has no item.
    pub item_id: String,
    pub questions: Vec<UserInputQuestion>,
    /// The turn waits for the answer.
    #[serde(default)]
    pub is_blocking: bool,
    /// After that the client may answer by itself; `None`: never.
    #[serde(default)]
    pub auto_resolution_ms: Option<u64>,
}

/// By the questions' ids; what is left out was not answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInputAnswers {
    pub answers: BTreeMap<String, UserInputAnswer>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserInputAnswer {
    /// Labels of options, or words of the user's own.
    pub answers: Vec<String>,
}
