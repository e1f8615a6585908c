//! Properties: nothing is lost between a record and its line, and no bytes are too strange to read.

use crate::sample::{THREAD, at, event, home, item, meta, only_records, path, store, text_of, thread};
use codex_base::AbsPath;
use codex_protocol::additional::{AdditionalFiles, AdditionalNetwork, AdditionalPermissions};
use codex_protocol::assessment::{ApprovalReview, ApprovalReviewStatus, ReviewedAction, RiskLevel};
use codex_protocol::call_items::{
    CallStatus, CollabAgentState, CollabAgentStatus, CollabAgentTool, CollabAgentToolCallItem, McpToolCallError, McpToolCallItem,
    McpToolCallResult, WebSearchAction,
};
use codex_protocol::collaboration::{CollaborationMode, ModeKind, ModeSettings};
use codex_protocol::errors::{CodexErrorInfo, TurnError};
use codex_protocol::items::{
    CommandAction, CommandExecutionItem, CommandExecutionSource, CommandExecutionStatus, FileUpdateChange, GitInfo, LimitHit, LimitReached,
    PatchApplyStatus, PatchChangeKind, SessionSource, ThreadItem, ThreadTokenUsage, TokenUsageBreakdown, UserInput,
};
use codex_protocol::journal::{
    ApprovalReviewed, Compacted, CompactionAsk, EventMsg, PermissionsGranted, PrefixBase, Record, SentRequest, SessionMeta,
    TokenUsageRecord, TurnContext, TurnTimes, WorldState,
};
use codex_protocol::limits::{CreditsSnapshot, Percent, RateLimitSnapshot, RateLimitWindow};
use codex_protocol::questions::PermissionGrantScope;
use codex_protocol::response_item::ResponseItem;
use codex_protocol::review::{CodeLocation, LineRange, ReviewFinding, ReviewOutput, ReviewTarget};
use codex_protocol::settings::{ApprovalPolicy, SandboxPolicy};
use codex_sessions::line::{Encoder, from_line};
use codex_sessions::{Journal, model_input, read, turns};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z '\"$\\\\\n-]{0,12}"]
}

/// Absolute, in Unicode, without the separators of other systems.
fn abs_path() -> impl Strategy<Value = AbsPath> {
    vec("[^/\\\\\0:]{1,8}", 0..4).prop_map(|parts| path(&format!("/{}", parts.join("/"))))
}

fn inputs() -> BoxedStrategy<UserInput> {
    prop_oneof![
        text().prop_map(|text| UserInput::Text { text }),
        text().prop_map(|path| UserInput::LocalImage { path }),
        text().prop_map(|url| UserInput::Image { url }),
    ]
    .boxed()
}

fn actions() -> BoxedStrategy<CommandAction> {
    prop_oneof![
        (text(), text(), text()).prop_map(|(command, name, path)| CommandAction::Read { command, name, path }),
        (text(), of(text())).prop_map(|(command, path)| CommandAction::ListFiles { command, path }),
        (text(), of(text()), of(text())).prop_map(|(command, query, path)| CommandAction::Search { command, query, path }),
        text().prop_map(|command| CommandAction::Unknown { command }),
    ]
    .boxed()
}

fn commands() -> BoxedStrategy<CommandExecutionItem> {
    use CommandExecutionSource as Source;
    use CommandExecutionStatus as Status;
    let source = prop_oneof![
        Just(Source::Agent),
        Just(Source::UserShell),
        Just(Source::UnifiedExecStartup),
        Just(Source::UnifiedExecInteraction)
    ];
    let status = prop_oneof![
        Just(Status::InProgress),
        Just(Status::Completed),
        Just(Status::Failed),
        Just(Status::Declined)
    ];
    let first = (text(), text(), abs_path(), of(text()), source, status);
    let limit = prop_oneof![Just(LimitHit::FileSize), Just(LimitHit::Memory), Just(LimitHit::Processes)];
    let reached = (limit, of(any::<u64>()), of(any::<u64>()), of(any::<u64>()));
    let reached = reached.prop_map(|(limit, allowed, cpu_ms, peak_memory_bytes)| LimitReached {
        limit,
        allowed,
        cpu_ms,
        peak_memory_bytes,
    });
    let second = (vec(actions(), 0..3), of(text()), of(any::<i32>()), of(any::<i64>()), of(reached));
    (first, second)
        .prop_map(
            |(
                (id, command, cwd, process_id, source, status),
                (command_actions, aggregated_output, exit_code, duration_ms, limit_reached),
            )| {
                CommandExecutionItem {
                    id,
                    command,
                    cwd,
                    process_id,
                    source,
                    status,
                    command_actions,
                    aggregated_output,
                    exit_code,
                    duration_ms,
                    limit_reached: limit_reached.map(Box::new),
                }
            },
        )
        .boxed()
}

