//! What the model is told about the tools: the `tools` array of a request.
//!
//! Input: the [`ToolSet`] of the turn. Output: JSON bytes that are the same for the same set, since providers cache by prefix.
//! The texts are paid for in every request: all tools together stay below [`SPECS_BYTES_MAX`], which a test holds.

use codex_protocol::settings::{WebSearchDetails, WebSearchMode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Upper limit of everything [`specs`] returns.
pub const SPECS_BYTES_MAX: usize = 5376;

/// The tools as they are sent, except for what [`specs`] puts in.
const TEXTS: &str = include_str!("specs.json");

/// The patch language as the model may write it. What is accepted is a little wider (see `codex_apply_patch`).
const PATCH_GRAMMAR: &str = include_str!("grammar.lark");

/// Which tools a turn offers. A call of one that is not offered is answered as unsupported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches, each named where it is set")]
pub struct ToolSet {
    /// `exec_command` and `write_stdin`.
    pub shell: bool,
    /// `exec_command` takes permissions for one command.
    pub additional_permissions: bool,
    /// Permissions for a turn or a session may be asked for.
    pub request_permissions: bool,
    pub update_plan: bool,
    /// The user may be asked questions. Offered in every mode, since what is offered stays the same for a whole thread; answered where
    /// [`crate::TurnTools::may_ask`] lets it be.
    pub request_user_input: bool,
    pub view_image: bool,
    pub apply_patch: bool,
    /// The model takes images at `detail: "original"`; otherwise they are sent as `high`.
    pub image_detail_original: bool,
    /// The provider's own search, if it is offered. The provider runs it, so there is nothing here that could.
    pub web_search: Option<Arc<WebSearch>>,
}

/// How the provider is to search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSearch {
    pub mode: WebSearchMode,
    /// Pictures may be found, too.
    pub images: bool,
    pub details: WebSearchDetails,
}

impl Default for ToolSet {
    fn default() -> Self {
        Self {
            shell: true,
            additional_permissions: false,
            request_permissions: false,
            update_plan: true,
            request_user_input: true,
            view_image: true,
            apply_patch: true,
            image_detail_original: false,
            web_search: None,
        }
    }
}

/// What the own tools are called with, in the words of the file.
#[derive(Deserialize)]
struct Texts {
    exec_command: Value,
    /// The fields of `exec_command` that are different where single permissions may be asked for.
    exec_command_with_permissions: Map<String, Value>,
    write_stdin: Value,
    request_permissions: Value,
    update_plan: Value,
    request_user_input: Value,
    apply_patch: Value,
    view_image: Value,
}

/// The JSON array for a request, in a fixed order.
pub fn specs(set: &ToolSet) -> Box<RawValue> {
    let mut texts: Texts = serde_json::from_str(TEXTS).expect("the file is part of the program, and the tests read it");
    if set.additional_permissions {
        for (name, field) in texts.exec_command_with_permissions {
            texts.exec_command["parameters"]["properties"][name] = field;
        }
    }
    texts.apply_patch["format"]["definition"] = json!(PATCH_GRAMMAR);

    let offered = [
        (set.shell, texts.exec_command),
        (set.shell, texts.write_stdin),
        (set.request_permissions, texts.request_permissions),
        (set.update_plan, texts.update_plan),
        (set.request_user_input, texts.request_user_input),
        (set.apply_patch, texts.apply_patch),
        (set.view_image, texts.view_image),
    ];
    let own = offered.into_iter().filter_map(|(on, spec)| on.then_some(spec));
    let tools: Vec<Value> = own.chain(set.web_search.as_deref().and_then(web_search)).collect();
    serde_json::value::to_raw_value(&tools).expect("a JSON value serialises")
}

