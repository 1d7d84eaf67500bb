//! The one thread that writes.
//!
//! It takes what the queue has, appends it in one transaction, and says so. When that fails it says so once, keeps
//! everything in the queue, and opens the database anew for the next try: a failed disk leaves nothing to trust.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use countersign_contract::{LedgerId, Millis, Problem};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Transaction, params};

use super::database::{Opened, Place};
use super::entry::{Row, end_of, word};
use super::error::{self, LedgerError};
use super::queue::{Queue, Work};
use crate::clock::now_ms;

/// Questions that one transaction of retention takes out: short enough that new ones hardly wait for it.
const TAKEN_OUT: usize = 500;

/// Something that happened to the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It has new entries, or others have ended or are gone.
    Changed,
    /// It cannot be written, or something in it is lost.
    Trouble(Problem),
    /// It is written again.
    Recovered(Problem),
}

/// Who hears of it. What happens before there is a listener waits for it.
#[derive(Default)]
pub(super) struct Listener {
    state: Mutex<Listening>,
}

#[derive(Default)]
struct Listening {
    listener: Option<Box<dyn Fn(Happened) + Send>>,
    unheard: Vec<Happened>,
}

impl Listener {
    pub(super) fn set(&self, listener: Box<dyn Fn(Happened) + Send>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for happened in std::mem::take(&mut state.unheard) {
            listener(happened);
        }
        state.listener = Some(listener);
    }

    fn say(&self, happened: Happened) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &state.listener {
            Some(listener) => listener(happened),
            None if state.unheard.contains(&happened) => {}
            None => state.unheard.push(happened),
        }
    }
}

/// The thread's state.
pub(super) struct Writer {
    pub(super) place: Place,
    pub(super) queue: Arc<Queue>,
    pub(super) listener: Arc<Listener>,
    /// How long to wait after a failure.
    pub(super) retry: Duration,
    /// `None`: to be opened.
    pub(super) connection: Option<Connection>,
    /// It could not be opened or written, and that has been said.
    pub(super) failing: bool,
    /// It turned out to be damaged while it was written.
    pub(super) damage: Damage,
}

/// Damage that only writing met.
#[derive(Debug, Default)]
pub(super) enum Damage {
    /// None so far.
    #[default]
    None,
    /// The database is to be set aside.
    Found(LedgerError),
    /// It was set aside. Once in a run: a disk that damages everything must not be filled with its ruins.
    SetAside,
}

impl Writer {
    /// Until nobody holds the ledger any more.
    pub(super) fn run(mut self) {
        let mut again = self.failing.then(|| Instant::now() + self.retry);
        let mut lost = 0;
        loop {
            let (work, fresh) = self.queue.next(again);
            if fresh > 0 && lost == 0 {
                self.listener.say(Happened::Trouble(error::out_of_memory()));
            }
            lost += fresh;
            let (done, was_write) = match work {
                Work::End => return,
                Work::Write(rows) if rows.is_empty() => continue,
                Work::Write(rows) => (self.write(&rows).map(|()| rows.len()), true),
                Work::Retain(before) => (self.retain(before).map(|()| 0), false),
            };
            match done {
                Ok(count) => {
                    again = None;
                    if was_write {
                        self.queue.written(count);
                    }
                    self.listener.say(Happened::Changed);
                    if self.failing || lost > 0 {
                        self.failing = false;
                        self.listener
                            .say(Happened::Recovered(error::written_again(lost)));
                        lost = 0;
                    }
                }
                Err(error)
                    if error.is_damage_to_writer() && matches!(self.damage, Damage::None) =>
                {
                    self.connection = None;
                    self.damage = Damage::Found(error);
                    again = None;
                }
                Err(error) => {
                    again = Some(Instant::now() + self.retry);
                    self.connection = None;
                    if !self.failing {
                        self.failing = true;
                        tracing::warn!(error = crate::error::chain(&error), "the ledger failed");
                        self.listener.say(Happened::Trouble(error.not_written()));
                    }
                    if self.queue.not_written() {
                        return;
                    }
                }
            }
        }
    }

