//! The app's state and what can be done with it; the commands are thin over this.
//!
//! This file is sessions, profiles and settings; `questions` is how a question comes, is answered and goes, and
//! `rules` and `ledger` are what a person does with those.
//! Rust owns the truth and windows mirror it: every change ends in an event. Deliberately not here: Tauri's
//! windows and menus (lib.rs), drawing, and the protocol.

mod ledger;
mod questions;
mod rules;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use countersign_contract::{
    AppState, CommandError, NoticeLevel, Problem, Profile, ProfileId, ProfileSettings, SessionId,
    SessionList, Settings,
};
use countersign_runtime::event::{ThreadId, TurnId};
use countersign_runtime::hooks::{AskPerson, HookSet};
use countersign_runtime::item::Item;

use crate::cli::Wish;
use crate::codex::Locator;
use crate::desk::Desk;
use crate::dialogs::{Dialogs, Prompter};
use crate::engines::{Engine, Engines};
use crate::home::home;
use crate::ledger::Ledger;
use crate::notices::Notices;
use crate::outside::{Herald, Outside};
use crate::rules::{RuleStore, RulesHook};
use crate::session::{self, Around, EngineFuture, Handle, Updates};
use crate::storage::{Preferences, Profiles, Tab, TabList, Tabs};
use crate::tell::{Said, Tell};
use crate::{error, problems};

/// How long quitting waits for app-servers to end in order, before they are killed.
const QUIT: Duration = Duration::from_secs(4);

/// How often the time of day is looked at. Shorter than a minute, so that none is missed.
const CLOCK: Duration = Duration::from_secs(20);
/// How often the ledger is rid of what is too old.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What the app keeps on disk, opened.
pub struct Kept {
    /// The profiles.
    pub profiles: Profiles,
    /// The open tabs.
    pub tabs: Tabs,
    /// The settings.
    pub preferences: Preferences,
    /// The rules.
    pub rules: RuleStore,
    /// The ledger.
    pub ledger: Ledger,
    /// What went wrong while opening them.
    pub problems: Vec<Problem>,
}

/// The app. Clones are the same one.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    profiles: Profiles,
    tabs: Tabs,
    preferences: Preferences,
    rules: RuleStore,
    /// A change of the rules will be told.
    rules_due: AtomicBool,
    ledger: Ledger,
    engines: Engines,
    desk: Desk,
    dialogs: Dialogs,
    outside: Outside,
    notices: Notices,
    tell: Tell,
    sessions: Mutex<HashMap<SessionId, Handle>>,
    threads: Mutex<HashMap<ThreadId, SessionId>>,
    /// The session that the window watches.
    watched: Mutex<Option<SessionId>>,
    /// What the window was last told of the tabs.
    told: Mutex<Option<SessionList>>,
}

impl App {
    /// Puts the app together and brings the kept tabs up again. `data` is the app's data folder.
    pub fn new(
        kept: Kept,
        locator: Arc<Locator>,
        data: &Path,
        prompter: impl Prompter + 'static,
        herald: impl Herald + 'static,
        tell: Tell,
    ) -> Self {
        let inner = Arc::new_cyclic(|this: &Weak<Inner>| {
            let answered = this.clone();
            let dialogs = Dialogs::new(prompter, move |id, answer| {
                if let Some(inner) = answered.upgrade() {
                    App { inner }.answered_in_dialog(id, answer);
                }
            });
            let asking = this.clone();
            let by_rules = RulesHook::new(kept.rules.clone(), move |thread| {
                asking.upgrade()?.whence(thread)
            });
            // The person comes last.
            let hooks = HookSet::default().with(by_rules).with(AskPerson);
            let clicked = this.clone();
            let outside = Outside::new(herald, move |oldest| {
                if let Some(inner) = clicked.upgrade() {
                    App { inner }.show(oldest);
                }
            });
            Inner {
                profiles: kept.profiles,
                tabs: kept.tabs,
                preferences: kept.preferences,
                rules: kept.rules,
                rules_due: AtomicBool::new(false),
                ledger: kept.ledger,
                engines: Engines::new(locator, data, hooks),
                desk: Desk::default(),
                dialogs,
                outside,
                notices: Notices::default(),
                tell,
                sessions: Mutex::default(),
                threads: Mutex::default(),
                watched: Mutex::default(),
                told: Mutex::default(),
            }
        });
        let app = Self { inner };
        for problem in kept.problems {
            app.notice(NoticeLevel::Warning, None, problem);
        }
        for tab in app.inner.tabs.read().tabs {
            app.bring_up(&tab);
        }
        let telling = Arc::downgrade(&app.inner);
        app.inner.ledger.listen(move |happened| {
            if let Some(inner) = telling.upgrade() {
                App { inner }.ledger_said(happened);
            }
        });
        app.mind_quiet_hours();
        tauri::async_runtime::spawn(keep_time(Arc::downgrade(&app.inner)));
        app
    }

