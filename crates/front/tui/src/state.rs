//! Everything the interface knows, what can happen to it, and what it wants done.

use crate::alert;
use crate::backtrack::Earlier;
use crate::cells::{Cell, Level, Notice};
use crate::cost::Cost;
use crate::dialog::Dialog;
use crate::export;
use crate::history;
use crate::keymap::Keymap;
use crate::look::Look;
use crate::mention::Mention;
use crate::pager::Pager;
use crate::picker::Picker;
use crate::preferences::Preferences;
use crate::questions::Question;
use crate::reader::Told;
use crate::rebind::Bound;
use crate::search::Search;
use crate::skills::Skills;
use crate::themes::Themes;
use crate::transcript::Transcript;
use crate::trust;
use crate::view::working::FRAME;
use crate::waits::Waits;
use crate::{Choosing, Ended, Failure, Opening, Options, Settings};
use codex_protocol::VERSION;
use codex_protocol::collaboration::ModeKind;
use codex_protocol::items::{PlanStep, Thread, ThreadTokenUsage, UserInput};
use codex_protocol::limits::RateLimitSnapshot;
use codex_protocol::requests::{ClientRequest, Method, RequestId, ThreadIdParams, ThreadRead, ThreadReadParams, ThreadSetup};
use codex_protocol::settings::{ApprovalPolicy, ApprovalsReviewer, SandboxPolicy};
use codex_protocol::terminal::TerminalSettings;
use codex_rpc::ServerMessage;
use codex_tui_kit::composer::vim::Vim;
use codex_tui_kit::composer::{Burst, Editor};
use codex_tui_kit::terminal::{Input, Size, Surface};
use codex_tui_kit::theme::{Motion, Theme};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// So many warnings are kept.
const WARNINGS_MAX: usize = 100;

/// Readings of the clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since some start.
    pub monotonic: Duration,
    pub unix_seconds: i64,
}

/// What can happen.
#[derive(Debug)]
pub enum Event {
    Input(Input),
    Server(Box<ServerMessage>),
    /// The connection has ended.
    ServerGone(String),
    Opened(Box<Result<ThreadSetup, Failure>>),
    /// The answer to [`Effect::Ask`].
    Answered {
        then: Then,
        result: Result<Value, Failure>,
    },
    /// The connection stands.
    Introduced,
    HistoryRead(Vec<String>),
    /// The decision about a checkout was written down, or could not be.
    Trusted(Result<(), Failure>),
    /// What was changed in the work tree, as git says it.
    DiffRead(Result<String, Failure>),
    /// The file that pasted text names, that text, and whether it is there.
    PictureSeen(codex_base::AbsPath, String, bool),
    ClipboardRead(Result<codex_base::AbsPath, Failure>),
    /// What the editor left of the draft.
    DraftEdited(Result<String, Failure>),
    /// The branch that is checked out.
    BranchRead(Option<String>),
    /// A folder to work in is there, or what is wrong with it.
    FolderSeen(codex_base::AbsPath, Result<(), String>),
    /// The conversation is in this file, or why not.
    Exported(Result<codex_base::AbsPath, Failure>),
    /// Something beside the conversation did not work.
    Trouble(Notice),
    /// A signal asks the process to end.
    ToldToEnd,
    /// A deadline has come.
    Tick,
}

