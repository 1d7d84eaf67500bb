//! What a native dialog says: who asks, what exactly, why, and what allowing means here.
//!
//! What is long gets room to scroll. What is too long even for that is cut with a word, and then
//! the dialog offers no allowing choice: nothing is allowed from here that was not shown. Every string passes
//! [`countersign_markup::visible`], so that no command can read as another one (I10).

use countersign_contract::{
    Answer, Approval, ChangeKind, ChoiceId, Field, FieldAnswer, FieldInput, FieldOption,
    FileChange, Risk, RiskLevel, Subject,
};
use countersign_markup::{visible, visible_line};

use super::DialogAnswer;

/// More of the exact words than this no dialog shows, in characters and in lines.
const MOST_CHARS: usize = 20_000;
const MOST_LINES: usize = 500;
/// More of the reason than this no dialog shows, in characters.
const MOST_REASON: usize = 2_000;

/// The words of one dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogText {
    /// The window's title.
    pub title: String,
    /// The question, a few words.
    pub question: String,
    /// Who asks: session, profile, folder. One line each.
    pub who: Vec<String>,
    /// What the exact words are, e.g. "Command": their name for screen readers.
    pub exact_name: &'static str,
    /// What exactly is asked, for a monospace font. A line break in a command shows as `⏎` at the
    /// end of its line, so that it cannot be taken for a line that was too long.
    pub exact: String,
    /// What belongs to it: where, and what else it asks for. One line each.
    pub besides: Vec<String>,
    /// How much could go wrong and why, when that is more than little.
    pub risk: Option<String>,
    /// The agent's reason in its own words, without a mark that they are.
    pub reason: Option<String>,
    /// What allowing means, and what the wider of the choices does. One line each.
    pub consequences: Vec<String>,
}

/// What exactly is asked, whole.
fn exact(subject: &Subject) -> String {
    match subject {
        Subject::Command { command, .. } => command_lines(command),
        Subject::Files { files } if files.is_empty() => {
            "Which files is not known yet. Countersign shows them once it is.".to_owned()
        }
        Subject::Files { files } => files.iter().map(file_line).collect::<Vec<_>>().join("\n"),
        Subject::Permissions { wants } => lines(wants),
        Subject::Questions { fields } => fields
            .iter()
            .map(|field| {
                let text = if field.text.is_empty() {
                    &field.title
                } else {
                    &field.text
                };
                visible(text).into_owned()
            })
            .collect::<Vec<_>>()
            .join("\n"),
        Subject::Form { message, .. } => visible(message).into_owned(),
        Subject::Link { message, url, .. } => {
            format!("{}\n{}", visible_line(url), visible(message))
        }
        Subject::Tool {
            server,
            tool,
            arguments,
            ..
        } => format!(
            "{} of {}\n{}",
            visible_line(tool),
            visible_line(server),
            visible(arguments)
        ),
    }
}

fn lines(lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| visible_line(line)).collect();
    lines.join("\n")
}

/// The most of a text that a dialog shows. `None`: all of it.
fn cut(text: &str, chars: usize, lines: usize) -> Option<&str> {
    let at_chars = text.char_indices().nth(chars).map(|(at, _)| at);
    let at_lines = text.match_indices('\n').nth(lines - 1).map(|(at, _)| at);
    let at = at_chars.into_iter().chain(at_lines).min()?;
    text.get(..at)
}

