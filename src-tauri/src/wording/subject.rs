//! What exactly is asked, in the contract's terms.

use std::path::Path;

use countersign_contract::{
    ChangeKind, CommandPart, Effect, Field, FieldInput, FieldOption, FileChange, Risk, RiskLevel,
    Subject, TextFormat,
};
use countersign_markup::{visible, visible_line};
use countersign_runtime::approval::{
    self as runtime, CommandRequest, Elicitation, FieldKind, PermissionsRequest, Question, Request,
    Subject as Asked, ToolRequest,
};
use countersign_runtime::command::{self, Access, Joint, Place, Segment, Understood};
use serde_json::Value;

use crate::home::home;

/// What exactly is asked, and how risky it is. `folder` is the session's.
pub(crate) fn subject(request: &Request, files: Vec<FileChange>, folder: &str) -> (Subject, Risk) {
    match &request.subject {
        Asked::Command(asked) => of_command(asked, folder),
        Asked::Permissions(asked) => (
            Subject::Permissions {
                wants: wants(asked),
            },
            of_permissions(asked),
        ),
        Asked::UserInput(asked) => (
            Subject::Questions {
                fields: questions(&asked.questions),
            },
            low(),
        ),
        Asked::Elicitation(elicitation) => of_elicitation(elicitation),
        Asked::FileChange { grant_root } => {
            let risk = of_files(&files, grant_root.as_deref(), folder);
            (Subject::Files { files }, risk)
        }
        // These are denied before they get here.
        Asked::DynamicTool | Asked::Unknown => (Subject::Files { files }, low()),
    }
}

fn of_command(asked: &CommandRequest, folder: &str) -> (Subject, Risk) {
    let extras = asked
        .extra_permissions
        .iter()
        .map(|extra| format!("Asks for {}.", visible_line(extra)));
    let host = asked
        .network
        .iter()
        .map(|host| format!("Wants to reach {}.", visible_line(host)));
    let extras: Vec<String> = extras.chain(host).collect();
    let home = home();
    let place = Place {
        cwd: Some(Path::new(&asked.cwd)).filter(|cwd| !cwd.as_os_str().is_empty()),
        folder: Some(Path::new(folder)),
        home: home.as_deref(),
    };
    let understood = command::understand(&asked.command, &place);
    let mut risk = risk_of(&understood);
    // A question about the network alone has no command to judge.
    if asked.command.is_empty() {
        risk = low();
    }
    if asked.to_terminal {
        raise(
            &mut risk,
            RiskLevel::Elevated,
            "Types into a program that runs already; what it makes of that is not known.",
        );
    }
    if !extras.is_empty() {
        raise(
            &mut risk,
            RiskLevel::Elevated,
            "Asks for more than the sandbox gives.",
        );
    }
    let subject = Subject::Command {
        command: visible(&asked.command).into_owned(),
        cwd: visible_line(&asked.cwd).into_owned(),
        extras,
        parts: understood.segments.iter().map(part).collect(),
    };
    (subject, risk)
}

fn part(segment: &Segment) -> CommandPart {
    CommandPart {
        text: visible(&segment.text).into_owned(),
        joint: joint(segment.joined_by).to_owned(),
        program: segment
            .program
            .as_deref()
            .map(|program| visible_line(program).into_owned()),
        effects: segment.effects.iter().map(effect).collect(),
        outside: segment
            .paths
            .iter()
            .filter(|path| path.outside)
            .map(|path| visible_line(&path.path.to_string_lossy()).into_owned())
            .collect(),
        hosts: segment
            .hosts
            .iter()
            .map(|host| visible_line(host).into_owned())
            .collect(),
    }
}

fn joint(joint: Joint) -> &'static str {
    match joint {
        Joint::First => "",
        Joint::Then => "then",
        Joint::And => "then, if that worked",
        Joint::Or => "or, if that failed",
        Joint::Pipe => "reads what that writes",
        Joint::Background => "while that runs",
        Joint::Body => "inside",
        Joint::Subshell => "in a subshell",
        Joint::Substitution => "and puts in what it prints",
        Joint::Wrapped => "which runs",
    }
}

fn effect(effect: command::Effect) -> Effect {
    match effect {
        command::Effect::Reads => Effect::Reads,
        command::Effect::Writes => Effect::Writes,
        command::Effect::Deletes => Effect::Deletes,
        command::Effect::Network => Effect::Network,
        command::Effect::Privileged => Effect::Privileged,
        command::Effect::Unknown => Effect::Unknown,
    }
}

