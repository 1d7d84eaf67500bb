//! The database file: making, judging and opening it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_contract::{LedgerId, Problem};
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::error::{self, LedgerError};
use crate::clock::now_ms;

/// Marks a database as ours: "CSlg".
const APPLICATION: i64 = 0x4353_6c67;

/// What each version adds to the one before. `PRAGMA user_version` is how many of them a database has had.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// Bytes that every database has.
const HEADER: u64 = 512;

/// How long a statement waits for another one's lock. Only another program could hold one.
const BUSY: Duration = Duration::from_secs(5);

/// A whole check of a database of at most so many bytes takes some hundredths of a second; a larger one is checked
/// where it is touched.
const CHECKED_WHOLE: u64 = 8 << 20;

/// Where the database is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    folder: PathBuf,
    pub(super) file: PathBuf,
}

/// What opening came to.
pub(super) enum Opened {
    /// It can be written.
    Ready {
        connection: Connection,
        /// The id of the next question.
        next: LedgerId,
    },
    /// It is a newer version's and stays as it is.
    Newer(i64),
}

impl Place {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            file: folder.join("ledger.db"),
        }
    }

    pub(super) fn database(&self) -> impl Fn(rusqlite::Error) -> LedgerError + '_ {
        |source| LedgerError::Database {
            path: self.file.clone(),
            source,
        }
    }

    fn damaged(&self, why: impl Into<String>) -> LedgerError {
        LedgerError::Damaged {
            path: self.file.clone(),
            why: why.into(),
        }
    }

    fn refused(&self) -> impl Fn(io::Error) -> LedgerError + '_ {
        |source| LedgerError::File {
            path: self.file.clone(),
            source,
        }
    }

    /// Opens it for the one writer; makes it or brings it up to this version if need be. A damaged one is set
    /// aside, and a new one made: then the problem says so.
    pub(super) fn open(&self) -> Result<(Opened, Option<Problem>), LedgerError> {
        match self.try_open() {
            Err(error) if error.is_damage_to_writer() => {
                let problem = self.set_aside(&error)?;
                Ok((self.try_open()?, Some(problem)))
            }
            opened => Ok((opened?, None)),
        }
    }

    fn try_open(&self) -> Result<Opened, LedgerError> {
        self.make_file().map_err(self.refused())?;
        let mut header = Vec::new();
        File::open(&self.file)
            .and_then(|file| file.take(HEADER).read_to_end(&mut header))
            .map_err(self.refused())?;
        // SQLite takes a file of a few bytes for an empty one and would write over it.
        if !header.is_empty() && (header.len() as u64) < HEADER {
            return Err(self.damaged("it is too short for a database"));
        }
        let mut connection = Connection::open_with_flags(
            &self.file,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(self.database())?;
        match self.set_up(&mut connection)? {
            Some(newer) => Ok(Opened::Newer(newer)),
            None => {
                let next = self.judge(&connection)?;
                Ok(Opened::Ready { connection, next })
            }
        }
    }

    /// Only the person may read it: SQLite gives its side files the same rights.
    fn make_file(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut options = File::options();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&self.file).map(drop)
    }

    /// The version, if it is newer than this build.
    fn set_up(&self, connection: &mut Connection) -> Result<Option<i64>, LedgerError> {
        let failed = self.database();
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        connection.busy_timeout(BUSY).map_err(&failed)?;
        let version = number("user_version").map_err(&failed)?;
        let application = number("application_id").map_err(&failed)?;
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(&failed)?;
        let known = MIGRATIONS.len() as i64;
        let fresh = version == 0 && application == 0 && tables == 0;
        if !fresh && (application != APPLICATION || version < 1) {
            return Err(self.damaged("it is not a ledger of Countersign"));
        }
        if version > known {
            return Ok(Some(version));
        }
        // A killed process loses nothing in any mode of a write-ahead log. FULL also flushes each commit, so that a
        // power cut loses nothing either; it costs nobody any waiting, since only the writer's own thread waits.
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 PRAGMA journal_size_limit = 16777216;
                 PRAGMA secure_delete = FAST;
                 PRAGMA cache_size = -8000;",
            )
            .map_err(&failed)?;
        if version < known {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(&failed)?;
            for step in MIGRATIONS.iter().skip(version as usize) {
                transaction.execute_batch(step).map_err(&failed)?;
            }
            transaction
                .execute_batch(&format!(
                    "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {known};"
                ))
                .map_err(&failed)?;
            transaction.commit().map_err(&failed)?;
        }
        Ok(None)
    }

    /// Looks for damage where that is cheap, and returns the id of the next question.
    fn judge(&self, connection: &Connection) -> Result<LedgerId, LedgerError> {
        let failed = self.database();
        let whole = fs::metadata(&self.file).is_ok_and(|file| file.len() <= CHECKED_WHOLE);
        if whole {
            let said: String = connection
                .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
                .map_err(&failed)?;
            if said != "ok" {
                return Err(self.damaged(said));
            }
        }
        for table in ["asked", "settled", "result", "open", "spans", "names"] {
            connection
                .query_row(
                    // Each on its own is found without a scan.
                    &format!(
                        "SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})"
                    ),
                    [],
                    |_| Ok(()),
                )
                .map_err(&failed)?;
        }
        let last: Option<LedgerId> = connection
            .query_row("SELECT max(id) FROM asked", [], |row| row.get(0))
            .map_err(&failed)?;
        Ok(last.map_or_else(first_id, |last| last + 1))
    }

    /// Renames the database with what belongs to it, to a name that no file has.
    pub(super) fn set_aside(&self, why: &LedgerError) -> Result<Problem, LedgerError> {
        for number in 1..1_000 {
            let name = format!("ledger.set-aside-{number}.db");
            let target = self.folder.join(&name);
            match fs::symlink_metadata(&target) {
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(self.refused()(error)),
            }
            // The database last: killed in between, it is still there to be found damaged.
            for side in ["-wal", "-shm"] {
                match fs::rename(with(&self.file, side), with(&target, side)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(self.refused()(error));
                    }
                    _ => {}
                }
            }
            fs::rename(&self.file, &target).map_err(self.refused())?;
            let why = crate::error::chain(why);
            return Ok(error::set_aside(&self.folder, &name, why));
        }
        Err(self.refused()(io::Error::other(
            "too many files were set aside here",
        )))
    }

    /// Opens it for one question about it. That takes less than a millisecond, and there is nothing to go stale.
    pub(super) fn reader(&self) -> Result<Connection, LedgerError> {
        let failed = self.database();
        let connection = Connection::open_with_flags(
            &self.file,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(&failed)?;
        connection.busy_timeout(BUSY).map_err(&failed)?;
        // At most 32 MB, and only for as long as the question takes.
        connection
            .execute_batch("PRAGMA cache_size = -32000")
            .map_err(&failed)?;
        Ok(connection)
    }
}

/// The first id of a new ledger. It begins at the clock, so that a ledger that follows one that was set aside does
/// not give its ids to other questions.
pub(super) fn first_id() -> LedgerId {
    now_ms() / 1_000
}

fn with(path: &Path, side: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(side);
    name.into()
}
