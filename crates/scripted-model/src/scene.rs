//! The grammar: the text of a user message to the steps of a scene.
//!
//! Pure and total: every text is a scene, a scene with one line that cannot be played, or chat.
//! What the steps do is in `play`; the words for people are in `texts/help.md`.

use std::time::Duration;

use serde_json::{Map, Value};

/// More deltas than this in one `stream` step is a slip of the finger; they are planned in memory.
const MAX_DELTAS: u32 = 200_000;
/// Longest pause that a step may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// One step of a scene.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// An answer, streamed word by word.
    Say(String),
    /// A reasoning summary, streamed word by word.
    Think(String),
    /// Numbered deltas, for load.
    Stream { deltas: u32, pause: Duration },
    /// A long answer with every kind of markdown block.
    Markdown,
    /// The grammar, as an answer.
    Help,
    /// `update_plan`.
    Plan(Vec<PlanStep>),
    /// Commands outside the sandbox, all in one response.
    Run(Vec<String>),
    /// A command inside the sandbox.
    Sandboxed(String),
    /// `apply_patch` with `*** Add File`.
    Add { file: String, text: String },
    /// `apply_patch` with one `*** Update File` hunk.
    Update {
        file: String,
        old: String,
        new: String,
    },
    /// `apply_patch` with `*** Delete File`.
    Delete(String),
    /// `request_permissions` to write below these paths, and for the network.
    Permissions { write: Vec<String>, network: bool },
    /// `request_user_input` with these questions at once.
    Ask(Vec<Question>),
    /// A call of the MCP server `tiny`.
    Mcp {
        tool: String,
        arguments: Map<String, Value>,
    },
    /// An HTTP error in place of the response, always or at the first attempt only.
    Fail { status: u16, once: bool },
    /// The stream is cut in the middle of the answer.
    Drop,
    /// A wait before the first event of the response.
    Slow(Duration),
    /// Nothing more is streamed until the test releases the name.
    Hold(String),
}

/// One question of an `ask` step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    pub(crate) text: String,
    pub(crate) options: Vec<String>,
    /// The answer is not to be shown.
    pub(crate) secret: bool,
}

/// One line of a `plan` step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlanStep {
    pub(crate) step: String,
    pub(crate) status: &'static str,
}

impl Step {
    /// How many tool calls this step makes; a response ends after a step that makes any.
    pub(crate) fn calls(&self) -> usize {
        match self {
            Step::Run(commands) => commands.len(),
            Step::Plan(_)
            | Step::Sandboxed(_)
            | Step::Add { .. }
            | Step::Update { .. }
            | Step::Delete(_)
            | Step::Permissions { .. }
            | Step::Ask(_)
            | Step::Mcp { .. } => 1,
            _ => 0,
        }
    }

    /// Whether the step ends in words for the person, so that no closing message is due after it.
    pub(crate) fn speaks(&self) -> bool {
        matches!(
            self,
            Step::Say(_) | Step::Stream { .. } | Step::Markdown | Step::Help
        )
    }
}

/// What a user message turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scene {
    /// Steps to play, in order.
    Steps(Vec<Step>),
    /// It starts like a scene, but one line cannot be played.
    Problem {
        line: usize,
        text: String,
        reason: String,
    },
    /// No scene: words to be answered.
    Chat(String),
}

impl Scene {
    /// Reads a user message. It is a scene when its first line that is neither blank nor a
    /// comment is a step; then every other such line must be one too.
    pub(crate) fn parse(text: &str) -> Scene {
        let mut steps = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let problem = |reason: String| Scene::Problem {
                line: index + 1,
                text: line.to_owned(),
                reason,
            };
            match step(line) {
                Some(Ok(step)) => steps.push(step),
                Some(Err(reason)) => return problem(reason),
                None if steps.is_empty() => return Scene::Chat(text.trim().to_owned()),
                None => return problem("this is no step that I know".to_owned()),
            }
        }
        if steps.is_empty() {
            Scene::Chat(text.trim().to_owned())
        } else {
            Scene::Steps(steps)
        }
    }
}

