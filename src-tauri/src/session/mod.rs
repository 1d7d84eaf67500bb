//! Open sessions: one task for each tab, which owns its thread and its transcript.
//!
//! Everything else talks to it through a [`Handle`]. Deliberately not here: the order of tabs and what is kept
//! of them ([`crate::storage::Tabs`]), and questions ([`crate::desk`]).

mod actor;
mod face;
mod live;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use countersign_contract::{
    CommandError, ErrorCode, FileChange, Problem, RowKey, SessionId, TranscriptUpdate,
};
use countersign_runtime::event::TurnId;
use countersign_runtime::item::ItemId;
use countersign_runtime::policy::{ApprovalPolicy, SandboxMode};
use countersign_runtime::{RunProfile, SessionConfig};
use tokio::sync::{mpsc, oneshot};

pub use actor::{Around, EngineFuture, open};
pub use face::Face;

/// Sends transcript updates to a window; false when the window is gone.
pub type Updates = Box<dyn Fn(TranscriptUpdate) -> bool + Send>;

/// The answer to a command.
type Reply = oneshot::Sender<Result<(), CommandError>>;

enum Command {
    Send {
        text: String,
        reply: Reply,
    },
    /// As a turn of its own, after the one that runs.
    SendNext {
        text: String,
        reply: Reply,
    },
    Stop {
        reply: Reply,
    },
    Retry,
    Watch(Updates),
    Unwatch,
    Ack(u32),
    Earlier {
        reply: Reply,
    },
    /// The questions of these items are open.
    Waiting {
        item: Option<ItemId>,
        waiting: bool,
    },
    /// What is known of an item that a question is about.
    Describe {
        turn: TurnId,
        item: ItemId,
        reply: oneshot::Sender<Described>,
    },
    Seen,
    Leave {
        reply: oneshot::Sender<()>,
    },
}

/// What a transcript knows of an item.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// Its row.
    pub row: Option<RowKey>,
    /// Its changes, when it is a change of files.
    pub files: Vec<FileChange>,
}

/// An open session. Clones are the same one.
#[derive(Clone)]
pub struct Handle {
    /// Its id.
    pub id: SessionId,
    commands: mpsc::UnboundedSender<Command>,
    face: Arc<Mutex<Face>>,
}

impl Handle {
    /// What its tab shows.
    pub fn face(&self) -> Face {
        self.face
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends a message. Resolves when the app-server has taken it.
    pub async fn send(&self, text: String) -> Result<(), CommandError> {
        self.ask(|reply| Command::Send { text, reply }).await
    }

    /// Sends a message that begins a turn of its own, once the one that runs has ended.
    pub async fn send_next(&self, text: String) -> Result<(), CommandError> {
        self.ask(|reply| Command::SendNext { text, reply }).await
    }

    /// Stops whatever runs.
    pub async fn stop(&self) -> Result<(), CommandError> {
        self.ask(|reply| Command::Stop { reply }).await
    }

    /// Brings it up again after it failed.
    pub fn retry(&self) {
        self.tell(Command::Retry);
    }

    /// Sends the transcript and all its changes to a window.
    pub fn watch(&self, updates: Updates) {
        self.tell(Command::Watch(updates));
    }

    /// Nobody looks any more.
    pub fn unwatch(&self) {
        self.tell(Command::Unwatch);
    }

    /// The window has applied an update.
    pub fn ack(&self, seq: u32) {
        self.tell(Command::Ack(seq));
    }

    /// Fetches the page before the first row.
    pub async fn earlier(&self) -> Result<(), CommandError> {
        self.ask(|reply| Command::Earlier { reply }).await
    }

    /// A question of it was opened or settled.
    pub fn waiting(&self, item: Option<ItemId>, waiting: bool) {
        self.tell(Command::Waiting { item, waiting });
    }

    /// What is known of an item.
    pub async fn describe(&self, turn: TurnId, item: ItemId) -> Described {
        let (reply, answer) = oneshot::channel();
        self.tell(Command::Describe { turn, item, reply });
        answer.await.unwrap_or_default()
    }

    /// Its tab is in front: nothing of it is unread.
    pub fn seen(&self) {
        self.tell(Command::Seen);
    }

    /// Stops what runs and lets go of the thread, which stays in the history.
    pub async fn leave(&self) {
        let (reply, left) = oneshot::channel();
        self.tell(Command::Leave { reply });
        let _ = left.await;
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), CommandError> {
        let (reply, answer) = oneshot::channel();
        self.tell(command(reply));
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    fn tell(&self, command: Command) {
        // A session that is closed answers nothing; whoever waits for it is told so.
        let _ = self.commands.send(command);
    }
}

fn closed() -> CommandError {
    CommandError {
        code: ErrorCode::NotFound,
        problem: Problem {
            what: "The session was closed.".to_owned(),
            meaning: "What you asked for was not done.".to_owned(),
            remedy: "Open a new session in the same folder.".to_owned(),
            details: None,
        },
        field: None,
    }
}

/// A profile in the runtime's terms.
fn config(profile: &countersign_contract::Profile, folder: &str) -> SessionConfig {
    let settings = &profile.settings;
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.trim().is_empty());
    SessionConfig {
        model_provider: settings.model_provider.clone(),
        developer_instructions: text(&settings.developer_instructions),
        ..SessionConfig::new(PathBuf::from(folder)).with_profile(RunProfile {
            model: settings.model.clone(),
            effort: settings.effort.clone(),
            approval: approval(settings.approval),
            sandbox: sandbox(settings.sandbox),
            // The person chose it in the profile, whose form says what it means.
            privileged: true,
            // A person decides when it is enough, with Stop.
            timeout: None,
            ..RunProfile::default()
        })
    }
}

fn approval(policy: countersign_contract::ApprovalPolicy) -> ApprovalPolicy {
    match policy {
        countersign_contract::ApprovalPolicy::Untrusted => ApprovalPolicy::Untrusted,
        countersign_contract::ApprovalPolicy::OnRequest => ApprovalPolicy::OnRequest,
        countersign_contract::ApprovalPolicy::Never => ApprovalPolicy::Never,
    }
}

fn sandbox(mode: countersign_contract::SandboxMode) -> SandboxMode {
    match mode {
        countersign_contract::SandboxMode::ReadOnly => SandboxMode::ReadOnly,
        countersign_contract::SandboxMode::WorkspaceWrite => SandboxMode::WorkspaceWrite,
        countersign_contract::SandboxMode::FullAccess => SandboxMode::DangerFullAccess,
    }
}