/// What is wanted.
#[derive(Debug)]
pub enum Effect {
    /// Opens a thread; [`Event::Opened`] follows.
    Open(Opening, Settings),
    /// Sends a request; [`Event::Answered`] follows.
    Ask {
        request: Box<ClientRequest>,
        then: Then,
    },
    /// Answers a question of the server.
    Respond {
        id: RequestId,
        answer: Value,
    },
    /// Keeps a message for later sessions.
    Remember {
        session_id: String,
        text: String,
    },
    /// Writes the decision about the checkout down; [`Event::Trusted`] follows.
    Trust(trust::Trust, trust::Decision),
    /// Reads which branch is checked out there; [`Event::BranchRead`] follows.
    ReadBranch(codex_base::AbsPath),
    /// Reads what was changed in this work tree; [`Event::DiffRead`] follows.
    ReadDiff(codex_base::AbsPath),
    /// Looks whether there is such a folder; [`Event::FolderSeen`] follows.
    LookAtFolder(codex_base::AbsPath),
    /// Writes a conversation into a new file; [`Event::Exported`] follows.
    Export(export::Target, Box<Thread>),
    /// Looks whether there is such a file, for this text that was pasted; [`Event::PictureSeen`] follows.
    LookAtPicture(codex_base::AbsPath, String),
    /// Writes the picture on the clipboard into this folder; [`Event::ClipboardRead`] follows.
    ReadClipboard(codex_base::AbsPath),
    /// Shows a word beside the terminal, as Windows does.
    Toast(String),
    /// Gives the draft to an editor, which has the terminal meanwhile; [`Event::DraftEdited`] follows.
    EditDraft(crate::editor::Editor, String),
    /// Bytes for the terminal that take no place on the screen.
    Terminal(Vec<u8>),
    Suspend,
    /// Takes the terminal if somebody else had it while the process was stopped.
    Retake,
    /// Everything on the screen is painted again.
    Repaint,
    /// Leaves; what the state says about it is final.
    Leave,
}

/// What the answer to a request is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    TurnStarted,
    /// The message goes into a turn of its own if the running one is over.
    Steered(Message),
    /// Models to choose from.
    Models,
    /// The effort of the model in force goes one step up or down.
    Effort {
        more: bool,
    },
    /// Stored sessions to choose from; the number of the list.
    Sessions(u64),
    /// The search for files has begun, or knows the last query.
    Files(String),
    /// What runs in the background; a list of it, if it shall be shown.
    Terminals {
        shown: bool,
    },
    /// The skills of the folder; a list of them, if it shall be shown.
    Skills {
        shown: bool,
    },
    /// A skill is switched on or off; the list of all comes next.
    SkillSwitched,
    /// Messages to go back to.
    Earlier,
    /// The conversation on the whole window, with a search for something in it.
    Transcript {
        find: bool,
    },
    /// The conversation goes into a file.
    Export(export::Target),
    /// The archived session can be opened.
    Unarchived(Opening),
    /// The open thread is in the archive, or gone: what happened to it.
    PutAway(&'static str),
    /// What was chosen is in the configuration.
    Kept,
    /// Not even a failure is told.
    Quiet,
    /// Nothing but a failure is told, as what was tried.
    Nothing(&'static str),
}

impl Effect {
    pub fn ask<M: Method>(params: M::Params, then: Then) -> Self {
        Self::Ask {
            request: Box::new(M::request(params)),
            then,
        }
    }

    /// Asks for a whole conversation.
    pub fn read_thread(thread_id: String, then: Then) -> Self {
        let include_turns = true;
        Self::ask::<ThreadRead>(ThreadReadParams { thread_id, include_turns }, then)
    }
}

/// Something to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Message {
    pub text: String,
    /// Paths of pictures.
    pub images: Vec<String>,
    /// A command for the user's shell, with its `!`.
    pub shell: bool,
}

impl Message {
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// Pictures first, then the text.
    pub fn input(&self) -> Vec<UserInput> {
        let images = self.images.iter().map(|path| UserInput::LocalImage { path: path.clone() });
        let text = (!self.text.is_empty()).then(|| UserInput::Text { text: self.text.clone() });
        images.chain(text).collect()
    }
}

/// The thread that is talked to.
#[derive(Debug)]
pub enum Session {
    Opening,
    Open(Box<Open>),
}

/// An open thread, and what is in force on it.
#[derive(Debug, Clone)]
pub struct Open {
    pub thread_id: String,
    pub name: Option<String>,
    pub model: String,
    pub model_provider: String,
    pub effort: Option<String>,
    pub mode: ModeKind,
    pub cwd: codex_base::AbsPath,
    pub approval_policy: ApprovalPolicy,
    pub approvals_reviewer: ApprovalsReviewer,
    pub sandbox: SandboxPolicy,
    pub instruction_sources: Vec<codex_base::AbsPath>,
    /// Something was said in it, so it can be resumed.
    pub has_turns: bool,
}

