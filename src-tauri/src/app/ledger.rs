//! What is written into the ledger, and what a person does with it.

use std::path::Path;

use countersign_contract::{
    Approval, ApprovalOutcome, AskedBefore, CommandError, ExportFormat, LedgerId, LedgerPage,
    LedgerQuery, LedgerResult, NoticeLevel, SessionId, Settled,
};
use countersign_runtime::approval::Entry;
use countersign_runtime::event::{ThreadId, TurnId};
use countersign_runtime::item::{Item, ItemDetail, WorkStatus};

use super::App;
use crate::clock::now_ms;
use crate::ledger::{Happened, ItemRef, NewEntry};
use crate::tell::Said;

impl App {
    /// A page of the ledger.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn search_ledger(
        &self,
        query: &LedgerQuery,
        before: Option<LedgerId>,
        limit: u32,
    ) -> Result<LedgerPage, CommandError> {
        Ok(self.inner.ledger.search(query, before, limit)?)
    }

    /// Writes what matches into a file.
    ///
    /// # Errors
    /// The ledger cannot be read, or the file not be written.
    pub fn export_ledger(
        &self,
        query: &LedgerQuery,
        format: ExportFormat,
        file: &Path,
    ) -> Result<(), CommandError> {
        self.inner.ledger.export(query, format, file)?;
        Ok(())
    }

    /// Takes out of the ledger what is older than the person wants to keep.
    pub(super) fn mind_retention(&self) {
        self.inner
            .ledger
            .retain(self.inner.preferences.read().ledger_days);
    }

    pub(super) fn ledger_said(&self, happened: Happened) {
        match happened {
            Happened::Changed => (self.inner.tell)(Said::Ledger(())),
            Happened::Trouble(problem) => self.notice(NoticeLevel::Error, None, problem),
            Happened::Recovered(problem) => self.notice(NoticeLevel::Info, None, problem),
        }
    }

    /// What was asked before in its session and looks the same. Reads the disk.
    pub(super) async fn asked_before(
        &self,
        approval: &Approval,
        detail: String,
    ) -> Option<AskedBefore> {
        let (ledger, session) = (self.inner.ledger.clone(), approval.session.clone());
        let kind = approval.subject.kind();
        tokio::task::spawn_blocking(move || ledger.same_before(&session, kind, &detail))
            .await
            .ok()?
    }

    /// A question came. `detail` is all that it asks, as text.
    pub(super) fn record(&self, approval: &Approval, entry: &Entry, detail: String) {
        let request = &entry.request;
        let profile = self.inner.profiles.get(&approval.profile);
        let item = match (&request.turn, &request.item) {
            (Some(turn), Some(item)) => Some(item_ref(&request.thread, turn, item)),
            _ => None,
        };
        let raw = serde_json::value::to_raw_value(&approval.raw);
        self.inner.ledger.record(NewEntry {
            approval: approval.id.clone(),
            asked_at: approval.asked_at,
            session: approval.session.clone(),
            session_title: approval.session_title.clone(),
            profile: approval.profile.clone(),
            profile_name: profile
                .map(|profile| profile.settings.name)
                .unwrap_or_default(),
            folder: approval.folder.clone(),
            subject: approval.subject.kind(),
            name: approval.name.clone(),
            detail,
            reason: approval.reason.clone(),
            risk: approval.risk.level,
            item,
            raw: raw.unwrap_or_else(|_| request.raw.clone()),
        });
    }

    /// A question was settled.
    pub(super) fn record_settled(
        &self,
        approval: &Approval,
        outcome: ApprovalOutcome,
        reason: Option<String>,
    ) {
        let at = now_ms();
        self.inner.ledger.settled(
            &approval.id,
            Settled {
                outcome,
                at,
                reason,
            },
        );
    }

    /// An item ended: what came of the question about it, if there was one.
    pub(super) fn record_result(
        &self,
        session: &SessionId,
        thread: &ThreadId,
        turn: &TurnId,
        item: &Item,
    ) {
        let (status, exit_code, files_changed) = match &item.detail {
            ItemDetail::Command(command) => (command.status, command.exit_code, None),
            ItemDetail::FileChange { changes, status } => {
                let files = u32::try_from(changes.len()).unwrap_or(u32::MAX);
                let done = *status == WorkStatus::Completed;
                (*status, None, done.then_some(files))
            }
            ItemDetail::Tool(tool) => (tool.status, None, None),
            _ => return,
        };
        let status = match status {
            WorkStatus::InProgress => return,
            WorkStatus::Completed => "completed",
            WorkStatus::Failed => "failed",
            WorkStatus::Declined => "declined",
        };
        let result = LedgerResult {
            exit_code,
            files_changed,
            status: status.to_owned(),
        };
        self.inner
            .ledger
            .result(session, &item_ref(thread, turn, &item.id), &result);
    }
}

fn item_ref(thread: &str, turn: &str, item: &str) -> ItemRef {
    ItemRef {
        thread: thread.to_owned(),
        turn: turn.to_owned(),
        item: item.to_owned(),
    }
}
