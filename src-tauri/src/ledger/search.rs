//! Finding questions: which ids a query means, newest first.
//!
//! Words of three characters and more, the session, the profile and the kinds are looked up in the index, in one
//! walk. Shorter words are in no index; they are looked for in the newest [`SHORT_WORDS`] questions that the rest
//! of the query matches. Of a question's detail the first 4,096 characters are searched.

use countersign_contract::{LedgerEnd, LedgerId, LedgerQuery, Millis};
use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Statement};

use super::entry::word;

/// How many questions are searched for words of one or two characters.
pub const SHORT_WORDS: u32 = 3_000;

/// What matches, as SQL.
#[derive(Debug)]
pub(super) struct Found {
    sql: String,
    values: Vec<Value>,
}

impl Found {
    /// The ids that match and are below `before`, newest first. `None`: nothing can match.
    pub(super) fn new(
        connection: &Connection,
        query: &LedgerQuery,
        before: Option<LedgerId>,
    ) -> rusqlite::Result<Option<Self>> {
        let text = query.text.replace('\0', " ");
        let (long, short): (Vec<&str>, Vec<&str>) = text
            .split_whitespace()
            .partition(|word| word.chars().nth(2).is_some());
        let Some(words) = indexed(connection, query, &long)? else {
            return Ok(None);
        };
        let Some((first, last)) = span(connection, query)? else {
            return Ok(None);
        };
        let last = before.map_or(last, |before| last.min(before.saturating_sub(1)));

        let (id, table) = walked(&words, &query.ends);
        let mut found = Self {
            sql: format!("SELECT {id} AS id FROM {table} WHERE {id} BETWEEN ? AND ?"),
            values: vec![first.into(), last.into()],
        };
        if !words.is_empty() {
            found.sql.push_str(" AND found MATCH ?");
            found.values.push(words.into());
        }
        found.asked_between(id, query);
        found.ended(id, &query.ends);
        found.sql.push_str(&format!(" ORDER BY {id} DESC"));
        if !short.is_empty() {
            contains(connection)?;
            found.holding(&short);
        }
        Ok(Some(found))
    }

    /// At most so many ids.
    pub(super) fn ids(
        &self,
        connection: &Connection,
        limit: u32,
    ) -> rusqlite::Result<Vec<LedgerId>> {
        let mut statement = connection.prepare(&format!("{} LIMIT {limit}", self.sql))?;
        let ids = self.rows(&mut statement)?;
        ids.collect()
    }

    /// All of them, one after the other. The statement is [`Self::statement`]'s.
    pub(super) fn rows<'a>(
        &self,
        statement: &'a mut Statement<'_>,
    ) -> rusqlite::Result<impl Iterator<Item = rusqlite::Result<LedgerId>> + use<'a>> {
        statement.query_map(rusqlite::params_from_iter(&self.values), |row| row.get(0))
    }

    pub(super) fn statement<'a>(
        &self,
        connection: &'a Connection,
    ) -> rusqlite::Result<Statement<'a>> {
        connection.prepare(&self.sql)
    }

    fn asked_between(&mut self, id: &str, query: &LedgerQuery) {
        for (limit, compare) in [(query.from, ">="), (query.to, "<")] {
            if let Some(limit) = limit {
                self.sql.push_str(&format!(
                    " AND (SELECT at.asked_at FROM asked AS at WHERE at.id = {id}) {compare} ?"
                ));
                self.values.push(limit.into());
            }
        }
    }

    fn ended(&mut self, id: &str, ends: &[LedgerEnd]) {
        match ends {
            [] | [LedgerEnd::Open] => {}
            [end] if id == "settled.id" => {
                self.sql.push_str(" AND settled.ended = ?");
                self.values.push(word(end).into());
            }
            ends => {
                let marks = vec!["?"; ends.len()].join(", ");
                self.sql.push_str(&format!(
                    " AND coalesce((SELECT s.ended FROM settled AS s WHERE s.id = {id}), 'open') IN ({marks})"
                ));
                self.values
                    .extend(ends.iter().map(|end| Value::from(word(end))));
            }
        }
    }

    fn holding(&mut self, short: &[&str]) {
        self.sql = format!(
            "SELECT newest.id FROM ({} LIMIT {SHORT_WORDS}) AS newest WHERE true",
            self.sql
        );
        for word in short {
            self.sql.push_str(
                " AND (SELECT contains(?, t.name) OR contains(?, substr(t.detail, 1, 4096))
                      OR contains(?, t.reason) OR contains(?, t.session_title) OR contains(?, t.folder)
                      FROM asked AS t WHERE t.id = newest.id)",
            );
            let word = fold(word);
            self.values
                .extend(std::iter::repeat_n(Value::from(word), 5));
        }
        self.sql.push_str(" ORDER BY newest.id DESC");
    }
}

