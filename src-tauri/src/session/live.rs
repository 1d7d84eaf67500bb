//! Bringing a session up: its app-server, its thread, the newest page of its history.

use std::sync::Arc;

use countersign_contract::Problem;
use countersign_runtime::history::HistoryPage;
use countersign_runtime::{Session, Subscription};

use super::Around;
use crate::engines::Engine;
use crate::problems;

/// Turns in a page of history.
pub(super) const PAGE: u32 = 20;

/// A session that is up.
pub(super) struct Live {
    pub(super) session: Session,
    pub(super) events: Subscription,
    /// Keeps the app-server running.
    pub(super) _engine: Arc<Engine>,
}

/// The first page of a session's history, and where the next begins.
pub(super) type FirstPage = (HistoryPage, Option<String>);

/// Starts or resumes the thread. Dropping the future leaves nothing behind that matters: a thread
/// without a turn is nowhere.
pub(super) async fn bring_up(at: Arc<dyn Around>) -> Result<(Live, FirstPage), Problem> {
    let profile = at.profile().ok_or_else(|| Problem {
        what: "The profile of this session does not exist any more.".to_owned(),
        meaning: "The session cannot start. Its conversation is kept in Codex's history."
            .to_owned(),
        remedy: "Close this tab and open a session with another profile.".to_owned(),
        details: None,
    })?;
    if !std::path::Path::new(at.folder()).is_dir() {
        return Err(Problem {
            what: format!("The folder {} does not exist.", at.folder()),
            meaning: "The agent would have nowhere to work.".to_owned(),
            remedy: "Bring the folder back, then try again. Or close this tab.".to_owned(),
            details: None,
        });
    }
    let engine = at.engine(profile.clone()).await?;
    let config = super::config(&profile, at.folder());
    let resume = at.thread();
    let session = match &resume {
        Some(thread) => engine.client.resume_session(thread, config).await,
        None => engine.client.start_session(config).await,
    };
    let session = session.map_err(|error| problems::open(&error, resume.is_some()))?;
    // Before the page is asked for: what happens meanwhile comes after it, and nothing is missed.
    let events = session.subscribe();
    let page = match resume {
        Some(_) => session
            .history(None, PAGE)
            .await
            .map_err(|error| problems::open(&error, true))?,
        None => FirstPage::default(),
    };
    let live = Live {
        session,
        events,
        _engine: engine,
    };
    Ok((live, page))
}
