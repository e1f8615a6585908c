//! Everything that can wake a thread, and everything it can cause: two closed lists.

use super::state::Resumed;
use crate::code_review::{Assignment, thread::ReviewerNews};
use crate::compact::changes::{Changes, ChangesQuery};
use crate::context::surroundings::Surroundings;
use crate::reviewer::NoAssessment;
use crate::settings::{TurnOverrides, TurnSettings, TurnSetup, UserContent};
use crate::turn::user_shell::UserCommand;
use codex_base::AbsPath;
use codex_hooks::TurnEnded;
use codex_model::{ModelEvent, ModelRequest};
use codex_permissions::ResolvedPolicy;
use codex_permissions::additional::Additional;
use codex_protocol::assessment::Assessment;
use codex_protocol::errors::TurnError;
use codex_protocol::facts::{PermissionsIntent, ToolIntent};
use codex_protocol::items::{ThreadItem, Turn, UserInput};
use codex_protocol::journal::Record;
use codex_protocol::notifications::Notification;
use codex_protocol::questions::{Answer, PermissionGrantScope, PermissionsAnswer, ServerRequest};
use codex_protocol::requests::{RequestError, RequestId};
use codex_protocol::response_item::ToolCallView;
use codex_skills::SkillSet;
use codex_tools::{CallKind, Prepared, ToolOutcome, ToolReport};
use std::sync::Arc;
use std::time::Duration;

/// Finds the waiting caller of a request again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(pub u64);

