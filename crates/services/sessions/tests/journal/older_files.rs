//! Files of spring 2026: no line numbers, one event per kind of item, other forms of the instructions.

use crate::sample::{THREAD, at, home, message, store};
use codex_sessions::{Journal, model_input, read, turns};

const APRIL: &str = r#"{"timestamp":"2026-04-02T10:00:00.000Z","type":"session_meta","payload":{"id":"01a1f850-5e9b-7640-b3cf-849f0dfad6aa","timestamp":"2026-04-02T09:59:59.000Z","cwd":"/w","originator":"codex_cli_rs","cli_version":"0.120.0","source":"cli","instructions":"Be old.","model_provider":"openai","git":{"commit_hash":"abc","branch":"main","repository_url":"git@example.com:a.git"}}}
{"timestamp":"2026-04-02T10:00:00.100Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"<environment_context>"}]}}
{"timestamp":"2026-04-02T10:00:00.200Z","type":"event_msg","payload":{"type":"task_started","turn_id":"t1","model_context_window":272000,"collaboration_mode_kind":"default"}}
{"timestamp":"2026-04-02T10:00:00.300Z","type":"turn_context","payload":{"turn_id":"t1","cwd":"/w","approval_policy":"on-failure","sandbox_policy":{"type":"workspace-write","network_access":false},"model":"old-model","summary":"auto"}}
{"timestamp":"2026-04-02T10:00:00.400Z","type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}],"internal_chat_message_metadata_passthrough":{"a":1}}}
{"timestamp":"2026-04-02T10:00:00.500Z","type":"event_msg","payload":{"type":"user_message","message":"hi","images":[],"local_images":["/p.png"],"text_elements":[]}}
{"timestamp":"2026-04-02T10:00:01.000Z","type":"event_msg","payload":{"type":"agent_reasoning","text":"thinking"}}
{"timestamp":"2026-04-02T10:00:01.500Z","type":"event_msg","payload":{"type":"exec_command_end","call_id":"c1","process_id":"3","turn_id":"t1","command":["bash","-c","ls -l"],"cwd":"/w","parsed_cmd":[{"type":"list_files","cmd":"ls -l","path":null}],"source":"agent","stdout":"x\n","stderr":"","aggregated_output":"x\n","exit_code":0,"duration":{"secs":1,"nanos":500000000},"formatted_output":"x\n"}}
{"timestamp":"2026-04-02T10:00:01.600Z","type":"event_msg","payload":{"type":"patch_apply_end","call_id":"c2","turn_id":"t1","stdout":"","stderr":"","success":false,"changes":{"/w/a":{"type":"add","content":"x"}}}}
{"timestamp":"2026-04-02T10:00:02.000Z","type":"event_msg","payload":{"type":"agent_message","message":"ho","phase":null}}
{"timestamp":"2026-04-02T10:00:02.100Z","type":"event_msg","payload":{"type":"token_count","info":null,"rate_limits":null}}
{"timestamp":"2026-04-02T10:00:03.000Z","type":"event_msg","payload":{"type":"task_complete","turn_id":"t1","last_agent_message":"ho"}}
{"timestamp":"2026-04-02T10:01:00.000Z","type":"event_msg","payload":{"type":"user_message","message":"and now?"}}
{"timestamp":"2026-04-02T10:01:01.000Z","type":"event_msg","payload":{"type":"agent_message","message":"nothing"}}
{"timestamp":"2026-04-02T10:02:00.000Z","type":"event_msg","payload":{"type":"user_message","message":"stop"}}
{"timestamp":"2026-04-02T10:02:01.000Z","type":"event_msg","payload":{"type":"turn_aborted","turn_id":null,"reason":"interrupted"}}
"#;

#[test]
fn a_file_of_spring_2026_loads_into_turns() {
    let temp = tempfile::tempdir().unwrap();
    let loaded = read(&store(&home(&temp), APRIL.as_bytes())).unwrap();

    assert_eq!(loaded.problems, Vec::<String>::new());
    assert_eq!(
        (loaded.meta.base_instructions.as_str(), loaded.meta.session_id.as_str()),
        ("Be old.", THREAD)
    );
    assert_eq!(loaded.preview().as_deref(), Some("hi"));
    insta::assert_json_snapshot!(turns(&loaded.records));
}

#[test]
fn what_belongs_to_the_file_alone_is_not_sent() {
    let temp = tempfile::tempdir().unwrap();
    let loaded = read(&store(&home(&temp), APRIL.as_bytes())).unwrap();

    let input: Vec<String> = model_input(&loaded.records)
        .iter()
        .map(|item| item.raw().get().to_owned())
        .collect();

    insta::assert_snapshot!(input.join("\n"), @r#"
    {"type":"message","role":"user","content":[{"type":"input_text","text":"<environment_context>"}]}
    {"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}
    "#);
}

#[test]
fn the_forms_of_instructions() {
    let instructions = |field: &str| {
        let temp = tempfile::tempdir().unwrap();
        let line = format!(r#"{{"timestamp":"2026-04-02T10:00:00Z","type":"session_meta","payload":{{"id":"x"{field}}}}}"#);
        read(&store(&home(&temp), line.as_bytes())).unwrap().meta.base_instructions
    };

    assert_eq!(instructions(r#","base_instructions":{"text":"new"}"#), "new");
    assert_eq!(instructions(r#","base_instructions":"bare","instructions":"old""#), "bare");
    assert_eq!(instructions(r#","instructions":"old""#), "old");
    assert_eq!(instructions(r#","instructions":null,"base_instructions":null"#), "");
    assert_eq!(instructions(""), "");
}

#[test]
fn a_file_without_line_numbers_goes_on_without_them() {
    let temp = tempfile::tempdir().unwrap();
    let file = store(&home(&temp), APRIL.as_bytes());
    let (mut journal, _) = Journal::resume(&home(&temp), THREAD).unwrap();

    journal.append(&[message("user", "more")], at(0)).unwrap();

    let text = std::fs::read_to_string(file).unwrap();
    assert_eq!(
        text.strip_prefix(APRIL),
        Some(
            "{\"timestamp\":\"2026-11-20T12:00:00.000Z\",\"type\":\"response_item\",\"payload\":{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"more\"}]}}\n"
        )
    );
}
