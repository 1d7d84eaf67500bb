//! What the server has of a thread on disk: pages of its turns and items.
//!
//! Deliberately not here: which threads there are ([`crate::catalog`]).

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::connection::Connection;
use crate::error::RpcError;
use crate::protocol;
use crate::session::Session;
pub use crate::transcript::{HistoryPage, HistoryTurn};

const METHOD: &str = "thread/turns/list";

impl Session {
    /// A page of the thread's history: its last `limit` turns, or the `limit` before `cursor`; and the
    /// cursor of the page before it, if there is one. A thread without a turn has none.
    ///
    /// What a turn showed and the server does not keep is not in it: text that was streaming when a
    /// turn was cut, plans (FACTS sections 5, 7).
    pub async fn history(
        &self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<(HistoryPage, Option<String>), RpcError> {
        let params = page_params(&self.thread_id(), cursor, limit);
        let answer: Box<RawValue> = self.call(METHOD, &params).await?;
        read_page(&answer)
    }
}

/// [`Session::history`] of a thread that is being loaded again.
pub(crate) async fn page(
    connection: &Connection,
    thread: &str,
    cursor: Option<&str>,
    limit: u32,
) -> Result<(HistoryPage, Option<String>), RpcError> {
    let params = page_params(thread, cursor, limit);
    read_page(&connection.call_raw(METHOD, &params).await?)
}

fn page_params(thread: &str, cursor: Option<&str>, limit: u32) -> serde_json::Value {
    json!({
        "threadId": thread, "cursor": cursor, "limit": limit,
        "sortDirection": "desc", "itemsView": "full",
    })
}

fn read_page(answer: &RawValue) -> Result<(HistoryPage, Option<String>), RpcError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Turns<'a> {
        #[serde(borrow)]
        data: Vec<&'a RawValue>,
        next_cursor: Option<String>,
    }
    let shape = |error: serde_json::Error| RpcError::Shape {
        method: METHOD,
        reason: error.to_string().into(),
    };
    let page: Turns<'_> = serde_json::from_str(answer.get()).map_err(shape)?;
    let mut out = HistoryPage {
        has_earlier: page.next_cursor.is_some(),
        ..HistoryPage::default()
    };
    for raw in page.data.into_iter().rev() {
        #[derive(Deserialize)]
        struct Items<'a> {
            #[serde(borrow, default)]
            items: Vec<&'a RawValue>,
        }
        let Some(turn) = protocol::turn(raw) else {
            continue;
        };
        let items: Items<'_> = serde_json::from_str(raw.get()).map_err(shape)?;
        for item in items.items {
            out.items.push((turn.id.clone(), protocol::item(item)));
        }
        out.turns.push(HistoryTurn {
            id: turn.id,
            outcome: turn.outcome,
            started_at_ms: turn.started_at_ms,
            duration_ms: turn.duration_ms,
        });
    }
    Ok((out, page.next_cursor))
}