/// What a client asks of a thread.
#[derive(Debug)]
pub enum ThreadRequest {
    StartTurn {
        input: Vec<UserInput>,
        overrides: Box<TurnOverrides>,
        output_schema: Option<serde_json::Value>,
    },
    Steer {
        expected_turn_id: String,
        input: Vec<UserInput>,
    },
    /// Compacts the conversation, as a turn of its own.
    Compact,
    /// Goes back to the words that the last compaction replaced.
    UndoCompaction,
    /// Reviews code, as a turn of its own.
    ReviewCode(Box<Assignment>),
    /// Runs a command of the user's own.
    UserCommand(UserCommand),
    /// An empty id means whichever turn is running.
    Interrupt {
        turn_id: String,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub enum ThreadReply {
    TurnStarted(Box<Turn>),
    Steered { turn_id: String },
    CompactionStarted,
    CompactionUndone,
    ReviewStarted(Box<Turn>),
    UserCommandStarted,
    Interrupted,
}

/// Everything that can wake a thread.
pub enum ThreadEvent {
    Request {
        key: RequestKey,
        request: ThreadRequest,
    },
    /// The settings and surroundings of a starting turn were looked up, or could not be.
    TurnResolved {
        turn_id: String,
        setup: Result<Box<TurnSetup>, TurnError>,
    },
    /// The pictures of steered input were read.
    InputRead {
        turn_id: String,
        order: usize,
        content: UserContent,
    },
    Model {
        sampling: u64,
        event: ModelEvent,
    },
    /// What a compaction tells the model beside the summary.
    ChangesFound {
        turn_id: String,
        changes: Box<Changes>,
        surroundings: Box<Surroundings>,
    },
    /// What takes the last compaction back, read off the journal.
    UndoFound {
        key: RequestKey,
        found: Result<Box<Undo>, RequestError>,
    },
    /// A call that cannot be carried out as written has a text for the model instead.
    Prepared {
        call_id: String,
        result: Result<PreparedCall, String>,
    },
    Answered {
        request_id: RequestId,
        answer: Result<Answer, String>,
    },
    /// What an answer comes to within what was asked for and what an administrator allows; `None` if it is nothing.
    Granted {
        call_id: String,
        scope: PermissionGrantScope,
        result: Result<Option<Box<MoreRights>>, String>,
    },
    /// The automatic reviewer has decided, or could not.
    Reviewed {
        request_id: RequestId,
        result: Result<Assessment, NoAssessment>,
    },
    /// Something of the thread that reviews code.
    CodeReview {
        turn_id: String,
        news: ReviewerNews,
    },
    Report(ToolReport),
    Finished {
        call_id: String,
        outcome: Box<ToolOutcome>,
    },
    Timer(Timer),
    CommitFailed {
        reason: String,
    },
    /// The process or connection is going: interrupt, end terminals, unload.
    Shutdown,
}

/// What a turn goes on with after a grant.
pub struct MoreRights {
    pub additional: Additional,
    pub settings: Arc<TurnSettings>,
}

/// What takes a compaction back.
pub struct Undo {
    /// To be appended.
    pub records: Vec<Record>,
    /// How the thread goes on behind them.
    pub resumed: Resumed,
}

/// A program of the user, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramNotice {
    pub command: Arc<[String]>,
    pub turn: TurnEnded,
}

/// What the decision needs to know of a prepared call; the call itself stays with the executor.
#[derive(Debug, Clone, PartialEq)]
pub struct PreparedCall {
    pub intent: ToolIntent,
    /// What the turn's policy becomes with what the call asks for besides.
    pub widened: Option<Box<ResolvedPolicy>>,
    /// The item as it looks while the call runs; `None` for calls that show nothing.
    pub started: Option<ThreadItem>,
    pub parallel: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timer {
    /// The next attempt of this sampling may start.
    Backoff { sampling: u64 },
    /// Calls of an ending turn had their time to report.
    Ending { turn_id: String },
    /// Terminals of a closing thread had their time to report.
    Closing,
}

/// Everything a thread can cause. Performed in order.
pub enum Effect {
    /// Append the records, then tell the notifications. If the append fails, of the effects behind it only those are
    /// performed that end something.
    Commit {
        records: Vec<Record>,
        notifications: Vec<Notification>,
    },
    /// Tell something that needs no record: deltas, starts, waits.
    Notify(Box<Notification>),
    Reply {
        key: RequestKey,
        result: Result<ThreadReply, RequestError>,
    },
    Resolve {
        turn_id: String,
        overrides: Box<TurnOverrides>,
        input: Vec<UserInput>,
    },
    ReadInput {
        turn_id: String,
        /// Comes back with the content: inputs are read side by side and recorded in the order they came.
        order: usize,
        /// Relative pictures count from here.
        cwd: AbsPath,
        /// What it may ask for.
        skills: Arc<SkillSet>,
        input: Vec<UserInput>,
    },
    Sample {
        sampling: u64,
        request: Box<ModelRequest>,
    },
    StopSampling,
    /// Look at the changed files and at the surroundings.
    FindChanges {
        turn_id: String,
        query: Box<ChangesQuery>,
        overrides: Box<TurnOverrides>,
        /// As of the turn's start.
        surroundings: Box<Surroundings>,
    },
    /// Read what takes the last compaction back; `window_id` is that of the new stretch.
    FindUndo {
        key: RequestKey,
        window_id: String,
    },
    Prepare {
        call: ToolCallView,
        kind: CallKind,
        settings: Arc<TurnSettings>,
    },
    /// The prepared call will not run.
    Discard {
        call_id: String,
    },
    Ask {
        request_id: RequestId,
        request: Box<ServerRequest>,
    },
    /// Asks the automatic reviewer instead of the client.
    Review {
        request_id: RequestId,
        request: Box<ModelRequest>,
    },
    /// Starts the thread that reviews code.
    StartReviewer {
        turn_id: String,
        prompt: String,
        overrides: Box<TurnOverrides>,
    },
    /// Ends it; its last word is that it has closed.
    EndReviewer,
    /// Takes a question back, from whomever it was put to.
    Withdraw {
        request_id: RequestId,
    },
    Run {
        call_id: String,
        policy: Box<ResolvedPolicy>,
    },
    /// Find out what an answer comes to.
    Grant {
        call_id: String,
        asked: Box<PermissionsIntent>,
        answer: Box<PermissionsAnswer>,
        settings: Arc<TurnSettings>,
    },
    /// A command of the user's own: nobody decides about it, and no sandbox holds it. It is finished, and cancelled, like a call.
    RunUserCommand {
        prepared: Box<Prepared>,
    },
    Cancel {
        call_id: String,
    },
    SetTimer {
        timer: Timer,
        after: Duration,
    },
    /// Starts the user's program that is told of completed turns; nobody waits for it.
    TellProgram(Box<ProgramNotice>),
    /// The turn is over: what was appended is made durable.
    Sync,
    EndTerminals,
    Unload,
}
