//! Outside the window: the system's notification, the tray, the number of questions that wait.
//!
//! [`Attention`] decides, as a pure machine, what stands outside when; a [`Herald`] puts it there; [`Outside`]
//! ties them together. One notification stands for all questions: a new one changes it, and it goes when they
//! are settled. It answers nothing; a click on it leads to the oldest question. Native dialogs are
//! [`crate::dialogs`]'.

mod attention;
mod herald;
mod quiet;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_contract::{Approval, ApprovalId, ProfileSettings};

pub use attention::{Attention, Effect, Note, Waiting};
pub use herald::DesktopHerald;
pub use quiet::{holds, minute_now};

use crate::clock::now_ms;

/// What happened to the notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// It was clicked.
    Clicked,
    /// It was closed, by the person or by the system.
    Dismissed,
}

/// Takes reactions. May be called from any thread, and not from within a [`Herald`]'s methods.
pub type ReactedFn = Box<dyn Fn(Reaction) + Send + Sync>;

/// Puts things outside the window. None of its methods waits for a person or for the screen.
pub trait Herald: Send + Sync {
    /// Where reactions go. Called once, before anything else.
    fn listen(&self, reacted: ReactedFn);

    /// Shows the notification, in place of the one that stands there.
    fn notify(&self, note: Note);

    /// Takes the notification away.
    fn withdraw(&self);

    /// So many questions wait.
    fn count(&self, waiting: usize);
}

/// The views outside the window. Clones are the same.
#[derive(Clone)]
pub struct Outside {
    shared: Arc<Shared>,
}

struct Shared {
    herald: Box<dyn Herald>,
    attention: Mutex<Attention>,
}

impl Outside {
    /// `show` is called with the question that a clicked notification leads to; `None` when all were settled
    /// meanwhile.
    pub fn new(
        herald: impl Herald + 'static,
        show: impl Fn(Option<ApprovalId>) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            herald: Box::new(herald),
            attention: Mutex::default(),
        });
        let reacting = Arc::downgrade(&shared);
        shared.herald.listen(Box::new(move |reaction| {
            let Some(shared) = reacting.upgrade() else {
                return;
            };
            let outside = Self { shared };
            let oldest = outside.attention().oldest();
            outside.change(Attention::dismissed);
            if reaction == Reaction::Clicked {
                show(oldest);
            }
        }));
        Self { shared }
    }

    /// A question was opened, or what is known of it changed.
    pub fn opened(&self, approval: &Approval, profile: Option<&ProfileSettings>) {
        let waiting = Waiting {
            id: approval.id.clone(),
            session: approval.session_title.clone(),
            name: approval.name.clone(),
            folder: approval.folder.clone(),
            when: profile.map_or(countersign_contract::ShowWhen::WhenUnfocused, |profile| {
                profile.notifications
            }),
            sound: profile.is_some_and(|profile| profile.sound),
        };
        self.change(|attention| attention.opened(waiting, now_ms()));
    }

    /// A question was settled.
    pub fn settled(&self, id: &ApprovalId) {
        self.change(|attention| attention.settled(id));
    }

    /// The main window got or lost the keyboard focus.
    pub fn window_focused(&self, focused: bool) {
        self.change(|attention| attention.window_focused(focused));
    }

    /// Quiet hours began or ended.
    pub fn quiet(&self, quiet: bool) {
        self.change(|attention| attention.quiet(quiet));
    }

    /// Carries out the effects while the machine is locked, so that what stands outside is the newest.
    fn change(&self, change: impl FnOnce(&mut Attention) -> Vec<Effect>) {
        let mut attention = self.attention();
        for effect in change(&mut attention) {
            match effect {
                Effect::Notify(note) => self.shared.herald.notify(note),
                Effect::Withdraw => self.shared.herald.withdraw(),
                Effect::Count(waiting) => self.shared.herald.count(waiting),
            }
        }
    }

    fn attention(&self) -> MutexGuard<'_, Attention> {
        self.shared
            .attention
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
