//! What the model is told of skills: a list of them, and the whole of one that is asked for.

use crate::files::read_link_at_most;
use crate::set::{Skill, SkillSet};
use codex_protocol::skills::SkillMetadata;
use std::io;
use std::path::Path;

/// Of one skill's file.
const SKILL_BYTES_MAX: usize = 256 * 1024;

/// The list, for at most so many bytes, and a sentence for the user if not all of it fits. `None`: there is nothing to tell.
pub fn list(set: &SkillSet, bytes_max: usize) -> (Option<String>, Option<String>) {
    let skills: Vec<&Skill> = set.enabled().filter(|skill| skill.listed).collect();
    if skills.is_empty() {
        return (None, None);
    }
    let lines = |description_max: usize| -> Vec<String> { skills.iter().map(|skill| line(skill, description_max)).collect() };
    let size = |lines: &[String]| HEAD.len() + lines.iter().map(|line| line.len() + 1).sum::<usize>();
    let short = [usize::MAX, 200, 80].into_iter().map(lines).find(|lines| size(lines) <= bytes_max);
    let mut lines = short.unwrap_or_else(|| lines(80));
    let all = lines.len();
    while size(&lines) > bytes_max && !lines.is_empty() {
        lines.pop();
    }
    let left_out = all - lines.len();
    let warning = (left_out > 0).then(|| {
        format!("{left_out} of {all} skills do not fit into what the model is told; `skills.max_context_tokens` sets how much that may be")
    });
    ((!lines.is_empty()).then(|| format!("{HEAD}\n{}", lines.join("\n"))), warning)
}

const HEAD: &str = "Skills are instructions for special work, one file each. When a task fits a description below, read its file first and \
    follow it; one that the user names as `$name` comes with the message. Paths in it count from its folder. If a file cannot be read, say so and go on without it.";

/// The description's beginning, if it is longer than so many characters.
fn line(skill: &Skill, description_max: usize) -> String {
    let metadata = &skill.metadata;
    let description = match metadata.description.char_indices().nth(description_max) {
        Some((end, _)) => format!("{}…", &metadata.description[..end]),
        None => metadata.description.clone(),
    };
    format!("- {}: {description} (file: {})", metadata.name, metadata.path)
}

/// The skills that a text asks for as `$name`, each once, in the order in which they are named.
pub fn mentioned<'a>(text: &str, set: &'a SkillSet) -> Vec<&'a Skill> {
    let mut found: Vec<&Skill> = Vec::new();
    for (at, _) in text.match_indices('$') {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| is_in_name(c) || c == '$' || c == '\\') {
            continue;
        }
        let rest = &text[at + 1..];
        let name = &rest[..rest.find(|c| !is_in_name(c)).unwrap_or(rest.len())];
        // A full stop or a colon may end the sentence instead of being part of the name.
        let named = |name: &str| set.enabled().find(|skill| skill.metadata.name == name);
        let skill = named(name).or_else(|| named(name.trim_end_matches([':', '-'])));
        if let Some(skill) = skill
            && !found.contains(&skill)
        {
            found.push(skill);
        }
    }
    found
}

fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | ':')
}

/// The whole of a skill, as the model reads it.
///
/// # Errors
/// If its file cannot be read.
pub fn whole(skill: &Skill) -> io::Result<String> {
    let SkillMetadata { name, path, .. } = &skill.metadata;
    // A link may lead elsewhere by now.
    let as_before = |real: &Path| skill.place.as_deref().is_none_or(|place| place == real);
    let file = read_link_at_most(path, SKILL_BYTES_MAX, &as_before)?;
    let cut = if file.is_cut {
        "\n(the rest is left out: read the file)"
    } else {
        ""
    };
    Ok(format!("<name>{name}</name>\n<path>{path}</path>\n{}{cut}", file.text.trim_end()))
}
