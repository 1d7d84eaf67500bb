//! What the windows are told: the contract's events, each with its payload.

use countersign_contract::{
    Approval, ApprovalId, ApprovalResolved, Notice, Profile, RuleBook, SessionList, Settings, wire,
};
use serde::Serialize;

/// An event of the contract.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Said {
    /// [`wire::SESSIONS_CHANGED`].
    Sessions(SessionList),
    /// [`wire::APPROVAL_REQUESTED`].
    Requested(Box<Approval>),
    /// [`wire::APPROVAL_RESOLVED`].
    Resolved(ApprovalResolved),
    /// [`wire::APPROVAL_LATE`].
    Late(wire::LateAnswer),
    /// [`wire::APPROVAL_SHOW`]. The window comes to the front for it.
    Show(Option<ApprovalId>),
    /// [`wire::RULES_CHANGED`].
    Rules(RuleBook),
    /// [`wire::LEDGER_CHANGED`].
    Ledger(()),
    /// [`wire::PROFILES_CHANGED`].
    Profiles(Vec<Profile>),
    /// [`wire::NOTICES_CHANGED`].
    Notices(Vec<Notice>),
    /// [`wire::SETTINGS_CHANGED`].
    Settings(Settings),
}

impl Said {
    /// The event's name.
    pub fn event(&self) -> &'static str {
        match self {
            Said::Sessions(_) => wire::SESSIONS_CHANGED,
            Said::Requested(_) => wire::APPROVAL_REQUESTED,
            Said::Resolved(_) => wire::APPROVAL_RESOLVED,
            Said::Late(_) => wire::APPROVAL_LATE,
            Said::Show(_) => wire::APPROVAL_SHOW,
            Said::Rules(_) => wire::RULES_CHANGED,
            Said::Ledger(()) => wire::LEDGER_CHANGED,
            Said::Profiles(_) => wire::PROFILES_CHANGED,
            Said::Notices(_) => wire::NOTICES_CHANGED,
            Said::Settings(_) => wire::SETTINGS_CHANGED,
        }
    }
}

/// Takes events to the windows. Never waits for one.
pub type Tell = Box<dyn Fn(Said) + Send + Sync>;
