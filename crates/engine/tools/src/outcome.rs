//! What comes of a tool call: the output for the model, the item for clients, and what happened on the way.

use crate::prepare::CallKind;
use codex_base::Ids;
use codex_protocol::facts::Denial;
use codex_protocol::items::{PlanStep, ThreadItem};
use codex_protocol::response_item::ResponseItem;
use serde_json::{Value, json};

/// The one outcome of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutcome {
    pub output: ToolOutput,
    /// For the log and hooks; the model reads the text.
    pub success: bool,
    /// The final form of the item that was started. `None` when nothing was started, or when the command goes on as a session: then
    /// [`ToolReport::TerminalEnded`] brings it.
    pub item: Option<ThreadItem>,
    /// The command failed in a way that looks like the sandbox's doing.
    pub denial: Option<Denial>,
    /// The new plan, with its explanation.
    pub plan: Option<(Option<String>, Vec<PlanStep>)>,
    /// What a patch changed, in git's form.
    pub diff: Option<String>,
}

/// What the model is sent back.
#[derive(Debug, Clone, PartialEq)]
pub enum ToolOutput {
    Text(String),
    /// Content parts, e.g. `input_image`.
    Parts(Vec<Value>),
}

/// What a call, or a session that outlived its call, tells while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolReport {
    /// The command's process is there.
    Pid { item_id: String, pid: u32 },
    /// New output of a command, merged.
    Delta { item_id: String, text: String },
    /// The model wrote to a session.
    TerminalInput {
        item_id: String,
        process_id: String,
        stdin: String,
    },
    /// A session ended; comes on the channel of [`crate::Terminals`], once per session, with the completed item and the turn it began in.
    TerminalEnded { turn_id: String, item: ThreadItem },
}

impl ToolOutcome {
    /// Words for the model, and nothing beside them.
    pub fn text(text: impl Into<String>, success: bool) -> Self {
        Self {
            output: ToolOutput::Text(text.into()),
            success,
            item: None,
            denial: None,
            plan: None,
            diff: None,
        }
    }

    #[must_use]
    pub(crate) fn with_item(mut self, item: ThreadItem) -> Self {
        self.item = Some(item);
        self
    }
}

/// The model item that answers a call, under a new id.
pub fn output_item(call_id: &str, kind: CallKind, output: &ToolOutput, ids: &dyn Ids) -> ResponseItem {
    let (kind, prefix) = match kind {
        CallKind::Function => ("function_call_output", "fco"),
        CallKind::Custom => ("custom_tool_call_output", "ctco"),
    };
    let id = ids.item(prefix);
    let output = match output {
        ToolOutput::Text(text) => json!(text),
        ToolOutput::Parts(parts) => json!(parts),
    };
    ResponseItem::make(&json!({ "type": kind, "id": id, "call_id": call_id, "output": output })).expect("an object with a type is an item")
}
