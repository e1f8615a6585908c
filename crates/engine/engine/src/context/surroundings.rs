//! The messages that tell the model where it is: all of them in the first turn, later only what changed.

use super::instructions::{DEFAULT_MODE, tagged};
use super::items::{message, text_message, text_part};
use codex_base::{AbsPath, Ids};
use codex_permissions::{PathRule, ResolvedPolicy, RuleSource};
use codex_protocol::journal::WorldState;
use codex_protocol::response_item::ResponseItem;
use codex_protocol::settings::SandboxMode;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Order of the environment's lines; a name that is not listed is not told.
const ENVIRONMENT_ORDER: [&str; 5] = ["cwd", "shell", "current_date", "timezone", "filesystem"];

/// The tag of the list of skills.
const SKILLS: &str = "skills_instructions";

/// The tag of what is said of the mode.
const MODE: &str = "collaboration_mode";

/// What there is to tell in this turn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Surroundings {
    /// `developer_instructions` of config or client.
    pub developer_instructions: Option<String>,
    /// Text of the permissions block; `None` when switched off.
    pub permissions: Option<String>,
    /// Text of the AGENTS.md files.
    pub project_docs: Option<String>,
    /// Whether some of them are the project's own, not only the user's.
    pub project_docs_local: bool,
    /// The list of skills.
    pub skills: Option<String>,
    /// What there is to say of the mode; `None` in the default one.
    pub collaboration_mode: Option<String>,
    /// Empty when switched off.
    pub environment: BTreeMap<String, String>,
    pub cwd: Option<AbsPath>,
}

impl Surroundings {
    fn state(&self) -> WorldState {
        WorldState {
            permissions: self.permissions.clone(),
            project_docs: self.project_docs.clone(),
            skills: self.skills.clone(),
            collaboration_mode: self.collaboration_mode.clone(),
            environment: self.environment.clone(),
        }
    }
}

/// The messages to add before the user's own, and what the model knows after them. No messages when nothing changed.
pub fn messages(now: &Surroundings, told: Option<&WorldState>, ids: &dyn Ids) -> (Vec<ResponseItem>, WorldState) {
    let state = now.state();
    let Some(told) = told else { return (first(now, ids), state) };
    let mut items = Vec::new();
    if let Some(text) = now.permissions.as_ref().filter(|text| told.permissions.as_ref() != Some(*text)) {
        items.push(text_message(ids, "developer", &tagged("permissions instructions", text)));
    }
    if now.skills != told.skills {
        let text = now.skills.as_deref().unwrap_or("There are no skills any more.");
        items.push(text_message(ids, "developer", &tagged(SKILLS, text)));
    }
    if now.collaboration_mode != told.collaboration_mode {
        let text = now.collaboration_mode.as_deref().unwrap_or(DEFAULT_MODE);
        items.push(text_message(ids, "developer", &tagged(MODE, text)));
    }
    let mut parts = Vec::new();
    if now.project_docs != told.project_docs {
        parts.push(text_part(&project_docs_block(now)));
    }
    let changed = now
        .environment
        .iter()
        .filter(|(name, value)| told.environment.get(*name) != Some(*value));
    let changed: BTreeMap<_, _> = changed.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !changed.is_empty() {
        parts.push(text_part(&environment_block(&changed)));
    }
    if !parts.is_empty() {
        items.push(message(ids, "user", parts));
    }
    (items, state)
}

fn first(now: &Surroundings, ids: &dyn Ids) -> Vec<ResponseItem> {
    let mut developer: Vec<_> = now.developer_instructions.iter().map(|text| text_part(text)).collect();
    developer.extend(
        now.permissions
            .iter()
            .map(|text| text_part(&tagged("permissions instructions", text))),
    );
    developer.extend(now.skills.iter().map(|text| text_part(&tagged(SKILLS, text))));
    developer.extend(now.collaboration_mode.iter().map(|text| text_part(&tagged(MODE, text))));
    let mut user = Vec::new();
    if now.project_docs.is_some() {
        user.push(text_part(&project_docs_block(now)));
    }
    if !now.environment.is_empty() {
        user.push(text_part(&environment_block(&now.environment)));
    }
    let messages = [("developer", developer), ("user", user)];
    messages
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(role, parts)| message(ids, role, parts))
        .collect()
}

