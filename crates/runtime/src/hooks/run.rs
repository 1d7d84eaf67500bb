//! Asks the hooks of a phase, one after the other.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use super::{Deed, Hook, HookContext, HookIssue, HookRecord, HookSet, Patch, Phase, Verdict};
use crate::approval::Decision;
use crate::profile::Attachment;

/// What hooks may change before it happens.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Draft {
    pub(crate) prompt: String,
    pub(crate) model: Option<String>,
    pub(crate) attachments: Vec<Attachment>,
}

/// The hooks of one run and what came of them.
pub(crate) struct Runner {
    pub(crate) hooks: HookSet,
    pub(crate) records: Vec<HookRecord>,
    pub(crate) metadata: Value,
}

/// What the hooks say to a question.
pub(crate) enum ToolVerdict {
    Decided { decision: Decision, hook: String },
    AskPerson,
    Nobody,
}

impl Runner {
    pub(crate) fn new(hooks: HookSet) -> Self {
        Self {
            hooks,
            records: Vec::new(),
            metadata: Value::Null,
        }
    }

    /// What hooks did wrong.
    pub(crate) fn issues(self) -> impl Iterator<Item = HookIssue> {
        self.records
            .into_iter()
            .filter_map(|record| match record.deed {
                Deed::Failed { problem } => Some(HookIssue {
                    hook: record.hook,
                    phase: record.phase,
                    problem,
                }),
                _ => None,
            })
    }

    /// Asks the hooks of a phase before something happens. An error is a hook that blocks: its name
    /// and its reason.
    pub(crate) async fn before(
        &mut self,
        context: &HookContext,
        draft: &mut Draft,
        cwd: &Path,
    ) -> Result<(), (String, String)> {
        let mut context = context.clone();
        for hook in self.hooks.of(context.phase).cloned().collect::<Vec<_>>() {
            context.prompt = Some(draft.prompt.clone());
            context.model.clone_from(&draft.model);
            context.metadata = self.metadata.clone();
            match self.ask(&hook, &context).await {
                Verdict::Pass => {}
                Verdict::Block { reason } => {
                    let deed = Deed::Blocked {
                        reason: reason.clone(),
                    };
                    self.record(&hook, context.phase, deed);
                    return Err((hook.name().to_owned(), reason));
                }
                Verdict::Mutate(patch) => self.mutate(&hook, &context, patch, draft, cwd),
                Verdict::Decide(_) | Verdict::DecideAs { .. } | Verdict::AskPerson => {
                    self.issue(
                        &hook,
                        context.phase,
                        "there is no question to answer in this phase",
                    );
                }
            }
        }
        Ok(())
    }

    /// Asks the hooks of a phase after something happened.
    pub(crate) async fn after(&mut self, context: &HookContext) {
        let mut context = context.clone();
        for hook in self.hooks.of(context.phase).cloned().collect::<Vec<_>>() {
            context.metadata = self.metadata.clone();
            if !matches!(self.ask(&hook, &context).await, Verdict::Pass) {
                self.issue(
                    &hook,
                    context.phase,
                    "it is too late to change anything in this phase",
                );
            }
        }
    }

    /// Asks the hooks whether a tool may be used.
    pub(crate) async fn tool(&mut self, context: &HookContext) -> ToolVerdict {
        for hook in self
            .hooks
            .of(Phase::PreToolUse)
            .cloned()
            .collect::<Vec<_>>()
        {
            let (verdict, by) = match self.ask(&hook, context).await {
                Verdict::DecideAs { decision, name } => (Verdict::Decide(decision), name),
                verdict => (verdict, hook.name().to_owned()),
            };
            match verdict {
                // A decision in another name was taken apart above.
                Verdict::Pass | Verdict::DecideAs { .. } => {}
                Verdict::Block { reason } => {
                    tracing::info!(hook = hook.name(), "a tool use was blocked");
                    tracing::debug!(reason, "why it was blocked");
                    self.record(&hook, context.phase, Deed::Blocked { reason });
                    let hook = hook.name().to_owned();
                    return ToolVerdict::Decided {
                        decision: Decision::Deny,
                        hook,
                    };
                }
                Verdict::Decide(decision) => {
                    let offered = context
                        .request
                        .as_ref()
                        .is_some_and(|request| request.accepts(&decision).is_ok());
                    if offered {
                        self.record(&hook, context.phase, Deed::Decided(decision.clone()));
                        return ToolVerdict::Decided { decision, hook: by };
                    }
                    self.issue(
                        &hook,
                        context.phase,
                        "the question does not offer that answer",
                    );
                }
                Verdict::AskPerson => {
                    self.record(&hook, context.phase, Deed::AskedPerson);
                    return ToolVerdict::AskPerson;
                }
                Verdict::Mutate(_) => {
                    self.issue(&hook, context.phase, "a tool use cannot be changed")
                }
            }
        }
        ToolVerdict::Nobody
    }

