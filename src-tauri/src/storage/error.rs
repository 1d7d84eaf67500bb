//! Why something could not be kept.

use std::{io, path::PathBuf};

/// A change that was not kept. What was there before it is still there, in memory and on disk.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk refused.
    #[error("could not write {}", path.display())]
    Write {
        /// The file that was to be replaced.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not ours to replace in this run.
    #[error("{} is open read-only: {reason}", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: ReadOnlyReason,
    },
    /// The value has no JSON form that can be kept. A defect.
    #[error("the value for {} cannot be written as a JSON object", path.display())]
    Encode {
        /// The file that was to be replaced.
        path: PathBuf,
        /// What the encoder said.
        source: serde_json::Error,
    },
}

/// Why a file is open read-only until the next start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadOnlyReason {
    /// A newer Countersign wrote it.
    #[error("written by a newer version of Countersign (format {0})")]
    Newer(u64),
    /// It is there and cannot be read, so nobody knows what would be lost.
    #[error("it is there but cannot be read")]
    Unreadable,
    /// It is damaged, and could not be renamed out of the way.
    #[error("it is damaged and could not be set aside")]
    NotSetAside,
    /// The store that stages the changes could not be set up.
    #[error("its store could not be set up")]
    NoStore,
}
