//! The findings as text and as JSON. Form of the JSON: as the program has it whose scripts we serve, schema version 1.

use codex_protocol::VERSION;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// How well something is; the worse, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Ok,
    Note,
    Warning,
    Fail,
}

impl Status {
    /// Its word, its sign, and its colour as a parameter of SGR.
    const fn face(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ok => ("ok", "\u{2713}", "32"),
            Self::Note => ("note", "\u{00b7}", "2"),
            Self::Warning => ("warning", "!", "33"),
            Self::Fail => ("fail", "\u{2717}", "31"),
        }
    }
}

/// Where a check is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Environment,
    Configuration,
    Connectivity,
}

/// What one look found. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub id: &'static str,
    pub group: Group,
    pub status: Status,
    pub summary: String,
    pub details: Vec<(&'static str, String)>,
    /// What to do about it.
    pub remediation: Option<String>,
    pub duration_ms: u64,
}

/// Everything that was found.
pub struct Report {
    /// RFC 3339.
    pub generated_at: String,
    pub checks: Vec<Check>,
}

/// How the text looks.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    pub colour: bool,
    pub ascii: bool,
    pub details: Details,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Details {
    None,
    OfWhatIsNotWell,
    All,
}

impl Report {
    fn status(&self) -> Status {
        // A note is nothing to worry about.
        let worst = self.checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok);
        if worst == Status::Note { Status::Ok } else { worst }
    }

    pub fn failed(&self) -> bool {
        self.status() == Status::Fail
    }

    pub fn json(&self) -> String {
        let checks: Map<String, Value> = self.checks.iter().map(|check| (check.id.to_owned(), entry(check))).collect();
        let report = json!({
            "schemaVersion": 1,
            "generatedAt": self.generated_at,
            "overallStatus": self.status().face().0,
            "codexVersion": VERSION,
            "checks": checks,
        });
        format!("{report:#}\n")
    }

    pub fn text(&self, style: Style) -> String {
        let mut text = String::new();
        for group in [Group::Environment, Group::Configuration, Group::Connectivity] {
            let checks: Vec<&Check> = self.checks.iter().filter(|check| check.group == group).collect();
            if !checks.is_empty() {
                text += &format!("{group:?}\n");
                checks.iter().for_each(|check| lines(check, style, &mut text));
                text += "\n";
            }
        }
        let count = |status| self.checks.iter().filter(|check| check.status == status).count();
        let (warnings, failures) = (count(Status::Warning), count(Status::Fail));
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} checks, {warnings} warnings, {failures} failures", self.checks.len());
        text
    }
}

fn lines(check: &Check, style: Style, text: &mut String) {
    let (word, sign, colour) = check.status.face();
    let mark = if style.ascii { format!("{word:7}") } else { sign.to_owned() };
    let mark = if style.colour {
        format!("\u{1b}[{colour}m{mark}\u{1b}[0m")
    } else {
        mark
    };
    // Writing to a string does not fail.
    let _ = writeln!(text, "  {mark} {:22} {}", check.id, check.summary);
    let shown = match style.details {
        Details::None => false,
        Details::OfWhatIsNotWell => check.status >= Status::Warning,
        Details::All => true,
    };
    for (name, value) in check.details.iter().filter(|_| shown) {
        let _ = writeln!(text, "      {name}: {value}");
    }
    if let Some(remediation) = &check.remediation {
        let _ = writeln!(text, "      {} {remediation}", if style.ascii { "->" } else { "\u{2192}" });
    }
}

fn entry(check: &Check) -> Value {
    let details: Map<String, Value> = check
        .details
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
        .collect();
    json!({
        "id": check.id,
        "category": format!("{:?}", check.group).to_lowercase(),
        "status": check.status.face().0,
        "summary": check.summary,
        "details": details,
        "remediation": check.remediation,
        "durationMs": check.duration_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let check = |id, group, status, remediation: Option<&str>| Check {
            id,
            group,
            status,
            summary: format!("summary of {id}"),
            details: vec![("where", "/a/b".to_owned())],
            remediation: remediation.map(str::to_owned),
            duration_ms: 3,
        };
        Report {
            generated_at: "2026-01-02T03:04:05Z".to_owned(),
            checks: vec![
                check("git.environment", Group::Environment, Status::Ok, None),
                check("config.load", Group::Configuration, Status::Fail, Some("mend it")),
                check("network.env", Group::Connectivity, Status::Note, None),
            ],
        }
    }

    fn style(details: Details) -> Style {
        Style {
            colour: false,
            ascii: false,
            details,
        }
    }

    #[test]
    fn text_shows_details_where_something_is_wrong() {
        insta::assert_snapshot!(report().text(style(Details::OfWhatIsNotWell)), @r"
        Environment
          ✓ git.environment        summary of git.environment

        Configuration
          ✗ config.load            summary of config.load
              where: /a/b
              → mend it

        Connectivity
          · network.env            summary of network.env

        3 checks, 0 warnings, 1 failures
        ");
    }

    #[test]
    fn text_in_letters_without_details() {
        let style = Style {
            ascii: true,
            ..style(Details::None)
        };

        insta::assert_snapshot!(report().text(style), @r"
        Environment
          ok      git.environment        summary of git.environment

        Configuration
          fail    config.load            summary of config.load
              -> mend it

        Connectivity
          note    network.env            summary of network.env

        3 checks, 0 warnings, 1 failures
        ");
    }

    #[test]
    fn json_has_the_form_that_scripts_know() {
        let mut report = report();
        report.checks.remove(0);

        insta::assert_snapshot!(report.json().replace(VERSION, "VERSION"), @r#"
        {
          "schemaVersion": 1,
          "generatedAt": "2026-01-02T03:04:05Z",
          "overallStatus": "fail",
          "codexVersion": "VERSION",
          "checks": {
            "config.load": {
              "id": "config.load",
              "category": "configuration",
              "status": "fail",
              "summary": "summary of config.load",
              "details": {
                "where": "/a/b"
              },
              "remediation": "mend it",
              "durationMs": 3
            },
            "network.env": {
              "id": "network.env",
              "category": "connectivity",
              "status": "note",
              "summary": "summary of network.env",
              "details": {
                "where": "/a/b"
              },
              "remediation": null,
              "durationMs": 3
            }
          }
        }
        "#);
    }

    #[test]
    fn the_worst_check_decides_and_a_note_is_no_worry() {
        let status = |index: usize| {
            let mut report = report();
            let check = report.checks.remove(index);
            report.checks = vec![check];
            (report.status().face().0, report.failed())
        };

        assert_eq!([0, 1, 2].map(status), [("ok", false), ("fail", true), ("ok", false)]);
    }
}