fn risk_of(understood: &Understood) -> Risk {
    let reasons = understood.risk.reasons.iter();
    Risk {
        level: level(understood.risk.level),
        reasons: reasons
            .map(|reason| visible_line(&reason.sentence).into_owned())
            .collect(),
    }
}

fn level(level: command::RiskLevel) -> RiskLevel {
    match level {
        command::RiskLevel::Low => RiskLevel::Low,
        command::RiskLevel::Elevated => RiskLevel::Elevated,
        command::RiskLevel::Dangerous => RiskLevel::Dangerous,
    }
}

fn low() -> Risk {
    Risk {
        level: RiskLevel::Low,
        reasons: Vec::new(),
    }
}

/// Adds a reason, after weightier ones.
fn raise(risk: &mut Risk, level: RiskLevel, reason: &str) {
    let at = if level > risk.level {
        0
    } else {
        risk.reasons.len()
    };
    risk.level = risk.level.max(level);
    risk.reasons.insert(at, reason.to_owned());
}

/// Changed files, judged as a command that changes them would be.
fn of_files(files: &[FileChange], grant_root: Option<&str>, folder: &str) -> Risk {
    let mut risk = low();
    if files.is_empty() {
        raise(
            &mut risk,
            RiskLevel::Elevated,
            "Which files it changes is not known yet.",
        );
    }
    let home = home();
    let place = Place {
        cwd: Some(Path::new(folder)),
        folder: Some(Path::new(folder)),
        home: home.as_deref(),
    };
    for file in files {
        let access = match file.change {
            ChangeKind::Delete => Access::Delete,
            ChangeKind::Add | ChangeKind::Update => Access::Write,
        };
        for path in std::iter::once(&file.path).chain(&file.moved_to) {
            for reason in command::touch(Path::new(path), access, &place).reasons {
                let sentence = format!("{}: {}", visible_line(path), reason.sentence);
                raise(&mut risk, level(reason.level), &sentence);
            }
        }
        if access == Access::Delete {
            let sentence = format!("{}: Is deleted.", visible_line(&file.path));
            raise(&mut risk, RiskLevel::Elevated, &sentence);
        }
    }
    if let Some(root) = grant_root {
        raise(
            &mut risk,
            RiskLevel::Elevated,
            &format!(
                "Makes {} writable for the rest of the session.",
                visible_line(root)
            ),
        );
    }
    risk
}

fn wants(asked: &PermissionsRequest) -> Vec<String> {
    let line = |verb: &str, path: &String| format!("{verb} {}", visible_line(path));
    let network = asked.network.then(|| "To use the network".to_owned());
    let write = asked.write.iter().map(|path| line("To write in", path));
    let read = asked.read.iter().map(|path| line("To read", path));
    let other = asked
        .other
        .iter()
        .map(|other| visible_line(other).into_owned());
    network
        .into_iter()
        .chain(write)
        .chain(read)
        .chain(other)
        .collect()
}

fn of_permissions(asked: &PermissionsRequest) -> Risk {
    let mut risk = low();
    raise(
        &mut risk,
        RiskLevel::Elevated,
        "Widens what commands may do without asking.",
    );
    if asked.write.iter().any(|path| path == "/") || !asked.other.is_empty() {
        raise(
            &mut risk,
            RiskLevel::Dangerous,
            "Gives nearly everything, or something that Countersign does not know.",
        );
    }
    risk
}

fn questions(asked: &[Question]) -> Vec<Field> {
    let is_own = |header: &str| {
        !header.is_empty()
            && asked
                .iter()
                .filter(|other| other.header.trim() == header)
                .count()
                == 1
    };
    let fields = asked.iter().map(|one| {
        // What several are headed with tells none of them apart.
        let header = Some(one.header.trim()).filter(|header| is_own(header));
        question(one, header)
    });
    fields.collect()
}

fn question(question: &Question, header: Option<&str>) -> Field {
    let options: Vec<FieldOption> = question
        .options
        .iter()
        .map(|option| FieldOption {
            value: option.label.clone(),
            label: visible_line(&option.label).into_owned(),
            text: visible_line(&option.description).into_owned(),
        })
        .collect();
    let text = question.text.trim();
    Field {
        id: question.id.clone(),
        title: visible_line(header.unwrap_or(text)).into_owned(),
        text: match header {
            Some(_) => visible(text).into_owned(),
            None => String::new(),
        },
        // The agent may be left without an answer to it.
        required: false,
        input: if options.is_empty() {
            FieldInput::Text {
                secret: question.secret,
                format: TextFormat::Plain,
                min_length: None,
                max_length: None,
            }
        } else {
            FieldInput::One {
                options,
                other: question.other,
                secret: question.secret,
            }
        },
        initial: Vec::new(),
    }
}

