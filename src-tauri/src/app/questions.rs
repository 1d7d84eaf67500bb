//! How a question comes, is answered and goes.
//!
//! The approval loop of each engine says what happens, in order; here it becomes the one
//! [`Approval`](countersign_contract::Approval) that the desk, the native dialog and the views outside show, and
//! the entry that the ledger keeps.

use std::sync::Arc;

use countersign_contract::{
    Answer, AnsweredFrom, Approval, ApprovalId, ApprovalOutcome, ApprovalResolved, BatchResult,
    ChoiceId, CommandError, NoticeLevel, SessionId, ShowWhen,
};
use countersign_runtime::approval::{
    Approvals, Decision, Entry, Notice, Outcome, Reason, Request, Untold,
};
use countersign_runtime::event::ThreadId;
use countersign_runtime::item::ItemId;

use super::{App, lock, title};
use crate::desk::{Answered, NotTaken, outcome_of};
use crate::dialogs::DialogAnswer;
use crate::outside;
use crate::session::{self, Handle};
use crate::storage::Tab;
use crate::tell::Said;
use crate::{problems, rules, wording};

impl App {
    /// Answers a question from the desk.
    ///
    /// # Errors
    /// It was settled before, or does not take this answer; then it is still open.
    pub async fn answer(&self, id: &ApprovalId, answer: &Answer) -> Result<(), CommandError> {
        let answered = self
            .inner
            .desk
            .answer(id, answer, AnsweredFrom::Desk)
            .await?;
        self.pass_on(answered);
        Ok(())
    }

    /// Answers many questions alike.
    pub async fn answer_many(&self, ids: Vec<ApprovalId>, choice: ChoiceId) -> BatchResult {
        let mut result = BatchResult {
            answered: Vec::new(),
            not_answered: Vec::new(),
        };
        let answer = Answer::from(choice);
        for id in ids {
            match self.answer(&id, &answer).await {
                Ok(()) => result.answered.push(id),
                Err(_) => result.not_answered.push(id),
            }
        }
        result
    }

    /// Brings the window to the front, and a question in it to the eye.
    pub fn show(&self, id: Option<ApprovalId>) {
        (self.inner.tell)(Said::Show(id));
    }

    pub(super) fn answered_in_dialog(&self, id: &ApprovalId, answer: DialogAnswer) {
        let answer = match answer {
            DialogAnswer::Answer(answer) => answer,
            DialogAnswer::InWindow => return self.show(Some(id.clone())),
            DialogAnswer::DecideLater => return,
        };
        let (app, id) = (self.clone(), id.clone());
        tauri::async_runtime::spawn(async move {
            match app
                .inner
                .desk
                .answer(&id, &answer, AnsweredFrom::Dialog)
                .await
            {
                Ok(answered) => app.pass_on(answered),
                Err(NotTaken::Late(late)) => (app.inner.tell)(Said::Late(late)),
                Err(why) => {
                    tracing::error!(id, ?why, "a dialog gave an answer that is not taken");
                    app.show(Some(id));
                }
            }
        });
    }

    /// Sees to it that words to the agent are not lost: what ended the turn begins the next one, and what could not
    /// be said goes back to the person.
    fn pass_on(&self, answered: Answered) {
        let Answered { session, reason } = answered;
        let Reason::Untold { text, why } = reason else {
            return;
        };
        let app = self.clone();
        tauri::async_runtime::spawn(async move {
            let sent = match (&why, app.session(&session)) {
                (Untold::TurnEnds | Untold::NoTurn, Ok(handle)) => handle
                    .send_next(text.clone())
                    .await
                    .map_err(|error| error.problem),
                (Untold::Rpc(error), Ok(_)) => {
                    Err(problems::rpc("Telling the agent", error).problem)
                }
                (_, Err(error)) => Err(error.problem),
            };
            if let Err(problem) = sent {
                let problem = wording::not_told(problem, &text);
                app.notice(NoticeLevel::Warning, Some(session), problem);
            }
        });
    }

    /// Hears what an engine's approval loop says, until its client is gone.
    pub(super) async fn hear(self, engine: u64, approvals: Approvals) {
        let (_, mut notices) = approvals.present();
        let loop_of = approvals.downgrade();
        drop(approvals);
        while let Some(notice) = notices.recv().await {
            let Some(approvals) = loop_of.upgrade() else {
                return;
            };
            match notice {
                Notice::Requested(entry) => self.requested(engine, entry, &approvals).await,
                Notice::Resolved(entry, outcome) => self.resolved(engine, &entry, &outcome).await,
                Notice::Denied(request) => self.denied(&request),
                Notice::HookFailed(issue) => tracing::warn!(?issue, "a hook failed"),
            }
        }
    }