/// Words a question.
pub fn dialog_text(approval: &Approval, profile_name: &str) -> DialogText {
    let mut besides = Vec::new();
    let (question, exact_name) = match &approval.subject {
        Subject::Command { cwd, extras, .. } => {
            if *cwd != approval.folder {
                besides.push(format!("Runs in {}", visible_line(cwd)));
            }
            if !extras.is_empty() {
                let extras: Vec<_> = extras.iter().map(|extra| visible_line(extra)).collect();
                besides.push(format!("Also asks for: {}", extras.join(", ")));
            }
            ("Run this command?".to_owned(), "Command")
        }
        Subject::Files { files } => {
            let question = match files.len() {
                0 => "Change files?".to_owned(),
                1 => "Change this file?".to_owned(),
                n => format!("Change these {n} files?"),
            };
            (question, "Files")
        }
        Subject::Permissions { .. } => (
            "Give the agent these permissions?".to_owned(),
            "Permissions",
        ),
        Subject::Questions { .. } => {
            if simple_question(&approval.subject).is_none() {
                besides.push(IN_THE_WINDOW.to_owned());
            }
            ("The agent asks you something".to_owned(), "Questions")
        }
        Subject::Form { server, .. } => {
            besides.push(IN_THE_WINDOW.to_owned());
            (
                format!("{} asks you to fill in a form", visible_line(server)),
                "Message",
            )
        }
        Subject::Link { server, .. } => (
            format!("{} asks you to visit a page", visible_line(server)),
            "Page",
        ),
        Subject::Tool {
            description, marks, ..
        } => {
            if !marks.is_empty() {
                besides.push(format!("The server says that it {}.", marks.join(", ")));
            }
            if !description.is_empty() {
                besides.push(format!(
                    "What it says of itself: {}",
                    visible_line(description)
                ));
            }
            ("Use this tool?".to_owned(), "Tool")
        }
    };
    let mut exact = exact(&approval.subject);
    if let Some(start) = cut(&exact, MOST_CHARS, MOST_LINES) {
        exact = format!("{start}\n[…]");
        besides.insert(
            0,
            "It is too long to show here. Decide in Countersign.".to_owned(),
        );
    }
    let for_session = DialogAnswer::Answer(ChoiceId::AllowForSession.into());
    let wider = buttons(approval)
        .into_iter()
        .filter(|button| button.answer == for_session && !button.effect.is_empty())
        .map(|button| format!("{}: {}", button.label, visible_line(&button.effect)));
    DialogText {
        title: format!("Countersign: {}", visible_line(&approval.session_title)),
        question,
        who: vec![
            format!("Session: {}", visible_line(&approval.session_title)),
            format!("Profile: {}", visible_line(profile_name)),
            format!("Folder: {}", visible_line(&approval.folder)),
        ],
        exact_name,
        exact,
        besides,
        risk: risk(&approval.risk),
        reason: approval
            .reason
            .as_ref()
            .filter(|reason| !reason.trim().is_empty())
            .map(
                |reason| match cut(&visible(reason), MOST_REASON, MOST_LINES) {
                    Some(start) => format!("{start} […]"),
                    None => visible(reason).into_owned(),
                },
            ),
        consequences: approval
            .consequences
            .iter()
            .map(|line| visible_line(line).into_owned())
            .chain(wider)
            .collect(),
    }
}

/// Reasons that a dialog names.
const MOST_REASONS: usize = 3;

fn risk(risk: &Risk) -> Option<String> {
    let word = match risk.level {
        RiskLevel::Low => return None,
        RiskLevel::Elevated => "Elevated risk",
        RiskLevel::Dangerous => "Dangerous",
    };
    let reasons: Vec<_> = risk
        .reasons
        .iter()
        .take(MOST_REASONS)
        .map(|reason| visible_line(reason))
        .collect();
    Some(match reasons.is_empty() {
        true => format!("{word}."),
        false => format!("{word}: {}", reasons.join(" ")),
    })
}

impl DialogText {
    /// All of it as one text, for a dialog that takes no more than that.
    pub fn body(&self, of: usize) -> String {
        let mut parts = vec![self.who.join("\n"), self.exact.clone()];
        parts.push(self.besides.join("\n"));
        parts.extend(self.risk.clone());
        parts.extend(self.quoted_reason());
        parts.push(self.consequences.join("\n"));
        parts.extend(counter(of));
        parts.retain(|part| !part.is_empty());
        parts.join("\n\n")
    }

    /// The reason, marked as the agent's words.
    pub fn quoted_reason(&self) -> Option<String> {
        let reason = self.reason.as_ref()?;
        Some(format!("{REASON_LABEL}\n“{reason}”"))
    }
}

/// Where a dialog has too little room for the answer.
const IN_THE_WINDOW: &str = "Answer it in Countersign's window, under Approvals.";

/// Stands over the agent's reason.
pub const REASON_LABEL: &str = "The agent's reason, in its own words:";

/// "1 of 3", when there are more.
pub fn counter(of: usize) -> Option<String> {
    (of > 1).then(|| format!("1 of {of} open questions"))
}

/// A button of a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Button {
    /// The words on it.
    pub label: String,
    /// What it does, exactly; empty when the label says it.
    pub effect: String,
    /// It allows something: it does nothing until a person has had time to see the dialog.
    pub allows: bool,
    /// What a click on it says.
    pub answer: DialogAnswer,
}