impl Open {
    pub fn of(setup: &ThreadSetup) -> Self {
        Self {
            thread_id: setup.thread.id.clone(),
            name: setup.thread.name.clone(),
            model: setup.model.clone(),
            model_provider: setup.model_provider.clone(),
            effort: setup.reasoning_effort.clone(),
            mode: setup.collaboration_mode.as_ref().map(|mode| mode.mode).unwrap_or_default(),
            cwd: setup.cwd.clone(),
            approval_policy: setup.approval_policy,
            approvals_reviewer: setup.approvals_reviewer,
            sandbox: setup.sandbox.clone(),
            instruction_sources: setup.instruction_sources.clone(),
            has_turns: !setup.thread.turns.is_empty(),
        }
    }

    /// For requests that need nothing but its id.
    pub fn id(&self) -> ThreadIdParams {
        ThreadIdParams {
            thread_id: self.thread_id.clone(),
        }
    }
}

/// What was chosen here for the turns to come, over what the thread was opened with.
#[derive(Debug, Default)]
pub struct Chosen {
    pub model: Option<String>,
    pub effort: Option<String>,
    pub mode: Option<ModeKind>,
    pub cwd: Option<codex_base::AbsPath>,
    pub approval_policy: Option<ApprovalPolicy>,
    pub approvals_reviewer: Option<ApprovalsReviewer>,
    pub sandbox: Option<SandboxPolicy>,
    /// Not said to the server yet.
    pub unsaid: bool,
    /// What was in force before, should the server refuse it.
    pub before: Option<Box<Open>>,
}

/// A turn that runs, or was asked for.
#[derive(Debug)]
pub struct Working {
    /// `None` until the server has said it.
    pub turn_id: Option<String>,
    pub since: Duration,
    pub waits: Waits,
    /// Somebody wants it to end.
    pub interrupting: bool,
}

/// Walking through what was written before.
#[derive(Debug, Default)]
pub struct Recall {
    /// Oldest first.
    pub entries: Vec<String>,
    /// Which entry is shown, and what stood in the field before.
    pub at: Option<(usize, String)>,
}

/// A word in the footer that goes away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    pub until: Duration,
}

/// The question about the checkout, and what is opened once it is answered.
#[derive(Debug)]
pub struct AskTrust {
    pub trust: trust::Trust,
    pub dialog: Dialog<Option<trust::Decision>>,
    pub opening: Opening,
}