/// One line: `None` when it is no step, `Err` when it is a step that cannot be played.
fn step(line: &str) -> Option<Result<Step, String>> {
    match line {
        "markdown" => return Some(Ok(Step::Markdown)),
        "help" => return Some(Ok(Step::Help)),
        "drop" => return Some(Ok(Step::Drop)),
        _ => {}
    }
    let (keyword, rest) = match line.split_once(':') {
        // `plan: a; b` and `say: hi` are what a hand types after `run: ls`.
        Some((keyword, rest)) if !keyword.contains(char::is_whitespace) => (keyword, rest),
        _ => line
            .split_once(char::is_whitespace)
            .filter(|(keyword, _)| !COLON_STEPS.contains(keyword))?,
    };
    let rest = rest.trim();
    Some(match keyword {
        "say" => words(keyword, rest).map(Step::Say),
        "think" => words(keyword, rest).map(Step::Think),
        "stream" => stream(rest),
        "plan" => plan(rest),
        "fail" => fail(rest),
        "slow" => pause(rest).map(Step::Slow),
        "hold" => needs(rest, "`hold` needs a name").map(Step::Hold),
        "run" => run(rest),
        "sandboxed" => needs(rest, "`sandboxed:` needs a command").map(Step::Sandboxed),
        "edit" => edit(rest),
        "delete" => needs(rest, "`delete:` needs a file").map(Step::Delete),
        "permissions" => permissions(rest),
        "ask" => ask(rest, false),
        "secret" => ask(rest, true),
        "mcp" => mcp(rest),
        _ => return None,
    })
}

/// Steps whose colon is not optional: without it they are plain English ("run the tests").
const COLON_STEPS: [&str; 8] = [
    "run",
    "sandboxed",
    "edit",
    "delete",
    "permissions",
    "ask",
    "secret",
    "mcp",
];

/// A literal `\n` in a line stands for a new line.
fn unescape(text: &str) -> String {
    text.replace("\\n", "\n")
}

fn needs(rest: &str, reason: &str) -> Result<String, String> {
    if rest.is_empty() {
        Err(reason.to_owned())
    } else {
        Ok(rest.to_owned())
    }
}

fn words(keyword: &str, rest: &str) -> Result<String, String> {
    needs(rest, &format!("`{keyword}` needs a text")).map(|text| unescape(&text))
}

fn pause(rest: &str) -> Result<Duration, String> {
    match rest.parse().map(Duration::from_millis) {
        Ok(pause) if pause <= MAX_PAUSE => Ok(pause),
        _ => Err(format!(
            "a pause is a number of milliseconds, at most {}",
            MAX_PAUSE.as_millis()
        )),
    }
}

fn stream(rest: &str) -> Result<Step, String> {
    let (count, millis) = rest.split_once(char::is_whitespace).unwrap_or((rest, "0"));
    match count.parse() {
        Ok(deltas) if (1..=MAX_DELTAS).contains(&deltas) => Ok(Step::Stream {
            deltas,
            pause: pause(millis.trim())?,
        }),
        _ => Err(format!(
            "`stream` needs a number of pieces from 1 to {MAX_DELTAS}"
        )),
    }
}

fn plan(rest: &str) -> Result<Step, String> {
    let mut marked = false;
    let mut steps: Vec<PlanStep> = rest
        .split(';')
        .map(str::trim)
        .filter(|step| !step.is_empty())
        .map(|step| {
            let (text, status) = if let Some(text) = step.strip_prefix("[x]") {
                (text, "completed")
            } else if let Some(text) = step.strip_prefix("[>]") {
                (text, "in_progress")
            } else {
                (step, "pending")
            };
            marked |= status != "pending";
            PlanStep {
                step: text.trim().to_owned(),
                status,
            }
        })
        .collect();
    match steps.first_mut() {
        None => return Err("`plan` needs steps, with `;` between them".to_owned()),
        Some(first) if !marked => first.status = "in_progress",
        Some(_) => {}
    }
    Ok(Step::Plan(steps))
}

fn fail(rest: &str) -> Result<Step, String> {
    let (once, status) = match rest.strip_prefix("once") {
        Some(status) => (true, status.trim()),
        None => (false, rest),
    };
    match status.parse() {
        Ok(status) if (400..600).contains(&status) => Ok(Step::Fail { status, once }),
        _ => Err("`fail` needs an HTTP error from 400 to 599, as in `fail 429`".to_owned()),
    }
}

fn run(rest: &str) -> Result<Step, String> {
    // The space lets a joint with nothing behind it be seen: the line was trimmed.
    format!("{rest} ")
        .split(" & run: ")
        .map(|command| needs(command.trim(), "`run:` needs a command"))
        .collect::<Result<_, _>>()
        .map(Step::Run)
}

fn edit(rest: &str) -> Result<Step, String> {
    let usage = "`edit:` needs `FILE <- TEXT` or `FILE OLD -> NEW`";
    if let Some((file, text)) = rest
        .split_once(" <- ")
        .or_else(|| rest.strip_suffix(" <-").map(|file| (file, "")))
    {
        return Ok(Step::Add {
            file: needs(file.trim(), usage)?,
            text: unescape(text),
        });
    }
    let (file, change) = rest.split_once(char::is_whitespace).ok_or(usage)?;
    let (old, new) = change.split_once(" -> ").ok_or(usage)?;
    Ok(Step::Update {
        file: file.to_owned(),
        old: unescape(&needs(old.trim(), usage)?),
        new: unescape(new.trim()),
    })
}

