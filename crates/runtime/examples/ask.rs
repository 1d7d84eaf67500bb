//! Asks one question in the terminal. What the agent wants to do is asked for with y or n.
//!
//! ```text
//! cargo run -p countersign-runtime --example ask -- --demo "run: echo hello"
//! ```
//!
//! `--demo` talks to the scripted model, with a home of its own and no network; its MCP server is this
//! program too, as `ask mcp`. `--codex PATH` names the binary, else COUNTERSIGN_CODEX does, else it is `codex` in PATH, else the copy in tools/codex.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::collections::VecDeque;
use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use countersign_runtime::approval::{
    Answers, Approvals, Decision, Elicitation, Entry, Notice, Refused, Subject,
};
use countersign_runtime::event::DeltaPart;
use countersign_runtime::hooks::{AskPerson, HookSet};
use countersign_runtime::item::{Item, ItemDetail};
use countersign_runtime::policy::{ApprovalPolicy, SandboxMode};
use countersign_runtime::transport::ChildSpec;
use countersign_runtime::{Client, ClientConfig, Event, RunProfile, SessionConfig};
use countersign_scripted_model::{CodexHome, HomeOptions, Options, ScriptedModel, run_mcp_stdio};
use tokio::io::{AsyncBufReadExt, BufReader, Lines, Stdin};

const USAGE: &str = "usage: ask [--demo] [--codex PATH] QUESTION";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    if std::env::args().skip(1).eq(["mcp"]) {
        return Ok(run_mcp_stdio()?);
    }
    let asked = Asked::read(std::env::args().skip(1))?;
    let codex =
        match asked.codex.or_else(find_codex) {
            Some(codex) => codex,
            None => return Err(
                "no codex in PATH and none in tools/codex: say --codex PATH, or run `make setup`"
                    .into(),
            ),
        };
    let mut server = ChildSpec::app_server(codex);
    // Both last as long as the question.
    let mut demo = None;
    if asked.is_demo {
        let model = ScriptedModel::start_with(Options::demo()).await?;
        // Not below the folder for temporary files: codex would not sandbox then.
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        std::fs::create_dir_all(&target)?;
        let home = tempfile::Builder::new()
            .prefix("ask-demo-")
            .tempdir_in(target)?;
        let program = std::env::current_exe()?;
        let options = HomeOptions {
            mcp_command: program
                .to_str()
                .map(|program| (program.to_owned(), vec!["mcp".to_owned()])),
            ..HomeOptions::default()
        };
        CodexHome::write(home.path(), &model.base_url(), &options)?;
        server = server.env("CODEX_HOME", home.path());
        demo = Some((model, home));
    }
    let client = Client::connect(ClientConfig {
        hooks: HookSet::default().with(AskPerson),
        ..ClientConfig::new(server)
    })
    .await?;
    let answered = ask(&client, asked.question).await;
    client.shutdown().await;
    drop(demo);
    answered
}

async fn ask(client: &Client, question: String) -> Result<(), Box<dyn Error>> {
    let profile = RunProfile {
        approval: ApprovalPolicy::OnRequest,
        sandbox: SandboxMode::WorkspaceWrite,
        privileged: true,
        timeout: None,
        ..RunProfile::default()
    };
    let config = SessionConfig::new(std::env::current_dir()?).with_profile(profile);
    let (_, mut notices) = client.approvals().present();
    let mut answers = BufReader::new(tokio::io::stdin()).lines();
    let session = client.start_session(config).await?;
    let mut stream = session.ask_stream(question).await?;
    // What is not answered yet; the first is on the screen.
    let mut open: VecDeque<Entry> = VecDeque::new();
    let mut has_input = true;
    loop {
        tokio::select! {
            event = stream.recv() => match event? {
                Some(event) => show(&event)?,
                None => break,
            },
            notice = notices.recv() => match notice {
                Some(Notice::Requested(entry)) => {
                    if open.is_empty() {
                        put(&entry)?;
                    }
                    open.push_back(entry);
                }
                Some(Notice::Resolved(settled, _)) => {
                    let was_shown = open.front().is_some_and(|entry| entry.key == settled.key);
                    open.retain(|entry| entry.key != settled.key);
                    if was_shown {
                        println!("[the question is settled]");
                        open.front().map_or(Ok(()), put)?;
                    }
                }
                Some(Notice::Denied(request)) => eprintln!("\n[{} was denied: it cannot be asked for here]", request.method),
                Some(Notice::HookFailed(issue)) => eprintln!("\n[hook {} failed: {}]", issue.hook, issue.problem),
                None => {}
            },
            line = line(&mut answers), if has_input && !open.is_empty() => {
                has_input = line.is_some();
                if let Some(line) = line
                    && let Some(entry) = open.pop_front()
                {
                    if !decide(client.approvals(), &entry, &line) {
                        open.push_front(entry);
                    }
                    open.front().map_or(Ok(()), put)?;
                }
            }
        }
        if !has_input {
            // Nobody can say yes.
            for entry in open.drain(..) {
                let _ = client
                    .approvals()
                    .decide(&entry.key, Decision::Deny, "terminal");
            }
        }
    }
    println!();
    let result = stream.finish().await?;
    for warning in result.policy_warnings {
        eprintln!("[{warning}]");
    }
    Ok(())
}