fn changes() -> BoxedStrategy<FileUpdateChange> {
    let kind = prop_oneof![
        Just(PatchChangeKind::Add),
        Just(PatchChangeKind::Delete),
        of(abs_path()).prop_map(|move_path| PatchChangeKind::Update { move_path }),
    ];
    (abs_path(), kind, text())
        .prop_map(|(path, kind, diff)| FileUpdateChange { path, kind, diff })
        .boxed()
}

fn search_actions() -> BoxedStrategy<WebSearchAction> {
    prop_oneof![
        (of(text()), of(vec(text(), 0..3))).prop_map(|(query, queries)| WebSearchAction::Search { query, queries }),
        of(text()).prop_map(|url| WebSearchAction::OpenPage { url }),
        (of(text()), of(text())).prop_map(|(url, pattern)| WebSearchAction::FindInPage { url, pattern }),
        Just(WebSearchAction::Other),
    ]
    .boxed()
}

fn call_status() -> impl Strategy<Value = CallStatus> {
    prop_oneof![Just(CallStatus::InProgress), Just(CallStatus::Completed), Just(CallStatus::Failed)]
}

fn mcp_calls() -> impl Strategy<Value = McpToolCallItem> {
    let result = vec(text(), 0..3).prop_map(|texts| McpToolCallResult {
        content: texts.into_iter().map(|text| json!({"type": "text", "text": text})).collect(),
        structured_content: Some(json!({"a": 1})),
        meta: None,
    });
    let error = text().prop_map(|message| McpToolCallError { message });
    (text(), text(), text(), call_status(), of(result), of(error), of(0..100_000_i64)).prop_map(
        |(id, server, tool, status, result, error, duration_ms)| McpToolCallItem {
            arguments: json!({"tool": tool}),
            id,
            server,
            tool,
            status,
            result,
            error,
            duration_ms,
        },
    )
}

fn collab_calls() -> impl Strategy<Value = CollabAgentToolCallItem> {
    let tool = prop_oneof![
        Just(CollabAgentTool::SpawnAgent),
        Just(CollabAgentTool::SendInput),
        Just(CollabAgentTool::ResumeAgent),
        Just(CollabAgentTool::Wait),
        Just(CollabAgentTool::CloseAgent)
    ];
    let state = prop_oneof![
        Just(CollabAgentStatus::PendingInit),
        Just(CollabAgentStatus::Running),
        Just(CollabAgentStatus::NotFound),
        Just(CollabAgentStatus::Completed)
    ];
    let states = vec((text(), state, of(text())), 0..3).prop_map(|states| {
        let state = |(id, status, message)| (id, CollabAgentState { status, message });
        states.into_iter().map(state).collect()
    });
    (text(), tool, call_status(), text(), vec(text(), 0..3), of(text()), states).prop_map(
        |(id, tool, status, sender_thread_id, receiver_thread_ids, prompt, agents_states)| CollabAgentToolCallItem {
            id,
            tool,
            status,
            sender_thread_id,
            receiver_thread_ids,
            prompt,
            agents_states,
        },
    )
}