fn permissions(rest: &str) -> Result<Step, String> {
    let (mut write, mut network) = (Vec::new(), false);
    for part in format!("{rest} ").split(" & ").map(str::trim) {
        match part {
            "network" => network = true,
            path => write.push(needs(path, "`permissions:` needs a path or `network`")?),
        }
    }
    Ok(Step::Permissions { write, network })
}

/// `Q | A | B`, and more of them behind ` & ask: ` and ` & secret: `.
fn ask(rest: &str, secret: bool) -> Result<Step, String> {
    let mut questions = Vec::new();
    let (mut rest, mut secret) = (format!("{rest} "), secret);
    loop {
        let joint = [(" & ask: ", false), (" & secret: ", true)]
            .into_iter()
            .filter_map(|(joint, secret)| rest.find(joint).map(|at| (at, joint.len(), secret)))
            .min();
        let Some((at, length, next)) = joint else {
            questions.push(question(&rest, secret)?);
            return Ok(Step::Ask(questions));
        };
        questions.push(question(&rest[..at], secret)?);
        rest.drain(..at + length);
        secret = next;
    }
}

fn question(text: &str, secret: bool) -> Result<Question, String> {
    let mut parts = text
        .split('|')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let text = parts
        .next()
        .ok_or("`ask:` needs a question, as in `ask: Which one? | Red | Blue`")?
        .to_owned();
    let mut options: Vec<String> = parts.map(str::to_owned).collect();
    if options.is_empty() {
        // Codex takes no question without any.
        options = if secret {
            vec!["Skip this".to_owned()]
        } else {
            vec!["Yes".to_owned(), "No".to_owned()]
        };
    }
    Ok(Question {
        text,
        options,
        secret,
    })
}

