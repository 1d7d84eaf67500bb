//! Things worth saying that belong to no turn.

use std::sync::{Mutex, PoisonError};

use countersign_contract::{Notice, NoticeLevel, Problem, SessionId};

use crate::clock::now_ms;

/// How many are kept. A flood must not grow without bound; the oldest go first.
const KEPT: usize = 50;

/// The notices that nobody dismissed yet.
#[derive(Debug, Default)]
pub struct Notices {
    list: Mutex<Vec<Notice>>,
}

impl Notices {
    /// All of them, oldest first.
    pub fn list(&self) -> Vec<Notice> {
        self.lock().clone()
    }

    /// Adds one, unless the newest about the same session says the same.
    pub fn raise(
        &self,
        level: NoticeLevel,
        session: Option<SessionId>,
        problem: Problem,
    ) -> Vec<Notice> {
        let mut list = self.lock();
        let said = list.iter().rev().find(|notice| notice.session == session);
        if said.is_none_or(|said| said.problem != problem) {
            if list.len() == KEPT {
                list.remove(0);
            }
            list.push(Notice {
                id: uuid::Uuid::new_v4().to_string(),
                level,
                session,
                problem,
                at: now_ms(),
            });
        }
        list.clone()
    }

    /// Takes one away; false when it is not there.
    pub fn dismiss(&self, id: &str) -> bool {
        let mut list = self.lock();
        let before = list.len();
        list.retain(|notice| notice.id != id);
        list.len() < before
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Notice>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
