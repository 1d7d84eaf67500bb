//! From rows back to entries of the contract.

use countersign_contract::{
    ApprovalOutcome, LedgerEntry, LedgerId, LedgerResult, RiskLevel, Settled, SubjectKind,
};
use rusqlite::{Connection, Row};

use super::entry::meant;

const ENTRY: &str = "SELECT asked.id, asked_at, session, session_title, profile, profile_name, folder, subject, name,
        detail, asked.reason, risk, raw, settled_at, outcome, settled.reason, status, exit_code, files_changed
    FROM asked LEFT JOIN settled USING (id) LEFT JOIN result USING (id) WHERE asked.id = ?1";

/// One entry.
pub(super) fn entry(connection: &Connection, id: LedgerId) -> rusqlite::Result<LedgerEntry> {
    connection.prepare_cached(ENTRY)?.query_row([id], read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<LedgerEntry> {
    let settled: Option<String> = row.get(14)?;
    let status: Option<String> = row.get(16)?;
    let raw: String = row.get(12)?;
    Ok(LedgerEntry {
        id: row.get(0)?,
        asked_at: row.get(1)?,
        session: row.get(2)?,
        session_title: row.get(3)?,
        profile: row.get(4)?,
        profile_name: row.get(5)?,
        folder: row.get(6)?,
        // A word that this build does not know is a newer version's: shown as what is least misleading.
        subject: meant(row.get(7)?).unwrap_or(SubjectKind::Other),
        name: row.get(8)?,
        detail: row.get(9)?,
        reason: row.get(10)?,
        risk: meant(row.get(11)?).unwrap_or(RiskLevel::Dangerous),
        settled: match settled {
            Some(outcome) => Some(Settled {
                outcome: outcome_of(14, &outcome)?,
                at: row.get(13)?,
                reason: row.get(15)?,
            }),
            None => None,
        },
        result: match status {
            Some(status) => Some(LedgerResult {
                exit_code: row.get(17)?,
                files_changed: row.get(18)?,
                status,
            }),
            None => None,
        },
        raw: serde_json::from_str(&raw).unwrap_or(serde_json::Value::String(raw)),
    })
}

/// A kept outcome.
pub(super) fn outcome_of(column: usize, text: &str) -> rusqlite::Result<ApprovalOutcome> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    })
}