#[derive(Debug)]
pub struct State {
    pub size: Size,
    /// Where the conversation is.
    pub surface: Surface,
    /// On the whole window: the first row of the transcript that is shown; `None` follows what comes.
    pub scrolled: Option<usize>,
    /// What the running turn proposes last: the item and its text.
    pub proposed: Option<(String, Arc<str>)>,
    /// The steps of the running turn, if the model keeps a plan.
    pub plan: Vec<PlanStep>,
    /// On the whole window, above everything else.
    pub pager: Option<Pager>,
    pub ask_trust: Option<AskTrust>,
    /// A session is to be chosen as soon as there is a connection, and no other question.
    pub choosing: Option<Choosing>,
    /// The first one is asked.
    pub questions: VecDeque<Question>,
    pub focused: bool,
    pub look: Look,
    pub keymap: Keymap,
    /// What the configuration says of the interface, and what was chosen here.
    pub wanted: TerminalSettings,
    pub themes: Themes,
    pub terminal: alert::Terminal,
    pub scratch: Option<codex_base::AbsPath>,
    /// Pictures from the clipboard: files that go when codex ends.
    pub pasted: Vec<codex_base::AbsPath>,
    pub editor_program: Option<crate::editor::Editor>,
    pub settings: Settings,
    pub session: Session,
    pub editor: Editor,
    pub burst: Burst,
    /// There while the field takes keys as Vim does.
    pub vim: Option<Vim>,
    /// Which row of the popup above the field is chosen.
    pub popup_chosen: usize,
    /// Pictures of the next message.
    pub images: Vec<String>,
    pub recall: Recall,
    pub history: Option<history::File>,
    pub transcript: Transcript,
    pub working: Option<Working>,
    /// Items of commands that go on without being waited for.
    pub background: Vec<String>,
    /// Sent to the running turn and not part of it yet.
    pub steering: Vec<Message>,
    /// To be sent when the turn has ended, or the session is open.
    pub queue: VecDeque<Message>,
    /// The session was asked to be archived or deleted: the server closes it for that.
    pub is_putting_away: bool,
    pub usage: Option<ThreadTokenUsage>,
    /// Told before the answer that opens the thread.
    pub usage_ahead: Option<(String, ThreadTokenUsage)>,
    pub cost: Cost,
    pub limits: RateLimitSnapshot,
    pub last_answer: Option<Arc<str>>,
    pub toast: Option<Toast>,
    /// The files that match the word the cursor is in.
    pub mention: Option<Mention>,
    /// Where the word begins whose files nobody wanted to see.
    pub mention_left: Option<usize>,
    /// So many searches for files were begun.
    pub mentions_begun: u64,
    pub skills: Skills,
    /// A list that takes all keys.
    pub picker: Option<Picker>,
    /// So many lists of stored sessions were asked for.
    pub lists_asked: u64,
    pub chosen: Chosen,
    /// The thread to return to if another one cannot be opened.
    pub previous: Option<Box<Open>>,
    /// What the turn that was asked for begins with, until the server has taken it.
    pub asked: Option<Message>,
    /// Ctrl-C was pressed once; a second press counts until then.
    pub quit_armed: Option<Duration>,
    /// Esc was pressed once; a second press counts until then.
    pub back_armed: Option<Duration>,
    /// The message that is to stand in the field when the copy is open.
    pub going_back: Option<Earlier>,
    /// Oldest first; the last [`WARNINGS_MAX`].
    pub warnings: VecDeque<String>,
    /// Configured or chosen; without one the terminal's background decides.
    pub theme_name: Option<String>,
    /// Of the working directory, where something shows it.
    pub git_branch: Option<String>,
    /// For which folder it was asked, and whether a turn ran then.
    pub branch_asked: Option<(codex_base::AbsPath, bool)>,
    /// Something written before is searched for.
    pub search: Option<Search>,
    /// The next key is the one for this.
    pub binding: Option<Bound>,
    /// The keys worth knowing are shown.
    pub shortcuts: bool,
    /// The window's title, as it was set.
    pub title_shown: Option<String>,
    /// In force when the list of themes was opened.
    pub theme_before: Option<Arc<Theme>>,
    /// For a screen reader.
    pub told: Told,
    pub ended: Option<Ended>,
}