fn of_elicitation(elicitation: &Elicitation) -> (Subject, Risk) {
    match elicitation {
        Elicitation::Form {
            server,
            message,
            schema,
        } => (
            Subject::Form {
                server: visible_line(server).into_owned(),
                message: visible(message).into_owned(),
                fields: schema.fields.iter().map(field).collect(),
            },
            low(),
        ),
        Elicitation::Url {
            server,
            message,
            url,
            ..
        } => {
            let mut risk = low();
            raise(
                &mut risk,
                RiskLevel::Elevated,
                "The page is the tool server's choice. Look at its address.",
            );
            let subject = Subject::Link {
                server: visible_line(server).into_owned(),
                message: visible(message).into_owned(),
                url: visible_line(url).into_owned(),
            };
            (subject, risk)
        }
        Elicitation::Tool(tool) => (of_tool(tool), tool_risk(tool)),
        Elicitation::Other { server, message } => (
            Subject::Form {
                server: visible_line(server).into_owned(),
                message: visible(message).into_owned(),
                fields: Vec::new(),
            },
            low(),
        ),
    }
}

fn of_tool(tool: &ToolRequest) -> Subject {
    let says = [
        (tool.read_only, "changes nothing", "changes things"),
        (
            tool.destructive,
            "may destroy something",
            "destroys nothing",
        ),
        (
            tool.open_world,
            "reaches beyond its own world",
            "stays in its own world",
        ),
    ];
    let marks = says
        .into_iter()
        .filter_map(|(hint, yes, no)| hint.map(|hint| if hint { yes } else { no }.to_owned()));
    Subject::Tool {
        server: visible_line(&tool.server).into_owned(),
        tool: visible_line(&tool.tool).into_owned(),
        description: visible(tool.description.as_deref().unwrap_or(&tool.message)).into_owned(),
        arguments: visible(&tool.arguments).into_owned(),
        marks: marks.collect(),
    }
}

/// What a server says of its own tool makes it riskier, and never less risky.
fn tool_risk(tool: &ToolRequest) -> Risk {
    let mut risk = low();
    raise(
        &mut risk,
        RiskLevel::Elevated,
        "What the tool really does is the server's word alone.",
    );
    if tool.destructive == Some(true) {
        raise(
            &mut risk,
            RiskLevel::Dangerous,
            "The server says that it may destroy something.",
        );
    }
    risk
}

fn field(field: &runtime::Field) -> Field {
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().trim().to_owned();
    let title = text(&field.title);
    let limit = |limit: &Option<u64>| limit.and_then(|limit| u32::try_from(limit).ok());
    let bound = |bound: &Option<serde_json::Number>| bound.as_ref().and_then(|n| n.as_f64());
    Field {
        id: field.name.clone(),
        title: visible_line(if title.is_empty() {
            &field.name
        } else {
            &title
        })
        .into_owned(),
        text: visible(&text(&field.description)).into_owned(),
        required: field.required,
        input: match &field.kind {
            FieldKind::Text {
                min_length,
                max_length,
                format,
            } => FieldInput::Text {
                secret: false,
                format: match format {
                    None => TextFormat::Plain,
                    Some(runtime::TextFormat::Email) => TextFormat::Email,
                    Some(runtime::TextFormat::Uri) => TextFormat::Uri,
                    Some(runtime::TextFormat::Date) => TextFormat::Date,
                    Some(runtime::TextFormat::DateTime) => TextFormat::DateTime,
                },
                min_length: limit(min_length),
                max_length: limit(max_length),
            },
            FieldKind::Number { min, max } => FieldInput::Number {
                integer: false,
                min: bound(min),
                max: bound(max),
            },
            FieldKind::Integer { min, max } => FieldInput::Number {
                integer: true,
                min: bound(min),
                max: bound(max),
            },
            FieldKind::Boolean => FieldInput::Toggle,
            FieldKind::One(choices) => FieldInput::One {
                options: options(choices),
                other: false,
                secret: false,
            },
            FieldKind::Several {
                options: choices,
                min,
                max,
            } => FieldInput::Some {
                options: options(choices),
                min: limit(min),
                max: limit(max),
            },
            _ => FieldInput::Unsupported,
        },
        initial: match &field.default {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => values.iter().map(plain).collect(),
            Some(value) => vec![plain(value)],
        },
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn options(options: &[runtime::FieldOption]) -> Vec<FieldOption> {
    let options = options.iter().map(|option| FieldOption {
        value: option.value.clone(),
        label: visible_line(&option.title).into_owned(),
        text: String::new(),
    });
    options.collect()
}
