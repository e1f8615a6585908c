//! Compares a step of a script with a request, and fills captured text into its items. Pure.

use super::script::{Capture, Expect, ScriptItem, Step, Texts, step_of_id};
use codex_base::truncate;
use codex_protocol::response_item::{ItemView, ResponseItem};
use serde_json::Value;
use std::collections::BTreeMap;

/// Tokens of what was seen that an error quotes.
const SEEN_TOKENS_MAX: usize = 500;

/// The steps whose answers stand in the input, even in part: one more than the highest that an item's id names.
pub fn steps_answered(input: &[ResponseItem]) -> usize {
    input
        .iter()
        .filter_map(|item| step_of_id(item.id()?))
        .max()
        .map_or(0, |step| step + 1)
}

/// What a step may ask about.
pub struct View<'a> {
    input: &'a [ResponseItem],
    /// Texts of all tool outputs, oldest first.
    outputs: Vec<String>,
    /// How many of them came after the last item of the model.
    new_outputs: usize,
}

impl<'a> View<'a> {
    pub fn of(input: &'a [ResponseItem]) -> Self {
        let new_outputs = input
            .iter()
            .rev()
            .take_while(|item| !is_model_item(item))
            .filter(|item| item.view().answers().is_some())
            .count();
        let outputs = input
            .iter()
            .filter(|item| item.view().answers().is_some())
            .map(output_text)
            .collect();
        Self {
            input,
            outputs,
            new_outputs,
        }
    }

    fn last_output(&self) -> Option<&str> {
        self.outputs.last().map(String::as_str)
    }

    fn fresh_outputs(&self) -> &[String] {
        &self.outputs[self.outputs.len() - self.new_outputs..]
    }

    fn last_user_text(&self) -> Option<String> {
        let mut messages = self
            .input
            .iter()
            .rev()
            .filter(|item| matches!(item.view(), ItemView::Message { role, .. } if role == "user"));
        Some(messages.next()?.view().message_text()?.to_string())
    }

    fn last_call(&self) -> Option<&str> {
        self.input
            .iter()
            .rev()
            .find_map(|item| item.view().call())
            .map(|call| call.name.as_str())
    }

    fn raw(&self) -> String {
        self.input.iter().map(|item| item.raw().get()).collect::<Vec<_>>().join("\n")
    }
}

fn is_model_item(item: &ResponseItem) -> bool {
    match item.view() {
        ItemView::Message { role, .. } => role == "assistant",
        ItemView::Reasoning { .. } | ItemView::FunctionCall(_) | ItemView::CustomToolCall(_) | ItemView::WebSearchCall { .. } => true,
        ItemView::FunctionCallOutput { .. } | ItemView::CustomToolCallOutput { .. } | ItemView::Known { .. } | ItemView::Unknown { .. } => {
            false
        }
    }
}

/// The text of a tool output: a string, or the text parts of a list.
fn output_text(item: &ResponseItem) -> String {
    let item: Value = serde_json::from_str(item.raw().get()).unwrap_or_default();
    match item.get("output") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect(),
        _ => String::new(),
    }
}

/// The first thing that is not as expected, with what was seen instead.
pub fn mismatch(expect: &Expect, view: &View) -> Option<String> {
    let last = view.last_output();
    let fresh = (view.new_outputs > 0).then(|| view.fresh_outputs().join("\n"));
    let user = view.last_user_text();
    let calls = expect.last_call.as_deref().filter(|name| view.last_call() != Some(name));
    let outputs = expect.outputs.filter(|count| *count != view.new_outputs);
    lacking("the last tool output", &expect.last_output_contains, last)
        .or_else(|| holding("the last tool output", &expect.last_output_lacks, last))
        .or_else(|| lacking("the new tool outputs", &expect.any_output_contains, fresh.as_deref()))
        .or_else(|| lacking("the last user message", &expect.user_contains, user.as_deref()))
        .or_else(|| lacking("the input", &expect.input_contains, Some(&view.raw())))
        .or_else(|| {
            calls.map(|name| {
                format!(
                    "expected the last call to be {name:?}, it is {:?}",
                    view.last_call().unwrap_or("none")
                )
            })
        })
        .or_else(|| outputs.map(|count| format!("expected {count} new tool outputs, there are {}", view.new_outputs)))
}

fn lacking(place: &str, texts: &Texts, seen: Option<&str>) -> Option<String> {
    let missing = texts.0.iter().find(|text| !seen.is_some_and(|seen| seen.contains(text.as_str())))?;
    Some(match seen {
        Some(seen) => format!(
            "expected {place} to contain {missing:?}, it is {:?}",
            truncate::middle(seen, SEEN_TOKENS_MAX)
        ),
        None => format!("expected {place} to contain {missing:?}, there is none"),
    })
}

fn holding(place: &str, texts: &Texts, seen: Option<&str>) -> Option<String> {
    let seen = seen?;
    let found = texts.0.iter().find(|text| seen.contains(text.as_str()))?;
    Some(format!(
        "expected {place} not to contain {found:?}, it is {:?}",
        truncate::middle(seen, SEEN_TOKENS_MAX)
    ))
}

/// The step's items with `{{name}}` replaced by what was captured.
///
/// # Errors
/// If no output holds what a capture looks for, or a number is wanted and it is none.
pub fn filled(step: &Step, view: &View) -> Result<Vec<ScriptItem>, String> {
    if step.capture.is_empty() {
        return Ok(step.items.clone());
    }
    let captured: BTreeMap<&str, &str> = step
        .capture
        .iter()
        .map(|(name, capture)| Ok((name.as_str(), find(capture, view).ok_or_else(|| not_captured(name, capture, view))?)))
        .collect::<Result<_, String>>()?;
    Ok(step
        .items
        .iter()
        .map(|item| item.with_texts(&|text| replaced(text, &captured)))
        .collect())
}

fn find<'v>(capture: &Capture, view: &'v View) -> Option<&'v str> {
    view.outputs.iter().rev().find_map(|output| {
        let (_, rest) = output.split_once(&capture.after)?;
        let until = capture.until.as_deref().unwrap_or("\n");
        Some(rest.split_once(until).map_or(rest, |(found, _)| found))
    })
}

fn not_captured(name: &str, capture: &Capture, view: &View) -> String {
    let seen = view.last_output().map_or_else(
        || "there is none".to_owned(),
        |seen| format!("the last one is {:?}", truncate::middle(seen, SEEN_TOKENS_MAX)),
    );
    format!("cannot capture {name}: no tool output contains {:?}; {seen}", capture.after)
}

/// `{{name}}` becomes the captured text; a string that is just `{{name:number}}` becomes a number.
fn replaced(text: &str, captured: &BTreeMap<&str, &str>) -> Value {
    let mut result = text.to_owned();
    for (name, value) in captured {
        if text == format!("{{{{{name}:number}}}}")
            && let Ok(number) = value.trim().parse::<serde_json::Number>()
        {
            return Value::Number(number);
        }
        result = result.replace(&format!("{{{{{name}}}}}"), value);
    }
    Value::String(result)
}