fn items() -> BoxedStrategy<ThreadItem> {
    use PatchApplyStatus as Status;
    let status = prop_oneof![
        Just(Status::InProgress),
        Just(Status::Completed),
        Just(Status::Failed),
        Just(Status::Declined)
    ];
    prop_oneof![
        (text(), vec(inputs(), 0..3)).prop_map(|(id, content)| ThreadItem::UserMessage { id, content }),
        (text(), text(), of(text())).prop_map(|(id, text, phase)| ThreadItem::AgentMessage {
            id,
            text: text.into(),
            phase
        }),
        (text(), text()).prop_map(|(id, text)| ThreadItem::Plan { id, text: text.into() }),
        (text(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(|(id, summary, content)| ThreadItem::Reasoning { id, summary, content }),
        commands().prop_map(ThreadItem::CommandExecution),
        (text(), vec(changes(), 0..3), status).prop_map(|(id, changes, status)| ThreadItem::FileChange { id, changes, status }),
        (text(), abs_path()).prop_map(|(id, path)| ThreadItem::ImageView { id, path }),
        text().prop_map(|id| ThreadItem::ContextCompaction { id }),
        (text(), text(), of(search_actions())).prop_map(|(id, query, action)| ThreadItem::WebSearch { id, query, action }),
        (text(), text(), of(review_targets())).prop_map(|(id, review, target)| ThreadItem::EnteredReviewMode { id, review, target }),
        (text(), text(), of(review_outputs())).prop_map(|(id, review, output)| ThreadItem::ExitedReviewMode {
            id,
            review,
            output: output.map(Box::new)
        }),
        (text(), review_outputs()).prop_map(|(id, output)| ThreadItem::ExitedReviewMode {
            id,
            review: output.to_string(),
            output: Some(Box::new(output))
        }),
        mcp_calls().prop_map(|call| ThreadItem::McpToolCall(Box::new(call))),
        collab_calls().prop_map(|call| ThreadItem::CollabAgentToolCall(Box::new(call))),
    ]
    .boxed()
}

fn review_targets() -> impl Strategy<Value = ReviewTarget> {
    prop_oneof![
        Just(ReviewTarget::UncommittedChanges),
        text().prop_map(|branch| ReviewTarget::BaseBranch { branch }),
        (text(), of(text())).prop_map(|(sha, title)| ReviewTarget::Commit { sha, title }),
        text().prop_map(|instructions| ReviewTarget::Custom { instructions }),
    ]
}

fn review_outputs() -> impl Strategy<Value = ReviewOutput> {
    let scores = || (0..=100u32).prop_map(|percent| serde_json::Number::from_f64(f64::from(percent) / 100.0).unwrap());
    let places = (text(), any::<u32>(), any::<u32>()).prop_map(|(absolute_file_path, start, end)| CodeLocation {
        absolute_file_path,
        line_range: LineRange { start, end },
    });
    let findings =
        (text(), text(), scores(), of(0..4i64), of(places)).prop_map(|(title, body, confidence_score, priority, code_location)| {
            ReviewFinding {
                title,
                body,
                confidence_score,
                priority,
                code_location,
            }
        });
    (vec(findings, 0..3), text(), text(), scores()).prop_map(
        |(findings, overall_correctness, overall_explanation, overall_confidence_score)| ReviewOutput {
            findings,
            overall_correctness,
            overall_explanation,
            overall_confidence_score,
        },
    )
}

fn usages() -> impl Strategy<Value = TokenUsageBreakdown> {
    // Totals are added up, so each stays far below the largest number.
    any::<[i32; 6]>().prop_map(|n| TokenUsageBreakdown {
        total_tokens: n[0].into(),
        input_tokens: n[1].into(),
        cached_input_tokens: n[2].into(),
        cache_write_input_tokens: n[3].into(),
        output_tokens: n[4].into(),
        reasoning_output_tokens: n[5].into(),
    })
}

fn errors() -> BoxedStrategy<TurnError> {
    use CodexErrorInfo as Info;
    let info = prop_oneof![
        Just(Info::ContextWindowExceeded),
        Just(Info::Other),
        Just(Info::CyberPolicy),
        of(any::<u16>()).prop_map(|http_status_code| Info::HttpConnectionFailed { http_status_code }),
        of(any::<u16>()).prop_map(|http_status_code| Info::ResponseTooManyFailedAttempts { http_status_code }),
    ];
    (text(), of(info), of(text()), of(text()))
        .prop_map(|(message, codex_error_info, additional_details, code)| TurnError {
            message,
            codex_error_info,
            additional_details,
            code,
        })
        .boxed()
}

fn modes() -> impl Strategy<Value = CollaborationMode> {
    let kind = prop_oneof![Just(ModeKind::Plan), Just(ModeKind::Default)];
    (kind, text(), of(text()), of(text())).prop_map(|(mode, model, reasoning_effort, developer_instructions)| CollaborationMode {
        mode,
        settings: ModeSettings {
            model,
            reasoning_effort,
            developer_instructions,
        },
    })
}

const fn times([started_at, completed_at, duration_ms]: [i64; 3]) -> TurnTimes {
    TurnTimes {
        started_at,
        completed_at,
        duration_ms,
    }
}

fn events() -> BoxedStrategy<EventMsg> {
    prop_oneof![
        (text(), any::<i64>(), of(any::<i64>()), modes()).prop_map(|(turn_id, started_at, model_context_window, mode)| {
            EventMsg::TaskStarted {
                turn_id,
                started_at,
                model_context_window,
                mode: mode.mode,
            }
        }),
        (text(), of(text()), any::<[i64; 3]>(), of(errors())).prop_map(|(turn_id, last_agent_message, numbers, error)| {
            EventMsg::TaskComplete {
                turn_id,
                last_agent_message: last_agent_message.map(Into::into),
                times: times(numbers),
                error,
            }
        }),
        (text(), text(), any::<[i64; 3]>()).prop_map(|(turn_id, reason, numbers)| EventMsg::TurnAborted {
            turn_id,
            reason,
            times: times(numbers),
        }),
        (text(), text(), items(), any::<[i64; 2]>()).prop_map(|(thread_id, turn_id, item, [started_at_ms, completed_at_ms])| {
            EventMsg::ItemCompleted {
                thread_id,
                turn_id,
                item,
                started_at_ms,
                completed_at_ms,
            }
        }),
        (usages(), usages(), of(any::<i64>()), of(limits())).prop_map(|(total, last, model_context_window, limits)| {
            EventMsg::TokenCount {
                usage: ThreadTokenUsage {
                    total,
                    last,
                    model_context_window,
                },
                rate_limits: limits.map(Box::new),
            }
        }),
        any::<u32>().prop_map(|num_turns| EventMsg::ThreadRolledBack { num_turns }),
        (text(), text(), text(), of(text())).prop_map(|(turn_id, call_id, command, rationale)| EventMsg::ApprovalReviewed(
            ApprovalReviewed {
                turn_id,
                call_id,
                action: ReviewedAction::Command {
                    source: "unifiedExec".into(),
                    command,
                    cwd: codex_base::AbsPath::new(std::env::temp_dir()).unwrap(),
                },
                review: ApprovalReview {
                    status: ApprovalReviewStatus::Denied,
                    risk_level: rationale.is_some().then_some(RiskLevel::High),
                    rationale,
                },
            }
        )),
        (text(), text(), text(), any::<bool>()).prop_map(|(turn_id, call_id, path, session)| EventMsg::PermissionsGranted(
            PermissionsGranted {
                turn_id,
                call_id,
                permissions: AdditionalPermissions {
                    file_system: Some(AdditionalFiles {
                        write: Some(vec![path]),
                        ..AdditionalFiles::default()
                    }),
                    network: session.then_some(AdditionalNetwork { enabled: Some(true) }),
                },
                scope: if session {
                    PermissionGrantScope::Session
                } else {
                    PermissionGrantScope::Turn
                },
            }
        )),
    ]
    .boxed()
}

fn limits() -> impl Strategy<Value = RateLimitSnapshot> {
    let window =
        (0..1_000_000_u32, of(any::<i64>()), of(any::<i64>())).prop_map(|(hundredths, window_duration_mins, resets_at)| RateLimitWindow {
            used_percent: Percent::new(f64::from(hundredths) / 100.0).unwrap(),
            window_duration_mins,
            resets_at,
        });
    let credits = (any::<[bool; 2]>(), of(text())).prop_map(|([has_credits, unlimited], balance)| CreditsSnapshot {
        has_credits,
        unlimited,
        balance,
    });
    (of(text()), of(window.clone()), of(window), of(credits), of(text())).prop_map(|(name, primary, secondary, credits, plan_type)| {
        RateLimitSnapshot {
            limit_id: name.clone(),
            limit_name: name.clone(),
            primary,
            secondary,
            credits,
            plan_type,
            rate_limit_reached_type: name,
        }
    })
}

fn metas() -> BoxedStrategy<SessionMeta> {
    use SessionSource as Source;
    let source = prop_oneof![
        Just(Source::Cli),
        Just(Source::Vscode),
        Just(Source::Exec),
        Just(Source::AppServer),
        Just(Source::Unknown)
    ];
    let git = (of(text()), of(text()), of(text())).prop_map(|(sha, branch, origin_url)| GitInfo { sha, branch, origin_url });
    let texts = any::<[String; 6]>();
    (texts, abs_path(), source, of(git), of(text()), of(response_items()))
        .prop_map(|(texts, cwd, source, git, tools, base_item)| {
            let [id, session_id, originator, cli_version, model, base_instructions] = texts;
            SessionMeta {
                id,
                session_id,
                cwd,
                originator,
                cli_version,
                source,
                model,
                base_instructions,
                base_item,
                tools,
                git,
                ..meta("/w")
            }
        })
        .boxed()
}

/// Objects with odd but legal spelling.
fn response_items() -> BoxedStrategy<ResponseItem> {
    let spelling = prop_oneof![
        Just("1.0e2"),
        Just("1E400"),
        Just("-0"),
        Just("\"\\u00e4\\/\""),
        Just("{\"b\" : 1,\"b\":2, \"a\":3}"),
        Just("null")
    ];
    let kind = prop_oneof![
        Just("reasoning"),
        Just("web_search_call"),
        Just("hologram"),
        Just("function_call_output")
    ];
    (kind, spelling)
        .prop_map(|(kind, odd)| item(&format!("{{\"odd\" :{odd},\n\"type\":\"{kind}\" }}")))
        .boxed()
}

fn policies() -> BoxedStrategy<SandboxPolicy> {
    prop_oneof![
        Just(SandboxPolicy::DangerFullAccess),
        any::<bool>().prop_map(|network_access| SandboxPolicy::ReadOnly { network_access }),
        (vec(abs_path(), 0..3), any::<[bool; 3]>()).prop_map(
            |(writable_roots, [network_access, exclude_tmpdir_env_var, exclude_slash_tmp])| SandboxPolicy::WorkspaceWrite {
                writable_roots,
                network_access,
                exclude_tmpdir_env_var,
                exclude_slash_tmp
            }
        ),
    ]
    .boxed()
}

fn asks() -> BoxedStrategy<CompactionAsk> {
    let prompt =
        text().prop_map(|text| ResponseItem::make(&serde_json::json!({"type": "message", "role": "user", "content": text})).unwrap());
    (text(), prompt, any::<u64>(), any::<Option<u64>>())
        .prop_map(|(trigger, prompt, left_out, kept)| CompactionAsk {
            trigger,
            prompt,
            left_out,
            kept,
        })
        .boxed()
}

fn records() -> BoxedStrategy<Record> {
    let approval = prop_oneof![
        Just(ApprovalPolicy::Untrusted),
        Just(ApprovalPolicy::OnRequest),
        Just(ApprovalPolicy::Never)
    ];
    let context = (
        text(),
        abs_path(),
        approval,
        policies(),
        text(),
        of(text()),
        text().prop_map(Some),
        modes(),
    );
    let environment = proptest::collection::btree_map(text(), text(), 0..3);
    prop_oneof![
        metas().prop_map(|meta| Record::SessionMeta(Box::new(meta))),
        context.prop_map(
            |(turn_id, cwd, approval_policy, sandbox_policy, model, effort, summary, collaboration_mode)| {
                Record::TurnContext(Box::new(TurnContext {
                    turn_id,
                    cwd,
                    approval_policy,
                    sandbox_policy,
                    model,
                    effort,
                    summary,
                    collaboration_mode,
                }))
            }
        ),
        (of(text()), of(text()), environment).prop_map(|(permissions, project_docs, environment)| {
            Record::WorldState(Box::new(WorldState {
                permissions: permissions.clone(),
                skills: project_docs.clone(),
                collaboration_mode: permissions,
                project_docs,
                environment,
            }))
        }),
        response_items().prop_map(Record::ResponseItem),
        events().prop_map(event),
        (text(), text(), text(), usages(), usages()).prop_map(|(thread_id, turn_id, response_id, usage, thread_token_usage)| {
            Record::TokenUsage(Box::new(TokenUsageRecord {
                thread_id,
                turn_id,
                response_id,
                usage,
                thread_token_usage,
            }))
        }),
        (
            text(),
            of(vec(response_items(), 0..3)),
            any::<u64>(),
            any::<[Option<String>; 4]>(),
            any::<Option<u64>>()
        )
            .prop_map(
                |(message, replacement_history, window_number, [window_id, previous_window_id, first_window_id, response_id], undoes)| {
                    Record::Compacted(Box::new(Compacted {
                        message,
                        replacement_history,
                        window_number,
                        window_id,
                        previous_window_id,
                        first_window_id,
                        response_id,
                        undoes,
                    }))
                }
            ),
        (any::<[String; 3]>(), any::<u64>(), of(asks())).prop_map(|([turn_id, model, tools_hash], input_items, compaction)| {
            Record::ModelRequest(Box::new(SentRequest {
                turn_id,
                model,
                tools_hash,
                input_items,
                compaction,
            }))
        }),
        text().prop_map(|reason| Record::PrefixBreak { reason }),
        text().prop_map(|tools| Record::PrefixBase(Box::new(PrefixBase {
            base_item: crate::sample::item(r#"{"type":"message",  "role":"developer","content":[]}"#),
            tools
        }))),
    ]
    .boxed()
}

fn line(ordinal: Option<u64>, record: &Record) -> Vec<u8> {
    let mut line = Vec::new();
    Encoder::new(ordinal).encode(record, at(5), &mut line).unwrap();
    line
}

proptest! {
    #[test]
    fn a_record_comes_back_from_its_line(record in records()) {
        let line = line(Some(7), &record);

        prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        let read = from_line(&line).unwrap();
        prop_assert_eq!((read.timestamp, read.ordinal), (Some(at(5)), Some(7)));
        prop_assert_eq!(read.record, Some(record));
    }

    #[test]
    fn an_item_comes_back_from_its_line(item in items()) {
        let record = event(EventMsg::ItemCompleted { thread_id: THREAD.to_owned(), turn_id: String::new(), item, started_at_ms: 1, completed_at_ms: 2 });

        prop_assert_eq!(from_line(&line(None, &record)).unwrap().record, Some(record));
    }

}

proptest! {
    // Each case makes files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..400)) {
        load(&bytes);
    }

    #[test]
    fn no_change_of_a_few_bytes_is_too_strange(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..12)) {
        let mut bytes = WHOLE.clone().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        load(&bytes);
    }
}

static WHOLE: LazyLock<String> = LazyLock::new(|| text_of(&thread()));

/// Reads, reduces and resumes; only a panic or an error is a fault.
fn load(bytes: &[u8]) {
    let temp = tempfile::tempdir().unwrap();
    let loaded = read(&store(&home(&temp), bytes)).unwrap();
    turns(&loaded.records);
    model_input(&loaded.records);
    Journal::resume(&home(&temp), THREAD).unwrap();
}

#[test]
fn every_prefix_of_a_file_loads_to_a_prefix_of_its_records() {
    let temp = tempfile::tempdir().unwrap();
    let (text, all) = (&WHOLE, thread());
    // Around the end of every line, and every so often between.
    let ends = text.match_indices('\n').flat_map(|(at, _)| at.saturating_sub(2)..=at + 2);
    for length in ends.chain((0..text.len()).step_by(19)).filter(|&length| length <= text.len()) {
        let loaded = read(&store(&home(&temp), &text.as_bytes()[..length])).unwrap();

        let whole_lines = text.as_bytes()[..length].iter().filter(|&&byte| byte == b'\n').count();
        let only_newline_missing = text.as_bytes().get(length) == Some(&b'\n');
        let expect = whole_lines + usize::from(only_newline_missing);
        assert_eq!(only_records(&loaded), all[..expect], "{length} bytes");
    }
}
