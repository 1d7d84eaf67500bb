//! The open tabs: `tabs.json`. What it takes to bring every session back after a start.
//!
//! Deliberately not here: what a session is doing, and its transcript.

use std::{collections::BTreeSet, path::Path};

use countersign_contract::{CommandError, Problem, ProfileId, SessionId};
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Runtime};

use super::{Document, Stored};
use crate::error;

/// One tab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tab {
    /// Its session's id.
    pub id: SessionId,
    /// The title that the person gave. `None`: the folder's name is shown.
    pub title: Option<String>,
    /// The profile that it runs under.
    pub profile: ProfileId,
    /// The folder that the agent works in, absolute.
    pub folder: String,
    /// Codex's id of the thread, once there is one.
    pub thread: Option<String>,
    /// Text that the person typed and did not send.
    pub draft: String,
}

/// The tabs in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TabList {
    /// In tab order.
    pub tabs: Vec<Tab>,
    /// The tab in front. `None` only when there is no tab.
    pub active: Option<SessionId>,
}

impl Stored for TabList {
    const NAME: &'static str = "tabs";
    const WHAT: &'static str = "open tabs";
    const VERSION: u64 = 1;

    fn check(&self) -> Result<(), String> {
        let ids: BTreeSet<_> = self.tabs.iter().map(|tab| &tab.id).collect();
        if ids.len() != self.tabs.len() {
            return Err("two tabs have the same id".to_owned());
        }
        match &self.active {
            Some(active) if !ids.contains(active) => {
                Err("the tab in front is not there".to_owned())
            }
            None if !ids.is_empty() => Err("no tab is in front".to_owned()),
            _ => Ok(()),
        }
    }
}

/// The open tabs, kept. Every change is on disk when it returns; see [`Document::update`] for what
/// that costs: a draft is worth a change per pause in typing, not per key.
#[derive(Debug)]
pub struct Tabs {
    document: Document<TabList>,
}

impl Tabs {
    /// Opens `tabs.json` in the app's data folder. See [`Document::open`] for the problems.
    pub fn open<R: Runtime>(app: &AppHandle<R>, folder: &Path) -> (Self, Vec<Problem>) {
        let (document, problems) = Document::open(app, folder, TabList::default);
        (Self { document }, problems)
    }

    /// The tabs as they are now.
    pub fn read(&self) -> TabList {
        self.document.read()
    }

    /// Adds a tab at the end and brings it to the front.
    ///
    /// # Errors
    /// It could not be kept.
    pub fn add(&self, tab: Tab) -> Result<(), CommandError> {
        self.document.update(|list| {
            list.active = Some(tab.id.clone());
            list.tabs.retain(|other| other.id != tab.id);
            list.tabs.push(tab);
            Ok(())
        })
    }

    /// Changes a tab. Its id stays what it is.
    ///
    /// # Errors
    /// There is no such tab, or it could not be kept.
    pub fn update(&self, id: &str, change: impl FnOnce(&mut Tab)) -> Result<(), CommandError> {
        self.document.update(|list| {
            let index = list.index(id)?;
            if let Some(tab) = list.tabs.get_mut(index) {
                change(tab);
                id.clone_into(&mut tab.id);
            }
            Ok(())
        })
    }

    /// Removes a tab. If it was in front, the next one comes to the front, else the one before.
    ///
    /// # Errors
    /// There is no such tab, or the change could not be kept.
    pub fn remove(&self, id: &str) -> Result<(), CommandError> {
        self.document.update(|list| {
            let index = list.index(id)?;
            list.tabs.remove(index);
            if list.active.as_deref() == Some(id) {
                let neighbour = list.tabs.get(index).or(list.tabs.last());
                list.active = neighbour.map(|tab| tab.id.clone());
            }
            Ok(())
        })
    }

    /// Moves a tab to an index in the order; beyond the end means the end.
    ///
    /// # Errors
    /// There is no such tab, or the change could not be kept.
    pub fn reorder(&self, id: &str, to: usize) -> Result<(), CommandError> {
        self.document.update(|list| {
            let index = list.index(id)?;
            let tab = list.tabs.remove(index);
            let to = to.min(list.tabs.len());
            list.tabs.insert(to, tab);
            Ok(())
        })
    }

    /// Brings a tab to the front.
    ///
    /// # Errors
    /// There is no such tab, or the change could not be kept.
    pub fn activate(&self, id: &str) -> Result<(), CommandError> {
        self.document.update(|list| {
            list.index(id)?;
            list.active = Some(id.to_owned());
            Ok(())
        })
    }
}

impl TabList {
    fn index(&self, id: &str) -> Result<usize, CommandError> {
        self.tabs
            .iter()
            .position(|tab| tab.id == id)
            .ok_or_else(|| error::not_found("The session"))
    }
}
