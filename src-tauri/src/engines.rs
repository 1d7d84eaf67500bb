//! App-servers: one for each codex, CODEX_HOME and environment, shared by the sessions that want it.
//!
//! A session holds its engine; when the last one lets go, the app-server ends. Two accounts side by
//! side are two profiles with two homes, and so two engines.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use countersign_contract::{Problem, Profile, ProfileOrigin};
use countersign_runtime::hooks::HookSet;
use countersign_runtime::supervisor::ConnectionState;
use countersign_runtime::transport::ChildSpec;
use countersign_runtime::{Client, ClientConfig};

use crate::codex::Locator;
use crate::demo::Demo;
use crate::problems;

/// What makes an app-server another one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    binary: PathBuf,
    codex_home: Option<PathBuf>,
    environment: BTreeMap<String, String>,
}

/// A running app-server.
pub struct Engine {
    /// Tells engines apart within one run of the app.
    pub number: u64,
    /// Its client.
    pub client: Client,
}

/// The running app-servers.
pub struct Engines {
    locator: Arc<Locator>,
    demo: Demo,
    /// What every client asks before a tool is used.
    hooks: HookSet,
    /// A lock for each key, so that a server that is slow to start delays no other.
    running: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<Weak<Engine>>>>>,
    started: AtomicU64,
}

impl Engines {
    /// None runs yet. `data` is the app's data folder; `hooks` are asked before a tool is used.
    pub fn new(locator: Arc<Locator>, data: &Path, hooks: HookSet) -> Self {
        Self {
            locator,
            demo: Demo::new(data),
            hooks,
            running: Mutex::default(),
            started: AtomicU64::new(0),
        }
    }

    /// The engine for a profile; started when it does not run. `started` is told of a new one before
    /// any session uses it.
    pub async fn for_profile(
        &self,
        profile: &Profile,
        started: impl FnOnce(&Arc<Engine>),
    ) -> Result<Arc<Engine>, Problem> {
        let (key, path) = self.key(profile).await?;
        let slot = {
            let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(running.entry(key.clone()).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(engine) = slot.upgrade()
            && !matches!(
                *engine.client.state().borrow(),
                ConnectionState::Closed { .. }
            )
        {
            return Ok(engine);
        }
        let mut server = ChildSpec::app_server(&key.binary).env("PATH", path);
        if let Some(home) = &key.codex_home {
            server = server.env("CODEX_HOME", home);
        }
        for (name, value) in &key.environment {
            server = server.env(name, value);
        }
        let config = ClientConfig {
            hooks: self.hooks.clone(),
            ..ClientConfig::new(server)
        };
        let client = Client::connect(config)
            .await
            .map_err(|error| problems::connect(&error, &key.binary))?;
        let engine = Arc::new(Engine {
            number: self.started.fetch_add(1, Ordering::Relaxed) + 1,
            client,
        });
        *slot = Arc::downgrade(&engine);
        started(&engine);
        Ok(engine)
    }

    /// The `CODEX_HOME` of the demo.
    pub fn demo_home(&self) -> PathBuf {
        self.demo.folder()
    }

    /// The running engines.
    pub fn running(&self) -> Vec<Arc<Engine>> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running
            .values()
            .filter_map(|slot| slot.try_lock().ok()?.upgrade())
            .collect()
    }

    async fn key(&self, profile: &Profile) -> Result<(Key, std::ffi::OsString), Problem> {
        let locator = Arc::clone(&self.locator);
        let setting = profile.settings.codex_binary.clone();
        // Finding codex may ask the login shell.
        let search = tokio::task::spawn_blocking(move || {
            let found = locator.locate(setting.as_deref().map(Path::new));
            (found, locator.path_for_children())
        });
        let (found, path) = search.await.map_err(|error| problems::internal(&error))?;
        let found = found.map_err(|missing| missing.problem())?;
        let codex_home = match profile.origin {
            ProfileOrigin::Demo => Some(
                self.demo
                    .codex_home()
                    .await
                    .map_err(|error| problems::demo(&error))?,
            ),
            ProfileOrigin::User => profile.settings.codex_home.clone().map(PathBuf::from),
        };
        let key = Key {
            binary: found.path,
            codex_home,
            environment: profile.settings.environment.clone(),
        };
        Ok((key, path))
    }
}
