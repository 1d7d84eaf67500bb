//! What is written, and how an entry is told apart from others.

use std::sync::Arc;

use countersign_contract::{
    ApprovalId, ApprovalOutcome, ChoiceId, LedgerEnd, LedgerId, LedgerResult, Millis, ProfileId,
    RiskLevel, SessionId, Settled, SubjectKind,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// A question that is to be recorded. There is no field for what a person fills in, and none of these may hold it.
#[derive(Debug, Clone)]
pub struct NewEntry {
    /// The question's id on the desk: what [`Ledger::settled`](super::Ledger::settled) calls it by.
    pub approval: ApprovalId,
    /// When it was asked.
    pub asked_at: Millis,
    /// The session that asks.
    pub session: SessionId,
    /// Its title now.
    pub session_title: String,
    /// Its profile.
    pub profile: ProfileId,
    /// The profile's name now.
    pub profile_name: String,
    /// Its folder.
    pub folder: String,
    /// Of which kind the question is.
    pub subject: SubjectKind,
    /// What is asked, in a few words.
    pub name: String,
    /// What exactly is asked, whole, as text.
    pub detail: String,
    /// The agent's reason.
    pub reason: Option<String>,
    /// How risky it is held to be.
    pub risk: RiskLevel,
    /// The item that it is about, which its result will be known by. `None`: there will be no result.
    pub item: Option<ItemRef>,
    /// The request as it came.
    pub raw: Box<RawValue>,
}

/// An item of a thread, in the app-server's ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ItemRef {
    /// The thread.
    pub thread: String,
    /// Its turn.
    pub turn: String,
    /// The turn's item.
    pub item: String,
}

/// What makes two questions look the same: asked by the same session, of the same kind, with exactly the same
/// detail. A cryptographic hash, because the agent chooses the detail, and nobody may be told that a harmful
/// command was allowed before because it was made to collide with a harmless one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Same(pub(super) [u8; 16]);

impl Same {
    pub(super) fn of(session: &str, subject: SubjectKind, detail: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [session, &word(&subject), detail] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut same = [0; 16];
        same.copy_from_slice(&hash.finalize()[..16]);
        Self(same)
    }
}

/// One row that is to be appended.
#[derive(Debug)]
pub(super) enum Row {
    Asked {
        id: LedgerId,
        same: Same,
        entry: Box<NewEntry>,
    },
    Settled {
        id: LedgerId,
        settled: Settled,
    },
    Result {
        id: LedgerId,
        result: LedgerResult,
    },
}

pub(super) type Rows = Vec<Arc<Row>>;

impl Row {
    /// What it takes in memory, in bytes, more or less.
    pub(super) fn size(&self) -> usize {
        let texts = match self {
            Self::Asked { entry, .. } => {
                entry.name.len()
                    + entry.detail.len()
                    + entry.reason.as_ref().map_or(0, String::len)
                    + entry.raw.get().len()
                    + 512
            }
            Self::Settled { settled, .. } => settled.reason.as_ref().map_or(0, String::len),
            Self::Result { .. } => 0,
        };
        texts + 256
    }
}

/// How a question ended, in one word.
pub fn end_of(outcome: &ApprovalOutcome) -> LedgerEnd {
    let allowed = match outcome {
        ApprovalOutcome::Answered { choice, .. } => match choice {
            ChoiceId::AllowOnce
            | ChoiceId::AllowForSession
            | ChoiceId::AllowAlways
            | ChoiceId::AllowByRule
            | ChoiceId::AllowHost
            | ChoiceId::Submit => true,
            ChoiceId::DenyHost | ChoiceId::Deny | ChoiceId::Dismiss | ChoiceId::DenyAndStop => {
                false
            }
        },
        ApprovalOutcome::Hook { allowed, .. } | ApprovalOutcome::Rule { allowed, .. } => *allowed,
        ApprovalOutcome::Elsewhere
        | ApprovalOutcome::TurnEnded
        | ApprovalOutcome::SessionClosed
        | ApprovalOutcome::ServerDied => return LedgerEnd::Unanswered,
    };
    if allowed {
        LedgerEnd::Allowed
    } else {
        LedgerEnd::Denied
    }
}

/// A word of the contract as it is kept: exactly as it goes over the wire.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// The value of a kept word. `None`: this build does not know it.
pub(super) fn meant<T: DeserializeOwned>(word: String) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word)).ok()
}