    /// Everything that a window needs to draw itself.
    pub fn read(&self) -> AppState {
        AppState {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            sessions: self.sessions(),
            approvals: self.inner.desk.open(),
            profiles: self.inner.profiles.list(),
            notices: self.inner.notices.list(),
            settings: self.inner.preferences.read(),
            home: home()
                .map(|home| home.to_string_lossy().into_owned())
                .unwrap_or_default(),
        }
    }

    /// Opens a tab with a new thread.
    pub fn open_session(
        &self,
        profile: &ProfileId,
        folder: &str,
    ) -> Result<SessionId, CommandError> {
        if self.inner.profiles.get(profile).is_none() {
            return Err(error::invalid(
                "profile",
                "This profile does not exist any more.",
                "Choose another one.",
            ));
        }
        let folder = checked_folder(folder)?;
        let tab = Tab {
            id: uuid::Uuid::new_v4().to_string(),
            title: None,
            profile: profile.clone(),
            folder,
            thread: None,
            draft: String::new(),
        };
        self.inner.tabs.add(tab.clone())?;
        self.bring_up(&tab);
        self.sessions_changed();
        Ok(tab.id)
    }

    /// Opens what somebody asked for from a terminal. What cannot be is said as a notice.
    pub fn grant(&self, wish: &Wish) {
        let profiles = self.inner.profiles.list();
        let profile = match &wish.profile {
            Some(name) => profiles
                .iter()
                .find(|profile| profile.settings.name.eq_ignore_ascii_case(name)),
            None => self
                .last_profile()
                .and_then(|id| profiles.iter().find(|profile| profile.id == id))
                .or_else(|| {
                    profiles
                        .iter()
                        .find(|profile| profile.origin == countersign_contract::ProfileOrigin::User)
                        .or(profiles.first())
                }),
        };
        let opened = match profile {
            Some(profile) => self
                .open_session(&profile.id, &wish.folder.to_string_lossy())
                .map(drop),
            None => Err(error::invalid(
                "profile",
                format!(
                    "There is no profile named “{}”.",
                    wish.profile.as_deref().unwrap_or_default()
                ),
                "Call countersign again with the name of a profile that exists, or make one.",
            )),
        };
        if let Err(error) = opened {
            self.notice(NoticeLevel::Error, None, error.problem);
        }
    }

    fn last_profile(&self) -> Option<ProfileId> {
        let TabList { tabs, active } = self.inner.tabs.read();
        let active = active?;
        tabs.into_iter()
            .find(|tab| tab.id == active)
            .map(|tab| tab.profile)
    }

    /// Brings a tab to the front.
    pub fn activate(&self, id: &SessionId) -> Result<(), CommandError> {
        self.inner.tabs.activate(id)?;
        self.session(id)?.seen();
        self.sessions_changed();
        Ok(())
    }

    /// Gives a tab a title; an empty one brings back the folder's name.
    pub fn rename(&self, id: &SessionId, title: &str) -> Result<(), CommandError> {
        let title = Some(title.trim().to_owned()).filter(|title| !title.is_empty());
        self.inner.tabs.update(id, |tab| tab.title = title)?;
        self.sessions_changed();
        Ok(())
    }

    /// Moves a tab.
    pub fn move_session(&self, id: &SessionId, to: usize) -> Result<(), CommandError> {
        self.inner.tabs.reorder(id, to)?;
        self.sessions_changed();
        Ok(())
    }

    /// Closes a tab. Its thread stays in Codex's history.
    pub async fn close_session(&self, id: &SessionId) -> Result<(), CommandError> {
        let session = self.session(id)?;
        self.inner.tabs.remove(id)?;
        lock(&self.inner.sessions).remove(id);
        self.sessions_changed();
        session.leave().await;
        lock(&self.inner.threads).retain(|_, session| session != id);
        Ok(())
    }

    /// Keeps what the person typed and did not send.
    pub fn draft(&self, id: &SessionId, text: String) -> Result<(), CommandError> {
        self.inner.tabs.update(id, |tab| tab.draft = text)
    }

    /// Watches a session; the window's earlier watch ends.
    pub fn watch(&self, id: &SessionId, updates: Updates) -> Result<(), CommandError> {
        let session = self.session(id)?;
        let before = lock(&self.inner.watched).replace(id.clone());
        if let Some(before) = before.filter(|before| before != id)
            && let Ok(before) = self.session(&before)
        {
            before.unwatch();
        }
        session.watch(updates);
        Ok(())
    }

    /// A session that is open.
    pub fn session(&self, id: &SessionId) -> Result<Handle, CommandError> {
        lock(&self.inner.sessions)
            .get(id)
            .cloned()
            .ok_or_else(|| error::not_found("The session"))
    }

