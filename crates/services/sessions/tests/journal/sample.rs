//! A thread with one turn, and small things to make others from.

use codex_base::{AbsPath, Timestamp};
use codex_protocol::collaboration::{CollaborationMode, ModeKind};
use codex_protocol::items::{
    CommandAction, CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus, FileUpdateChange, GitInfo, PatchApplyStatus,
    PatchChangeKind, SessionSource, ThreadItem, ThreadTokenUsage, TokenUsageBreakdown, UserInput,
};
use codex_protocol::journal::{EventMsg, Record, SessionMeta, TokenUsageRecord, TurnContext, TurnTimes, WorldState};
use codex_protocol::response_item::ResponseItem;
use codex_protocol::settings::{ApprovalPolicy, SandboxPolicy};
use codex_sessions::{Index, Journal};

pub const THREAD: &str = "01a1f850-5e9b-7640-b3cf-849f0dfad6aa";

pub fn path(text: &str) -> AbsPath {
    AbsPath::new(text).unwrap()
}

pub fn home(temp: &tempfile::TempDir) -> AbsPath {
    path(temp.path().to_str().unwrap())
}

pub fn index(home: &AbsPath) -> Index {
    Index::new(home.clone())
}

/// Noon of 20 November 2026, UTC, and some milliseconds.
pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_795_176_000_000 + ms).unwrap()
}

pub fn item(text: &str) -> ResponseItem {
    serde_json::from_str(text).unwrap()
}

pub fn event(event: EventMsg) -> Record {
    Record::Event(Box::new(event))
}

pub fn meta(cwd: &str) -> SessionMeta {
    SessionMeta {
        id: THREAD.to_owned(),
        session_id: THREAD.to_owned(),
        timestamp: "2026-11-20T12:00:00.000Z".to_owned(),
        cwd: path(cwd),
        originator: "codex_exec".to_owned(),
        cli_version: "0.200.0".to_owned(),
        source: SessionSource::Exec,
        thread_source: None,
        model_provider: "mock".to_owned(),
        model: "some-model".to_owned(),
        base_instructions: "Be good.".to_owned(),
        base_item: Some(item(
            r#"{"type":"message", "role":"developer","content":[{"type":"input_text","text":"Be good."}]}"#,
        )),
        tools: Some("[]".to_owned()),
        git: Some(GitInfo {
            sha: Some("0123".to_owned()),
            branch: Some("main".to_owned()),
            origin_url: None,
        }),
        forked_from_id: None,
        history_base: None,
        parent_thread_id: None,
    }
}

pub fn meta_record(cwd: &str) -> Record {
    Record::SessionMeta(Box::new(meta(cwd)))
}

pub fn started(turn_id: &str, started_at: i64) -> Record {
    event(EventMsg::TaskStarted {
        turn_id: turn_id.to_owned(),
        started_at,
        model_context_window: Some(1000),
        mode: ModeKind::Default,
    })
}

pub fn complete(turn_id: &str, last_agent_message: &str) -> Record {
    event(EventMsg::TaskComplete {
        turn_id: turn_id.to_owned(),
        last_agent_message: Some(last_agent_message.into()),
        times: TurnTimes {
            started_at: 10,
            completed_at: 12,
            duration_ms: 2000,
        },
        error: None,
    })
}

pub fn completed_item(turn_id: &str, item: ThreadItem) -> Record {
    event(EventMsg::ItemCompleted {
        thread_id: THREAD.to_owned(),
        turn_id: turn_id.to_owned(),
        item,
        started_at_ms: 1,
        completed_at_ms: 2,
    })
}

pub fn user(id: &str, text: &str) -> ThreadItem {
    ThreadItem::UserMessage {
        id: id.to_owned(),
        content: vec![UserInput::Text { text: text.to_owned() }],
    }
}

pub fn agent(id: &str, text: &str) -> ThreadItem {
    ThreadItem::AgentMessage {
        id: id.to_owned(),
        text: text.into(),
        phase: Some("final_answer".to_owned()),
    }
}

pub fn message(role: &str, text: &str) -> Record {
    let kind = if role == "assistant" { "output_text" } else { "input_text" };
    Record::ResponseItem(item(&format!(
        r#"{{"type":"message","role":"{role}","content":[{{"type":"{kind}","text":"{text}"}}]}}"#
    )))
}

pub fn command() -> ThreadItem {
    ThreadItem::CommandExecution(CommandExecutionItem {
        id: "call_1".to_owned(),
        command: "/bin/bash -c 'cat a.txt'".to_owned(),
        cwd: path("/w/ä b"),
        process_id: Some("7".to_owned()),
        source: CommandExecutionSource::UnifiedExecStartup,
        status: CommandExecutionStatus::Completed,
        command_actions: vec![CommandAction::Read {
            command: "cat a.txt".to_owned(),
            name: "a.txt".to_owned(),
            path: "a.txt".to_owned(),
        }],
        aggregated_output: Some("hello\n".to_owned()),
        exit_code: Some(0),
        duration_ms: Some(1234),
        limit_reached: None,
    })
}

