//! What codex sent: one request of the Responses API, and whether its history hangs together.
//!
//! Pure: reads JSON, changes nothing. The shapes are those of FACTS sections 10 and 11.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// One captured request to `/responses`.
#[derive(Debug, Clone)]
pub struct Request {
    /// The `thread-id` header: which thread of the app-server asked.
    pub thread_id: Option<String>,
    /// The JSON body as it came.
    pub body: Value,
}

/// A tool call in a request's history, with its output when there is one.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// The id that joins the call with its output.
    pub call_id: String,
    /// The tool, for example `exec_command`; without its namespace.
    pub name: String,
    /// The arguments as text: JSON for functions, free text for custom tools.
    pub input: String,
    /// What the model was told, as text.
    pub output: Option<String>,
}

impl Request {
    /// The `input` items, oldest first; empty when there are none.
    #[must_use]
    pub fn input(&self) -> &[Value] {
        self.body["input"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The slug of the model that was asked for.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.body["model"].as_str()
    }

    /// Names of the tools offered to the model; those of a namespace as `NAMESPACE/NAME`.
    #[must_use]
    pub fn tool_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for tool in self.body["tools"].as_array().into_iter().flatten() {
            let name = tool["name"].as_str().or_else(|| tool["type"].as_str());
            let name = name.unwrap_or_default();
            match tool["tools"].as_array() {
                Some(inner) => {
                    names.extend(inner.iter().map(|tool| {
                        format!("{name}/{}", tool["name"].as_str().unwrap_or_default())
                    }))
                }
                None => names.push(name.to_owned()),
            }
        }
        names
    }

    /// The newest message that a person wrote. Codex also sends context in the user's role
    /// (environment, AGENTS.md, aborted turns, shell commands): that is left out.
    #[must_use]
    pub fn last_user_text(&self) -> Option<String> {
        self.last_user_message().map(|(_, text)| text)
    }

    /// Index in [`input`](Self::input) and text of the newest message that a person wrote.
    pub(crate) fn last_user_message(&self) -> Option<(usize, String)> {
        self.input()
            .iter()
            .enumerate()
            .rev()
            .find_map(|(index, item)| user_text(item).map(|text| (index, text)))
    }

    /// Index of the newest message by which codex goes on with a goal by itself, when it is newer
    /// than the message at `user`.
    pub(crate) fn goal_turn(&self, user: usize) -> Option<usize> {
        let goal = |item: &Value| {
            item["role"] == "user"
                && text_of(&item["content"]).contains("<codex_internal_context source=\"goal\"")
        };
        let index = self.input().iter().rposition(goal)?;
        (index > user).then_some(index)
    }

    /// All tool calls with their outputs, in the order of the calls.
    #[must_use]
    pub fn tool_calls(&self) -> Vec<ToolCall> {
        self.tool_calls_after(0)
    }

    /// As [`tool_calls`](Self::tool_calls), only those at or after an index of the input.
    pub(crate) fn tool_calls_after(&self, start: usize) -> Vec<ToolCall> {
        let outputs: HashMap<String, String> = self.tool_outputs().into_iter().collect();
        self.input()
            .iter()
            .skip(start)
            .filter_map(|item| call(item).map(|call_id| (call_id, item)))
            .map(|(call_id, item)| ToolCall {
                call_id: call_id.to_owned(),
                name: item["name"].as_str().unwrap_or_default().to_owned(),
                input: item["arguments"]
                    .as_str()
                    .or_else(|| item["input"].as_str())
                    .unwrap_or_default()
                    .to_owned(),
                output: outputs.get(call_id).cloned(),
            })
            .collect()
    }

    /// What the model was told about its calls: call id and text, in the order of the input.
    #[must_use]
    pub fn tool_outputs(&self) -> Vec<(String, String)> {
        self.input()
            .iter()
            .filter_map(|item| Some((output(item)?.to_owned(), text_of(&item["output"]))))
            .collect()
    }

    /// What is wrong with the history: a call without an output or with two, an output without
    /// an earlier call, a call id used twice. Empty when all is well.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut called = HashSet::new();
        let mut answered = HashSet::new();
        for item in self.input() {
            if let Some(id) = call(item)
                && !called.insert(id)
            {
                found.push(format!("call id {id} is used twice"));
            }
            if let Some(id) = output(item) {
                if !called.contains(id) {
                    found.push(format!("output {id} has no earlier call"));
                }
                if !answered.insert(id) {
                    found.push(format!("call {id} has two outputs"));
                }
            }
        }
        let mut open: Vec<_> = called.difference(&answered).collect();
        open.sort();
        found.extend(
            open.into_iter()
                .map(|id| format!("call {id} has no output")),
        );
        found
    }
}