fn mcp(rest: &str) -> Result<Step, String> {
    let (tool, arguments) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let arguments = match arguments.trim() {
        "" => Map::new(),
        json if json.starts_with('{') => serde_json::from_str(json)
            .map_err(|error| format!("the arguments of `mcp:` are no JSON object ({error})"))?,
        text => Map::from_iter([("text".to_owned(), Value::from(text))]),
    };
    Ok(Step::Mcp {
        tool: needs(
            tool,
            "`mcp:` needs a tool: `echo`, `write_note`, `ask_form` or `ask_page`",
        )?,
        arguments,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn one(text: &str) -> Step {
        match Scene::parse(text) {
            Scene::Steps(mut steps) if steps.len() == 1 => steps.remove(0),
            other => panic!("{text:?} is {other:?}"),
        }
    }

    fn question(text: &str, options: &[&str], secret: bool) -> Question {
        Question {
            text: text.to_owned(),
            options: options.iter().map(|&option| option.to_owned()).collect(),
            secret,
        }
    }

    fn plan_step(step: &str, status: &'static str) -> PlanStep {
        PlanStep {
            step: step.to_owned(),
            status,
        }
    }

    #[test]
    fn every_step_is_read() {
        let second = Duration::from_secs(1);
        let table = [
            ("say hi\\nthere", Step::Say("hi\nthere".into())),
            ("say: hi", Step::Say("hi".into())),
            ("say see: this", Step::Say("see: this".into())),
            ("think hard", Step::Think("hard".into())),
            (
                "stream 3",
                Step::Stream {
                    deltas: 3,
                    pause: Duration::ZERO,
                },
            ),
            (
                "stream 3 1000",
                Step::Stream {
                    deltas: 3,
                    pause: second,
                },
            ),
            ("markdown", Step::Markdown),
            ("help", Step::Help),
            (
                "plan a; b;",
                Step::Plan(vec![
                    plan_step("a", "in_progress"),
                    plan_step("b", "pending"),
                ]),
            ),
            (
                "plan [x] a; [>] b; c",
                Step::Plan(vec![
                    plan_step("a", "completed"),
                    plan_step("b", "in_progress"),
                    plan_step("c", "pending"),
                ]),
            ),
            ("run: ls -l", Step::Run(vec!["ls -l".into()])),
            (
                "run: a & b & run: c",
                Step::Run(vec!["a & b".into(), "c".into()]),
            ),
            ("sandboxed: ls", Step::Sandboxed("ls".into())),
            (
                "edit: my file.txt <- a\\nb -> c",
                Step::Add {
                    file: "my file.txt".into(),
                    text: "a\nb -> c".into(),
                },
            ),
            (
                "edit: empty <-",
                Step::Add {
                    file: "empty".into(),
                    text: String::new(),
                },
            ),
            (
                "edit: a.txt old words -> new words",
                Step::Update {
                    file: "a.txt".into(),
                    old: "old words".into(),
                    new: "new words".into(),
                },
            ),
            ("delete: a b", Step::Delete("a b".into())),
            (
                "permissions: /srv",
                Step::Permissions {
                    write: vec!["/srv".into()],
                    network: false,
                },
            ),
            (
                "permissions: /a b & network & /c",
                Step::Permissions {
                    write: vec!["/a b".into(), "/c".into()],
                    network: true,
                },
            ),
            (
                "ask: Which? | Red | Blue",
                Step::Ask(vec![question("Which?", &["Red", "Blue"], false)]),
            ),
            (
                "ask: Really?",
                Step::Ask(vec![question("Really?", &["Yes", "No"], false)]),
            ),
            (
                "ask: You & me? | Yes & secret: Token? & ask: Which? | A | B",
                Step::Ask(vec![
                    question("You & me?", &["Yes"], false),
                    question("Token?", &["Skip this"], true),
                    question("Which?", &["A", "B"], false),
                ]),
            ),
            (
                "secret: Token? | None",
                Step::Ask(vec![question("Token?", &["None"], true)]),
            ),
            (
                "mcp: echo {\"text\": \"a b\"}",
                Step::Mcp {
                    tool: "echo".into(),
                    arguments: Map::from_iter([("text".into(), json!("a b"))]),
                },
            ),
            (
                "mcp: echo a b",
                Step::Mcp {
                    tool: "echo".into(),
                    arguments: Map::from_iter([("text".into(), json!("a b"))]),
                },
            ),
            (
                "mcp: echo",
                Step::Mcp {
                    tool: "echo".into(),
                    arguments: Map::new(),
                },
            ),
            (
                "fail 429",
                Step::Fail {
                    status: 429,
                    once: false,
                },
            ),
            (
                "fail once 500",
                Step::Fail {
                    status: 500,
                    once: true,
                },
            ),
            ("drop", Step::Drop),
            ("slow 1000", Step::Slow(second)),
            ("hold A", Step::Hold("A".into())),
        ];
        for (text, step) in table {
            assert_eq!(one(text), step, "{text}");
        }
    }

    #[test]
    fn comments_and_blank_lines_are_no_steps() {
        assert_eq!(
            Scene::parse("# a scene\n\n  say one  \n# between\nrun: two\n"),
            Scene::Steps(vec![Step::Say("one".into()), Step::Run(vec!["two".into()])])
        );
    }

    #[test]
    fn plain_words_are_chat() {
        for text in [
            "hello",
            "run the tests",
            "edit a file for me",
            "delete it",
            "ask her",
            "secret agents",
            "help me",
            "drop it",
            "markdown is nice",
            "note: say hi",
            "# only a comment",
            "",
            "two lines\nof words",
        ] {
            assert_eq!(Scene::parse(text), Scene::Chat(text.into()), "{text}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_played_is_named() {
        for (text, line) in [
            ("run:", 1),
            ("run: a & run: ", 1),
            ("stream many", 1),
            ("stream 0", 1),
            ("stream 3 soon", 1),
            ("slow 99999999", 1),
            ("fail 200", 1),
            ("fail", 0),
            ("edit: a.txt", 1),
            ("edit: a.txt b", 1),
            ("plan ;", 1),
            ("ask: |", 1),
            ("ask: Which? & ask: ", 1),
            ("permissions:", 1),
            ("permissions: network & ", 1),
            ("mcp: echo {oops", 1),
            ("mcp:", 1),
            ("say one\nand then", 2),
        ] {
            match Scene::parse(text) {
                Scene::Problem { line: at, .. } => assert_eq!(at, line, "{text}"),
                Scene::Chat(_) => assert_eq!(line, 0, "{text}"),
                Scene::Steps(steps) => panic!("{text:?} is {steps:?}"),
            }
        }
    }

    #[test]
    fn help_shows_only_lines_that_can_be_played() {
        let mut fenced = false;
        let mut seen = 0;
        for line in crate::HELP.lines() {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if fenced {
                assert!(
                    matches!(Scene::parse(line), Scene::Steps(_)) || line.starts_with('#'),
                    "{line}"
                );
                seen += 1;
            }
        }
        assert!(seen > 10);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(say|run:|edit:|stream|plan|ask:|secret:| & |mcp:|fail| |\n|[a-z;|<>{}-]|.)*") {
            Scene::parse(&text);
        }
    }
}
