//! Items that only some providers and servers cause.

use crate::support::{Lab, items};
use codex_testkit::{Answer, MockModel, events, snapshot_filters};
use serde_json::json;

#[test]
fn a_search_of_the_provider_is_shown_kept_and_sent_back() {
    let search = json!({"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "weather"}});
    let mock = MockModel::start([
        Answer::items([search, events::message("m1", "It rains.")]),
        Answer::message("It still does."),
    ]);
    let lab = Lab::with_model(&mock);

    let ran = lab.run(&["exec", "--json", "how is the weather?"]);
    lab.run(&["exec", "resume", "--last", "and now?"]).assert_code(0);

    insta::with_settings!({filters => snapshot_filters()}, {
        insta::assert_snapshot!(ran.assert_code(0).stdout, @r#"
        {"type":"thread.started","thread_id":"[ID]"}
        {"type":"turn.started"}
        {"type":"item.started","item":{"id":"item_0","type":"web_search","query":"","action":{"type":"other"}}}
        {"type":"item.completed","item":{"id":"item_0","type":"web_search","query":"weather","action":{"type":"search","query":"weather"}}}
        {"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"It rains."}}
        {"type":"turn.completed","usage":{"input_tokens":100,"cached_input_tokens":40,"cache_write_input_tokens":0,"output_tokens":20,"reasoning_output_tokens":5}}
        "#);
    });
    let sent = items(&mock.requests()[1].body);
    assert!(sent.iter().any(|item| item.contains("web_search_call")), "{sent:#?}");
}
