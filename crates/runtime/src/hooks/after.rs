//! The phases after something happened: asked in order, beside whoever reads the stream.
//!
//! A reader that is dropped, or that reads to the end and goes away, must not keep hooks from being
//! told; and a slow hook must not keep a reader from its events. So a task of its own asks them.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::{HookContext, HookRecord, Phase, Runner};
use crate::error::AskError;
use crate::event::TurnId;
use crate::item::Item;
use crate::spans;

/// The rest of a run's hooks. Dropping it counts as the end of the run.
pub(crate) struct After {
    /// What every later phase is told.
    pub(crate) context: HookContext,
    work: Work,
    is_over: bool,
}

enum Work {
    /// Nothing to be asked yet.
    Idle(Option<Runner>),
    /// A task asks; it ends when the sender is dropped.
    Busy(
        Option<mpsc::UnboundedSender<HookContext>>,
        JoinHandle<Runner>,
    ),
}

impl After {
    pub(crate) fn new(runner: Runner, context: HookContext) -> Self {
        Self {
            context,
            work: Work::Idle(Some(runner)),
            is_over: false,
        }
    }

    /// For phases before the turn started.
    pub(crate) fn runner(&mut self) -> Option<&mut Runner> {
        match &mut self.work {
            Work::Idle(runner) => runner.as_mut(),
            Work::Busy(..) => None,
        }
    }

    /// The turn started: its end is to be told too.
    pub(crate) fn turn_started(&mut self, turn: &TurnId) {
        self.context.turn = Some(Arc::clone(turn));
    }

    pub(crate) fn tool_used(&mut self, item: &Item) {
        self.tell(HookContext {
            phase: Phase::PostToolUse,
            item: Some(Arc::new(item.clone())),
            ..self.context.clone()
        });
    }

    /// The run is over. Only the first end counts.
    pub(crate) fn over(&mut self, ended: Option<Result<String, AskError>>) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        self.context.ended = ended;
        if self.context.turn.is_some() {
            self.tell(HookContext {
                phase: Phase::PostTurn,
                ..self.context.clone()
            });
        }
        self.tell(HookContext {
            phase: Phase::PostRun,
            ..self.context.clone()
        });
        if let Work::Busy(sender, _) = &mut self.work {
            sender.take();
        }
    }

    /// Waits until everything was asked; once.
    pub(crate) async fn take_report(&mut self) -> Vec<HookRecord> {
        self.over(None);
        match &mut self.work {
            Work::Idle(runner) => runner.take().map(|runner| runner.records),
            Work::Busy(_, asking) => asking.await.ok().map(|runner| runner.records),
        }
        .unwrap_or_default()
    }

    fn tell(&mut self, context: HookContext) {
        if let Work::Idle(runner) = &mut self.work {
            // Without an executor there is nothing left to ask with.
            let (true, Ok(executor)) = (
                runner
                    .as_ref()
                    .is_some_and(|runner| runner.hooks.has(context.phase)),
                Handle::try_current(),
            ) else {
                return;
            };
            let Some(mut runner) = runner.take() else {
                return;
            };
            let (tx, mut rx) = mpsc::unbounded_channel::<HookContext>();
            let asking = executor.spawn(async move {
                while let Some(context) = rx.recv().await {
                    let span = spans::hooks(&context);
                    runner.after(&context).instrument(span).await;
                }
                runner
            });
            self.work = Work::Busy(Some(tx), asking);
        }
        if let Work::Busy(Some(sender), _) = &self.work {
            let _ = sender.send(context);
        }
    }
}

impl Drop for After {
    fn drop(&mut self) {
        self.over(None);
    }
}