async fn line(answers: &mut Lines<BufReader<Stdin>>) -> Option<String> {
    answers.next_line().await.ok().flatten()
}

fn put(entry: &Entry) -> std::io::Result<()> {
    let what = match &entry.request.subject {
        Subject::Command(command) => format!("run {:?} in {}", command.command, command.cwd),
        Subject::FileChange { .. } => "change the files shown above".to_owned(),
        Subject::Permissions(asked) => format!("have {}", asked.phrases().join(", ")),
        Subject::Elicitation(Elicitation::Tool(tool)) => {
            format!("use {}/{} with {}", tool.server, tool.tool, tool.arguments)
        }
        Subject::Elicitation(Elicitation::Url {
            server,
            message,
            url,
            ..
        }) => {
            format!("send you to {url} for {server}: {message:?}")
        }
        Subject::UserInput(asked) => {
            for question in &asked.questions {
                let labels: Vec<_> = question
                    .options
                    .iter()
                    .map(|option| &option.label)
                    .collect();
                println!("\n{} {labels:?}", question.text);
            }
            print!("Your answers, with ; between them (empty: none): ");
            return std::io::stdout().flush();
        }
        Subject::Elicitation(Elicitation::Form {
            server,
            message,
            schema,
        }) => {
            println!("\n{server} asks: {message:?}");
            for field in &schema.fields {
                println!(
                    "{} (required: {}): {:?}",
                    field.name, field.required, field.kind
                );
            }
            print!("The form as a JSON object (empty: decline): ");
            return std::io::stdout().flush();
        }
        other => format!("{other:?}"),
    };
    if let Some(reason) = &entry.request.reason {
        println!("\nThe agent says: {reason:?}");
    }
    print!("\nLet it {what}? [y/n] ");
    std::io::stdout().flush()
}

/// What a line means. Anything else than a yes is a no.
fn meant(subject: &Subject, line: &str) -> Decision {
    match subject {
        _ if line.is_empty() => Decision::Deny,
        Subject::UserInput(asked) => {
            let mut given = line.split(';').map(str::trim);
            let answers = asked
                .questions
                .iter()
                .fold(Answers::default(), |answers, question| {
                    answers.with(&question.id, given.next().filter(|text| !text.is_empty()))
                });
            Decision::Answer(answers)
        }
        Subject::Elicitation(Elicitation::Form { .. }) => serde_json::from_str(line)
            .map_or(Decision::Submit(Default::default()), Decision::Submit),
        _ if matches!(line, "y" | "Y" | "yes") => Decision::Allow,
        _ => Decision::Deny,
    }
}

/// False when the line was no answer and the question is still open.
fn decide(approvals: &Approvals, entry: &Entry, line: &str) -> bool {
    let decision = meant(&entry.request.subject, line.trim());
    let said = if decision.allows() {
        "allowed"
    } else {
        "denied"
    };
    match approvals.decide(&entry.key, decision, "terminal") {
        Ok(()) => println!("[{said}]"),
        Err(refused) => {
            println!("[{refused}]");
            return refused == Refused::Stale;
        }
    }
    true
}

fn show(event: &Event) -> std::io::Result<()> {
    match event {
        Event::Delta(delta) if delta.part == DeltaPart::AgentMessage => print!("{}", delta.text),
        Event::ItemStarted {
            item:
                Item {
                    detail: ItemDetail::FileChange { changes, .. },
                    ..
                },
            ..
        } => {
            for change in changes {
                println!("\n{}\n{}", change.path, change.diff.trim_end());
            }
        }
        Event::ItemCompleted {
            item:
                Item {
                    detail: ItemDetail::Command(command),
                    ..
                },
            ..
        } => {
            println!("\n$ {}", command.command);
            print!("{}", command.output.as_deref().unwrap_or_default());
        }
        Event::Error { failure, .. } => eprintln!("\n[{failure}]"),
        _ => {}
    }
    std::io::stdout().flush()
}

struct Asked {
    question: String,
    is_demo: bool,
    codex: Option<PathBuf>,
}

impl Asked {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut asked = Asked {
            question: String::new(),
            is_demo: false,
            codex: None,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--demo" => asked.is_demo = true,
                "--codex" => asked.codex = Some(words.next().ok_or(USAGE)?.into()),
                flag if flag.starts_with("--") => {
                    return Err(format!("unknown option {flag}\n{USAGE}"));
                }
                _ if asked.question.is_empty() => asked.question = word,
                _ => return Err(format!("one question, in quotes\n{USAGE}")),
            }
        }
        match asked.question.trim() {
            "" => Err(USAGE.to_owned()),
            _ => Ok(asked),
        }
    }
}

fn find_codex() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("COUNTERSIGN_CODEX") {
        return Some(path.into());
    }
    let name = format!("codex{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(found) = std::env::split_paths(&path)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
    {
        return Some(found);
    }
    let packages =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/codex/node_modules/@openai");
    let folders = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten();
    folders(packages)
        .flat_map(|package| folders(package.path().join("vendor")))
        .map(|triple| triple.path().join("bin").join(&name))
        .find(|path| path.is_file())
}
