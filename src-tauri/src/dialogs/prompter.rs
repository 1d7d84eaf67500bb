//! What puts a dialog on the screen.

use countersign_contract::{Answer, Approval, ApprovalId};

/// A question to put on the screen.
#[derive(Debug, Clone)]
pub struct DialogRequest {
    /// The question.
    pub approval: Approval,
    /// The name of its session's profile.
    pub profile_name: String,
    /// How many questions want to be shown, this one included; it is the first of them.
    pub of: usize,
}

/// What a person did with a dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialogAnswer {
    /// Clicked the button of an answer.
    Answer(Answer),
    /// Wants to answer in the window, where there is room. Not an answer yet.
    InWindow,
    /// Put it off: Escape, the close button, or no window to ask from. Never an answer.
    DecideLater,
}

/// Takes the answer of a dialog. Called at most once, from any thread, perhaps before
/// [`Prompter::show`] returns. Not called for a dialog that was closed from code. Where the system
/// cannot close one, it may come after the question was settled, like any answer that is too late.
pub type AnswerFn = Box<dyn FnOnce(DialogAnswer) + Send>;

/// Puts dialogs on the screen. None of the methods waits for a person or for the screen.
pub trait Prompter: Send + Sync {
    /// Shows the dialog of a question.
    fn show(&self, request: DialogRequest, answer: AnswerFn);

    /// Takes the dialog of a question off the screen, if it is there and the system can do that.
    fn close(&self, id: &ApprovalId);

    /// Says in a shown dialog how many want to be shown now. Where the system cannot change a
    /// dialog, nothing.
    fn recount(&self, _id: &ApprovalId, _of: usize) {}
}
