//! Troubles of the app-server in the words that people get.

use std::path::Path;

use countersign_contract::{CommandError, ErrorCode, Problem};
use countersign_runtime::supervisor::Death;
use countersign_runtime::transport::SpawnError;
use countersign_runtime::{AskError, ConnectError, RpcError};

use crate::error::chain;

fn problem(
    what: impl Into<String>,
    meaning: impl Into<String>,
    remedy: impl Into<String>,
) -> Problem {
    Problem {
        what: what.into(),
        meaning: meaning.into(),
        remedy: remedy.into(),
        details: None,
    }
}

fn detailed(mut problem: Problem, details: impl Into<String>) -> Problem {
    problem.details = Some(details.into()).filter(|details| !details.is_empty());
    problem
}

/// A defect of Countersign.
pub(crate) fn internal(error: &dyn std::error::Error) -> Problem {
    detailed(
        problem(
            "Something went wrong inside Countersign.",
            "What you asked for was not done.",
            "Try again. If it happens again, report it with the details.",
        ),
        chain(error),
    )
}

/// The demo's model or home could not be set up.
pub(crate) fn demo(error: &std::io::Error) -> Problem {
    detailed(
        problem(
            "The offline demo could not be set up.",
            "Sessions of the demo profile cannot start. Other profiles are not affected.",
            "Look at the details, then try again.",
        ),
        error.to_string(),
    )
}

/// The app-server could not be started.
pub(crate) fn connect(error: &ConnectError, binary: &Path) -> Problem {
    let no_session = "The session cannot start. Nothing that was there is lost.";
    let binary = binary.display();
    match error {
        ConnectError::Spawn(why) => match &**why {
            SpawnError::Missing(_) => problem(
                format!("Codex is not at {binary} any more."),
                no_session,
                "Install Codex again, or give its path in the profile. Then try again.",
            ),
            SpawnError::NotExecutable { source, .. } => detailed(
                problem(
                    format!("The system will not run {binary}."),
                    no_session,
                    "Make it executable, or give the path of another Codex in the profile. Then try again.",
                ),
                source.to_string(),
            ),
            other => detailed(
                problem(
                    "Codex could not be started.",
                    no_session,
                    "Look at the details, then try again.",
                ),
                chain(other),
            ),
        },
        ConnectError::TooOld { found, minimum } => problem(
            format!(
                "The Codex at {binary} is version {found}; Countersign needs {minimum} or newer."
            ),
            no_session,
            "Update it with npm install -g @openai/codex@latest, or give the path of a newer one in the profile. Then try again.",
        ),
        ConnectError::NoVersion { user_agent } => detailed(
            problem(
                format!("{binary} does not say which version of Codex it is."),
                no_session,
                "Give the path of a Codex in the profile. Then try again.",
            ),
            user_agent.clone(),
        ),
        ConnectError::Died(death) => detailed(
            problem(
                "Codex stopped right after it was started.",
                no_session,
                "Look at the details. Running the same Codex in a terminal often says more. Then try again.",
            ),
            death_details(death),
        ),
        ConnectError::Handshake(error) => detailed(
            problem(
                format!("{binary} does not answer as Codex does."),
                no_session,
                "Give the path of a Codex in the profile. Then try again.",
            ),
            chain(error),
        ),
    }
}

/// The app-server ended and is being started again.
pub(crate) fn restarting(death: &Death) -> Problem {
    detailed(
        problem(
            "Codex stopped unexpectedly and is being started again.",
            "What was running is cut short. What it had done so far is kept, and so is the conversation.",
            "Nothing to do. You can send a message already; it goes out when Codex is back.",
        ),
        death_details(death),
    )
}

/// The app-server ended and was given up.
pub(crate) fn gave_up(death: Option<&Death>, failure: Option<&ConnectError>) -> Problem {
    let details: Vec<String> = failure
        .map(|failure| chain(failure))
        .into_iter()
        .chain(death.map(death_details))
        .collect();
    detailed(
        problem(
            "Codex keeps stopping and is not started again by itself.",
            "The conversation is kept.",
            "Look at the details, then try again.",
        ),
        details.join("\n"),
    )
}

/// A thread could not be opened.
pub(crate) fn open(error: &RpcError, resume: bool) -> Problem {
    let message = error.server_message().unwrap_or_default();
    if matches!(error, RpcError::ThreadInUse { .. }) {
        return problem(
            "This conversation is open in another Codex.",
            "It can be written to from one place at a time.",
            "Close it there, then try again.",
        );
    }
    if message.contains("archived") {
        return problem(
            "This conversation is archived.",
            "It is kept, and cannot go on while it is archived.",
            "Unarchive it with Codex, then try again. Or close this tab.",
        );
    }
    if resume
        && (message.contains("no rollout")
            || message.contains("not loaded")
            || message.contains("not found"))
    {
        return problem(
            "This conversation is not in Codex's history any more.",
            "It cannot be continued.",
            "Close this tab and open a new session in the same folder.",
        );
    }
    detailed(
        problem(
            if resume {
                "The conversation could not be opened again."
            } else {
                "The session could not be started."
            },
            "Nothing that was there is lost.",
            "Look at the details, then try again.",
        ),
        chain(error),
    )
}

/// A command that the app-server did not carry out.
pub(crate) fn rpc(doing: &str, error: &RpcError) -> CommandError {
    let what = format!("{doing} failed.");
    let (code, problem) = match error {
        RpcError::Server { error, .. } => (
            ErrorCode::Refused,
            problem(
                what,
                "Nothing was changed.",
                format!("Codex says: {}", error.message),
            ),
        ),
        RpcError::Died { .. } | RpcError::Closed(_) => (
            ErrorCode::Unavailable,
            problem(
                format!("{doing} failed: Codex is not running."),
                "It is not known whether it was still done.",
                "Wait until the session is ready, look at the transcript, and try again.",
            ),
        ),
        RpcError::Timeout { limit, .. } => (
            ErrorCode::Unavailable,
            problem(
                format!(
                    "{doing} failed: Codex did not answer within {} s.",
                    limit.as_secs()
                ),
                "It is not known whether it was still done.",
                "Look at the transcript before you try again.",
            ),
        ),
        _ => (
            ErrorCode::Refused,
            problem(
                what,
                "Nothing was changed.",
                "Look at the details, then try again.",
            ),
        ),
    };
    CommandError {
        code,
        problem: detailed(problem, chain(error)),
        field: None,
    }
}

/// A message that was not taken.
pub(crate) fn send(error: &AskError) -> CommandError {
    match error {
        AskError::Rpc(RpcError::Server { error, .. })
            if error.message.contains("too large") || error.code == -32602 =>
        {
            CommandError {
                code: ErrorCode::Invalid,
                problem: problem(
                    "The message is too long for Codex.",
                    "It was not sent; your text is still there.",
                    "Shorten it to at most 1,048,576 characters, or put it into a file and point at that.",
                ),
                field: None,
            }
        }
        AskError::Rpc(error) => rpc("Sending the message", error),
        other => CommandError {
            code: ErrorCode::Refused,
            problem: detailed(
                problem(
                    "The message was not sent.",
                    "Your text is still there.",
                    "Look at the details, then try again.",
                ),
                chain(other),
            ),
            field: None,
        },
    }
}

fn death_details(death: &Death) -> String {
    let mut lines = vec![
        death
            .status
            .clone()
            .unwrap_or_else(|| "The connection ended.".to_owned()),
    ];
    lines.extend(death.reason.clone());
    lines.extend(death.stderr.iter().cloned());
    countersign_markup::visible(&lines.join("\n")).into_owned()
}
