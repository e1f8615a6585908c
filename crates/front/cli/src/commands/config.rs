//! `codex config`: who set what, and where.

use super::{Root, json_text, print};
use crate::environment::{self, config_error};
use crate::prepare::working_directory;
use clap::Subcommand;
use codex_config::{Explanation, Overrides};
use codex_exec::ExecError;
use serde_json::Value;
use std::fmt::Write as _;
use std::process::ExitCode;

/// Arguments of `codex config`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Config {
    #[command(subcommand)]
    topic: Topic,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum Topic {
    /// Tell the value of a key, who set it and where, every layer that lost, and the requirement that changed it
    Explain {
        /// A dotted key; a table stands for every key below it that is set
        #[arg(value_name = "KEY")]
        key: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List every key that is set, with its value and place
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl Config {
    pub fn run(&self, root: &Root) -> Result<ExitCode, ExecError> {
        let surroundings = environment::read()?;
        let cwd = working_directory(root.shared.cd.as_deref(), &surroundings.process.cwd)?;
        let overrides = overrides(root)?;
        let explain = |key: &str| codex_config::explain(&surroundings.process, &cwd, &overrides, key).map_err(config_error);
        let text = match &self.topic {
            Topic::Explain { key, json: true } => json_text(&explain(key)?)?,
            Topic::List { json: true } => json_text(&explain("")?)?,
            Topic::Explain { key, json: false } => explain(key)?.iter().map(full).collect::<Vec<_>>().join("\n"),
            Topic::List { json: false } => explain("")?.iter().map(line).collect(),
        };
        print(&text).map(|()| ExitCode::SUCCESS)
    }
}

/// What the options before the command override.
fn overrides(root: &Root) -> Result<Overrides, ExecError> {
    Ok(Overrides {
        model: root.shared.model.clone(),
        sandbox_mode: root.shared.sandbox(),
        // What a session that begins now would get.
        new_thread: true,
        ..root.overrides()?
    })
}

/// One paragraph; nothing in it goes over the line's end by itself.
fn full(explanation: &Explanation) -> String {
    let mut text = format!("{} = {}\n", explanation.key, value(explanation.value.as_ref()));
    let mut line = |name: &str, what: &str| {
        let _ = writeln!(text, "  {name:<8} {what}");
    };
    if let Some(meaning) = explanation.meaning {
        line("means", meaning);
    }
    for said in &explanation.layers {
        let place = format!("{} {}", said.layer, said.place);
        match &said.ignored {
            None if said.wins => line("from", &place),
            None => line("lost", &format!("{place}: {}", value(Some(&said.value)))),
            Some(why) => line("ignored", &format!("{place}: {} ({why})", value(Some(&said.value)))),
        }
    }
    if let Some(default) = explanation.default {
        line("default", default);
    }
    if let Some(change) = &explanation.changed_by {
        line("changed", change);
    }
    if let Some(in_force) = &explanation.in_force {
        line("in force", in_force);
    }
    if let Some(note) = &explanation.note {
        line("note", note);
    }
    text
}

fn line(explanation: &Explanation) -> String {
    let place = explanation.layers.first().map(|said| match &said.ignored {
        None => format!("{} {}", said.layer, said.place),
        Some(why) => format!("{} {}, ignored: {why}", said.layer, said.place),
    });
    format!(
        "{} = {}  # {}\n",
        explanation.key,
        value(explanation.value.as_ref()),
        place.unwrap_or_default()
    )
}

fn value(value: Option<&Value>) -> String {
    value.map_or_else(|| "(not set)".to_owned(), Value::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use codex_config::Said;
    use serde_json::json;

    fn said(layer: &'static str, place: &str, value: &str, wins: bool, ignored: Option<&str>) -> Said {
        Said {
            layer,
            place: place.to_owned(),
            value: json!(value),
            wins,
            ignored: ignored.map(str::to_owned),
        }
    }

    #[test]
    fn a_key_is_told_with_everybody_who_says_something_about_it() {
        let explanation = Explanation {
            key: "sandbox_mode".to_owned(),
            meaning: Some("what commands may touch"),
            value: Some(json!("danger-full-access")),
            default: Some("`read-only`"),
            in_force: Some("read-only".to_owned()),
            layers: vec![
                said("flag", "-s", "danger-full-access", true, None),
                said("user", "/h/config.toml:3:1", "workspace-write", false, None),
                said(
                    "project",
                    "/w/.codex/config.toml:1:1",
                    "x",
                    false,
                    Some("the project is not trusted"),
                ),
            ],
            changed_by: Some("not allowed by /etc".to_owned()),
            note: None,
        };

        insta::assert_snapshot!(full(&explanation), @r##"
    sandbox_mode = "danger-full-access"
      means    what commands may touch
      from     flag -s
      lost     user /h/config.toml:3:1: "workspace-write"
      ignored  project /w/.codex/config.toml:1:1: "x" (the project is not trusted)
      default  `read-only`
      changed  not allowed by /etc
      in force read-only
    "##);
        assert_eq!(line(&explanation), "sandbox_mode = \"danger-full-access\"  # flag -s\n");
    }
}
