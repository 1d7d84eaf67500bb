//! Loading threads into a server: for a session that is opened, and again after a death.
//!
//! Deliberately not here: when that happens ([`crate::client`]).

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use crate::approval::Approvals;
use crate::connection::Connection;
use crate::error::RpcError;
use crate::event::{Event, ThreadId, ThreadStatus, TurnId};
use crate::history;
use crate::item::ItemDetail;
use crate::policy::{EffectivePolicy, WirePolicy};
use crate::profile::SessionConfig;
use crate::protocol::WireStatus;
use crate::thread::Thread;
use crate::threads::{Found, Threads};
use crate::transcript::HistoryPage;

/// Turns in a page, and pages that are read at most to find out what was missed.
const PAGE: u32 = 20;
const MAX_PAGES: usize = 10;

/// Where a thread comes from.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    New,
    Resume(&'a str),
    Fork {
        thread: &'a str,
        last_turn: Option<&'a str>,
    },
}

impl<'a> Origin<'a> {
    pub(crate) fn thread(self) -> Option<&'a str> {
        match self {
            Origin::New => None,
            Origin::Resume(thread) | Origin::Fork { thread, .. } => Some(thread),
        }
    }
}

/// A thread that is loaded.
pub(crate) struct Started {
    pub(crate) id: ThreadId,
    pub(crate) policy: EffectivePolicy,
    /// A turn runs.
    is_active: bool,
}

/// Loads a thread.
pub(crate) async fn start(
    connection: &Connection,
    origin: Origin<'_>,
    config: &SessionConfig,
    model: Option<&str>,
) -> Result<Started, RpcError> {
    #[derive(Deserialize)]
    struct Answer {
        thread: Of,
        #[serde(flatten)]
        policy: WirePolicy,
    }
    #[derive(Deserialize)]
    struct Of {
        id: String,
        status: Option<WireStatus>,
    }
    let mut params = config.thread_params(model);
    if let Some(thread) = origin.thread() {
        params["threadId"] = thread.into();
        // The whole history in one answer is deprecated and slow; it is paged (FACTS section 3).
        params["excludeTurns"] = true.into();
    }
    if config.ephemeral && !matches!(origin, Origin::Resume(_)) {
        params["ephemeral"] = true.into();
    }
    let method = match origin {
        Origin::New => "thread/start",
        Origin::Resume(_) => "thread/resume",
        Origin::Fork { last_turn, .. } => {
            if let Some(turn) = last_turn {
                params["lastTurnId"] = turn.into();
            }
            "thread/fork"
        }
    };
    let answer: Answer = connection
        .call(method, &params)
        .await
        .map_err(|error| error.about_thread(origin.thread()))?;
    let status = answer.thread.status.and_then(WireStatus::read);
    Ok(Started {
        id: answer.thread.id.into(),
        policy: answer.policy.into(),
        is_active: matches!(status, Some(ThreadStatus::Active { .. })),
    })
}

/// Loads a thread that nobody listened to so far.
pub(crate) async fn resume(
    connection: &Connection,
    thread: &Thread,
    model: Option<&str>,
) -> Result<(), RpcError> {
    let changes = thread.turns().borrow().changes;
    let id = thread.id();
    let started = start(connection, Origin::Resume(&id), &thread.config, model).await?;
    let running = match started.is_active {
        true => {
            let (page, _) = history::page(connection, &started.id, None, 1).await?;
            Some(running(&page))
        }
        false => None,
    };
    thread.found(connection.generation(), running, changes);
    // When that server died meanwhile, the next one loads it.
    thread.resumed(started.id, started.policy, connection);
    Ok(())
}

/// The turn that runs. An empty id when the page does not say: it stands for whichever runs (FACTS section
/// 3, `turn/interrupt`).
fn running(page: &HistoryPage) -> TurnId {
    let running = page.turns.iter().rev().find(|turn| turn.outcome.is_none());
    running.map_or_else(|| "".into(), |turn| Arc::clone(&turn.id))
}