/// The sorted list that is walked through: its ids and itself.
fn walked(words: &str, ends: &[LedgerEnd]) -> (&'static str, &'static str) {
    match (words.is_empty(), ends) {
        // What is open is little: each is looked up in the index.
        (false, [LedgerEnd::Open]) => ("open.id", "open CROSS JOIN found ON found.rowid = open.id"),
        (false, _) => ("found.rowid", "found"),
        (true, [LedgerEnd::Open]) => ("open.id", "open"),
        (true, [_]) => ("settled.id", "settled"),
        (true, _) => ("asked.id", "asked"),
    }
}

/// The query for the index. Empty: it is not needed. `None`: it would find nothing.
fn indexed(
    connection: &Connection,
    query: &LedgerQuery,
    words: &[&str],
) -> rusqlite::Result<Option<String>> {
    let mut find = connection.prepare_cached("SELECT token FROM tokens WHERE text = ?1")?;
    let mut token = |name: String| {
        find.query_row([name], |row| row.get::<_, String>(0))
            .optional()
    };
    let mut all = Vec::new();
    for (column, id) in [("session", &query.session), ("profile", &query.profile)] {
        if let Some(id) = id {
            match token(format!("{column} {id}"))? {
                Some(token) => all.push(format!("{column} : \"{token}\"")),
                None => return Ok(None),
            }
        }
    }
    if !query.subjects.is_empty() {
        let mut any = Vec::new();
        for subject in &query.subjects {
            if let Some(token) = token(format!("subject {}", word(subject)))? {
                any.push(format!("\"{token}\""));
            }
        }
        if any.is_empty() {
            return Ok(None);
        }
        all.push(format!("subject : ({})", any.join(" OR ")));
    }
    for word in words {
        all.push(format!("text : \"{}\"", word.replace('"', "\"\"")));
    }
    Ok(Some(all.join(" AND ")))
}

/// The first and the last id that can have been asked at the time. `None`: none can.
fn span(
    connection: &Connection,
    query: &LedgerQuery,
) -> rusqlite::Result<Option<(LedgerId, LedgerId)>> {
    let edge = |order: &str| {
        let edge: Option<i64> = connection
            .query_row(
                &format!(
                    "SELECT block FROM spans WHERE last_at >= ?1 AND first_at < ?2 ORDER BY block {order} LIMIT 1"
                ),
                [
                    query.from.unwrap_or(Millis::MIN),
                    query.to.unwrap_or(Millis::MAX),
                ],
                |row| row.get(0),
            )
            .optional()?;
        Ok::<_, rusqlite::Error>(edge)
    };
    if query.from.is_none() && query.to.is_none() {
        return Ok(Some((LedgerId::MIN, LedgerId::MAX)));
    }
    Ok(match (edge("ASC")?, edge("DESC")?) {
        (Some(first), Some(last)) => Some((first * 1024, last * 1024 + 1023)),
        _ => None,
    })
}

/// Letters in one case, as the index has them.
fn fold(text: &str) -> String {
    text.chars()
        .map(|char| {
            let mut lower = char.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => char,
            }
        })
        .collect()
}

/// `contains(word, text)`: whether the text has the word in it, whatever the case of its letters.
fn contains(connection: &Connection) -> rusqlite::Result<()> {
    connection.create_scalar_function(
        "contains",
        2,
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
        |context| {
            let word = context.get_raw(0).as_str()?;
            let text = context.get_raw(1).as_str_or_null()?.unwrap_or_default();
            Ok(match text.is_ascii() && word.is_ascii() {
                true => text
                    .as_bytes()
                    .windows(word.len())
                    .any(|window| window.eq_ignore_ascii_case(word.as_bytes())),
                false => fold(text).contains(word),
            })
        },
    )
}