/// The call id when the item is a tool call that must be answered.
fn call(item: &Value) -> Option<&str> {
    match item["type"].as_str()? {
        "function_call" | "custom_tool_call" | "local_shell_call" => item["call_id"].as_str(),
        _ => None,
    }
}

/// The call id when the item is the output of a tool call.
fn output(item: &Value) -> Option<&str> {
    match item["type"].as_str()? {
        "function_call_output" | "custom_tool_call_output" => item["call_id"].as_str(),
        _ => None,
    }
}

/// Text of a value that is a string or a list of content parts.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect::<Vec<_>>()
            .join("\n"),
        Value::Object(object) => object
            .get("content")
            .or_else(|| object.get("output"))
            .map(text_of)
            .unwrap_or_default(),
        _ => String::new(),
    }
}

/// What a person wrote in this item; `None` for anything else.
fn user_text(item: &Value) -> Option<String> {
    if item["type"] != "message" || item["role"] != "user" {
        return None;
    }
    let parts: Vec<&str> = match &item["content"] {
        Value::String(text) => vec![text.as_str()],
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        _ => vec![],
    };
    let written: Vec<&str> = parts.into_iter().filter(|text| !is_context(text)).collect();
    (!written.is_empty()).then(|| written.join("\n"))
}

/// Whether a text in the user's role was put there by codex: one element in angle brackets with a
/// name of several words or of codex's own, or the AGENTS.md preamble.
fn is_context(text: &str) -> bool {
    let text = text.trim();
    if text.starts_with("# AGENTS.md instructions") {
        return true;
    }
    let name: String = text
        .strip_prefix('<')
        .unwrap_or_default()
        .chars()
        .take_while(|c| c.is_ascii_lowercase() || *c == '_')
        .collect();
    (name.contains('_') || name == "skill" || name == "image")
        && (text.ends_with(&format!("</{name}>")) || name == "image")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(input: Value) -> Request {
        Request {
            thread_id: None,
            body: json!({ "input": input }),
        }
    }

    fn user(text: &str) -> Value {
        json!({"type":"message","role":"user","content":[{"type":"input_text","text":text}]})
    }

    fn call(id: &str) -> Value {
        json!({"type":"function_call","call_id":id,"name":"exec_command","arguments":"{}"})
    }

    fn output(id: &str) -> Value {
        json!({"type":"function_call_output","call_id":id,"output":id})
    }

    #[test]
    fn the_persons_message_is_found_among_context() {
        let both = json!({"type":"message","role":"user","content":[
            {"type":"input_text","text":"# AGENTS.md instructions for /x\n<INSTRUCTIONS>"},
            {"type":"input_text","text":"<environment_context>\n <cwd>/x</cwd>\n</environment_context>"}]});
        let developer = json!({"type":"message","role":"developer","content":[{"type":"input_text","text":"no"}]});
        let aborted = user("<turn_aborted>\nstopped\n</turn_aborted>");
        let request = request(json!([both, user("say hi"), developer, aborted]));
        assert_eq!(request.last_user_message(), Some((1, "say hi".into())));
        let html = super::tests::request(json!([user("<b>bold</b>")]));
        assert_eq!(html.last_user_text().as_deref(), Some("<b>bold</b>"));
    }

    #[test]
    fn outputs_of_every_shape_are_text() {
        let request = request(json!([
            call("a"),
            {"type":"custom_tool_call","call_id":"b","name":"apply_patch","input":"patch"},
            output("a"),
            {"type":"custom_tool_call_output","call_id":"b","output":[{"type":"input_text","text":"done"}]},
        ]));
        assert_eq!(
            request.tool_outputs(),
            [("a".into(), "a".into()), ("b".into(), "done".into())]
        );
        let calls = request.tool_calls_after(1);
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].input, "patch");
        assert_eq!(calls[0].output.as_deref(), Some("done"));
        assert!(request.violations().is_empty());
    }

    #[test]
    fn violations_are_named() {
        for (input, expected) in [
            (json!([call("a"), output("a")]), vec![]),
            (
                json!([call("a"), call("b"), output("b"), output("a")]),
                vec![],
            ),
            (json!([call("a")]), vec!["call a has no output"]),
            (json!([output("a")]), vec!["output a has no earlier call"]),
            (
                json!([output("a"), call("a")]),
                vec!["output a has no earlier call"],
            ),
            (
                json!([call("a"), output("a"), output("a")]),
                vec!["call a has two outputs"],
            ),
            (
                json!([call("a"), call("a"), output("a")]),
                vec!["call id a is used twice"],
            ),
        ] {
            assert_eq!(request(input.clone()).violations(), expected, "{input}");
        }
    }
}