pub fn patch() -> ThreadItem {
    let change = |path_text: &str, kind, diff: &str| FileUpdateChange {
        path: path(path_text),
        kind,
        diff: diff.to_owned(),
    };
    ThreadItem::FileChange {
        id: "call_2".to_owned(),
        changes: vec![
            change("/w/new", PatchChangeKind::Add, "a\n"),
            change(
                "/w/b",
                PatchChangeKind::Update {
                    move_path: Some(path("/w/c")),
                },
                "@@ -1 +1 @@\n-a\n+b\n",
            ),
            change("/w/old", PatchChangeKind::Delete, "gone\n"),
        ],
        status: PatchApplyStatus::Completed,
    }
}

pub fn usage(n: i64) -> TokenUsageBreakdown {
    TokenUsageBreakdown {
        total_tokens: 12 * n,
        input_tokens: 10 * n,
        cached_input_tokens: 4 * n,
        cache_write_input_tokens: 0,
        output_tokens: 2 * n,
        reasoning_output_tokens: n,
    }
}

/// Everything that a turn with a command and a patch leaves behind.
pub fn turn(turn_id: &str) -> Vec<Record> {
    let usage_of = |response: &str, n| {
        Record::TokenUsage(Box::new(TokenUsageRecord {
            thread_id: THREAD.to_owned(),
            turn_id: turn_id.to_owned(),
            response_id: response.to_owned(),
            usage: usage(1),
            thread_token_usage: usage(n),
        }))
    };
    vec![
        started(turn_id, 10),
        message("developer", "permissions"),
        Record::WorldState(Box::new(WorldState {
            permissions: Some("permissions".to_owned()),
            project_docs: None,
            skills: None,
            collaboration_mode: None,
            environment: [("cwd".to_owned(), "/w".to_owned())].into(),
        })),
        Record::TurnContext(Box::new(TurnContext {
            turn_id: turn_id.to_owned(),
            cwd: path("/w"),
            approval_policy: ApprovalPolicy::Never,
            sandbox_policy: SandboxPolicy::workspace_write(),
            model: "some-model".to_owned(),
            effort: Some("medium".to_owned()),
            summary: Some("auto".to_owned()),
            collaboration_mode: CollaborationMode::default(),
        })),
        message("user", "Fix it."),
        completed_item(turn_id, user("item_1", "Fix it.")),
        completed_item(
            turn_id,
            ThreadItem::Reasoning {
                id: "rs_1".to_owned(),
                summary: vec!["thinking".to_owned()],
                content: vec![],
            },
        ),
        Record::ResponseItem(item(
            r#"{"type":"function_call","id":"fc_1","call_id":"call_1","name":"exec_command","arguments":"{ }","n":1.0e2}"#,
        )),
        usage_of("resp_1", 1),
        completed_item(turn_id, command()),
        Record::ResponseItem(item(r#"{"type":"function_call_output","call_id":"call_1","output":"hello\n"}"#)),
        completed_item(turn_id, patch()),
        completed_item(turn_id, agent("msg_1", "Done.")),
        message("assistant", "Done."),
        usage_of("resp_2", 2),
        event(EventMsg::TokenCount {
            usage: ThreadTokenUsage {
                total: usage(2),
                last: usage(1),
                model_context_window: Some(1000),
            },
            rate_limits: None,
        }),
        complete(turn_id, "Done."),
    ]
}

pub fn thread() -> Vec<Record> {
    std::iter::once(meta_record("/w")).chain(turn("turn_1")).collect()
}

/// Writes records one by one, a millisecond apart.
pub fn write(journal: &mut Journal, records: &[Record]) {
    for (n, record) in records.iter().enumerate() {
        journal.append(std::slice::from_ref(record), at(i64::try_from(n).unwrap())).unwrap();
    }
}

/// A new journal with these records; its text.
pub fn text_of(records: &[Record]) -> String {
    let temp = tempfile::tempdir().unwrap();
    let mut journal = Journal::create(&home(&temp), THREAD, at(0), "UTC").unwrap();
    write(&mut journal, records);
    std::fs::read_to_string(journal.path().unwrap()).unwrap()
}

/// Puts a file where a session's journal lies.
pub fn store(home: &AbsPath, contents: &[u8]) -> AbsPath {
    let file = home.join(format!("sessions/2026/11/20/rollout-2026-11-20T12-00-00-{THREAD}.jsonl"));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, contents).unwrap();
    file
}

pub fn only_records(loaded: &codex_sessions::Loaded) -> Vec<Record> {
    loaded.records.iter().map(|(_, record)| record.clone()).collect()
}
