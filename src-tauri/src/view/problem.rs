//! What went wrong in a turn, in three parts: what happened, what it means, what to do.

use countersign_contract::{Problem, RowHead};
use countersign_markup::summary;
use countersign_runtime::event::{FailureKind, TurnFailure};
use countersign_runtime::supervisor::Death;
use countersign_runtime::transcript::Trouble;

use super::{label, lines, shown};

const ENDED: &str = "The turn ended here. What was said and done before stays.";
const AGAIN: &str = "Send the message again.";
const LOG_IN: &str = "Log in with `codex login` in a terminal, then send the message again.";

pub(super) fn of(trouble: &Trouble) -> RowHead {
    let (problem, retrying) = match trouble {
        Trouble::Failed {
            failure,
            retrying: true,
        } => (retried(failure), true),
        Trouble::Failed {
            failure,
            retrying: false,
        } => (failed(failure), false),
        Trouble::Disconnected {
            death,
            cut_short,
            resumed,
        } => (died(death, *cut_short, *resumed), !resumed),
        Trouble::ResumeFailed { reason } => (not_resumed(reason), false),
    };
    RowHead::Trouble { problem, retrying }
}

fn problem(
    what: impl Into<String>,
    meaning: &str,
    remedy: &str,
    details: Option<String>,
) -> Problem {
    Problem {
        what: what.into(),
        meaning: meaning.to_owned(),
        remedy: remedy.to_owned(),
        details,
    }
}

/// The server's words.
fn words(failure: &TurnFailure) -> Option<String> {
    let words: Vec<&str> = std::iter::once(failure.message.as_str())
        .chain(failure.details.as_deref())
        .filter(|text| !text.is_empty())
        .collect();
    lines(&words)
}

/// An attempt that is tried again. Without a network that goes on for ever (FACTS section 8).
fn retried(failure: &TurnFailure) -> Problem {
    let details = words(failure);
    if failure.message.contains("waiting for network") {
        return problem(
            "The model cannot be reached: waiting for network.",
            "The turn goes on by itself once there is a connection.",
            "Stop ends it.",
            details,
        );
    }
    problem(
        "The connection to the model broke off. It is being tried again.",
        "The turn goes on by itself if that works.",
        "Stop ends it.",
        details,
    )
}

/// The advice for each kind of failure.
pub(crate) fn failed(failure: &TurnFailure) -> Problem {
    let status = |status: Option<u16>| {
        status
            .map(|status| format!(" (HTTP {status})"))
            .unwrap_or_default()
    };
    let (what, meaning, remedy): (String, &str, &str) = match &failure.kind {
        FailureKind::ContextWindowExceeded => (
            "The conversation no longer fits into the model's context.".into(),
            ENDED,
            "Go on in a new session, or use a profile whose model has a larger context.",
        ),
        FailureKind::UsageLimitExceeded => (
            "The account's usage limit is reached.".into(),
            "The turn ended here. Messages fail until the limit is reset; what was done before stays.",
            "Wait for the reset, or open a session under a profile with another account.",
        ),
        FailureKind::TooManyRequests => (
            "The provider turned down too many attempts.".into(),
            ENDED,
            "Wait a minute, then send the message again.",
        ),
        FailureKind::ServerOverloaded => (
            "The provider is overloaded.".into(),
            ENDED,
            "Wait a few minutes, then send the message again.",
        ),
        FailureKind::ProviderFailed => (
            "The provider failed while it answered.".into(),
            ENDED,
            "Send the message again. If it keeps failing, see whether the provider reports an outage.",
        ),
        FailureKind::Http {
            status: code @ Some(401 | 403),
        } => (
            format!("The provider refused access{}.", status(*code)),
            ENDED,
            "Check the key or the account of this profile's provider. With a ChatGPT account, log in with `codex login` in a terminal. Then send the message again.",
        ),
        FailureKind::Http {
            status: code @ Some(404),
        } => (
            format!(
                "The provider does not know this address or this model{}.",
                status(*code)
            ),
            ENDED,
            "Check the model and the provider of the profile, then open a new session.",
        ),
        FailureKind::Http {
            status: code @ Some(_),
        } => (
            format!("The provider refused the request{}.", status(*code)),
            ENDED,
            AGAIN,
        ),
        FailureKind::Http { status: None } => (
            "The provider could not be reached.".into(),
            ENDED,
            "Check the network and the address of the profile's provider, then send the message again.",
        ),
        FailureKind::Disconnected { status: code } => (
            format!("The answer broke off before its end{}.", status(*code)),
            ENDED,
            "Send a message to go on, e.g. “continue”.",
        ),
        FailureKind::Unauthorized => ("Codex is not logged in.".into(), ENDED, LOG_IN),
        FailureKind::Other(_) => return other(failure),
    };
    problem(what, meaning, remedy, words(failure))
}

/// Failures that the server tells apart only by its words (FACTS section 8).
fn other(failure: &TurnFailure) -> Problem {
    let message = failure.message.as_str();
    if message.starts_with("stream disconnected") {
        return problem(
            "The answer broke off before its end.",
            ENDED,
            "Send a message to go on, e.g. “continue”.",
            words(failure),
        );
    }
    if message.starts_with("Missing environment variable") {
        return problem(
            label(message),
            "The provider's key is expected there, so the model was not asked.",
            "Set the variable where Countersign is started from and start it again, or use another profile.",
            words(failure),
        );
    }
    let what = match summary(message, 200) {
        said if said.is_empty() => "The turn failed.".to_owned(),
        said => format!("The turn failed: {said}"),
    };
    problem(
        what,
        ENDED,
        "Send the message again. If it keeps failing, the details say why.",
        words(failure),
    )
}

fn died(death: &Death, cut_short: bool, resumed: bool) -> Problem {
    let how = death
        .status
        .as_ref()
        .or(death.reason.as_ref())
        .map(|how| format!(" ({})", label(how)));
    let how = how.unwrap_or_default();
    problem(
        match death.asked_for {
            true => "Codex was stopped.".to_owned(),
            false => format!("Codex stopped unexpectedly{how}."),
        },
        match cut_short {
            true => {
                "The turn was cut short. What was said and done before stays; a command that it had started may still run."
            }
            false => "No turn was running; nothing is lost.",
        },
        match resumed {
            true => "It runs again. Send a message to go on.",
            false => "It is being started again.",
        },
        lines(&death.stderr),
    )
}

fn not_resumed(reason: &str) -> Problem {
    const KEPT: &str = "It is still in Codex's history, but takes no messages here.";
    if reason.contains("active writer") {
        return problem(
            "Another Codex has this conversation open.",
            KEPT,
            "Close it there, then try again.",
            Some(shown(reason)),
        );
    }
    problem(
        "The conversation could not be loaded again.",
        KEPT,
        "Try again.",
        Some(shown(reason)),
    )
}
