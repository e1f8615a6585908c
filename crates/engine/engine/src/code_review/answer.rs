//! From a reviewer's last message to a [`ReviewOutput`]. Nothing is refused: what is not in the form that was asked for is read as far as it
//! goes, and a message without such an object is the explanation.

use codex_protocol::review::{CodeLocation, LineRange, ReviewFinding, ReviewOutput};
use serde_json::{Map, Number, Value};

/// What the reviewer says in `message`.
pub fn output(message: &str) -> ReviewOutput {
    let whole = serde_json::from_str(message.trim()).ok();
    match whole.or_else(|| inside(message)).as_ref().and_then(answer) {
        Some(answer) => read(answer),
        None => ReviewOutput::of_text(message),
    }
}

/// The object between the first and the last brace, whatever stands around it.
fn inside(message: &str) -> Option<Value> {
    let (from, to) = (message.find('{')?, message.rfind('}')?);
    serde_json::from_str(message.get(from..=to)?).ok()
}

/// Only an object that looks like an answer: a message may hold any other JSON.
fn answer(value: &Value) -> Option<&Map<String, Value>> {
    const FIELDS: [&str; 3] = ["findings", "overall_explanation", "overall_correctness"];
    value
        .as_object()
        .filter(|object| FIELDS.iter().any(|field| object.contains_key(*field)))
}

fn read(answer: &Map<String, Value>) -> ReviewOutput {
    let findings = answer.get("findings").and_then(Value::as_array);
    ReviewOutput {
        findings: findings.into_iter().flatten().filter_map(finding).collect(),
        overall_correctness: text(answer, "overall_correctness"),
        overall_explanation: text(answer, "overall_explanation"),
        overall_confidence_score: score(answer, "overall_confidence_score"),
    }
}

/// `None` for what says nothing.
fn finding(value: &Value) -> Option<ReviewFinding> {
    let value = value.as_object()?;
    let body = text(value, "body");
    let title = match text(value, "title") {
        title if title.is_empty() => body.lines().next().unwrap_or_default().to_owned(),
        title => title,
    };
    let finding = ReviewFinding {
        confidence_score: score(value, "confidence_score"),
        priority: priority(value.get("priority")).or_else(|| tagged_priority(&title)),
        code_location: value.get("code_location").and_then(location),
        title,
        body,
    };
    (!finding.title.is_empty()).then_some(finding)
}

fn text(object: &Map<String, Value>, field: &str) -> String {
    object.get(field).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

fn score(object: &Map<String, Value>, field: &str) -> Number {
    let given = match object.get(field) {
        Some(Value::Number(number)) => Some(number.clone()),
        Some(Value::String(text)) => text.trim().parse().ok().and_then(Number::from_f64),
        _ => None,
    };
    given.unwrap_or_else(|| Number::from(0))
}

/// `1`, `1.0`, `"1"` or `"P1"`.
fn priority(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64().filter(|number| number.fract() == 0.0)?;
            format!("{number}").parse().ok()
        }),
        Value::String(text) => text.trim().trim_start_matches(['P', 'p']).parse().ok(),
        _ => None,
    }
}

/// The `1` of `[P1] …`.
fn tagged_priority(title: &str) -> Option<i64> {
    title.strip_prefix("[P")?.split_once(']')?.0.parse().ok()
}

/// A place without lines is no place that could be shown.
fn location(value: &Value) -> Option<CodeLocation> {
    let path = ["absolute_file_path", "file_path", "path"]
        .iter()
        .find_map(|field| value.get(field)?.as_str())?;
    let range = value.get("line_range")?;
    let line = |field: &str| u32::try_from(range.get(field)?.as_u64()?).ok();
    let start = line("start")?;
    Some(CodeLocation {
        absolute_file_path: path.to_owned(),
        line_range: LineRange {
            start,
            end: line("end").unwrap_or(start),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn full() -> Value {
        json!({
            "findings": [{
                "title": "[P1] Bad", "body": "b", "confidence_score": 0.9, "priority": 1,
                "code_location": {"absolute_file_path": "/x/y.rs", "line_range": {"start": 1, "end": 2}},
            }],
            "overall_correctness": "patch is incorrect", "overall_explanation": "ex", "overall_confidence_score": 0.8,
        })
    }

    #[test]
    fn an_answer_in_the_form_that_was_asked_for_comes_through_whole() {
        let check = |message: &str| assert_eq!(json!(output(message)), full(), "{message}");

        check(&full().to_string());
        check(&format!("Here it is:\n```json\n{:#}\n```\nGood luck!", full()));
    }

    #[test]
    fn an_answer_in_another_form_is_read_as_far_as_it_goes() {
        let check = |message: Value, expect: Value| assert_eq!(json!(output(&message.to_string())), expect, "{message}");
        let with = |findings: Value| json!({"findings": findings, "overall_correctness": "", "overall_explanation": "", "overall_confidence_score": 0});

        check(json!({"findings": []}), with(json!([])));
        check(json!({"findings": null, "overall_explanation": 7}), with(json!([])));
        check(
            json!({"findings": [{"title": "[P2] T"}, {"body": "first\nsecond", "priority": null}, {}, 3, {"title": "x", "priority": "P0", "confidence_score": "0.5"}]}),
            with(json!([
                {"title": "[P2] T", "body": "", "confidence_score": 0, "priority": 2},
                {"title": "first", "body": "first\nsecond", "confidence_score": 0},
                {"title": "x", "body": "", "confidence_score": 0.5, "priority": 0},
            ])),
        );
        check(
            json!({"findings": [
                {"title": "a", "priority": 1.0, "code_location": {"path": "y.rs", "line_range": {"start": 4}}},
                {"title": "b", "priority": 1.5, "code_location": {"absolute_file_path": "/y.rs", "line_range": {"start": -1, "end": 2}}},
            ]}),
            with(json!([
                {"title": "a", "body": "", "confidence_score": 0, "priority": 1, "code_location": {"absolute_file_path": "y.rs", "line_range": {"start": 4, "end": 4}}},
                {"title": "b", "body": "", "confidence_score": 0},
            ])),
        );
    }

    #[test]
    fn words_are_the_explanation() {
        for message in ["All is well.", "{not json}", r#"{"any": "other"}"#, "}{", "[1]"] {
            assert_eq!(output(&format!(" {message}\n")), ReviewOutput::of_text(message));
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_model_says_is_too_strange(message in any::<String>(), from in 0..400usize, to in 0..400usize) {
            output(&message);
            let whole = full().to_string();
            let cut: String = whole.chars().skip(from).take(to).collect();
            prop_assert!(!output(&cut).to_string().is_empty());
        }
    }
}