    /// Makes a profile.
    pub fn create_profile(&self, settings: ProfileSettings) -> Result<Profile, CommandError> {
        let profile = self.inner.profiles.create(settings)?;
        self.profiles_changed();
        Ok(profile)
    }

    /// Copies a profile.
    pub fn duplicate_profile(&self, id: &ProfileId) -> Result<Profile, CommandError> {
        let profile = self.inner.profiles.duplicate(id)?;
        self.profiles_changed();
        Ok(profile)
    }

    /// Changes a profile.
    pub fn update_profile(
        &self,
        id: &ProfileId,
        settings: ProfileSettings,
    ) -> Result<Profile, CommandError> {
        let profile = self.inner.profiles.update(id, settings)?;
        self.profiles_changed();
        Ok(profile)
    }

    /// Deletes a profile that no open session uses.
    pub fn delete_profile(&self, id: &ProfileId) -> Result<(), CommandError> {
        let tabs = self.inner.tabs.read().tabs;
        let used_by: Vec<String> = tabs
            .iter()
            .filter(|tab| tab.profile == *id)
            .map(title)
            .collect();
        self.inner.profiles.delete(id, &used_by)?;
        self.profiles_changed();
        Ok(())
    }

    /// Changes the settings.
    pub fn update_settings(&self, settings: Settings) -> Result<(), CommandError> {
        self.inner.preferences.replace(settings)?;
        (self.inner.tell)(Said::Settings(self.inner.preferences.read()));
        self.mind_quiet_hours();
        self.mind_retention();
        Ok(())
    }

    /// Takes a notice away.
    pub fn dismiss(&self, id: &str) -> Result<(), CommandError> {
        if !self.inner.notices.dismiss(id) {
            return Err(error::not_found("The notice"));
        }
        (self.inner.tell)(Said::Notices(self.inner.notices.list()));
        Ok(())
    }

    /// Says something that belongs to no turn.
    pub fn notice(&self, level: NoticeLevel, session: Option<SessionId>, problem: Problem) {
        let list = self.inner.notices.raise(level, session, problem);
        (self.inner.tell)(Said::Notices(list));
    }

    /// The main window got or lost the keyboard focus.
    pub fn window_focused(&self, focused: bool) {
        self.inner.dialogs.window_focused(focused);
        self.inner.outside.window_focused(focused);
    }

    /// Stops what runs and ends every app-server. Bounded: what does not end in time is killed.
    pub async fn quit(&self) {
        let sessions: Vec<Handle> = lock(&self.inner.sessions)
            .drain()
            .map(|(_, session)| session)
            .collect();
        let engines = self.inner.engines.running();
        let leaving: Vec<_> = sessions
            .into_iter()
            .map(|session| tauri::async_runtime::spawn(async move { session.leave().await }))
            .collect();
        let left = async {
            for session in leaving {
                let _ = session.await;
            }
        };
        let _ = tokio::time::timeout(QUIT / 2, left).await;
        let ended = async {
            for engine in &engines {
                engine.client.shutdown().await;
            }
        };
        if tokio::time::timeout(QUIT / 2, ended).await.is_err() {
            tracing::warn!("an app-server did not end in time");
        }
        if let Err(error) = self.inner.rules.flush() {
            tracing::warn!(%error, "how often rules were used is not kept");
        }
        let lost = self.inner.ledger.flush(QUIT / 2);
        if lost > 0 {
            tracing::warn!(lost, "questions are not in the ledger");
        }
    }

    fn bring_up(&self, tab: &Tab) {
        let handle = session::open(Place {
            app: Arc::downgrade(&self.inner),
            id: tab.id.clone(),
            folder: tab.folder.clone(),
            profile: tab.profile.clone(),
        });
        lock(&self.inner.sessions).insert(tab.id.clone(), handle);
    }

    fn tab(&self, id: &str) -> Option<Tab> {
        self.inner
            .tabs
            .read()
            .tabs
            .into_iter()
            .find(|tab| tab.id == id)
    }

    fn owns_thread(&self, id: &SessionId, thread: &ThreadId, on_disk: bool) {
        lock(&self.inner.threads).insert(Arc::clone(thread), id.clone());
        if on_disk
            && self
                .tab(id)
                .is_some_and(|tab| tab.thread.as_deref() != Some(thread))
        {
            let kept = self
                .inner
                .tabs
                .update(id, |tab| tab.thread = Some(thread.to_string()));
            if let Err(error) = kept {
                self.notice(NoticeLevel::Error, Some(id.clone()), error.problem);
            }
        }
    }

