//! Profiles: what a session runs as.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ProfileId;

/// A profile: which codex, which account, which model, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Its id; never changes.
    pub id: ProfileId,
    /// Where it came from. Decides what of it can be changed.
    pub origin: ProfileOrigin,
    /// What the person sets.
    #[serde(flatten)]
    pub settings: ProfileSettings,
}

/// Where a profile came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ProfileOrigin {
    /// The offline demo: its CODEX_HOME, provider and model belong to Countersign and are not edited.
    Demo,
    /// Made by the person, or on their behalf at the first start.
    User,
}

/// What the person sets in a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ProfileSettings {
    /// Unique among profiles, not empty.
    pub name: String,
    /// The mark on its tabs and cards.
    pub color: ProfileColor,
    /// The codex executable, absolute. `None`: found as DESIGN section 5 says.
    pub codex_binary: Option<String>,
    /// CODEX_HOME, absolute. `None`: Codex's own default.
    pub codex_home: Option<String>,
    /// Variables added to the environment of its app-server. Not for secrets: they are stored in
    /// plain text.
    pub environment: BTreeMap<String, String>,
    /// `model_provider` of Codex's config. `None`: as configured there.
    pub model_provider: Option<String>,
    /// `None`: as configured in Codex.
    pub model: Option<String>,
    /// Reasoning effort, a name that the model knows, e.g. "high". `None`: the model's default.
    pub effort: Option<String>,
    /// What commands may touch.
    pub sandbox: SandboxMode,
    /// When the agent asks.
    pub approval: ApprovalPolicy,
    /// Instructions for the agent, put before the conversation.
    pub developer_instructions: String,
    /// When a native dialog appears for a question.
    pub dialogs: ShowWhen,
    /// When a notification of the system appears for a question.
    #[serde(default = "when_unfocused")]
    pub notifications: ShowWhen,
    /// The notification comes with a sound, once for a burst of questions.
    #[serde(default)]
    pub sound: bool,
}

/// The mark of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ProfileColor {
    /// No mark to speak of.
    Gray,
    /// The accent's hue.
    Violet,
    /// Blue.
    Blue,
    /// Teal.
    Teal,
    /// Green.
    Green,
    /// Orange.
    Orange,
    /// Pink.
    Pink,
}

/// What commands may touch without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum SandboxMode {
    /// Read everything, change nothing.
    ReadOnly,
    /// Change files in the folder and in temporary folders.
    WorkspaceWrite,
    /// Everything. No sandbox.
    FullAccess,
}

/// When the agent asks before it acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ApprovalPolicy {
    /// Before every command.
    Untrusted,
    /// When it wants to leave the sandbox.
    OnRequest,
    /// Never: what the sandbox forbids simply fails.
    Never,
}

/// What profiles have that were kept before there were notifications.
fn when_unfocused() -> ShowWhen {
    ShowWhen::WhenUnfocused
}

/// When something outside the window shows a question. In quiet hours nothing does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ShowWhen {
    /// For every question.
    Always,
    /// Only while no window of Countersign has the focus.
    WhenUnfocused,
    /// Never; the desk in the window shows it all the same.
    Never,
}