    /// The database, opened if need be.
    fn connection(&mut self) -> Result<&mut Connection, LedgerError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                if let Damage::Found(error) = &self.damage {
                    let problem = self.place.set_aside(error)?;
                    self.damage = Damage::SetAside;
                    self.listener.say(Happened::Trouble(problem));
                }
                let (opened, problem) = self.place.open()?;
                if let Some(problem) = problem {
                    self.listener.say(Happened::Trouble(problem));
                }
                match opened {
                    Opened::Ready { connection, .. } => connection,
                    Opened::Newer(version) => {
                        return Err(LedgerError::File {
                            path: self.place.file.clone(),
                            source: io::Error::other(format!(
                                "it is of the newer version {version}"
                            )),
                        });
                    }
                }
            }
        };
        Ok(self.connection.insert(connection))
    }

    fn write(&mut self, rows: &[Arc<Row>]) -> Result<(), LedgerError> {
        let place = self.place.clone();
        let failed = place.database();
        let transaction = self.connection()?.transaction().map_err(&failed)?;
        let mut refused = Vec::new();
        for row in rows {
            match append(&transaction, row) {
                Err(rusqlite::Error::SqliteFailure(why, said))
                    if matches!(why.code, ErrorCode::ConstraintViolation | ErrorCode::TooBig) =>
                {
                    refused.push(said.unwrap_or_else(|| why.to_string()));
                }
                appended => appended.map_err(&failed)?,
            }
        }
        transaction.commit().map_err(&failed)?;
        if let Some(why) = refused.first() {
            tracing::error!(count = refused.len(), why, "the ledger refused rows");
            let problem = error::refused(refused.len() as u64, why.clone());
            self.listener.say(Happened::Trouble(problem));
        }
        Ok(())
    }

    /// Takes out one batch, and says when there is no more.
    fn retain(&mut self, settled_before: Millis) -> Result<(), LedgerError> {
        let place = self.place.clone();
        let failed = place.database();
        let transaction = self.connection()?.transaction().map_err(&failed)?;
        let more = take_out(&transaction, settled_before).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
        if !more {
            self.queue.retained(settled_before);
        }
        Ok(())
    }
}

fn append(transaction: &Transaction<'_>, row: &Row) -> rusqlite::Result<()> {
    match row {
        Row::Asked { id, same, entry } => transaction
            .prepare_cached(
                "INSERT INTO asked (id, asked_at, approval, session, session_title, profile, profile_name, folder,
                     subject, risk, thread, turn, item, same, name, reason, detail, raw)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
            )?
            .execute(params![
                id,
                entry.asked_at,
                entry.approval,
                entry.session,
                entry.session_title,
                entry.profile,
                entry.profile_name,
                entry.folder,
                word(&entry.subject),
                word(&entry.risk),
                entry.item.as_ref().map(|item| &item.thread),
                entry.item.as_ref().map(|item| &item.turn),
                entry.item.as_ref().map(|item| &item.item),
                same.0,
                entry.name,
                entry.reason,
                entry.detail,
                entry.raw.get(),
            ]),
        // The question may be missing: it was refused, or is in a ledger that was set aside.
        Row::Settled { id, settled } => transaction
            .prepare_cached(
                "INSERT INTO settled (id, settled_at, ended, outcome, reason)
                 SELECT ?1, ?2, ?3, ?4, ?5 WHERE EXISTS (SELECT 1 FROM asked WHERE id = ?1)",
            )?
            .execute(params![
                id,
                settled.at,
                word(&end_of(&settled.outcome)),
                serde_json::to_string(&settled.outcome)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?,
                settled.reason,
            ]),
        Row::Result { id, result } => transaction
            .prepare_cached(
                "INSERT INTO result (id, exit_code, files_changed, status)
                 SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM asked WHERE id = ?1)",
            )?
            .execute(params![
                id,
                result.exit_code,
                result.files_changed,
                result.status
            ]),
    }
    .map(drop)
}

/// Whether there may be more.
fn take_out(transaction: &Transaction<'_>, settled_before: Millis) -> rusqlite::Result<bool> {
    let ids: Vec<LedgerId> = transaction
        .prepare_cached("SELECT id FROM settled WHERE settled_at < ?1 ORDER BY id LIMIT ?2")?
        .query_map(params![settled_before, TAKEN_OUT as i64], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if ids.is_empty() {
        return Ok(false);
    }
    let last: Option<Millis> = transaction
        .query_row("SELECT max(settled_before) FROM retention", [], |row| {
            row.get(0)
        })
        .optional()?
        .flatten();
    if last.is_none_or(|last| last < settled_before) {
        transaction.execute(
            "INSERT INTO retention (done_at, settled_before) VALUES (?1, ?2)",
            params![now_ms(), settled_before],
        )?;
    }
    let mut delete = transaction.prepare_cached("DELETE FROM asked WHERE id = ?1")?;
    for id in &ids {
        delete.execute([id])?;
    }
    transaction.execute(
        "DELETE FROM spans WHERE block < (SELECT coalesce(min(id), 9e18) FROM asked) / 1024",
        [],
    )?;
    Ok(ids.len() == TAKEN_OUT)
}
