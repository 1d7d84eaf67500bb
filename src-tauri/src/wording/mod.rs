//! Questions in words: what exactly is asked, what allowing it means, and what each answer does.
//!
//! The words are a safety device: a button says its exact scope, and nothing that is asked goes unsaid.

mod answer;
mod detail;
mod subject;
#[cfg(test)]
mod tests;

pub(crate) use answer::{choice_of, decision};
pub(crate) use detail::detail;
pub(crate) use subject::subject;

use countersign_contract::{ApprovalPolicy, Choice, ChoiceId, Problem, wire::LateAnswer};
use countersign_markup::{visible, visible_line};
use countersign_runtime::approval::{
    CommandRequest, Decision, Elicitation, Request, Subject as Asked,
};

/// Characters of a command in a name.
const NAME: usize = 80;

/// A few words for what is asked: the accessible name of its card.
pub(crate) fn name(request: &Request, files: &[countersign_contract::FileChange]) -> String {
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
        Asked::Permissions(_) => "Give more permissions".to_owned(),
        Asked::UserInput(asked) => match asked.questions.as_slice() {
            [one] => format!("Answer: {}", short(&one.text)),
            many => format!("Answer {} questions", many.len()),
        },
        Asked::Elicitation(Elicitation::Form { server, .. }) => {
            format!("Fill in a form of {}", short(server))
        }
        Asked::Elicitation(Elicitation::Url { server, .. }) => {
            format!("Visit a page of {}", short(server))
        }
        Asked::Elicitation(Elicitation::Tool(tool)) => {
            format!("Use {} of {}", short(&tool.tool), short(&tool.server))
        }
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

/// What allowing means, one sentence each.
pub(crate) fn consequences(request: &Request, policy: Option<ApprovalPolicy>) -> Vec<String> {
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
        Asked::Permissions(_) => {
            vec!["Widens the sandbox: commands may use these permissions without asking.".to_owned()]
        }
        Asked::UserInput(asked) => {
            let mut out = vec!["The agent reads your answer.".to_owned()];
            if asked.questions.iter().any(|question| question.secret) {
                out.push("Countersign keeps no copy of a hidden answer.".to_owned());
            }
            out
        }
        Asked::Elicitation(Elicitation::Form { server, .. }) => vec![format!(
            "{} gets what you send.",
            visible_line(server)
        )],
        Asked::Elicitation(Elicitation::Url { server, .. }) => vec![format!(
            "{} is told that you agreed. The page opens only when you open it.",
            visible_line(server)
        )],
        Asked::Elicitation(Elicitation::Tool(tool)) => vec![format!(
            "{} does it, outside Codex's sandbox.",
            visible_line(&tool.server)
        )],
        _ => Vec::new(),
    }
}

/// The answers on offer in the order to show them: denials first, what lasts after what does not.
pub(crate) fn choices(request: &Request) -> Vec<Choice> {
    let mut decisions = request.decisions();
    decisions.sort_by_key(|decision| match decision {
        Decision::Deny => 0,
        Decision::Dismiss => 1,
        Decision::DenyAndStop => 2,
        Decision::Allow => 3,
        Decision::AllowForSession => 4,
        _ => 5,
    });
    let fixed = decisions.iter().map(|decision| {
        let (label, effect) = label(decision, &request.subject);
        Choice {
            id: choice_of(decision),
            label,
            effect,
            allows: decision.allows(),
            lasting: decision.is_lasting(),
        }
    });
    let written = request.needs_content().then(|| Choice {
        id: ChoiceId::Submit,
        label: "Send".to_owned(),
        effect: match &request.subject {
            Asked::Elicitation(elicitation) => format!(
                "Sends what you filled in to {}.",
                visible_line(elicitation.server())
            ),
            _ => "Sends your answer to the agent, which goes on with it.".to_owned(),
        },
        allows: true,
        lasting: false,
    });
    fixed.chain(written).collect()
}

