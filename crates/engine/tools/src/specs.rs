//! What the model is told about the tools: the `tools` array of a request.
//!
//! Input: the [`ToolSet`] of the turn. Output: JSON bytes that are the same for the same set, since providers cache by prefix.
//! The texts are paid for in every request: all tools together stay below [`SPECS_BYTES_MAX`], which a test holds.

use codex_protocol::settings::{WebSearchDetails, WebSearchMode};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::sync::Arc;

/// Upper limit of everything [`specs`] returns.
pub const SPECS_BYTES_MAX: usize = 5376;

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

/// The JSON array for a request, in a fixed order.
pub fn specs(set: &ToolSet) -> Box<RawValue> {
    let offered = [
        (set.shell && !set.additional_permissions, exec_command as fn() -> Value),
        (set.shell && set.additional_permissions, exec_command_with_permissions),
        (set.shell, write_stdin),
        (set.request_permissions, request_permissions),
        (set.update_plan, update_plan),
        (set.request_user_input, request_user_input),
        (set.apply_patch, apply_patch),
        (set.view_image, view_image),
    ];
    let own = offered.into_iter().filter(|(on, _)| *on).map(|(_, spec)| spec());
    let tools: Vec<Value> = own.chain(set.web_search.as_deref().and_then(web_search)).collect();
    serde_json::value::to_raw_value(&tools).expect("a JSON value serialises")
}

fn exec_command() -> Value {
    function(
        "exec_command",
        "Runs a shell command. Returns its output and exit code, or a session ID for write_stdin if it is still running after yield_time_ms.",
        &["cmd"],
        json!({
            "cmd": text("Shell command."),
            "workdir": text("Directory to run in; default: the turn's directory."),
            "yield_time_ms": integer("How long to wait for the end before returning (250-30000, default 10000)."),
            "max_output_tokens": integer("Longer output loses its middle (default 10000)."),
            "tty": flag("Give it a terminal. Needed to send input later; without it stdin is closed."),
            "shell": text("Shell to use; default: the user's."),
            "login": flag("Read the login profile first (default true)."),
            "sandbox_permissions": {
                "type": "string",
                "enum": ["use_default", "require_escalated"],
                "description": "require_escalated asks to run without the sandbox.",
            },
            "justification": text("With require_escalated: a short question to the user, why this is needed."),
        }),
    )
}

/// The same where single permissions may be asked for.
fn exec_command_with_permissions() -> Value {
    let mut spec = exec_command();
    let properties = &mut spec["parameters"]["properties"];
    properties["sandbox_permissions"] = json!({
        "type": "string",
        "enum": ["use_default", "require_escalated", "with_additional_permissions"],
        "description": "with_additional_permissions asks to stay in the sandbox with additional_permissions on top, require_escalated to run without it.",
    });
    properties["additional_permissions"] = permissions("With with_additional_permissions: the least that the command needs besides.");
    properties["justification"] = text("With either: a short question to the user, why this is needed.");
    spec
}

fn request_permissions() -> Value {
    function(
        "request_permissions",
        "Asks the user for more permissions for all later commands and patches. Returns what was granted, which may be less, and for how long: the turn or the session.",
        &["permissions"],
        json!({
            "permissions": permissions("The least that is needed."),
            "reason": text("A short question to the user, why this is needed."),
        }),
    )
}

fn permissions(description: &str) -> Value {
    let paths = |description: &str| json!({"type": "array", "items": {"type": "string"}, "description": description});
    json!({
        "type": "object",
        "description": description,
        "properties": {
            "file_system": {
                "type": "object",
                "properties": {
                    "read": paths("Files or folders to read."),
                    "write": paths("Files or folders to write."),
                },
                "additionalProperties": false,
            },
            "network": {
                "type": "object",
                "properties": { "enabled": flag("Open the network.") },
                "additionalProperties": false,
            },
        },
        "additionalProperties": false,
    })
}

fn write_stdin() -> Value {
    function(
        "write_stdin",
        "Writes to a running session, or looks at it if chars is empty. Returns the output since the last look.",
        &["session_id"],
        json!({
            "session_id": integer("The session ID that exec_command returned."),
            "chars": text("Characters to write; \\u0003 interrupts. Needs tty, except for a lone \\u0003."),
            "yield_time_ms": integer("How long to wait: default 250, at least 5000 if chars is empty."),
            "max_output_tokens": integer("As for exec_command."),
        }),
    )
}

fn update_plan() -> Value {
    function(
        "update_plan",
        "Shows the user your plan for work of several steps; call it again as steps get done. At most one step is in_progress.",
        &["plan"],
        json!({
            "explanation": text("Why the plan changed."),
            "plan": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "step": text("A few words."),
                        "status": { "type": "string", "enum": ["pending", "in_progress", "completed"] },
                    },
                    "required": ["step", "status"],
                    "additionalProperties": false,
                },
            },
        }),
    )
}

fn request_user_input() -> Value {
    function(
        "request_user_input",
        "Asks the user 1 to 3 questions and waits for the answers. In plan mode only.",
        &["questions"],
        json!({
            "questions": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "id": { "type": "string" },
                        "header": text("At most 12 characters."),
                        "question": { "type": "string" },
                        "options": {
                            "type": "array",
                            "description": "2 or 3, the best first; the user can answer something else.",
                            "items": {
                                "type": "object",
                                "properties": { "label": { "type": "string" }, "description": { "type": "string" } },
                                "required": ["label", "description"],
                                "additionalProperties": false,
                            },
                        },
                    },
                    "required": ["id", "header", "question", "options"],
                    "additionalProperties": false,
                },
            },
        }),
    )
}

fn view_image() -> Value {
    function(
        "view_image",
        "Looks at a picture file (PNG, JPEG, GIF, WebP).",
        &["path"],
        json!({ "path": text("Path of the file.") }),
    )
}

fn apply_patch() -> Value {
    json!({
        "type": "custom",
        "name": "apply_patch",
        "description": "Edits files; the preferred way to change them. The input is the bare patch, no JSON and no quoting. \
            All of it is applied or nothing. In an update, each chunk shows the old lines (` ` kept, `-` removed) with about three lines of \
            context and the new ones (`+`); chunks stand in file order. `@@ text` first moves behind the line that equals `text`, to tell \
            similar places apart.",
        "format": { "type": "grammar", "syntax": "lark", "definition": PATCH_GRAMMAR },
    })
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

/// The patch language as the model may write it. What is accepted is a little wider (see `codex_apply_patch`).
const PATCH_GRAMMAR: &str = r#"start: "*** Begin Patch" LF hunk+ "*** End Patch" LF?
hunk: add | delete | update
add: "*** Add File: " REST LF added*
delete: "*** Delete File: " REST LF
update: "*** Update File: " REST LF move? chunk+
move: "*** Move to: " REST LF
chunk: place line+ at_end?
place: "@@" LF | "@@ " REST LF
line: added | removed | kept
added: "+" REST? LF
removed: "-" REST? LF
kept: " " REST? LF
at_end: "*** End of File" LF
REST: /[^\n]+/
LF: "\n"
"#;

fn function(name: &str, description: &str, required: &[&str], properties: Value) -> Value {
    json!({
        "type": "function",
        "name": name,
        "description": description,
        "strict": false,
        "parameters": { "type": "object", "properties": properties, "required": required, "additionalProperties": false },
    })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn integer(description: &str) -> Value {
    json!({ "type": "integer", "description": description })
}

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
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