/// Field names and order as providers get them from other clients. `None` if the search is off.
fn web_search(search: &WebSearch) -> Option<Value> {
    let details = &search.details;
    let (outside, indexed) = match search.mode {
        WebSearchMode::Disabled => return None,
        WebSearchMode::Cached => (false, false),
        WebSearchMode::Indexed => (true, true),
        WebSearchMode::Live => (true, false),
    };
    let location = details.location.as_ref().map(|location| {
        let known = [
            ("country", &location.country),
            ("region", &location.region),
            ("city", &location.city),
            ("timezone", &location.timezone),
        ];
        let known = known.into_iter().filter_map(|(name, value)| Some((name, json!(value.as_ref()?))));
        object([("type", json!("approximate"))].into_iter().chain(known))
    });
    let fields = [
        ("type", Some(json!("web_search"))),
        ("external_web_access", Some(json!(outside))),
        ("indexed_web_access", indexed.then(|| json!(true))),
        (
            "filters",
            details
                .allowed_domains
                .as_ref()
                .map(|domains| json!({ "allowed_domains": domains })),
        ),
        ("user_location", location),
        ("search_context_size", details.context_size.as_ref().map(|size| json!(size))),
        ("search_content_types", search.images.then(|| json!(["text", "image"]))),
    ];
    Some(object(fields.into_iter().filter_map(|(name, value)| Some((name, value?)))))
}

fn object(fields: impl Iterator<Item = (&'static str, Value)>) -> Value {
    Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(set: &ToolSet) -> Vec<String> {
        let tools: Vec<Value> = serde_json::from_str(specs(set).get()).unwrap();
        tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn all_tools_together_are_small_and_always_the_same_bytes() {
        let all = specs(&ToolSet::default());

        assert!(all.get().len() <= SPECS_BYTES_MAX, "{} bytes", all.get().len());
        assert_eq!(all.get(), specs(&ToolSet::default()).get());
    }

    #[test]
    fn each_switch_takes_its_tools_away() {
        let all = ToolSet::default();

        assert_eq!(
            names(&all),
            [
                "exec_command",
                "write_stdin",
                "update_plan",
                "request_user_input",
                "apply_patch",
                "view_image"
            ]
        );
        assert_eq!(
            names(&ToolSet {
                shell: false,
                ..all.clone()
            }),
            ["update_plan", "request_user_input", "apply_patch", "view_image"]
        );
        assert_eq!(
            names(&ToolSet {
                update_plan: false,
                request_user_input: false,
                view_image: false,
                ..all.clone()
            }),
            ["exec_command", "write_stdin", "apply_patch"]
        );
        assert_eq!(
            names(&ToolSet { apply_patch: false, ..all }),
            ["exec_command", "write_stdin", "update_plan", "request_user_input", "view_image"]
        );
    }

    #[test]
    fn the_search_of_the_provider_comes_last_and_says_only_what_is_set() {
        let spec = |mode, images, details: Value| {
            let search = WebSearch {
                mode,
                images,
                details: serde_json::from_value(details).unwrap(),
            };
            let set = ToolSet {
                shell: false,
                update_plan: false,
                request_user_input: false,
                view_image: false,
                apply_patch: false,
                web_search: Some(Arc::new(search)),
                ..ToolSet::default()
            };
            specs(&set).get().to_owned()
        };
        let all = json!({
            "context_size": "high", "allowed_domains": ["a.example"], "location": { "country": "DE", "city": "Berlin" },
        });

        assert_eq!(spec(WebSearchMode::Disabled, true, all.clone()), "[]");
        assert_eq!(
            spec(WebSearchMode::Cached, false, json!({})),
            r#"[{"type":"web_search","external_web_access":false}]"#
        );
        assert_eq!(
            spec(WebSearchMode::Indexed, true, json!({ "allowed_domains": [] })),
            r#"[{"type":"web_search","external_web_access":true,"indexed_web_access":true,"filters":{"allowed_domains":[]},"search_content_types":["text","image"]}]"#
        );
        assert_eq!(
            spec(WebSearchMode::Live, true, all),
            r#"[{"type":"web_search","external_web_access":true,"filters":{"allowed_domains":["a.example"]},"user_location":{"type":"approximate","country":"DE","city":"Berlin"},"search_context_size":"high","search_content_types":["text","image"]}]"#
        );
    }

    #[test]
    fn functions_are_closed_and_not_strict() {
        let tools: Vec<Value> = serde_json::from_str(specs(&ToolSet::default()).get()).unwrap();

        for tool in tools.iter().filter(|tool| tool["type"] == "function") {
            assert_eq!(
                (&tool["strict"], &tool["parameters"]["additionalProperties"]),
                (&json!(false), &json!(false)),
                "{}",
                tool["name"]
            );
            for required in tool["parameters"]["required"].as_array().unwrap() {
                assert!(tool["parameters"]["properties"][required.as_str().unwrap()].is_object());
            }
        }
    }
}
