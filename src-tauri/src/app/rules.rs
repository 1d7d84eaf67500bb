//! What a person does with rules.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_contract::{
    ApprovalId, CodexRule, CommandError, LedgerQuery, ProfileId, Rule, RuleBook, RuleId,
    RuleOrigin, RulePreview, RuleSettings, RulesImported,
};
use countersign_runtime::event::ThreadId;

use super::{App, Inner, lock, title};
use crate::error;
use crate::home::home;
use crate::rules::{self, Ground, LOOKED_AT, Whence};
use crate::tell::Said;

/// How long a change of the rules may wait to be told.
const TOLD_WITHIN: Duration = Duration::from_millis(200);

impl App {
    /// All rules. Reads Codex's own from disk.
    pub fn rule_book(&self) -> RuleBook {
        RuleBook {
            rules: self.inner.rules.list(),
            codex: rules::codex::of_profiles(
                &self.inner.profiles.list(),
                &self.inner.engines.demo_home(),
            ),
        }
    }

    /// Rules that would have answered an open question.
    ///
    /// # Errors
    /// It is not open any more.
    pub fn suggest_rules(&self, id: &ApprovalId) -> Result<Vec<RuleSettings>, CommandError> {
        let approval = self
            .inner
            .desk
            .get(id)
            .ok_or_else(|| error::not_found("The question"))?;
        let home = home();
        let ground = Ground::here(home.as_deref());
        Ok(rules::suggest(
            &rules::Asked::of_approval(&approval),
            ground,
        ))
    }

    /// What a rule would have answered of what the ledger has.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn preview_rule(&self, settings: &RuleSettings) -> Result<RulePreview, CommandError> {
        let newest = u32::try_from(LOOKED_AT).unwrap_or(u32::MAX);
        let entries = self.inner.ledger.recent(newest, &LedgerQuery::default())?;
        let home = home();
        let ground = Ground::here(home.as_deref());
        let now = jiff::Zoned::now();
        Ok(rules::preview(settings, entries, self, &now, ground))
    }

    /// Makes a rule.
    ///
    /// # Errors
    /// It cannot be made as it is (`invalid`, with the field), or not be kept.
    pub fn create_rule(
        &self,
        settings: RuleSettings,
        origin: RuleOrigin,
    ) -> Result<Rule, CommandError> {
        self.changing_rules(|rules| rules.create(settings, origin))
    }

    /// Changes a rule.
    ///
    /// # Errors
    /// As making one; or there is no such rule.
    pub fn update_rule(&self, id: &RuleId, settings: RuleSettings) -> Result<Rule, CommandError> {
        self.changing_rules(|rules| rules.update(id, settings))
    }

    /// Takes a rule away.
    ///
    /// # Errors
    /// There is no such rule, or the change cannot be kept.
    pub fn delete_rule(&self, id: &RuleId) -> Result<(), CommandError> {
        self.changing_rules(|rules| rules.delete(id)).map(drop)
    }

    /// Brings a rule back as it was.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn restore_rule(&self, rule: Rule) -> Result<(), CommandError> {
        self.changing_rules(|rules| rules.restore(rule))
    }

    /// Reads rules from a file.
    ///
    /// # Errors
    /// The file cannot be read, is no file of rules, or the rules cannot be kept.
    pub fn import_rules(&self, file: &Path) -> Result<RulesImported, CommandError> {
        let text = std::fs::read_to_string(file).map_err(|why| {
            error::not_possible(
                format!("The file {} cannot be read.", file.display()),
                format!("The system says: {why}"),
            )
        })?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        self.changing_rules(|rules| rules.import(&text, &name, self))
    }

    /// Writes the rules into a file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn export_rules(&self, file: &Path) -> Result<(), CommandError> {
        std::fs::write(file, self.inner.rules.export()).map_err(|why| {
            error::not_possible(
                format!("The file {} cannot be written.", file.display()),
                format!("The system says: {why}"),
            )
        })
    }

    /// Takes a rule out of Codex's own.
    ///
    /// # Errors
    /// It is not there any more, or the file cannot be written.
    pub fn delete_codex_rule(
        &self,
        profile: &ProfileId,
        rule: &CodexRule,
    ) -> Result<(), CommandError> {
        rules::codex::remove(&self.codex_home(profile)?, rule)?;
        self.rules_changed();
        Ok(())
    }

    /// Puts a rule back into Codex's own.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn restore_codex_rule(
        &self,
        profile: &ProfileId,
        rule: &CodexRule,
    ) -> Result<(), CommandError> {
        rules::codex::restore(&self.codex_home(profile)?, rule)?;
        self.rules_changed();
        Ok(())
    }

    fn codex_home(&self, profile: &ProfileId) -> Result<std::path::PathBuf, CommandError> {
        self.inner
            .profiles
            .get(profile)
            .and_then(|profile| rules::codex::home_of(&profile, &self.inner.engines.demo_home()))
            .ok_or_else(|| error::not_found("The profile"))
    }

    fn changing_rules<T>(
        &self,
        change: impl FnOnce(&rules::RuleStore) -> Result<T, CommandError>,
    ) -> Result<T, CommandError> {
        let changed = change(&self.inner.rules)?;
        self.rules_changed();
        Ok(changed)
    }

    /// Tells the windows, soon: rules that answer in a burst are told once, and Codex's own are read from disk.
    pub(super) fn rules_changed(&self) {
        if self.inner.rules_due.swap(true, Ordering::Relaxed) {
            return;
        }
        let app = self.clone();
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep(TOLD_WITHIN).await;
            app.inner.rules_due.store(false, Ordering::Relaxed);
            let told = move || (app.inner.tell)(Said::Rules(app.rule_book()));
            if let Err(error) = tokio::task::spawn_blocking(told).await {
                tracing::error!(%error, "the rules could not be told");
            }
        });
    }

    /// A rule in a few words.
    pub(super) fn rule_name(&self, id: &RuleId) -> String {
        let rule = self.inner.rules.get(id);
        rule.map_or_else(
            || "a rule that is gone".to_owned(),
            |rule| rules::name(&rule.settings),
        )
    }
}

impl rules::Names for App {
    fn session(&self, id: &str) -> Option<String> {
        Some(title(&self.tab(id)?))
    }

    fn profile(&self, id: &str) -> Option<String> {
        Some(self.inner.profiles.get(id)?.settings.name)
    }
}

impl Inner {
    /// Whose a thread is.
    pub(super) fn whence(self: &Arc<Self>, thread: &ThreadId) -> Option<Whence> {
        let session = lock(&self.threads).get(thread).cloned()?;
        let tabs = self.tabs.read().tabs;
        let tab = tabs.into_iter().find(|tab| tab.id == session)?;
        Some(Whence {
            session,
            profile: tab.profile,
            folder: tab.folder.into(),
        })
    }
}
