//! The model's own words: what the tools said, what cannot be played, and the answer to chat.
//!
//! Pure, and careful about who: a command may have been declined by a rule or a hook, so it "was
//! declined". The texts of tool outputs are codex's (FACTS sections 4 and 11), seen in `tests/`; one
//! that is not known is quoted by its first line.

use serde_json::Value;

use crate::request::ToolCall;

/// Longest piece of somebody's words that is repeated.
const QUOTE: usize = 120;

/// What the tools said, a line for each call; `None` without calls.
pub(crate) fn message(calls: &[ToolCall]) -> Option<String> {
    let lines: Vec<String> = calls.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n\n"))
}

fn line(call: &ToolCall) -> String {
    let output = call.output.as_deref().unwrap_or_default();
    let arguments: Value = serde_json::from_str(&call.input).unwrap_or_default();
    match call.name.as_str() {
        "exec_command" => command(arguments["cmd"].as_str().unwrap_or_default(), output),
        "apply_patch" => patch(output),
        "update_plan" if output.starts_with("Plan updated") => "The plan is up to date.".to_owned(),
        "update_goal" => {
            "The goal is set to blocked: the offline demo plays scenes and cannot pursue \
                          a goal by itself."
                .to_owned()
        }
        "request_permissions" => permissions(output),
        "request_user_input" => answer(output),
        _ => tool(&call.name, output),
    }
}

fn tool(name: &str, output: &str) -> String {
    if [
        "user rejected MCP tool call",
        "user cancelled MCP tool call",
    ]
    .iter()
    .any(|refusal| output.contains(refusal))
    {
        return format!("The tool `{name}` was declined; it did not run.");
    }
    // Codex puts its own lines before what the tool said.
    let said = output
        .split_once("Output:\n")
        .map_or(output, |(_, said)| said);
    format!("The tool `{name}` answered: {}", quote(said))
}

fn command(command: &str, output: &str) -> String {
    let name = format!("The command `{}`", quote(command));
    if let Some(code) = after(output, "Process exited with code ") {
        format!("{name} exited with {code}.")
    } else if after(output, "Process running with session ID ").is_some() {
        format!("{name} is still running.")
    } else if output.contains("rejected by user") {
        format!("{name} was declined; it did not run.")
    } else {
        format!("{name} did not run to its end: {}", quote(output))
    }
}

fn patch(output: &str) -> String {
    if let Some((_, files)) = output.split_once("Updated the following files:") {
        let files: Vec<&str> = files.split_whitespace().collect();
        let files: Vec<String> = files
            .chunks(2)
            .filter_map(|pair| match pair {
                ["A", file] => Some(format!("added `{file}`")),
                ["M", file] => Some(format!("changed `{file}`")),
                ["D", file] => Some(format!("deleted `{file}`")),
                _ => None,
            })
            .collect();
        format!("The patch is in: {}.", files.join(", "))
    } else if output.contains("rejected by user") {
        "The patch was declined; no file was changed.".to_owned()
    } else {
        format!("The patch was not made: {}", quote(output))
    }
}

fn permissions(output: &str) -> String {
    match serde_json::from_str::<Value>(output) {
        Ok(answer) => match answer["permissions"].as_object() {
            Some(granted) if granted.values().any(|value| !value.is_null()) => {
                "The permission was granted.".to_owned()
            }
            _ => "The permission was not granted.".to_owned(),
        },
        Err(_) => format!("The request for permission ended with: {}", quote(output)),
    }
}

fn answer(output: &str) -> String {
    let Ok(answer) = serde_json::from_str::<Value>(output) else {
        return format!("The question ended with: {}", quote(output));
    };
    let chosen: Vec<&str> = answer["answers"]
        .as_object()
        .into_iter()
        .flat_map(|answers| answers.values())
        .filter_map(|answer| answer["answers"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if chosen.is_empty() {
        "The question was left unanswered.".to_owned()
    } else {
        format!("The answer was: {}.", quote(&chosen.join(", ")))
    }
}

/// What is wrong with a scene.
pub(crate) fn problem(line: usize, text: &str, reason: &str) -> String {
    format!(
        "I cannot play line {line} of this scene, `{}`: {reason}. Nothing was played. \
         Say `help` to see every step.",
        quote(text)
    )
}

/// The answer to words that are no scene.
pub(crate) fn chat(text: &str) -> String {
    let said = match quote(text) {
        quote if quote.is_empty() => String::new(),
        quote => format!("You said: \u{201c}{quote}\u{201d}. "),
    };
    format!(
        "{said}This is the offline demo. My answers are scripted: no model reads what you write, and \
         nothing leaves this machine. The commands and edits that I play are real, and you are asked \
         about them as with any agent.\n\n\
         Say `help` to see every step, or try one of these:\n\n\
         ```\n\
         run: echo hello\n\
         edit: hello.txt <- Hello from the demo\n\
         ```\n"
    )
}

/// The first word behind a mark.
fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark)?.1.split_whitespace().next()
}

/// The first line with words in it, without backticks, cut to a readable length.
fn quote(text: &str) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .replace('`', "'");
    match line.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}\u{2026}", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, input: &str, output: &str) -> String {
        message(&[ToolCall {
            call_id: "c".into(),
            name: name.into(),
            input: input.into(),
            output: Some(output.into()),
        }])
        .unwrap()
    }

    #[test]
    fn an_unknown_output_is_quoted() {
        assert_eq!(message(&[]), None);
        assert_eq!(
            said("exec_command", "{\"cmd\":\"ls\"}", "aborted\nmore"),
            "The command `ls` did not run to its end: aborted"
        );
        assert_eq!(said("other", "", "fine"), "The tool `other` answered: fine");
        assert!(said("other", "", &"é".repeat(500)).ends_with('…'));
    }

    #[test]
    fn chat_says_what_it_is() {
        let answer = chat("hello `there`\nsecond line");
        assert!(answer.contains("hello 'there'"));
        assert!(answer.contains("offline demo"));
        assert!(answer.contains("help"));
        assert!(!chat("").contains("You said"));
    }
}