/// Loads a thread again under a new generation. `went_on` says that the server may have gone on with it
/// meanwhile; then what was missed is read.
pub(crate) async fn load_again(
    threads: Arc<Threads>,
    approvals: Approvals,
    connection: Arc<Connection>,
    thread: Arc<Thread>,
    went_on: bool,
) {
    let generation = connection.generation();
    let old = thread.id();
    // A thread without a turn is not on disk: there is nothing to resume and nothing to lose.
    let origin = match thread.is_on_disk() {
        true => Origin::Resume(&old),
        false => Origin::New,
    };
    // What happens from here on is told after what was missed.
    thread.hold(generation);
    let (changes, last) = {
        let turns = thread.turns();
        let turns = turns.borrow();
        (turns.changes, turns.last().cloned())
    };
    thread.belongs_to(&connection);
    let mut agents = thread.take_agents();
    let model = thread.config.profile.model.as_deref();
    let loaded = match start(&connection, origin, &thread.config, model).await {
        Ok(started) if went_on && matches!(origin, Origin::Resume(_)) => {
            let missed = missed(&connection, &started.id, last).await;
            Ok((started, Some(missed)))
        }
        Ok(started) => Ok((started, None)),
        Err(error) => Err(error),
    };
    match loaded {
        Ok((started, missed)) => {
            let id = Arc::clone(&started.id);
            let mut told = vec![Event::Resumed {
                generation,
                thread: Arc::clone(&id),
            }];
            let mut now = started.is_active.then(|| TurnId::from(""));
            match missed {
                Some(Ok(page)) => {
                    if started.is_active {
                        now = Some(running(&page));
                    }
                    let begun = begun_agents(&page);
                    agents.extend(begun.filter(|id| matches!(threads.find(id), Found::Unknown)));
                    let page = Arc::new(page);
                    told.push(Event::CaughtUp { page });
                }
                Some(Err(error)) => {
                    tracing::warn!(error = error.kind(), "what was missed could not be read");
                    told.push(Event::Gap { missed: 1 });
                }
                None => {}
            }
            if thread.found(generation, now.clone(), changes)
                && let Some(turn) = now.filter(|turn| !turn.is_empty())
            {
                let at_ms = started_at_ms(&told, &turn);
                told.push(Event::TurnStarted { turn, at_ms });
            }
            if went_on {
                for agent in agents {
                    if let Some(page) = listen_to_agent(&connection, &agent).await {
                        if page.turns.iter().any(|turn| turn.outcome.is_none()) {
                            thread.agent_runs(&agent);
                        }
                        let page = Arc::new(page);
                        told.push(Event::OfAgent {
                            thread: agent,
                            event: Box::new(Event::CaughtUp { page }),
                        });
                    }
                }
            }
            if !thread.resumed(Arc::clone(&id), started.policy, &connection) {
                thread.release(generation, Vec::new());
                return;
            }
            approvals.move_thread_hooks(&old, &id);
            if !thread.is_closed() {
                threads.rename(&old, &thread);
            }
            thread.release(generation, told);
        }
        // The next generation tries again.
        Err(RpcError::Died { .. }) => thread.release(generation, Vec::new()),
        Err(error) => {
            tracing::warn!(thread = %old, error = error.kind(), "a thread could not be resumed");
            tracing::debug!(thread = %old, %error, "why a thread could not be resumed");
            let failed = thread.resume_failed(generation, error.clone());
            let told = failed.then_some(Event::ResumeFailed { error });
            thread.release(generation, told.into_iter().collect());
        }
    }
}

/// The threads of agents that were started in a page.
fn begun_agents(page: &HistoryPage) -> impl Iterator<Item = ThreadId> {
    page.items.iter().flat_map(|(_, item)| {
        let children: &[String] = match &item.detail {
            ItemDetail::Tool(tool) => &tool.child_threads,
            _ => &[],
        };
        children.iter().map(|id| ThreadId::from(id.as_str()))
    })
}

/// Has an agent's thread told to this connection: loading the thread that started it does not. Its open question
/// follows (FACTS section 4). Gives its last turn, or nothing when it is gone.
async fn listen_to_agent(connection: &Connection, agent: &str) -> Option<HistoryPage> {
    let listen = async {
        let params = json!({"threadId": agent, "excludeTurns": true});
        connection.call_raw("thread/resume", &params).await?;
        history::page(connection, agent, None, 1).await
    };
    match listen.await {
        Ok((page, _)) => Some(page),
        Err(error) => {
            tracing::debug!(thread = agent, %error, "an agent's thread is not heard any more");
            None
        }
    }
}

/// When a turn of the page among these events began.
fn started_at_ms(told: &[Event], turn: &TurnId) -> Option<i64> {
    told.iter().find_map(|event| match event {
        Event::CaughtUp { page } => page
            .turns
            .iter()
            .find(|other| other.id == *turn)
            .and_then(|found| found.started_at_ms),
        _ => None,
    })
}

/// The newest turns, back to the last one that was known.
async fn missed(
    connection: &Connection,
    thread: &str,
    last: Option<TurnId>,
) -> Result<HistoryPage, RpcError> {
    let (mut all, mut cursor) = history::page(connection, thread, None, PAGE).await?;
    for _ in 1..MAX_PAGES {
        let Some(last) = &last else { break };
        if cursor.is_none() || all.turns.iter().any(|turn| turn.id == *last) {
            break;
        }
        let (mut page, before) = history::page(connection, thread, cursor.as_deref(), PAGE).await?;
        cursor = before;
        page.turns.append(&mut all.turns);
        page.items.append(&mut all.items);
        all = page;
    }
    Ok(all)
}
