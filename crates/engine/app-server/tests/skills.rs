//! Skills: what the model is told of them, the one that a message asks for, lists, and the switch.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use codex_base::AbsPath;
use codex_protocol::items::UserInput;
use codex_protocol::notifications::Notification;
use codex_protocol::requests::{SkillsConfigWrite, SkillsList, ThreadSettings, TurnStart, TurnStartParams, TurnSteer, TurnSteerParams};
use codex_protocol::skills::{SkillsConfigWriteParams, SkillsListParams};
use codex_rpc::CallError;
use codex_testkit::{Answer, Gate, MockModel, Recorded, TempHome};
use pretty_assertions::assert_eq;
use support::{Session, home_for, text_input};

fn home(mock: &MockModel) -> TempHome {
    let home = home_for(mock, "");
    home.write(
        ".agents/skills/deploy/SKILL.md",
        "---\nname: deploy\ndescription: Brings the service out.\n---\nRun ./deploy.\n",
    );
    home.write(".agents/skills/broken/SKILL.md", "no head\n");
    home
}

/// All texts of a request behind the base instructions, one a line, without what other tests show.
fn texts(request: &Recorded, home: &TempHome) -> String {
    let parts = request.input()[1..].iter().flat_map(|item| {
        let role = item["role"].as_str().unwrap_or_default().to_owned();
        let parts = item["content"].as_array().cloned().unwrap_or_default();
        parts
            .into_iter()
            .map(move |part| format!("{role}: {}", part["text"].as_str().unwrap_or_default()))
    });
    let told = parts.filter(|text| !text.contains("<environment_context>") && !text.contains("<permissions instructions>"));
    let place = AbsPath::new(home.workspace()).unwrap().to_string();
    told.collect::<Vec<_>>().join("\n").replace(&place, "[WORK]")
}

async fn switch(session: &Session, params: SkillsConfigWriteParams) -> Result<bool, CallError> {
    let result = session.client.request::<SkillsConfigWrite>(params).await?;
    Ok(result.effective_enabled)
}

#[tokio::test]
async fn the_model_is_told_of_skills_and_reads_the_one_that_is_asked_for() {
    let mock = MockModel::start([Answer::message("done"), Answer::message("again")]);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;

    session.run_turn(&thread.id, "$deploy it; $HOME stays").await;
    session.run_turn(&thread.id, "thanks").await;

    let requests = mock.requests();
    insta::assert_snapshot!(texts(&requests[0], &home), @r"
    developer: <skills_instructions>
    Skills are instructions for special work, one file each. When a task fits a description below, read its file first and follow it; one that the user names as `$name` comes with the message. Paths in it count from its folder. If a file cannot be read, say so and go on without it.
    - deploy: Brings the service out. (file: [WORK]/.agents/skills/deploy/SKILL.md)
    </skills_instructions>
    user: $deploy it; $HOME stays
    user: <skill>
    <name>deploy</name>
    <path>[WORK]/.agents/skills/deploy/SKILL.md</path>
    ---
    name: deploy
    description: Brings the service out.
    ---
    Run ./deploy.
    </skill>
    ");
    assert!(requests[1].input().starts_with(requests[0].input()));
    assert_eq!(requests[1].input().len(), requests[0].input().len() + 2, "nothing is told twice");
    let warned = session.seen.iter().filter_map(|notification| match notification {
        Notification::Warning(warning) => Some(warning.message.clone()),
        _ => None,
    });
    let broken = warned
        .filter(|message| message.contains("broken/SKILL.md is not used as a skill"))
        .count();
    assert_eq!(broken, 1);
    session.shutdown().await;
}

#[tokio::test]
async fn a_skill_comes_as_input_of_its_own_and_with_a_message_to_a_running_turn() {
    let gate = Gate::new();
    let mock = MockModel::start([Answer::message("first").stall_head(&gate), Answer::message("second")]);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;
    let path = home.workspace().join(".agents/skills/deploy/SKILL.md").display().to_string();
    let input = vec![
        UserInput::Text { text: "go".into() },
        UserInput::Skill {
            name: "deploy".into(),
            path,
        },
    ];
    let params = TurnStartParams {
        thread_id: thread.id.clone(),
        input,
        ..Default::default()
    };
    let turn = session.client.request::<TurnStart>(params).await.unwrap().turn;
    session
        .until(|notification| matches!(notification, Notification::TurnWaiting(_)).then_some(()))
        .await;

    let params = TurnSteerParams {
        thread_id: thread.id.clone(),
        expected_turn_id: turn.id,
        input: text_input("and $deploy once more"),
    };
    session.client.request::<TurnSteer>(params).await.unwrap();
    gate.open();
    session.until_turn_ends().await;

    let requests = mock.requests();
    let count = |request: &Recorded| texts(request, &home).matches("<skill>").count();
    assert_eq!((count(&requests[0]), count(&requests[1])), (1, 2));
    session.shutdown().await;
}

#[tokio::test]
async fn skills_are_listed_and_switched_off_for_the_next_turn() {
    let mock = MockModel::start([Answer::message("one"), Answer::message("two")]);
    let home = home(&mock);
    let mut session = Session::open(&home).await;
    let thread = session.start(ThreadSettings::default()).await.thread;
    session.run_turn(&thread.id, "hello").await;

    let listed = session.client.request::<SkillsList>(SkillsListParams::default()).await.unwrap();
    let named = SkillsConfigWriteParams {
        enabled: false,
        name: Some("deploy".into()),
        path: None,
    };
    assert!(!switch(&session, named.clone()).await.unwrap());
    session
        .until(|notification| matches!(notification, Notification::SkillsChanged(_)).then_some(()))
        .await;
    session.run_turn(&thread.id, "$deploy").await;
    let by_path = SkillsConfigWriteParams {
        enabled: true,
        name: None,
        path: Some(listed.data[0].skills[0].path.clone()),
    };
    let still_off = switch(&session, by_path).await.unwrap();
    let on = switch(&session, SkillsConfigWriteParams { enabled: true, ..named }).await.unwrap();
    let unnamed = switch(&session, SkillsConfigWriteParams::default()).await;

    assert_eq!(listed.data.len(), 1);
    assert_eq!(listed.data[0].errors.len(), 1);
    let skill = &listed.data[0].skills[0];
    assert_eq!((skill.name.as_str(), skill.enabled), ("deploy", true));
    assert_eq!((still_off, on), (false, true));
    assert!(matches!(unnamed, Err(CallError::Rejected(error)) if error.stable_code() == "skills.unnamed"));
    let last = texts(&mock.requests()[1], &home);
    assert!(
        last.contains("There are no skills any more.") && !last.contains("<skill>"),
        "{last}"
    );
    session.shutdown().await;
}