/// The words on a decision's button, and what it does.
fn label(decision: &Decision, subject: &Asked) -> (String, String) {
    let server = match subject {
        Asked::Elicitation(elicitation) => visible_line(elicitation.server()).into_owned(),
        _ => String::new(),
    };
    let (label, effect): (&str, String) = match (decision, subject) {
        (Decision::Allow, Asked::Permissions(_)) => (
            "Allow for this turn",
            "Gives these permissions until this turn ends.".into(),
        ),
        (Decision::Allow, Asked::Elicitation(Elicitation::Url { .. })) => {
            ("Agree", format!("Tells {server} that you agreed to visit the page."))
        }
        (Decision::Allow, _) => ("Allow once", "Allows this one time.".into()),
        (Decision::AllowForSession, Asked::Command(_)) => (
            "Allow for this session",
            "Allows this, and the very same command again in this session without asking.".into(),
        ),
        (Decision::AllowForSession, Asked::Permissions(_)) => (
            "Allow for this session",
            "Gives these permissions for the rest of this session.".into(),
        ),
        (Decision::AllowForSession, Asked::Elicitation(_)) => (
            "Allow for this session",
            "Allows this, and this tool with whatever arguments again in this session without asking."
                .into(),
        ),
        (Decision::AllowForSession, _) => (
            "Allow for this session",
            "Allows this, and later changes to the same files in this session without asking.".into(),
        ),
        (Decision::AllowAlways, _) => (
            "Allow always…",
            format!(
                "Writes into Codex's configuration that this tool of {server} is allowed with whatever arguments, in all sessions, for ever."
            ),
        ),
        (Decision::AllowByRule(words), _) => {
            let prefix = visible_line(&shown_words(words)).into_owned();
            (
                "Allow always…",
                format!(
                    "Writes a rule into Codex's rules: every command that begins with “{prefix}” is allowed, in all sessions, for ever, outside the sandbox."
                ),
            )
        }
        (Decision::ApplyHostRule(rule), _) => {
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
        // Written answers are worded with their form.
        (Decision::Answer(_) | Decision::Submit(_), _) => ("Send", String::new()),
        (Decision::Deny, Asked::UserInput(_)) => (
            "Don't answer",
            "The agent gets no answer, and goes on.".into(),
        ),
        (Decision::Deny, Asked::Elicitation(Elicitation::Tool(_))) => (
            "Deny",
            "Does not allow this. The agent is told, and goes on.".into(),
        ),
        (Decision::Deny, Asked::Elicitation(_)) => (
            "Decline",
            format!("Tells {server} that you declined. The agent goes on."),
        ),
        (Decision::Dismiss, _) => (
            "Close it",
            format!("Tells {server} that you closed it, neither yes nor no. The agent goes on."),
        ),
        (Decision::Deny, _) => (
            "Deny",
            "Does not allow this. The agent is told, and goes on.".into(),
        ),
        (Decision::DenyAndStop, _) => (
            "Deny and stop",
            "Does not allow this, and ends the turn.".into(),
        ),
    };
    (label.to_owned(), effect)
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

/// Words to the agent that it was not told.
pub(crate) fn not_told(why: Problem, text: &str) -> Problem {
    Problem {
        what: "The agent was not told why you denied.".to_owned(),
        meaning: format!("Your denial stands. {}", why.what),
        remedy: "Send it as a message if it still matters.".to_owned(),
        details: Some(visible(text).into_owned()),
    }
}

/// A request that was denied because nobody could be asked about it.
pub(crate) fn denied(request: &Request) -> Problem {
    let asked = match &request.subject {
        Asked::Elicitation(elicitation) => format!(
            "The tool server {} asked for something that Countersign does not know",
            short(elicitation.server())
        ),
        Asked::DynamicTool => {
            "The agent called a tool of the client, which Countersign has none of".to_owned()
        }
        Asked::Unknown => format!(
            "Codex asked for something that Countersign does not know ({})",
            short(&request.method)
        ),
        _ => "The agent asked for something while no session was there to ask in".to_owned(),
    };
    Problem {
        what: format!("{asked}."),
        meaning: "It was told no, and the turn goes on.".to_owned(),
        remedy: "If the agent needs it, say so in a message: it can often work another way."
            .to_owned(),
        details: Some(visible(request.raw.get()).into_owned()),
    }
}
