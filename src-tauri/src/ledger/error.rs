//! What can go wrong with the ledger, and what people are told.

use std::io;
use std::path::{Path, PathBuf};

use countersign_contract::{CommandError, ErrorCode, Problem};
use rusqlite::ErrorCode as Sqlite;

use crate::error::chain;

/// Why the ledger could not be read, written or exported.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The database refused.
    #[error("{path}")]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// Its file or folder refused.
    #[error("{path}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a database of this kind, or is damaged.
    #[error("{path}: {why}")]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file of an export could not be written.
    #[error("{path}")]
    Export {
        /// The file that was asked for.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LedgerError {
    /// The database itself is broken, as opposed to not being reachable.
    fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } => true,
            Self::Database { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(Sqlite::DatabaseCorrupt | Sqlite::NotADatabase)
            ),
            Self::File { .. } | Self::Export { .. } => false,
        }
    }

    /// It is broken for the one who writes it: it is of this version, so that also statements and values that make
    /// no sense to it mean damage. (To a reader of a newer version's database they do not.)
    pub(super) fn is_damage_to_writer(&self) -> bool {
        let senseless = match self {
            Self::Database { source, .. } => match source.sqlite_error_code() {
                Some(code) => code == Sqlite::Unknown,
                None => true,
            },
            _ => false,
        };
        senseless || self.is_damage()
    }

    /// What a person is told who wanted to see or export the ledger.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Export { path, source } => Problem {
                what: format!("{} could not be written.", path.display()),
                meaning: "Nothing was exported. A file that was there before is as it was."
                    .to_owned(),
                remedy: match source.kind() {
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                        "Make room on the disk, or choose another folder."
                    }
                    _ => "Choose a folder that you may write in.",
                }
                .to_owned(),
                details: Some(chain(self)),
            },
            _ if self.is_damage() => Problem {
                what: "The ledger is damaged.".to_owned(),
                meaning: "Part of what was asked before cannot be shown. Approvals go on as usual."
                    .to_owned(),
                remedy: "Start Countersign again. If this comes back, move the file named in the \
                         details away; a new ledger is made."
                    .to_owned(),
                details: Some(chain(self)),
            },
            _ => Problem {
                what: "The ledger could not be read.".to_owned(),
                meaning: "What was asked before cannot be shown now. Approvals go on as usual."
                    .to_owned(),
                remedy: "Try again. If it keeps failing, check the file named in the details."
                    .to_owned(),
                details: Some(chain(self)),
            },
        }
    }

    /// What a person is told when questions cannot be recorded; they are kept in memory meanwhile.
    pub(super) fn not_written(&self) -> Problem {
        Problem {
            what: match self.kind() {
                Kind::Full => "The disk is full: approvals are not being recorded.",
                Kind::Forbidden => {
                    "Approvals are not being recorded: the ledger may not be written."
                }
                Kind::Other => "Approvals are not being recorded: the ledger cannot be written.",
            }
            .to_owned(),
            meaning: "Approvals go on as usual. What is asked meanwhile is kept in memory and \
                      recorded once the ledger can be written; it is lost if Countersign ends \
                      before that."
                .to_owned(),
            remedy: match self.kind() {
                Kind::Full => "Make room on the disk.",
                Kind::Forbidden => "Allow writing to the file named in the details and its folder.",
                Kind::Other => "Check the file named in the details and the disk that it is on.",
            }
            .to_owned(),
            details: Some(chain(self)),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Database { source, .. } => match source.sqlite_error_code() {
                Some(Sqlite::DiskFull) => Kind::Full,
                Some(Sqlite::ReadOnly | Sqlite::CannotOpen | Sqlite::PermissionDenied) => {
                    Kind::Forbidden
                }
                _ => Kind::Other,
            },
            Self::File { source, .. } | Self::Export { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Kind::Full,
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    Kind::Forbidden
                }
                _ => Kind::Other,
            },
            Self::Damaged { .. } => Kind::Other,
        }
    }
}

enum Kind {
    Full,
    Forbidden,
    Other,
}

impl From<LedgerError> for CommandError {
    fn from(error: LedgerError) -> Self {
        Self {
            code: ErrorCode::Storage,
            problem: error.problem(),
            field: None,
        }
    }
}

/// The memory for what cannot be written is used up.
pub(super) fn out_of_memory() -> Problem {
    Problem {
        what: "Approvals are no longer recorded at all.".to_owned(),
        meaning: "The ledger has not been writable for so long that what is asked from now on \
                  is missing in it. Approvals go on as usual."
            .to_owned(),
        remedy: "Make the ledger writable again; an earlier notice says what is wrong with it."
            .to_owned(),
        details: None,
    }
}

/// It is written again. `lost` questions are missing.
pub(super) fn written_again(lost: u64) -> Problem {
    Problem {
        what: "Approvals are being recorded again.".to_owned(),
        meaning: match lost {
            0 => "Nothing is missing in the ledger.".to_owned(),
            1 => "1 question that was asked meanwhile is missing in the ledger.".to_owned(),
            lost => {
                format!("{lost} questions that were asked meanwhile are missing in the ledger.")
            }
        },
        remedy: String::new(),
        details: None,
    }
}

/// Questions that the database refused for good.
pub(super) fn refused(lost: u64, why: String) -> Problem {
    Problem {
        what: match lost {
            1 => "1 question could not be recorded.".to_owned(),
            lost => format!("{lost} questions could not be recorded."),
        },
        meaning:
            "The rest of the ledger is complete. Approvals go on as usual. This is a defect of \
                  Countersign."
                .to_owned(),
        remedy: "Report it with the details below.".to_owned(),
        details: Some(why),
    }
}

/// A damaged ledger that was renamed.
pub(super) fn set_aside(folder: &Path, name: &str, why: String) -> Problem {
    Problem {
        what: format!("The ledger was damaged and has been set aside as {name}."),
        meaning: "A new ledger was started. What was asked before is not in it; approvals go on \
                  as usual."
            .to_owned(),
        remedy: format!(
            "The damaged file is in {}, in case something in it is worth keeping.",
            folder.display()
        ),
        details: Some(why),
    }
}

/// A ledger of a newer version.
pub(super) fn newer(path: &Path, version: i64) -> Problem {
    Problem {
        what: "The ledger was written by a newer version of Countersign.".to_owned(),
        meaning: "What was asked before can be read where this version understands it. What is \
                  asked from now on is not recorded. Approvals go on as usual."
            .to_owned(),
        remedy: "Use the newer version of Countersign.".to_owned(),
        details: Some(format!("{}: version {version}", path.display())),
    }
}