    async fn requested(&self, engine: u64, entry: Entry, approvals: &Approvals) {
        let request = Arc::clone(&entry.request);
        let Some((tab, session)) = self.asker(&entry.session) else {
            // Nobody would see it: better a denial that is said than a question that nobody gets.
            let _ = approvals.decide(&entry.key, Decision::Deny, "desk");
            self.denied(&request);
            return;
        };
        session.waiting(request.item.clone(), true);
        let mut approval = self.worded(engine, &entry, &tab, &session).await;
        let detail = wording::detail(&request, &approval);
        approval.before = self.asked_before(&approval, detail.clone()).await;
        self.record(&approval, &entry, detail);
        self.inner.desk.add(approval.clone(), &entry, approvals);
        (self.inner.tell)(Said::Requested(Box::new(approval.clone())));
        let profile = self.inner.profiles.get(&tab.profile);
        let settings = profile.as_ref().map(|profile| &profile.settings);
        let (name, dialogs) = settings.map_or(("", ShowWhen::Always), |settings| {
            (settings.name.as_str(), settings.dialogs)
        });
        self.inner.dialogs.opened(&approval, name, dialogs);
        self.inner.outside.opened(&approval, settings);
    }

    /// A question in words, with what its session knows of it.
    async fn worded(&self, engine: u64, entry: &Entry, tab: &Tab, session: &Handle) -> Approval {
        let request = &entry.request;
        let described = match (&request.turn, &request.item) {
            (Some(turn), Some(item)) => {
                session
                    .describe(Arc::clone(turn), ItemId::clone(item))
                    .await
            }
            _ => session::Described::default(),
        };
        let policy = self
            .inner
            .profiles
            .get(&tab.profile)
            .map(|profile| profile.settings.approval);
        let name = wording::name(request, &described.files);
        let (subject, risk) = wording::subject(request, described.files, &tab.folder);
        Approval {
            id: approval_id(engine, entry),
            session: tab.id.clone(),
            session_title: title(tab),
            profile: tab.profile.clone(),
            folder: tab.folder.clone(),
            asked_at: entry.opened_at_ms,
            name,
            subject,
            risk,
            before: None,
            reason: request
                .reason
                .as_deref()
                .map(|reason| countersign_markup::visible(reason).into_owned()),
            consequences: wording::consequences(request, policy),
            choices: wording::choices(request),
            row: described.row,
            raw: rules::raw(request, request.about.as_deref()),
        }
    }

    async fn resolved(&self, engine: u64, entry: &Entry, outcome: &Outcome) {
        let id = approval_id(engine, entry);
        let outcome = outcome_of(outcome, |rule| self.rule_name(rule));
        let Some((approval, reason)) = self.inner.desk.remove(&id) else {
            self.settled_unasked(engine, entry, outcome).await;
            return;
        };
        self.record_settled(&approval, outcome.clone(), reason);
        self.inner.dialogs.settled(&id);
        self.inner.outside.settled(&id);
        if let Ok(session) = self.session(&approval.session) {
            session.waiting(entry.request.item.clone(), false);
        }
        (self.inner.tell)(Said::Resolved(ApprovalResolved {
            id,
            session: approval.session,
            outcome,
        }));
    }

    /// A rule or a hook answered before the person was asked: it is in the ledger all the same.
    async fn settled_unasked(&self, engine: u64, entry: &Entry, outcome: ApprovalOutcome) {
        let Some((tab, session)) = self.asker(&entry.session) else {
            return;
        };
        let approval = self.worded(engine, entry, &tab, &session).await;
        let detail = wording::detail(&entry.request, &approval);
        self.record(&approval, entry, detail);
        let is_rule = matches!(outcome, ApprovalOutcome::Rule { .. });
        self.record_settled(&approval, outcome, None);
        if is_rule {
            self.rules_changed();
        }
    }

    fn denied(&self, request: &Request) {
        let session = self.asker(&request.thread).map(|(tab, _)| tab.id);
        self.notice(NoticeLevel::Warning, session, wording::denied(request));
    }

    /// The session that a thread is of.
    fn asker(&self, thread: &ThreadId) -> Option<(Tab, Handle)> {
        let id: SessionId = lock(&self.inner.threads).get(thread).cloned()?;
        Some((self.tab(&id)?, self.session(&id).ok()?))
    }

    /// Tells dialogs and views outside whether quiet hours hold now.
    pub(super) fn mind_quiet_hours(&self) {
        let hours = self.inner.preferences.read().quiet_hours;
        let quiet = hours.is_some_and(|hours| outside::holds(hours, outside::minute_now()));
        self.inner.dialogs.quiet(quiet);
        self.inner.outside.quiet(quiet);
    }
}

fn approval_id(engine: u64, entry: &Entry) -> ApprovalId {
    format!("{engine}-{}", entry.key)
}