    async fn engine(&self, profile: &Profile) -> Result<Arc<Engine>, Problem> {
        self.inner
            .engines
            .for_profile(profile, |engine| {
                tokio::spawn(
                    self.clone()
                        .hear(engine.number, engine.client.approvals().clone()),
                );
            })
            .await
    }

    fn sessions(&self) -> SessionList {
        let TabList { tabs, active } = self.inner.tabs.read();
        let sessions = lock(&self.inner.sessions);
        let sessions = tabs
            .into_iter()
            .map(|tab| {
                let face = sessions.get(&tab.id).map(Handle::face).unwrap_or_default();
                countersign_contract::Session {
                    title: title(&tab),
                    id: tab.id,
                    profile: tab.profile,
                    folder: tab.folder,
                    draft: tab.draft,
                    state: face.state,
                    unread: face.unread,
                    waiting: face.waiting,
                    model: face.model,
                    policy: face.policy,
                    policy_warning: face.policy_warning,
                    problem: face.problem,
                    running_since: face.running_since,
                    context: face.context,
                }
            })
            .collect();
        SessionList { sessions, active }
    }

    fn sessions_changed(&self) {
        // Held while telling, so that an older list never follows a newer one.
        let mut told = lock(&self.inner.told);
        let list = self.sessions();
        if told.as_ref() != Some(&list) {
            (self.inner.tell)(Said::Sessions(list.clone()));
            *told = Some(list);
        }
    }

    fn profiles_changed(&self) {
        (self.inner.tell)(Said::Profiles(self.inner.profiles.list()));
    }
}

/// Does what is due at a time of day, while the app lives.
async fn keep_time(app: Weak<Inner>) {
    let mut minutes = tokio::time::interval(CLOCK);
    minutes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut retained = None::<tokio::time::Instant>;
    loop {
        let now = minutes.tick().await;
        let Some(inner) = app.upgrade() else {
            return;
        };
        let app = App { inner };
        app.mind_quiet_hours();
        if retained.is_none_or(|last| now - last >= DAY) {
            retained = Some(now);
            app.mind_retention();
        }
    }
}

/// A session's place in the app.
struct Place {
    app: Weak<Inner>,
    id: SessionId,
    folder: String,
    profile: ProfileId,
}

impl Place {
    fn app(&self) -> Option<App> {
        Some(App {
            inner: self.app.upgrade()?,
        })
    }
}

impl Around for Place {
    fn id(&self) -> &SessionId {
        &self.id
    }

    fn folder(&self) -> &str {
        &self.folder
    }

    fn profile(&self) -> Option<Profile> {
        self.app()?.inner.profiles.get(&self.profile)
    }

    fn thread(&self) -> Option<String> {
        self.app()?.tab(&self.id)?.thread
    }

    fn engine(&self, profile: Profile) -> EngineFuture {
        let app = self.app();
        Box::pin(async move {
            match app {
                Some(app) => app.engine(&profile).await,
                // The app is quitting: nobody is left to be told.
                None => Err(problems::gave_up(None, None)),
            }
        })
    }

    fn is_in_front(&self) -> bool {
        self.app()
            .is_some_and(|app| app.inner.tabs.read().active.as_ref() == Some(&self.id))
    }

    fn changed(&self) {
        if let Some(app) = self.app() {
            app.sessions_changed();
        }
    }

    fn item_ended(&self, thread: &ThreadId, turn: &TurnId, item: &Item) {
        if let Some(app) = self.app() {
            app.record_result(&self.id, thread, turn, item);
        }
    }

    fn owns(&self, thread: &ThreadId, to_resume: bool) {
        if let Some(app) = self.app() {
            app.owns_thread(&self.id, thread, to_resume);
        }
    }
}

/// The person's title, else the folder's name.
fn title(tab: &Tab) -> String {
    let folder = || {
        let name = Path::new(&tab.folder)
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| tab.folder.clone())
    };
    let title = tab.title.clone().unwrap_or_else(folder);
    countersign_markup::visible_line(&title).into_owned()
}

fn checked_folder(folder: &str) -> Result<String, CommandError> {
    let folder = folder.trim();
    if folder.is_empty() {
        return Err(error::invalid(
            "folder",
            "No folder is given.",
            "Type the path of a folder, or choose one.",
        ));
    }
    let path = match (folder.strip_prefix("~"), home()) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with(['/', '\\']) => {
            home.join(rest.trim_start_matches(['/', '\\']))
        }
        _ => PathBuf::from(folder),
    };
    if !path.is_absolute() {
        return Err(error::invalid(
            "folder",
            "The path is not absolute.",
            "Begin it with / or ~.",
        ));
    }
    if !path.is_dir() {
        return Err(error::invalid(
            "folder",
            format!("There is no folder {}.", path.display()),
            "Check the path, or make the folder first.",
        ));
    }
    Ok(path.to_string_lossy().into_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
