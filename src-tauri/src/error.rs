//! The app's troubles in the words that people get: what happened, what it means for their work,
//! what to do next.
//!
//! Deliberately not here: troubles of the app-server, which the engine words itself.

use std::{io, path::Path};

use countersign_contract::{CommandError, ErrorCode, Problem};

use crate::storage::{ReadOnlyReason, StorageError};

/// A field of a form that cannot be used as it is. `field` is the contract's name for it.
pub fn invalid(field: &str, what: impl Into<String>, remedy: impl Into<String>) -> CommandError {
    CommandError {
        code: ErrorCode::Invalid,
        problem: Problem {
            what: what.into(),
            meaning: "Nothing was changed.".to_owned(),
            remedy: remedy.into(),
            details: None,
        },
        field: Some(field.to_owned()),
    }
}

/// Something that was asked for is gone. `what` names it with its article, e.g. "The profile".
pub fn not_found(what: &str) -> CommandError {
    CommandError {
        code: ErrorCode::NotFound,
        problem: Problem {
            what: format!("{what} does not exist any more."),
            meaning: "Nothing was changed.".to_owned(),
            remedy: "Choose another one.".to_owned(),
            details: None,
        },
        field: None,
    }
}

/// Something that Countersign does not do, whatever the input.
pub fn not_possible(what: impl Into<String>, remedy: impl Into<String>) -> CommandError {
    CommandError {
        code: ErrorCode::Invalid,
        problem: Problem {
            what: what.into(),
            meaning: "Nothing was changed.".to_owned(),
            remedy: remedy.into(),
            details: None,
        },
        field: None,
    }
}

/// A change that could not be kept. `what` follows "your", e.g. "profiles".
pub fn not_kept(what: &str, error: &StorageError) -> Problem {
    let (meaning, remedy) = match error {
        StorageError::Write { source, .. } => (
            "Nothing was changed; what was saved before is still there.",
            write_remedy(source),
        ),
        StorageError::ReadOnly { reason, .. } => (
            "Nothing was changed; the file is left as it is.",
            read_only_remedy(reason),
        ),
        StorageError::Encode { .. } => (
            "Nothing was changed. This is a defect of Countersign.",
            "Report it with the details below.",
        ),
    };
    Problem {
        what: format!("Your {what} could not be saved."),
        meaning: meaning.to_owned(),
        remedy: remedy.to_owned(),
        details: Some(chain(error)),
    }
}

/// A file that is left alone until the next start.
pub fn read_only(what: &str, path: &Path, reason: &ReadOnlyReason, source: &io::Error) -> Problem {
    let happened = match reason {
        ReadOnlyReason::Newer(_) => {
            format!("Your {what} were saved by a newer version of Countersign.")
        }
        ReadOnlyReason::Unreadable => format!("The file with your {what} cannot be read."),
        ReadOnlyReason::NotSetAside => {
            format!("The file with your {what} is damaged and could not be moved out of the way.")
        }
        ReadOnlyReason::NoStore => format!("Saving your {what} could not be set up."),
    };
    Problem {
        what: happened,
        meaning: format!(
            "The file is left as it is. Changes to your {what} are refused until the next start."
        ),
        remedy: read_only_remedy(reason).to_owned(),
        details: Some(format!("{}: {source}", path.display())),
    }
}

/// A damaged file that was renamed. `restored`: the state before the last change is in use.
pub fn set_aside(what: &str, folder: &Path, name: &str, restored: bool, why: String) -> Problem {
    Problem {
        what: format!("The file with your {what} was damaged and has been set aside as {name}."),
        meaning: if restored {
            format!("Your {what} are back as they were before the last change.")
        } else {
            format!("Countersign starts with new {what}.")
        },
        remedy: format!(
            "Check your {what}. The damaged file is in {}, in case something in it is worth keeping.",
            folder.display()
        ),
        details: Some(why),
    }
}

/// A file that vanished while its predecessor is still there.
pub fn missing(what: &str, path: &Path) -> Problem {
    Problem {
        what: format!("The file with your {what} is gone."),
        meaning: format!("Your {what} are back as they were before the last change."),
        remedy: format!("Check your {what}."),
        details: Some(path.display().to_string()),
    }
}

impl From<StorageError> for CommandError {
    fn from(error: StorageError) -> Self {
        Self {
            code: match error {
                StorageError::Encode { .. } => ErrorCode::Internal,
                _ => ErrorCode::Storage,
            },
            problem: not_kept("changes", &error),
            field: None,
        }
    }
}

fn write_remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "Make room on the disk, then try again."
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "Allow writing to the folder named in the details, then try again."
        }
        _ => "Check the folder named in the details, then try again.",
    }
}

fn read_only_remedy(reason: &ReadOnlyReason) -> &'static str {
    match reason {
        ReadOnlyReason::Newer(_) => "Use the newer version of Countersign to change them.",
        ReadOnlyReason::Unreadable => {
            "Make the file named in the details readable, then start Countersign again."
        }
        ReadOnlyReason::NotSetAside => {
            "Move the file named in the details away, then start Countersign again."
        }
        ReadOnlyReason::NoStore => "Start Countersign again.",
    }
}

/// An error and what caused it, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
