//! Sessions (tabs), notices and settings.

use serde::{Deserialize, Serialize};

use crate::{Approval, Millis, NoticeId, Problem, Profile, ProfileId, SessionId};

/// Everything that a window needs to draw itself before the first event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct AppState {
    /// Version of Countersign.
    pub version: String,
    /// The sessions in tab order.
    pub sessions: SessionList,
    /// Open questions, oldest first.
    pub approvals: Vec<Approval>,
    /// The profiles in the person's order.
    pub profiles: Vec<Profile>,
    /// Notices that nobody dismissed yet, oldest first.
    pub notices: Vec<Notice>,
    /// Settings of the app.
    pub settings: Settings,
    /// The person's home folder, to shorten paths with.
    pub home: String,
}

/// The tabs. Sent whole whenever one of them changes; it is small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct SessionList {
    /// In tab order.
    pub sessions: Vec<Session>,
    /// The tab in front; `None` only when there is no tab.
    pub active: Option<SessionId>,
}

/// One tab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// The tab's title: given by the person, else the folder's name.
    pub title: String,
    /// The profile that it runs under.
    pub profile: ProfileId,
    /// The folder that the agent works in, absolute.
    pub folder: String,
    /// What it is doing.
    pub state: SessionState,
    /// Something arrived since the tab was last in front.
    pub unread: bool,
    /// How many of its questions are open.
    pub waiting: u32,
    /// What the app-server says is in force, e.g. "scripted-model". `None` until it said so.
    pub model: Option<String>,
    /// The sandbox and approval policy in force, in words, e.g. "Workspace write · asks on request".
    pub policy: Option<String>,
    /// The policy in force differs from the profile's: what differs, in words.
    pub policy_warning: Option<String>,
    /// Why it cannot go on by itself, for [`SessionState::Failed`]; why it waits, for
    /// [`SessionState::Restarting`]. `None` when only its last turn failed: the transcript says why.
    pub problem: Option<Problem>,
    /// When the running turn began.
    pub running_since: Option<Millis>,
    /// Text that the person typed and did not send.
    pub draft: String,
    /// Tokens in the model's context and the size of its window, when known.
    pub context: Option<ContextUse>,
}

/// How full the model's context is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ContextUse {
    /// Tokens in use.
    pub used: i64,
    /// Tokens that fit.
    pub window: i64,
}

/// What a session is doing, as its tab shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum SessionState {
    /// Its app-server or thread is being brought up.
    Starting,
    /// Ready for a message.
    Idle,
    /// A turn runs.
    Running,
    /// A turn runs and cannot go on without the person.
    WaitsForYou,
    /// The app-server died; it is being restarted and the thread resumed.
    Restarting,
    /// It cannot go on by itself, and `problem` says why; or its last turn failed.
    Failed,
}

/// Something worth saying that belongs to no turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Its id.
    pub id: NoticeId,
    /// How much it matters.
    pub level: NoticeLevel,
    /// The session that it is about, if any.
    pub session: Option<SessionId>,
    /// What to say.
    pub problem: Problem,
    /// When it was raised.
    pub at: Millis,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Something did not go as asked.
    Warning,
    /// Something is broken until the person acts.
    Error,
}

/// Settings of the app that belong to no profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// Light, dark, or as the system says.
    pub theme: Theme,
    /// When nothing outside the window shows a question: no dialog, no notification, no sound.
    #[serde(default)]
    pub quiet_hours: Option<QuietHours>,
    /// Days that the ledger keeps an answered question. `None`: for ever.
    #[serde(default)]
    pub ledger_days: Option<u32>,
}

/// A part of each day, in the computer's own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct QuietHours {
    /// Its beginning, in minutes after midnight.
    pub from: u16,
    /// Its end, in minutes after midnight; before `from`: on the next day.
    pub to: u16,
}

/// Which colours to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Theme {
    /// As the system says.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}