impl State {
    /// The state at start, and what is to be done first.
    pub fn begin(options: Options, size: Size) -> (Self, Vec<Effect>) {
        let Options {
            opening,
            choosing,
            settings,
            prompt,
            images,
            home,
            history,
            timezone,
            theme,
            preferences,
            surface,
            trust,
        } = options;
        let mut preferences = preferences;
        let mut look = Look::new(preferences.apply(theme), home, &timezone);
        look.raw = preferences.settings.raw_output_mode;
        look.links = preferences.terminal.links;
        look.cwd = Some(settings.cwd.clone());
        let Preferences {
            settings: wanted,
            keymap,
            themes,
            terminal,
            editor: editor_program,
            scratch,
            warnings,
        } = preferences;
        let mut transcript = match surface {
            Surface::Inline | Surface::Linear => Transcript::default(),
            Surface::Fullscreen => Transcript::keeping(),
        };
        transcript.push(Cell::Header {
            version: VERSION.to_owned(),
            place: look.path(&settings.cwd),
        });
        transcript.settle(size.columns, &look);
        let first = prompt.map(|prompt| Message {
            text: prompt.replace("\r\n", "\n").replace('\r', "\n"),
            images: images.clone(),
            shell: false,
        });
        let (ask_trust, effects) = match trust {
            Some(trust) => {
                let dialog = trust::dialog(&trust.folder, &look);
                (Some(AskTrust { trust, dialog, opening }), Vec::new())
            }
            None if choosing.is_some() => (None, Vec::new()),
            None => (None, vec![Effect::Open(opening, settings.clone())]),
        };
        let mut state = Self {
            size,
            surface,
            scrolled: None,
            proposed: None,
            usage_ahead: None,
            plan: Vec::new(),
            pager: None,
            ask_trust,
            choosing,
            questions: VecDeque::new(),
            focused: true,
            look,
            keymap,
            theme_name: wanted.theme.clone(),
            burst: Burst::new(wanted.disable_paste_burst),
            vim: wanted.vim_mode_default.then(Vim::default),
            wanted,
            themes,
            terminal,
            editor_program,
            scratch,
            pasted: Vec::new(),
            settings,
            session: Session::Opening,
            editor: Editor::default(),
            popup_chosen: 0,
            images: if first.is_some() { Vec::new() } else { images },
            recall: Recall::default(),
            history,
            transcript,
            working: None,
            background: Vec::new(),
            steering: Vec::new(),
            queue: first.into_iter().collect(),
            is_putting_away: false,
            usage: None,
            cost: Cost::default(),
            limits: RateLimitSnapshot::default(),
            last_answer: None,
            toast: None,
            mention: None,
            mention_left: None,
            mentions_begun: 0,
            skills: Skills::default(),
            picker: None,
            lists_asked: 0,
            chosen: Chosen::default(),
            previous: None,
            asked: None,
            quit_armed: None,
            back_armed: None,
            going_back: None,
            warnings: VecDeque::new(),
            git_branch: None,
            branch_asked: None,
            search: None,
            binding: None,
            shortcuts: false,
            title_shown: None,
            theme_before: None,
            told: Told::default(),
            ended: None,
        };
        for warning in warnings {
            state.notice(Notice::warning(warning));
        }
        (state, effects)
    }

    pub fn open(&self) -> Option<&Open> {
        match &self.session {
            Session::Open(open) => Some(open),
            Session::Opening => None,
        }
    }

    /// Where commands run.
    pub fn cwd(&self) -> &codex_base::AbsPath {
        self.open().map_or(&self.settings.cwd, |open| &open.cwd)
    }

    /// The next turn is in plan mode.
    pub fn is_planning(&self) -> bool {
        self.open().is_some_and(|open| open.mode == ModeKind::Plan)
    }

    /// So wide may a row be that comes and goes. What is heard is never cut.
    pub const fn columns(&self) -> u16 {
        match self.surface {
            Surface::Linear => u16::MAX,
            Surface::Inline | Surface::Fullscreen => self.size.columns,
        }
    }

    /// Changes what is in force from the next turn on.
    pub fn choose(&mut self, change: impl FnOnce(&mut Open, &mut Chosen)) {
        if let Session::Open(open) = &mut self.session {
            self.chosen.before.get_or_insert_with(|| open.clone());
            self.chosen.unsaid = true;
            change(open, &mut self.chosen);
        }
    }

    pub fn push(&mut self, cell: Cell) {
        self.transcript.push(cell);
    }

    pub fn notice(&mut self, notice: Notice) {
        if notice.level != Level::Info {
            self.warnings.push_back(notice.text.clone());
            if self.warnings.len() > WARNINGS_MAX {
                self.warnings.pop_front();
            }
        }
        self.push(Cell::Notice(notice));
    }

    /// Which part of the window is used now.
    pub fn surface(&self) -> Surface {
        if self.pager.is_some() { Surface::Fullscreen } else { self.surface }
    }

    /// When something changes by itself.
    pub fn deadline(&self, now: Now) -> Option<Duration> {
        // The seconds that are shown go on.
        let step = match self.look.theme.motion {
            Motion::Full => FRAME,
            Motion::Reduced => Duration::from_secs(1),
        };
        let next = |step: Duration| step * u32::try_from(now.monotonic.as_millis() / step.as_millis() + 1).unwrap_or(u32::MAX);
        let second = self.working.is_some().then(|| next(step));
        let toast = self.toast.as_ref().map(|toast| toast.until);
        let more_lines = self.transcript.is_unsettled().then_some(now.monotonic);
        [second, toast, self.quit_armed, self.burst.due(), more_lines]
            .into_iter()
            .flatten()
            .min()
    }
}
