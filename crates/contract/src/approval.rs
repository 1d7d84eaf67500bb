//! Open questions: what an agent wants to do and cannot without a person.

use serde::{Deserialize, Serialize};

use crate::{ApprovalId, Millis, ProfileId, RowKey, RuleId, SessionId};

/// One open question. The native dialog, the card in its session and the entry in the region
/// "Approvals" are views of this.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// The session that asks.
    pub session: SessionId,
    /// Its title when it asked.
    pub session_title: String,
    /// Its profile.
    pub profile: ProfileId,
    /// The folder it works in.
    pub folder: String,
    /// When the question arrived.
    pub asked_at: Millis,
    /// What is asked, in a few words: the accessible name of its card, e.g. "Run echo made > made.txt".
    pub name: String,
    /// What exactly is asked.
    pub subject: Subject,
    /// How much could go wrong, and why.
    pub risk: Risk,
    /// What was asked before in this session and looks the same.
    pub before: Option<AskedBefore>,
    /// The agent's reason, in its own words.
    pub reason: Option<String>,
    /// What allowing means here, one short sentence each, e.g. "Runs outside the sandbox."
    pub consequences: Vec<String>,
    /// The answers on offer, in the order to show them. The first denial is the default.
    pub choices: Vec<Choice>,
    /// The transcript row that it belongs to, once known.
    pub row: Option<RowKey>,
    /// The request as it came, for whoever wants to see it.
    #[cfg_attr(test, ts(type = "unknown"))]
    pub raw: serde_json::Value,
}

/// What exactly is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Subject {
    /// To run a command.
    Command {
        /// The command as the agent wrote it, without the shell that wraps it.
        command: String,
        /// Where it would run.
        cwd: String,
        /// Hosts and extra permissions that it asks for besides, one phrase each.
        extras: Vec<String>,
        /// What it is made of, in the order in which it is written. Empty when it could not be understood.
        parts: Vec<CommandPart>,
    },
    /// To change files.
    Files {
        /// The changes. Empty while the diff is not known yet.
        files: Vec<FileChange>,
    },
    /// To be given permissions.
    Permissions {
        /// What it wants, one phrase each, e.g. "to write in /srv/data".
        wants: Vec<String>,
    },
    /// To be told something: the agent's own questions.
    Questions {
        /// The questions.
        fields: Vec<Field>,
    },
    /// To fill in the form of a tool server.
    Form {
        /// The server's name.
        server: String,
        /// What it says.
        message: String,
        /// The form.
        fields: Vec<Field>,
    },
    /// To visit a page for a tool server.
    Link {
        /// The server's name.
        server: String,
        /// What it says.
        message: String,
        /// The page.
        url: String,
    },
    /// To use a tool of a tool server.
    Tool {
        /// The server's name.
        server: String,
        /// The tool's name.
        tool: String,
        /// What the server says that it does.
        description: String,
        /// Its arguments, as JSON that is easy to read.
        arguments: String,
        /// What the server says of it, one phrase each, e.g. "changes things".
        marks: Vec<String>,
    },
}

impl Subject {
    /// Of which kind it is.
    pub fn kind(&self) -> SubjectKind {
        match self {
            Self::Command { .. } => SubjectKind::Command,
            Self::Files { .. } => SubjectKind::Files,
            Self::Permissions { .. } => SubjectKind::Permissions,
            Self::Questions { .. } => SubjectKind::Questions,
            Self::Form { .. } => SubjectKind::Form,
            Self::Link { .. } => SubjectKind::Link,
            Self::Tool { .. } => SubjectKind::Tool,
        }
    }
}

/// The kinds of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum SubjectKind {
    /// To run a command.
    Command,
    /// To change files.
    Files,
    /// To be given permissions.
    Permissions,
    /// To be told something.
    Questions,
    /// To fill in a form.
    Form,
    /// To visit a page.
    Link,
    /// To use a tool of a tool server.
    Tool,
    /// Anything that this build cannot show; it was denied.
    Other,
}

/// One simple command of a command line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct CommandPart {
    /// As the agent wrote it.
    pub text: String,
    /// How it hangs together with the one before, in words, e.g. "then, if that worked". Empty for the first.
    pub joint: String,
    /// The program that it runs. `None`: not known before it runs.
    pub program: Option<String>,
    /// What it does.
    pub effects: Vec<Effect>,
    /// Paths outside the session's folder that it touches.
    pub outside: Vec<String>,
    /// Hosts that it names.
    pub hosts: Vec<String>,
}

/// What a part of a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// It reads.
    Reads,
    /// It writes.
    Writes,
    /// It deletes.
    Deletes,
    /// It talks to the network.
    Network,
    /// It runs with other rights, or changes rights.
    Privileged,
    /// Nobody can say before it runs.
    Unknown,
}

/// How much could go wrong. Conservative: what is not understood is never low.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Risk {
    /// The word.
    pub level: RiskLevel,
    /// Why, one short sentence each, the weightiest first.
    pub reasons: Vec<String>,
}

/// The words for risk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum RiskLevel {
    /// It only reads, or changes what is easily changed back.
    Low,
    /// Look at it.
    Elevated,
    /// Look twice.
    Dangerous,
}

/// The same was asked before in this session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct AskedBefore {
    /// How many times.
    pub times: u32,
    /// When last.
    pub last_at: Millis,
    /// How that ended. `None`: it is open too.
    pub last: Option<ApprovalOutcome>,
}

