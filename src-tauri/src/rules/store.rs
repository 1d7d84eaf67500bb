//! The person's rules, kept: `rules.json`.
//!
//! How often a rule answered is counted in memory and written behind, so that a burst of answers costs one write.
//! What is not written when the process is killed is a few seconds of counting, never a rule.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_contract::{CommandError, Millis, Problem, Rule, RuleId, RuleOrigin, RuleSettings};
use serde::{Deserialize, Serialize};
use tauri::{AppHandle, Runtime};

use super::settings::{tidy, validate};
use crate::clock::now_ms;
use crate::error;
use crate::storage::{Document, StorageError, Stored};

/// How long counts wait to be written.
const WRITTEN_WITHIN: Duration = Duration::from_secs(3);

/// What `rules.json` holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleList {
    /// Newest first.
    pub rules: Vec<Rule>,
}

impl Stored for RuleList {
    const NAME: &'static str = "rules";
    const WHAT: &'static str = "rules";
    const VERSION: u64 = 1;

    fn check(&self) -> Result<(), String> {
        let ids: BTreeSet<_> = self.rules.iter().map(|rule| &rule.id).collect();
        if ids.len() != self.rules.len() {
            return Err("two rules have the same id".to_owned());
        }
        Ok(())
    }
}

/// The rules. Clones are the same ones. Every change is on disk when it returns, counts aside; see
/// [`Document::update`].
#[derive(Debug, Clone)]
pub struct RuleStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    document: Document<RuleList>,
    counts: Mutex<Counts>,
}

/// What was counted and is not written.
#[derive(Debug, Default)]
struct Counts {
    uses: HashMap<RuleId, (u32, Millis)>,
    /// A task will write them.
    is_due: bool,
}

impl RuleStore {
    /// Opens `rules.json` in the app's data folder. See [`Document::open`] for the problems.
    pub fn open<R: Runtime>(app: &AppHandle<R>, folder: &Path) -> (Self, Vec<Problem>) {
        let (document, problems) = Document::open(app, folder, RuleList::default);
        let inner = Arc::new(Inner {
            document,
            counts: Mutex::default(),
        });
        (Self { inner }, problems)
    }

    /// All of them, newest first, with the newest counts.
    pub fn list(&self) -> Vec<Rule> {
        // Taken first: a write in between moves counts from here to there.
        let counts = self.counts();
        let mut list = self.inner.document.read();
        count(&mut list, &counts.uses);
        list.rules
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Option<Rule> {
        self.list().into_iter().find(|rule| rule.id == id)
    }

    /// Makes a rule.
    ///
    /// # Errors
    /// A field cannot be used (`invalid`, with the field), or it could not be kept.
    pub fn create(&self, settings: RuleSettings, origin: RuleOrigin) -> Result<Rule, CommandError> {
        let rule = new(settings, origin);
        validate(&rule.settings)?;
        self.inner.document.update(|list| {
            list.rules.insert(0, rule.clone());
            Ok(rule)
        })
    }

    /// Makes many rules that were read from a file, in their order: all of them or none.
    ///
    /// # Errors
    /// They could not be kept.
    pub(super) fn add(&self, rules: Vec<RuleSettings>, file: &str) -> Result<(), CommandError> {
        if rules.is_empty() {
            return Ok(());
        }
        self.inner.document.update(|list| {
            let made = rules.into_iter().map(|settings| {
                let file = file.to_owned();
                new(settings, RuleOrigin::Import { file })
            });
            list.rules.splice(0..0, made.collect::<Vec<_>>());
            Ok(())
        })
    }

    /// Changes a rule.
    ///
    /// # Errors
    /// There is no such rule, a field cannot be used, or the change could not be kept.
    pub fn update(&self, id: &str, settings: RuleSettings) -> Result<Rule, CommandError> {
        let settings = tidy(settings);
        validate(&settings)?;
        self.inner.document.update(|list| {
            let index = list.index(id)?;
            list.rules[index].settings = settings;
            Ok(list.rules[index].clone())
        })
    }

    /// Takes a rule away and returns it, to be restored.
    ///
    /// # Errors
    /// There is no such rule, or the change could not be kept.
    pub fn delete(&self, id: &str) -> Result<Rule, CommandError> {
        self.flush()?;
        self.inner.document.update(|list| {
            let index = list.index(id)?;
            Ok(list.rules.remove(index))
        })
    }

    /// Brings a rule back as it was: one that was taken away to its place, one that was changed in its place.
    ///
    /// # Errors
    /// A field cannot be used, or the change could not be kept.
    pub fn restore(&self, rule: Rule) -> Result<(), CommandError> {
        validate(&rule.settings)?;
        if rule.id.is_empty() {
            return Err(error::not_found("The rule"));
        }
        self.inner.document.update(|list| {
            match list.rules.iter_mut().find(|kept| kept.id == rule.id) {
                // It may have answered since.
                Some(kept) => kept.settings = rule.settings,
                None => {
                    let older = |kept: &Rule| kept.created_at <= rule.created_at;
                    let index = list.rules.iter().position(older);
                    list.rules.insert(index.unwrap_or(list.rules.len()), rule);
                }
            }
            Ok(())
        })
    }

    /// A rule answered. Does not wait for the disk: the count is written within a few seconds, or by [`flush`].
    ///
    /// [`flush`]: Self::flush
    pub fn used(&self, id: &RuleId) {
        let mut counts = self.counts();
        let (uses, last) = counts.uses.entry(id.clone()).or_default();
        *uses = uses.saturating_add(1);
        *last = now_ms();
        // Outside a runtime the next flush writes it.
        if let (false, Ok(runtime)) = (counts.is_due, tokio::runtime::Handle::try_current()) {
            counts.is_due = true;
            let inner = Arc::downgrade(&self.inner);
            runtime.spawn(async move {
                tokio::time::sleep(WRITTEN_WITHIN).await;
                let write = move || inner.upgrade().map(|inner| Self { inner }.flush());
                if let Ok(Some(Err(error))) = tokio::task::spawn_blocking(write).await {
                    tracing::warn!(%error, "how often rules answered was not written");
                }
            });
        }
    }

    /// Writes what was counted. What cannot be written is kept for the next time.
    ///
    /// # Errors
    /// It could not be written.
    pub fn flush(&self) -> Result<(), StorageError> {
        let mut counts = self.counts();
        counts.is_due = false;
        if counts.uses.is_empty() {
            return Ok(());
        }
        self.inner.document.update(|list| {
            count(list, &counts.uses);
            Ok::<_, StorageError>(())
        })?;
        counts.uses.clear();
        Ok(())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        let counts = self.inner.counts.lock();
        counts.unwrap_or_else(PoisonError::into_inner)
    }
}

fn new(settings: RuleSettings, origin: RuleOrigin) -> Rule {
    Rule {
        id: uuid::Uuid::new_v4().to_string(),
        origin,
        created_at: now_ms(),
        last_used: None,
        uses: 0,
        settings: tidy(settings),
    }
}

fn count(list: &mut RuleList, uses: &HashMap<RuleId, (u32, Millis)>) {
    for rule in &mut list.rules {
        if let Some((more, last)) = uses.get(&rule.id) {
            rule.uses = rule.uses.saturating_add(*more);
            rule.last_used = rule.last_used.max(Some(*last));
        }
    }
}

impl RuleList {
    fn index(&self, id: &str) -> Result<usize, CommandError> {
        self.rules
            .iter()
            .position(|rule| rule.id == id)
            .ok_or_else(|| error::not_found("The rule"))
    }
}