/// The most answers of a question that have room as buttons.
const MOST_OPTIONS: usize = 4;

/// The buttons of a dialog, in their order; the first is the default. What outlasts the session, what ends the
/// turn, what has to be filled in, and what cannot be shown here whole, is decided in the window, where there is
/// room.
pub fn buttons(approval: &Approval) -> Vec<Button> {
    const ORDER: [ChoiceId; 3] = [
        ChoiceId::Deny,
        ChoiceId::AllowForSession,
        ChoiceId::AllowOnce,
    ];
    let unknown = matches!(&approval.subject, Subject::Files { files } if files.is_empty());
    let shown = !unknown && cut(&exact(&approval.subject), MOST_CHARS, MOST_LINES).is_none();
    let fixed = ORDER.into_iter().filter_map(|id| {
        approval
            .choices
            .iter()
            .find(|choice| choice.id == id && !choice.lasting && (shown || !choice.allows))
    });
    let fixed = fixed.map(|choice| Button {
        label: choice.label.clone(),
        effect: choice.effect.clone(),
        allows: choice.allows,
        answer: DialogAnswer::Answer(choice.id.into()),
    });
    fixed.chain(written(approval)).collect()
}

/// The buttons for what has to be filled in: one for each answer of a single question, else one that leads to the
/// window.
fn written(approval: &Approval) -> Vec<Button> {
    if !approval
        .choices
        .iter()
        .any(|choice| choice.id == ChoiceId::Submit)
    {
        return Vec::new();
    }
    let in_window = Button {
        label: "Answer in Countersign".to_owned(),
        effect: String::new(),
        allows: false,
        answer: DialogAnswer::InWindow,
    };
    let Some((field, options)) = simple_question(&approval.subject) else {
        return vec![in_window];
    };
    let options = options.iter().map(|option| Button {
        label: visible_line(&option.label).into_owned(),
        effect: option.text.clone(),
        allows: true,
        answer: DialogAnswer::Answer(Answer {
            fields: vec![FieldAnswer {
                id: field.id.clone(),
                values: vec![option.value.clone()],
            }],
            ..Answer::from(ChoiceId::Submit)
        }),
    });
    std::iter::once(in_window).chain(options).collect()
}

/// One question with few and short answers.
fn simple_question(subject: &Subject) -> Option<(&Field, &[FieldOption])> {
    const LONGEST: usize = 40;
    let Subject::Questions { fields } = subject else {
        return None;
    };
    let [field] = fields.as_slice() else {
        return None;
    };
    let FieldInput::One { options, .. } = &field.input else {
        return None;
    };
    let fit = options.len() <= MOST_OPTIONS
        && options
            .iter()
            .all(|option| option.label.chars().count() <= LONGEST);
    fit.then_some((field, options))
}

fn command_lines(command: &str) -> String {
    visible(command).replace('\n', "⏎\n")
}