fn project_docs_block(now: &Surroundings) -> String {
    let Some(text) = &now.project_docs else {
        return "# AGENTS.md instructions\n\n<INSTRUCTIONS>\nNo AGENTS.md applies any more.\n</INSTRUCTIONS>".to_owned();
    };
    let place = now
        .cwd
        .as_ref()
        .filter(|_| now.project_docs_local)
        .map(|cwd| format!(" for {cwd}"))
        .unwrap_or_default();
    format!("# AGENTS.md instructions{place}\n\n<INSTRUCTIONS>\n{text}\n</INSTRUCTIONS>")
}

fn environment_block(values: &BTreeMap<String, String>) -> String {
    let lines = ENVIRONMENT_ORDER
        .iter()
        .filter_map(|name| values.get(*name).map(|value| format!("  <{name}>{value}</{name}>")));
    tagged("environment_context", &lines.collect::<Vec<_>>().join("\n"))
}

/// The `filesystem` line: roots and what may be done where, in the documented tags.
pub fn filesystem_text(cwd: &AbsPath, policy: &ResolvedPolicy) -> String {
    let mut text = format!("<workspace_roots><root>{cwd}</root></workspace_roots>");
    if policy.mode == SandboxMode::DangerFullAccess {
        text.push_str("<permission_profile type=\"disabled\"><file_system type=\"unrestricted\"></file_system></permission_profile>");
        return text;
    }
    if policy.mode == SandboxMode::ExternalSandbox && !policy.confined {
        text.push_str("<permission_profile type=\"external\"><file_system type=\"unrestricted\"></file_system></permission_profile>");
        return text;
    }
    text.push_str("<permission_profile type=\"managed\"><file_system type=\"restricted\">");
    for rule in policy.rules.iter().filter(|rule| is_told(rule)) {
        let access = rule.rights.as_str();
        // Writing to a String cannot fail.
        let _ = match rule.path.parent() {
            None => write!(text, "<entry access=\"{access}\"><special>:root</special></entry>"),
            Some(_) => write!(text, "<entry access=\"{access}\"><path>{}</path></entry>", rule.path),
        };
    }
    text.push_str("</file_system></permission_profile>");
    text
}

/// What the model should know to choose its steps. Of the places of credentials it is told in general.
fn is_told(rule: &PathRule) -> bool {
    match rule.source {
        RuleSource::Mode
        | RuleSource::WorkingDirectory
        | RuleSource::WritableRoot
        | RuleSource::Tmpdir
        | RuleSource::SlashTmp
        | RuleSource::Profile { .. }
        | RuleSource::Managed { .. } => true,
        RuleSource::ProtectedName | RuleSource::Repository | RuleSource::CodexHome | RuleSource::Credentials => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_base::ids::CountingIds;

    fn surroundings(date: &str, docs: Option<&str>) -> Surroundings {
        let environment = [("cwd", "/w"), ("shell", "bash"), ("current_date", date)];
        Surroundings {
            permissions: Some("Be careful.".into()),
            project_docs: docs.map(str::to_owned),
            project_docs_local: true,
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            cwd: AbsPath::new("/w").ok(),
            ..Surroundings::default()
        }
    }

    fn texts(items: &[ResponseItem]) -> String {
        items
            .iter()
            .map(|item| item.view().message_text().unwrap())
            .collect::<Vec<_>>()
            .join("\n---\n")
    }

    #[test]
    fn the_first_turn_tells_everything() {
        let (items, _) = messages(&surroundings("2026-01-02", Some("Use tabs.\n")), None, &CountingIds::default());

        insta::assert_snapshot!(texts(&items), @r"
        <permissions instructions>
        Be careful.
        </permissions instructions>
        ---
        # AGENTS.md instructions for /w

        <INSTRUCTIONS>
        Use tabs.

        </INSTRUCTIONS><environment_context>
          <cwd>/w</cwd>
          <shell>bash</shell>
          <current_date>2026-01-02</current_date>
        </environment_context>
        ");
    }

    #[test]
    fn later_turns_tell_only_what_changed() {
        let ids = CountingIds::default();
        let (_, told) = messages(&surroundings("2026-01-02", Some("Use tabs.")), None, &ids);

        let (same, _) = messages(&surroundings("2026-01-02", Some("Use tabs.")), Some(&told), &ids);
        let (next, _) = messages(&surroundings("2026-01-03", None), Some(&told), &ids);

        assert!(same.is_empty());
        insta::assert_snapshot!(texts(&next), @r"
        # AGENTS.md instructions

        <INSTRUCTIONS>
        No AGENTS.md applies any more.
        </INSTRUCTIONS><environment_context>
          <current_date>2026-01-03</current_date>
        </environment_context>
        ");
    }
}
