//! Steps to the tool calls that codex understands (FACTS section 11). Pure.

use serde_json::{Value, json};

use crate::scene::{Question, Step};

/// The calls of a step, as items of a response; `id` gives the call id of the n-th one.
pub(crate) fn calls(step: &Step, id: impl Fn(usize) -> String) -> Vec<Value> {
    let function = |name: &str, arguments: Value| {
        vec![json!({
            "type": "function_call",
            "call_id": id(0),
            "name": name,
            "arguments": arguments.to_string(),
        })]
    };
    match step {
        Step::Plan(steps) => function(
            "update_plan",
            json!({
                "plan": steps
                    .iter()
                    .map(|step| json!({"step": step.step, "status": step.status}))
                    .collect::<Vec<_>>(),
            }),
        ),
        Step::Run(commands) => commands
            .iter()
            .enumerate()
            .map(|(index, command)| {
                let arguments = json!({
                    "cmd": command,
                    "sandbox_permissions": "require_escalated",
                    "justification": "May I run this outside the sandbox? The scene asks for it.",
                });
                json!({
                    "type": "function_call",
                    "call_id": id(index),
                    "name": "exec_command",
                    "arguments": arguments.to_string(),
                })
            })
            .collect(),
        Step::Sandboxed(command) => function("exec_command", json!({ "cmd": command })),
        Step::Add { file, text } => patch(
            id(0),
            &format!("*** Add File: {file}\n{}", lines('+', text)),
        ),
        Step::Update { file, old, new } => patch(
            id(0),
            &format!(
                "*** Update File: {file}\n@@\n{}{}",
                lines('-', old),
                lines('+', new)
            ),
        ),
        Step::Delete(file) => patch(id(0), &format!("*** Delete File: {file}\n")),
        Step::Permissions { write, network } => {
            let wanted = write.iter().map(|path| format!("write below {path}"));
            let wanted: Vec<String> = wanted
                .chain(network.then(|| "use the network".to_owned()))
                .collect();
            let mut permissions = json!({});
            if !write.is_empty() {
                permissions["file_system"] = json!({ "write": write });
            }
            if *network {
                permissions["network"] = json!({"enabled": true});
            }
            function(
                "request_permissions",
                json!({
                    "reason": format!("The scene wants to {}.", wanted.join(" and to ")),
                    "permissions": permissions,
                }),
            )
        }
        Step::Ask(questions) => function(
            "request_user_input",
            json!({"questions": questions.iter().enumerate().map(question).collect::<Vec<_>>()}),
        ),
        Step::Mcp { tool, arguments } => {
            let mut call = function(tool, Value::Object(arguments.clone()));
            for call in &mut call {
                call["namespace"] = json!("mcp__tiny");
            }
            call
        }
        Step::Say(_)
        | Step::Think(_)
        | Step::Stream { .. }
        | Step::Markdown
        | Step::Help
        | Step::Fail { .. }
        | Step::Drop
        | Step::Slow(_)
        | Step::Hold(_) => vec![],
    }
}

fn question((index, question): (usize, &Question)) -> Value {
    json!({
        "id": match index {
            0 => "answer".to_owned(),
            more => format!("answer_{}", more + 1),
        },
        "header": "Question",
        "question": question.text,
        "isSecret": question.secret,
        "options": question
            .options
            .iter()
            .map(|option| json!({"label": option, "description": format!("Answer {option}.")}))
            .collect::<Vec<_>>(),
    })
}

/// Ends the turns that codex starts for a goal: no scene can pursue one.
pub(crate) fn give_up_goal(call_id: String) -> Value {
    json!({
        "type": "function_call",
        "call_id": call_id,
        "name": "update_goal",
        "arguments": json!({"status": "blocked"}).to_string(),
    })
}

fn patch(call_id: String, change: &str) -> Vec<Value> {
    vec![json!({
        "type": "custom_tool_call",
        "call_id": call_id,
        "name": "apply_patch",
        "input": format!("*** Begin Patch\n{change}*** End Patch\n"),
    })]
}

/// Every line of the text behind its mark.
fn lines(mark: char, text: &str) -> String {
    text.lines().map(|line| format!("{mark}{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Scene;

    fn calls_of(text: &str) -> Vec<Value> {
        match Scene::parse(text) {
            Scene::Steps(steps) => calls(&steps[0], |n| format!("c{n}")),
            other => panic!("{text:?} is {other:?}"),
        }
    }

    #[test]
    fn a_step_makes_as_many_calls_as_it_counts() {
        for text in [
            "say a",
            "think a",
            "stream 3",
            "markdown",
            "help",
            "drop",
            "hold a",
            "slow 1",
            "fail 500",
            "plan a; b",
            "run: a",
            "run: a & run: b & run: c",
            "sandboxed: a",
            "edit: a <- b",
            "edit: a b -> c",
            "delete: a",
            "permissions: /a",
            "permissions: /a & network",
            "ask: a",
            "ask: a & secret: b",
            "mcp: echo",
        ] {
            let Scene::Steps(steps) = Scene::parse(text) else {
                panic!("{text} is no scene")
            };
            assert_eq!(calls_of(text).len(), steps[0].calls(), "{text}");
        }
    }

    #[test]
    fn patches_have_the_form_that_codex_reads() {
        assert_eq!(
            calls_of("edit: a.txt <- one\\ntwo")[0]["input"],
            "*** Begin Patch\n*** Add File: a.txt\n+one\n+two\n*** End Patch\n"
        );
        assert_eq!(
            calls_of("edit: a.txt one\\ntwo -> three")[0]["input"],
            "*** Begin Patch\n*** Update File: a.txt\n@@\n-one\n-two\n+three\n*** End Patch\n"
        );
        assert_eq!(
            calls_of("delete: a.txt")[0]["input"],
            "*** Begin Patch\n*** Delete File: a.txt\n*** End Patch\n"
        );
    }
}
