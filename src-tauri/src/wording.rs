//! Questions in words: what exactly is asked, what allowing it means, and what each answer does.
//!
//! The words are a safety device: a button says its exact scope, and nothing that is asked goes unsaid.

use countersign_contract::{ApprovalPolicy, Choice, Problem, Subject, wire::LateAnswer};
use countersign_markup::{visible, visible_line};
use countersign_runtime::approval::{CommandRequest, Decision, Request};

use crate::desk::choice_of;

/// Characters of a command in a name.
const NAME: usize = 80;

/// A few words for what is asked: the accessible name of its card.
pub(crate) fn name(request: &Request, files: &[countersign_contract::FileChange]) -> String {
    use countersign_runtime::approval::Subject as Asked;
    match &request.subject {
        Asked::Command(command) if command.to_terminal => {
            format!("Type into a running command: {}", short(&command.command))
        }
        Asked::Command(CommandRequest {
            command,
            network: Some(host),
            ..
        }) if command.is_empty() => format!("Reach {}", short(host)),
        Asked::Command(command) => format!("Run {}", short(&command.command)),
        Asked::FileChange { .. } => match files {
            [] => "Change files".to_owned(),
            [file] => format!("{} {}", verb(file), short(file_name(&file.path))),
            [first, rest @ ..] => format!(
                "Change {} and {} more",
                short(file_name(&first.path)),
                rest.len()
            ),
        },
        _ => short(&request.method),
    }
}

fn verb(file: &countersign_contract::FileChange) -> &'static str {
    match file.change {
        countersign_contract::ChangeKind::Add => "Create",
        countersign_contract::ChangeKind::Delete => "Delete",
        countersign_contract::ChangeKind::Update => "Change",
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn short(text: &str) -> String {
    let text = visible_line(text.trim());
    match text.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// What exactly is asked.
pub(crate) fn subject(request: &Request, files: Vec<countersign_contract::FileChange>) -> Subject {
    use countersign_runtime::approval::Subject as Asked;
    match &request.subject {
        Asked::Command(command) => {
            let mut extras: Vec<String> = command
                .extra_permissions
                .iter()
                .map(|extra| format!("Asks for {}.", visible_line(extra)))
                .collect();
            extras.extend(
                command
                    .network
                    .iter()
                    .map(|host| format!("Wants to reach {}.", visible_line(host))),
            );
            Subject::Command {
                command: visible(&command.command).into_owned(),
                cwd: visible_line(&command.cwd).into_owned(),
                extras,
                parts: Vec::new(),
            }
        }
        _ => Subject::Files { files },
    }
}

/// What allowing means, one sentence each.
pub(crate) fn consequences(request: &Request, policy: Option<ApprovalPolicy>) -> Vec<String> {
    use countersign_runtime::approval::Subject as Asked;
    match &request.subject {
        Asked::Command(command) if command.to_terminal => vec!["Sends this input to a command that is running.".to_owned()],
        Asked::Command(command) if !command.extra_permissions.is_empty() => {
            vec!["Runs in the sandbox with the extra permissions named above.".to_owned()]
        }
        // FACTS section 4: what `accept` does under each policy.
        Asked::Command(_) if policy == Some(ApprovalPolicy::Untrusted) => vec![
            "Can run outside the sandbox: at once if the agent asked for that, else again when the sandbox stops it, without another question.".to_owned(),
        ],
        Asked::Command(_) => vec!["Runs outside the sandbox.".to_owned()],
        Asked::FileChange { grant_root } => {
            let mut out = vec!["Writes these changes to disk.".to_owned()];
            out.extend(
                grant_root
                    .iter()
                    .map(|root| format!("Lets the agent write to {} without asking for the rest of the session.", visible_line(root))),
            );
            out
        }
        _ => Vec::new(),
    }
}

/// The answers on offer in the order to show them: denials first, what lasts after what does not.
pub(crate) fn choices(request: &Request) -> Vec<Choice> {
    let mut decisions = request.decisions();
    decisions.sort_by_key(|decision| match decision {
        Decision::Deny => 0,
        Decision::DenyAndStop => 1,
        Decision::Allow => 2,
        Decision::AllowForSession => 3,
        Decision::ApplyHostRule(_) | Decision::AllowByRule(_) => 4,
    });
    let is_command = matches!(
        request.subject,
        countersign_runtime::approval::Subject::Command(_)
    );
    decisions
        .iter()
        .map(|decision| {
            let (label, effect) = label(decision, is_command);
            Choice {
                id: choice_of(decision),
                label,
                effect,
                allows: decision.allows(),
                lasting: decision.is_lasting(),
            }
        })
        .collect()
}

fn label(decision: &Decision, is_command: bool) -> (String, String) {
    let (label, effect) = match decision {
        Decision::Allow => ("Allow once", "Allows this one time."),
        Decision::AllowForSession if is_command => (
            "Allow for this session",
            "Allows this, and the very same command again in this session without asking.",
        ),
        Decision::AllowForSession => (
            "Allow for this session",
            "Allows this, and later changes to the same files in this session without asking.",
        ),
        Decision::AllowByRule(words) => {
            let prefix = visible_line(&shown_words(words)).into_owned();
            return (
                "Allow always…".to_owned(),
                format!(
                    "Writes a rule into Codex's rules: every command that begins with “{prefix}” is allowed, in all sessions, for ever, outside the sandbox."
                ),
            );
        }
        Decision::ApplyHostRule(rule) => {
            let host = visible_line(&rule.host).into_owned();
            let (verb, state) = if rule.allow {
                ("Allow", "allowed")
            } else {
                ("Deny", "denied")
            };
            return (
                format!("{verb} {host} always…"),
                format!(
                    "Writes a rule into Codex's rules: reaching {host} is {state}, in all sessions, for ever."
                ),
            );
        }
        Decision::Deny => (
            "Deny",
            "Does not allow this. The agent is told, and goes on.",
        ),
        Decision::DenyAndStop => ("Deny and stop", "Does not allow this, and ends the turn."),
    };
    (label.to_owned(), effect.to_owned())
}

fn shown_words(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '\'' || c == '"') {
            format!("{word:?}")
        } else {
            word.clone()
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// An answer that came too late.
pub(crate) fn late(late: &LateAnswer) -> Problem {
    let which = if late.name.is_empty() {
        "The question".to_owned()
    } else {
        format!("“{}”", late.name)
    };
    Problem {
        what: format!("{which} was settled before your answer came."),
        meaning: "Your answer did nothing.".to_owned(),
        remedy: "Look at the transcript to see how it was settled.".to_owned(),
        details: None,
    }
}

/// A request that was denied because nobody can be asked about it yet.
pub(crate) fn denied(request: &Request) -> Problem {
    use countersign_runtime::approval::Subject as Asked;
    let asked = match &request.subject {
        Asked::Permissions => "The agent asked for more permissions".to_owned(),
        Asked::UserInput => "The agent asked you a question".to_owned(),
        Asked::Elicitation => "A tool server asked for your consent or input".to_owned(),
        Asked::DynamicTool => "The agent called a tool of the client".to_owned(),
        _ => format!(
            "Codex asked for something unknown ({})",
            short(&request.method)
        ),
    };
    Problem {
        what: format!("{asked}, which Countersign cannot show yet."),
        meaning: "It was told no, and the turn goes on.".to_owned(),
        remedy: "If the agent needs it, say so in a message: it can often work another way."
            .to_owned(),
        details: Some(visible(request.raw.get()).into_owned()),
    }
}
