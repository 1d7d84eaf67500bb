//! The ledger: every question that was asked, who answered it, and what came of it.

use serde::{Deserialize, Serialize};

use crate::{ApprovalOutcome, LedgerId, Millis, ProfileId, RiskLevel, SessionId, SubjectKind};

/// One question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// Its id.
    pub id: LedgerId,
    /// When it was asked.
    pub asked_at: Millis,
    /// The session that asked.
    pub session: SessionId,
    /// Its title then.
    pub session_title: String,
    /// Its profile.
    pub profile: ProfileId,
    /// The profile's name then.
    pub profile_name: String,
    /// Its folder.
    pub folder: String,
    /// Of which kind it was.
    pub subject: SubjectKind,
    /// What was asked, in a few words.
    pub name: String,
    /// What exactly was asked, whole, as text: the command, the files with their diffs, the questions. Answers to
    /// secret questions are nowhere in it.
    pub detail: String,
    /// The agent's reason.
    pub reason: Option<String>,
    /// How risky it was held to be.
    pub risk: RiskLevel,
    /// How it was settled. `None`: it is open, or Countersign ended before it was.
    pub settled: Option<Settled>,
    /// What came of it, once that is known.
    pub result: Option<LedgerResult>,
    /// The request as it came.
    #[cfg_attr(test, ts(type = "unknown"))]
    pub raw: serde_json::Value,
}

/// How a question was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Settled {
    /// How, and by whom.
    pub outcome: ApprovalOutcome,
    /// When.
    pub at: Millis,
    /// What the person told the agent about a denial.
    pub reason: Option<String>,
}

/// What came of an allowed question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LedgerResult {
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// Files that were changed.
    pub files_changed: Option<u32>,
    /// What Codex calls its end, e.g. "completed", "failed", "declined".
    pub status: String,
}

/// Which questions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LedgerQuery {
    /// Words that name, detail, reason, title or folder have in them. Empty: any.
    pub text: String,
    /// Of these kinds. Empty: any.
    pub subjects: Vec<SubjectKind>,
    /// With these ends. Empty: any.
    pub ends: Vec<LedgerEnd>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// Of this profile.
    pub profile: Option<ProfileId>,
    /// Asked at this time or later.
    pub from: Option<Millis>,
    /// Asked before this time.
    pub to: Option<Millis>,
}

/// How a question ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum LedgerEnd {
    /// It has not ended, or Countersign ended before it did.
    Open,
    /// Somebody or something allowed it, or sent what was filled in.
    Allowed,
    /// Somebody or something denied it.
    Denied,
    /// Nobody answered: settled elsewhere, or its turn, session or server ended.
    Unanswered,
}

/// A page of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LedgerPage {
    /// Newest first.
    pub entries: Vec<LedgerEntry>,
    /// There are more.
    pub more: bool,
    /// How many match in all; counted up to 10,000.
    pub total: u32,
}

/// What an export is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ExportFormat {
    /// One JSON object a line, everything.
    JsonLines,
    /// A table for spreadsheets, without the raw requests.
    Csv,
}