fn file_line(file: &FileChange) -> String {
    let verb = match file.change {
        ChangeKind::Add => "Add   ",
        ChangeKind::Delete => "Delete",
        ChangeKind::Update => "Change",
    };
    let moved = file
        .moved_to
        .as_ref()
        .map(|to| format!(" → {}", visible_line(to)))
        .unwrap_or_default();
    format!(
        "{verb} {}{moved}  +{} −{}",
        visible_line(&file.path),
        file.added,
        file.removed
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use countersign_contract::Choice;

    pub(in super::super) fn approval(subject: Subject) -> Approval {
        let choice = |id, label: &str, effect: &str, allows, lasting| Choice {
            id,
            label: label.to_owned(),
            effect: effect.to_owned(),
            allows,
            lasting,
        };
        Approval {
            id: "7".into(),
            session: "s".into(),
            session_title: "api-server".into(),
            profile: "p".into(),
            folder: "/src/api".into(),
            asked_at: 0,
            name: "Run touch a".into(),
            subject,
            risk: Risk {
                level: RiskLevel::Elevated,
                reasons: vec!["Leaves the sandbox.".into()],
            },
            before: None,
            reason: Some("I need <b>it</b>".into()),
            consequences: vec!["Runs outside the sandbox.".into()],
            choices: vec![
                choice(ChoiceId::AllowOnce, "Allow once", "", true, false),
                choice(ChoiceId::AllowByRule, "Always allow", "", true, true),
                choice(
                    ChoiceId::AllowForSession,
                    "Allow for this session",
                    "This exact command again.",
                    true,
                    false,
                ),
                choice(ChoiceId::Deny, "Deny", "", false, false),
                choice(ChoiceId::DenyAndStop, "Deny and stop", "", false, false),
            ],
            row: None,
            raw: serde_json::Value::Null,
        }
    }

    fn command(command: &str) -> Approval {
        approval(Subject::Command {
            command: command.into(),
            cwd: "/src/api".into(),
            extras: vec![],
            parts: vec![],
        })
    }

    #[test]
    fn a_command_is_worded_in_full() {
        let mut approval = command("touch a");
        if let Subject::Command { cwd, extras, .. } = &mut approval.subject {
            *cwd = "/else".into();
            *extras = vec!["network".into(), "host example.org".into()];
        }
        let text = dialog_text(&approval, "Work");
        assert_eq!(text.title, "Countersign: api-server");
        assert_eq!(
            text.body(3),
            "Session: api-server\nProfile: Work\nFolder: /src/api\n\ntouch a\n\n\
             Runs in /else\nAlso asks for: network, host example.org\n\n\
             Elevated risk: Leaves the sandbox.\n\n\
             The agent's reason, in its own words:\n“I need <b>it</b>”\n\n\
             Runs outside the sandbox.\nAllow for this session: This exact command again.\n\n\
             1 of 3 open questions"
        );
    }

    #[test]
    fn i10_nothing_hides() {
        let long = format!("echo {}; rm -rf ~", " x".repeat(5_000));
        assert_eq!(dialog_text(&command(&long), "Work").exact, long);
        let text = dialog_text(
            &command("echo a\u{202e}b\u{200b}\nrm\u{1b}[2K\r ls"),
            "W\u{202e}",
        );
        assert_eq!(
            text.exact,
            "echo a⟨U+202E⟩b⟨U+200B⟩⏎\nrm⟨U+001B⟩[2K⟨U+000D⟩ ls"
        );
        assert_eq!(text.who[1], "Profile: W⟨U+202E⟩");
        let mut approval = command("ls");
        approval.session_title = "a\nb\u{202e}".into();
        let text = dialog_text(&approval, "Work");
        assert_eq!(text.title, "Countersign: a ⏎ b⟨U+202E⟩");
    }

    #[test]
    fn files_come_with_their_line_counts() {
        let file = |path: &str, moved_to: Option<&str>, change| FileChange {
            path: path.into(),
            moved_to: moved_to.map(Into::into),
            change,
            added: 12,
            removed: 3,
            diff_html: String::new(),
        };
        let files = vec![
            file("/src/lib.rs", Some("/src/main.rs"), ChangeKind::Update),
            file("/src/n\new.rs", None, ChangeKind::Add),
        ];
        let text = dialog_text(&approval(Subject::Files { files }), "Work");
        assert_eq!(text.question, "Change these 2 files?");
        assert_eq!(
            text.exact,
            "Change /src/lib.rs → /src/main.rs  +12 −3\nAdd    /src/n ⏎ ew.rs  +12 −3"
        );
        let text = dialog_text(&approval(Subject::Files { files: vec![] }), "Work");
        assert!(text.exact.contains("not known yet"));
    }

    #[test]
    fn lasting_choices_are_not_on_the_dialog() {
        let labels: Vec<_> = buttons(&command("ls"))
            .into_iter()
            .map(|button| button.label)
            .collect();
        assert_eq!(labels, ["Deny", "Allow for this session", "Allow once"]);
    }

    #[test]
    fn what_is_not_shown_whole_cannot_be_allowed_here() {
        let long = format!("echo {}; rm -rf ~", "x".repeat(MOST_CHARS));
        let lines = "true\n".repeat(MOST_LINES + 1);
        let unknown = approval(Subject::Files { files: vec![] });
        for approval in [command(&long), command(&lines), unknown] {
            let labels: Vec<_> = buttons(&approval)
                .into_iter()
                .map(|button| button.label)
                .collect();
            assert_eq!(labels, ["Deny"]);
        }
        let text = dialog_text(&command(&lines), "Work");
        assert!(text.exact.ends_with("true⏎\n[…]"), "{}", text.exact);
        assert!(text.besides[0].contains("too long"));
        let most = "true\n".repeat(MOST_LINES - 1);
        assert_eq!(buttons(&command(&most)).len(), 3);
    }
}