    /// Asks one hook. One that fails has passed.
    async fn ask(&mut self, hook: &Arc<dyn Hook>, context: &HookContext) -> Verdict {
        // A hook is foreign code: its panic must not take a question with it.
        let asked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            hook.matches(context).then(|| hook.call(context))
        }));
        let result = match asked {
            Ok(None) => return Verdict::Pass,
            Ok(Some(future)) => CatchUnwind(future).await,
            Err(_) => None,
        };
        match result {
            Some(Ok(verdict)) => {
                if matches!(verdict, Verdict::Pass) {
                    self.record(hook, context.phase, Deed::Passed);
                }
                verdict
            }
            Some(Err(error)) => {
                self.issue(hook, context.phase, &error.0);
                Verdict::Pass
            }
            None => {
                self.issue(hook, context.phase, "it panicked");
                Verdict::Pass
            }
        }
    }

    fn mutate(
        &mut self,
        hook: &Arc<dyn Hook>,
        context: &HookContext,
        patch: Patch,
        draft: &mut Draft,
        cwd: &Path,
    ) {
        let before = (draft.clone(), self.metadata.clone());
        let starts_session = context.phase == Phase::PreSessionStart;
        if starts_session && (patch.prompt.is_some() || !patch.attachments.is_empty()) {
            self.issue(
                hook,
                context.phase,
                "only the model and metadata can change before a session starts",
            );
        } else {
            if let Some(prompt) = patch.prompt {
                draft.prompt = prompt;
            }
            for attachment in patch.attachments {
                match attachment.missing(cwd) {
                    None => draft.attachments.push(attachment),
                    Some(path) => {
                        let problem = format!(
                            "its attachment {} does not exist and was left out",
                            path.display()
                        );
                        self.issue(hook, context.phase, &problem);
                    }
                }
            }
        }
        if patch.model.is_some() {
            draft.model = patch.model;
        }
        match patch.metadata {
            Value::Null => {}
            Value::Object(delta) => {
                if !self.metadata.is_object() {
                    self.metadata = Value::Object(serde_json::Map::new());
                }
                if let Value::Object(metadata) = &mut self.metadata {
                    metadata.extend(delta);
                }
            }
            _ => self.issue(hook, context.phase, "metadata must be an object"),
        }
        if before != (draft.clone(), self.metadata.clone()) {
            self.record(hook, context.phase, Deed::Changed);
        }
    }

    fn record(&mut self, hook: &Arc<dyn Hook>, phase: Phase, deed: Deed) {
        self.records.push(HookRecord {
            hook: hook.name().to_owned(),
            phase,
            deed,
        });
    }

    fn issue(&mut self, hook: &Arc<dyn Hook>, phase: Phase, problem: &str) {
        tracing::warn!(hook = hook.name(), ?phase, "a hook failed");
        tracing::debug!(problem, "why it failed");
        let problem = problem.to_owned();
        self.record(hook, phase, Deed::Failed { problem });
    }
}

/// A hook's future, of which a panic is `None`.
struct CatchUnwind<'a>(super::HookFuture<'a>);

impl Future for CatchUnwind<'_> {
    type Output = Option<Result<Verdict, super::HookError>>;

    fn poll(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        match std::panic::catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(poll) => poll.map(Some),
            Err(_) => std::task::Poll::Ready(None),
        }
    }
}
