//! What the server has on disk: threads, and pages of a thread's turns and items.

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::error::RpcError;
use crate::protocol;
use crate::session::Session;
pub use crate::transcript::{HistoryPage, HistoryTurn};

/// A thread, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ThreadSummary {
    /// Its id.
    pub id: String,
    /// The name that somebody gave it.
    pub name: Option<String>,
    /// The beginning of its first message.
    #[serde(default)]
    pub preview: String,
    /// Its working folder.
    #[serde(default)]
    pub cwd: String,
    /// When it was made, in Unix seconds.
    #[serde(default)]
    pub created_at: i64,
    /// When it was last written to, in Unix seconds.
    #[serde(default)]
    pub updated_at: i64,
}

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
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Turns<'a> {
            #[serde(borrow)]
            data: Vec<&'a RawValue>,
            next_cursor: Option<String>,
        }
        let params = json!({
            "threadId": &*self.thread_id(), "cursor": cursor, "limit": limit,
            "sortDirection": "desc", "itemsView": "full",
        });
        let answer: Box<RawValue> = self.call("thread/turns/list", &params).await?;
        let shape = |error: serde_json::Error| RpcError::Shape {
            method: "thread/turns/list",
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
}