/// One thing to fill in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Its id within the question.
    pub id: String,
    /// A few words over it. Not empty.
    pub title: String,
    /// The question itself, or what the form says of it. May be empty.
    pub text: String,
    /// It has to be filled in.
    pub required: bool,
    /// What goes into it.
    pub input: FieldInput,
    /// What stands there at first.
    pub initial: Vec<String>,
}

/// What goes into a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum FieldInput {
    /// Text.
    Text {
        /// It is hidden while it is typed, and never kept.
        secret: bool,
        /// What it has to be.
        format: TextFormat,
        /// At least so many characters.
        min_length: Option<u32>,
        /// At most so many characters.
        max_length: Option<u32>,
    },
    /// A number.
    Number {
        /// Without a fraction.
        integer: bool,
        /// At least.
        min: Option<f64>,
        /// At most.
        max: Option<f64>,
    },
    /// Yes or no: the value is "true" or "false".
    Toggle,
    /// One of several.
    One {
        /// What there is to choose from.
        options: Vec<FieldOption>,
        /// Or something else, as text.
        other: bool,
        /// That text is hidden while it is typed, and never kept.
        secret: bool,
    },
    /// Some of several.
    Some {
        /// What there is to choose from.
        options: Vec<FieldOption>,
        /// At least so many.
        min: Option<u32>,
        /// At most so many.
        max: Option<u32>,
    },
    /// Something that Countersign cannot ask for. A form that requires it can only be declined.
    Unsupported,
}

/// What a text has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum TextFormat {
    /// Anything.
    Plain,
    /// An e-mail address.
    Email,
    /// An address of a page.
    Uri,
    /// A day, as 2026-11-22.
    Date,
    /// A moment, as 2026-11-22T18:00:00Z.
    DateTime,
}

/// One thing to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FieldOption {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// More about it. May be empty.
    pub text: String,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Which one.
    pub choice: ChoiceId,
    /// What was filled in, for [`ChoiceId::Submit`].
    #[serde(default)]
    pub fields: Vec<FieldAnswer>,
    /// What to tell the agent about a denial. It is sent as a message into the turn, or as the next one when the
    /// denial ended the turn.
    #[serde(default)]
    pub reason: Option<String>,
}

impl From<ChoiceId> for Answer {
    fn from(choice: ChoiceId) -> Self {
        Self {
            choice,
            fields: Vec::new(),
            reason: None,
        }
    }
}

/// What was filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FieldAnswer {
    /// The field.
    pub id: String,
    /// One value, or several of a [`FieldInput::Some`]. None: left empty.
    pub values: Vec<String>,
}

/// What became of an answer to many questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct BatchResult {
    /// The questions that were answered.
    pub answered: Vec<ApprovalId>,
    /// The questions that were settled before, or do not offer the answer.
    pub not_answered: Vec<ApprovalId>,
}

/// One file of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct FileChange {
    /// Its path, absolute as the app-server gave it.
    pub path: String,
    /// Where it moves to.
    pub moved_to: Option<String>,
    /// What happens to it.
    pub change: ChangeKind,
    /// Lines added.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
    /// The diff as safe HTML.
    pub diff_html: String,
}

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ChangeKind {
    /// It is made.
    Add,
    /// It is removed.
    Delete,
    /// Its content changes, perhaps its path too.
    Update,
}

/// One answer on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Choice {
    /// Which one.
    pub id: ChoiceId,
    /// The words on its button.
    pub label: String,
    /// What it will do, exactly and in full; shown with the button.
    pub effect: String,
    /// It allows something.
    pub allows: bool,
    /// Its effect outlives the session: it takes a second click, and is never a default.
    pub lasting: bool,
}

/// Which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum ChoiceId {
    /// This one time.
    AllowOnce,
    /// The same again in this session without asking.
    AllowForSession,
    /// Every use of this tool, in all sessions, for ever: Codex writes it into its configuration.
    AllowAlways,
    /// Writes the rule that the app-server proposed into Codex's own rules.
    AllowByRule,
    /// Writes the network rule that the app-server proposed: allow the host.
    AllowHost,
    /// Writes the network rule that the app-server proposed: deny the host.
    DenyHost,
    /// Sends what was filled in.
    Submit,
    /// Neither yes nor no: a tool server is told that the person closed its form or page.
    Dismiss,
    /// Not this; the turn goes on.
    Deny,
    /// Not this, and the turn ends.
    DenyAndStop,
}

/// An open question is settled: every view of it closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ApprovalResolved {
    /// Which one.
    pub id: ApprovalId,
    /// Its session.
    pub session: SessionId,
    /// How it was settled.
    pub outcome: ApprovalOutcome,
}

/// How a question was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum ApprovalOutcome {
    /// Somebody answered.
    Answered {
        /// With what.
        choice: ChoiceId,
        /// From where.
        by: AnsweredFrom,
    },
    /// A hook answered before a person did.
    Hook {
        /// Its name.
        name: String,
        /// It allowed.
        allowed: bool,
    },
    /// A rule of the person's answered before they were asked.
    Rule {
        /// Its id.
        rule: RuleId,
        /// What it says, in a few words.
        name: String,
        /// It allowed.
        allowed: bool,
    },
    /// Settled at the server: another client answered, or the question became moot.
    Elsewhere,
    /// Its turn ended.
    TurnEnded,
    /// Its session was closed.
    SessionClosed,
    /// The app-server died.
    ServerDied,
}

/// Where a person answered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum AnsweredFrom {
    /// The card in its session or in the region "Approvals".
    Desk,
    /// The native dialog.
    Dialog,
}
