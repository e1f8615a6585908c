//! What a compaction leaves of a conversation.

use super::*;
use crate::compact::size::tokens_of;
use codex_base::ids::CountingIds;
use codex_protocol::items::PlanStep;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

fn typed(id: &str, text: &str) -> ResponseItem {
    ResponseItem::make(&json!({"type": "message", "id": id, "role": "user", "content": [{"type": "input_text", "text": text}]})).unwrap()
}

fn answer(text: &str) -> ResponseItem {
    ResponseItem::make(&json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})).unwrap()
}

fn new_history(history: &[ResponseItem], carried: &Carried, changes: &Changes) -> Replacement {
    let surroundings = Surroundings {
        permissions: Some("Be careful.".into()),
        project_docs: Some("Use tabs.".into()),
        environment: [("cwd".to_owned(), "/w".to_owned())].into(),
        ..Surroundings::default()
    };
    let handoff = Handoff {
        history,
        carried,
        surroundings: &surroundings,
        changes,
        summary: "  Half of it is done.\n",
        thread_id: "T",
        number: 1,
        journal: Some("/home/u/.codex/sessions/rollout.jsonl"),
    };
    replacement(&handoff, &CountingIds::default())
}

fn texts(items: &[ResponseItem]) -> Vec<String> {
    items.iter().map(|item| item.view().message_text().unwrap().to_string()).collect()
}

fn file(path: &str, state: FileState) -> ChangedFile {
    ChangedFile {
        path: path.to_owned(),
        state,
    }
}

#[test]
fn everything_that_must_not_be_lost_is_there_word_for_word() {
    let step = |step: &str, status| PlanStep {
        step: step.to_owned(),
        status,
    };
    let mut carried = Carried::default();
    carried.plan = Some(Plan {
        explanation: Some("as agreed".into()),
        steps: vec![
            step("look", PlanStepStatus::Completed),
            step("mend", PlanStepStatus::InProgress),
            step("test", PlanStepStatus::Pending),
        ],
    });
    let changes = Changes {
        patched: vec![
            file("a.rs", FileState::Hash("ba7816bf8f01".into())),
            file("b.rs", FileState::Deleted),
        ],
        others: vec![file("Cargo.lock", FileState::TooLarge)],
        unlisted: 2,
        cut_short: true,
    };
    let history = [
        typed("1", "mend it"),
        answer("working"),
        typed("2", "<turn_aborted>\nx\n</turn_aborted>"),
        typed("3", "and test it"),
    ];

    let new = new_history(&history, &carried, &changes);

    insta::assert_snapshot!(texts(&new.items).join("\n=====\n"), @"
    <permissions instructions>
    Be careful.
    </permissions instructions>
    =====
    # AGENTS.md instructions

    <INSTRUCTIONS>
    Use tabs.
    </INSTRUCTIONS><environment_context>
      <cwd>/w</cwd>
    </environment_context>
    =====
    mend it
    =====
    and test it
    =====
    <context_summary>
    This conversation became too long. What stood here is summed up below. The full text stays in the journal /home/u/.codex/sessions/rollout.jsonl; `codex show T --before-compaction 1` prints it. The user's messages above are word for word; the last one is the request to work on, unless the summary says that it is done.

    The plan as it stands:
    as agreed
    - [completed] look
    - [in_progress] mend
    - [pending] test

    Files that your patches changed, with the SHA-256 (first digits) of what they hold now:
    - a.rs ba7816bf8f01
    - b.rs deleted

    Other files written since the session began, by commands or by the user:
    - Cargo.lock too large to hash
    … and 2 more files
    (not the whole directory was searched for files that commands changed)

    Summary:
    Half of it is done.
    </context_summary>
    ");
    assert_eq!(texts(&new.items).last(), Some(&new.message));
}

#[test]
fn without_plan_or_changes_nothing_is_said_of_them() {
    let new = new_history(
        &[typed("1", "mend it"), answer("working")],
        &Carried::default(),
        &Changes::default(),
    );

    insta::assert_snapshot!(new.message, @"
    <context_summary>
    This conversation became too long. What stood here is summed up below. The full text stays in the journal /home/u/.codex/sessions/rollout.jsonl; `codex show T --before-compaction 1` prints it. The user's messages above are word for word; the last one is the request to work on, unless the summary says that it is done.

    Summary:
    Half of it is done.
    </context_summary>
    ");
}

#[test]
fn a_second_compaction_does_not_keep_the_summary_of_the_first() {
    let history = [typed("1", "mend it"), answer("working")];
    let mut carried = Carried::default();
    let first = new_history(&history, &carried, &Changes::default());
    carried.keep_summary(first.message.clone());

    let second = new_history(&first.items, &carried, &Changes::default());

    assert_eq!(texts(&second.items), texts(&first.items));
}

#[test]
fn the_oldest_message_that_does_not_fit_whole_loses_its_middle() {
    let long = format!("begin{}end", "x".repeat(bytes_of(USER_TOKENS_MAX)));
    let history = [typed("0", "before"), typed("1", &long), typed("2", "second"), typed("3", "newest")];

    let new = new_history(&history, &Carried::default(), &Changes::default());

    let said = &texts(&new.items)[2..5];
    assert!(
        said[0].starts_with("beginxxx") && said[0].ends_with("xxxend") && said[0].contains("tokens left out"),
        "{}",
        &said[0][..50]
    );
    assert_eq!(said[1..], ["second", "newest"]);
    assert_eq!(new.shortened.len(), 1);
}

proptest! {
    // Long texts take their time.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_open_request_stays_whole_and_the_others_keep_to_the_budget(lengths in vec(0..100_000_usize, 1..8), wide in any::<bool>()) {
        let letter = if wide { "ä" } else { "x" };
        let history: Vec<ResponseItem> = lengths.iter().enumerate().map(|(at, length)| typed(&at.to_string(), &letter.repeat(*length))).collect();

        let (said, _) = user_messages(&history, &Carried::default(), &CountingIds::default());

        prop_assert_eq!(said.last(), history.last());
        let newest = tokens_of(&said[said.len() - 1..]);
        prop_assert!(tokens_of(&said) <= USER_TOKENS_MAX.max(newest), "{} tokens", tokens_of(&said));
        // All but perhaps the oldest are the newest of those that were typed, as they were.
        let whole = &said[1..];
        prop_assert_eq!(whole, &history[history.len() - whole.len()..]);
    }
}
