//! The queue and the prompter, tied together.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use countersign_contract::{Approval, ApprovalId, ShowWhen};

use super::{DialogAnswer, DialogRequest, Effect, Prompter, Queue};

/// Shows the open questions as native dialogs and reports what was chosen.
///
/// Its methods may be called from any thread and from within each other's callbacks; the screen
/// gets the effects one after the other, in the order in which they were decided.
#[derive(Clone)]
pub struct Dialogs {
    shared: Arc<Shared>,
}

type AnsweredFn = dyn Fn(&ApprovalId, DialogAnswer) + Send + Sync;

struct Shared {
    prompter: Box<dyn Prompter>,
    answered: Box<AnsweredFn>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    queue: Queue,
    /// What the open questions say. Absent for a settled one.
    questions: HashMap<ApprovalId, (Approval, String)>,
    effects: VecDeque<Effect>,
    /// Somebody is carrying out the effects.
    busy: bool,
}

impl Dialogs {
    /// `answered` is called once per dialog that a person closed in any way; the question may have
    /// been settled by then.
    pub fn new(
        prompter: impl Prompter + 'static,
        answered: impl Fn(&ApprovalId, DialogAnswer) + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                prompter: Box::new(prompter),
                answered: Box::new(answered),
                state: Mutex::default(),
            }),
        }
    }

    /// A question was opened, or what is known of it changed. A dialog that is on the screen
    /// already keeps its words.
    pub fn opened(&self, approval: &Approval, profile_name: &str, mode: ShowWhen) {
        self.change(|state| {
            let question = (approval.clone(), profile_name.to_owned());
            state.questions.insert(approval.id.clone(), question);
            state.queue.opened(&approval.id, mode)
        });
    }

    /// A question was settled, from wherever.
    pub fn settled(&self, id: &ApprovalId) {
        self.change(|state| {
            state.questions.remove(id);
            state.queue.settled(id)
        });
    }

    /// The main window got or lost the keyboard focus.
    pub fn window_focused(&self, focused: bool) {
        self.change(|state| state.queue.window_focused(focused));
    }

    /// Quiet hours began or ended.
    pub fn quiet(&self, quiet: bool) {
        self.change(|state| state.queue.quiet(quiet));
    }

    fn change(&self, change: impl FnOnce(&mut State) -> Vec<Effect>) {
        let mut state = self.state();
        let effects = change(&mut state);
        state.effects.extend(effects);
        if state.busy {
            return;
        }
        state.busy = true;
        drop(state);
        loop {
            let mut state = self.state();
            let Some(effect) = state.effects.pop_front() else {
                state.busy = false;
                return;
            };
            let request = match &effect {
                Effect::Show { id, of } => match state.questions.get(id).cloned() {
                    Some((approval, profile_name)) => Some(DialogRequest {
                        approval,
                        profile_name,
                        of: *of,
                    }),
                    // Settled since; its Close comes next.
                    None => continue,
                },
                _ => None,
            };
            drop(state);
            self.carry_out(&effect, request);
        }
    }

    fn carry_out(&self, effect: &Effect, request: Option<DialogRequest>) {
        let prompter = &self.shared.prompter;
        match (effect, request) {
            (Effect::Show { id, .. }, Some(request)) => {
                let (this, id) = (self.clone(), id.clone());
                prompter.show(
                    request,
                    Box::new(move |answer| {
                        this.change(|state| state.queue.dismissed(&id));
                        (this.shared.answered)(&id, answer);
                    }),
                );
            }
            (Effect::Recount { id, of }, _) => prompter.recount(id, *of),
            (Effect::Close { id }, _) => prompter.close(id),
            (Effect::Show { .. }, None) => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
