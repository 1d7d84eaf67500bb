//! One app-server, kept running: connecting, the open threads, and where events go.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tracing::Instrument;

use crate::approval::{Approvals, Outcome, Registration};
use crate::connection::{Connection, Limits};
use crate::error::{ConnectError, RpcError, Version};
use crate::hooks::{Draft, HookContext, HookSet, Phase, Runner};
use crate::loading::{self, Origin};
use crate::metrics::{self, Counters, Metrics};
use crate::profile::SessionConfig;
use crate::routing::ThreadRouter;
use crate::session::Session;
use crate::spans;
use crate::supervisor::{ConnectionState, Death, RestartPolicy, STABLE_AFTER};
use crate::thread::Thread;
use crate::threads::Threads;
use crate::transport::{ChildSpec, Transport};

/// The oldest codex that speaks the protocol as this runtime expects it: the first without
/// `thread/rollback` and with paginated history is newer than this, and the pinned one is tested.
pub const MINIMUM_VERSION: Version = Version(0, 160, 0);

/// Everything that a client can be told.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Where the app-server comes from.
    pub transport: Transport,
    /// What this client calls itself: name, title, version. The name also goes to the model's provider.
    pub identity: (String, String, String),
    /// Hooks for every session.
    pub hooks: HookSet,
    /// What happens when the server ends.
    pub restart: RestartPolicy,
    /// Limits of the connection.
    pub limits: Limits,
    /// The oldest version that is accepted.
    pub minimum_version: Version,
    /// Ask for methods and fields that the server calls experimental.
    pub experimental: bool,
}

impl ClientConfig {
    /// A child process with everything else at its default.
    pub fn new(server: ChildSpec) -> Self {
        Self::over(Transport::Child(server))
    }

    /// Any transport with everything else at its default.
    pub fn over(transport: Transport) -> Self {
        Self {
            transport,
            identity: (
                "countersign".to_owned(),
                "Countersign".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            ),
            hooks: HookSet::default(),
            restart: RestartPolicy::default(),
            limits: Limits::default(),
            minimum_version: MINIMUM_VERSION,
            experimental: true,
        }
    }
}

/// What the server said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerInfo {
    /// Its version.
    pub version: Version,
    /// Its user agent, whole.
    pub user_agent: String,
    /// The CODEX_HOME that it uses.
    pub codex_home: String,
}

/// One app-server. Clones are the same client; dropping the last one, its sessions included, ends
/// the server and everything that it started (invariant I12).
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    config: ClientConfig,
    state: watch::Sender<ConnectionState>,
    live: Mutex<Live>,
    threads: Arc<Threads>,
    approvals: Approvals,
    counters: Arc<Counters>,
}

struct Live {
    connection: Arc<Connection>,
    info: ServerInfo,
    shut_down: bool,
}

impl Client {
    /// Starts an app-server and shakes hands with it.
    pub async fn connect(config: ClientConfig) -> Result<Self, ConnectError> {
        let threads = Arc::new(Threads::default());
        let counters = Arc::new(Counters::default());
        let approvals = Approvals::default();
        approvals.add_client_hooks(&config.hooks);
        let (deaths, death) = mpsc::unbounded_channel();
        let opening = Opening {
            config: &config,
            threads: &threads,
            approvals: &approvals,
            counters: &counters,
            deaths: &deaths,
        };
        let (connection, info) = opening.open(1).await?;
        let inner = Arc::new(Inner {
            state: watch::Sender::new(ConnectionState::Ready { generation: 1 }),
            live: Mutex::new(Live {
                connection,
                info,
                shut_down: false,
            }),
            config,
            threads,
            approvals,
            counters,
        });
        tokio::spawn(supervise(Arc::downgrade(&inner), deaths, death));
        Ok(Self { inner })
    }

    /// How the connection stands, and every change of it.
    pub fn state(&self) -> watch::Receiver<ConnectionState> {
        self.inner.state.subscribe()
    }

    /// What the server said of itself when it was last started.
    pub fn server_info(&self) -> ServerInfo {
        self.inner.lock().info.clone()
    }

    /// The server's process id, when it is a child process.
    pub fn server_pid(&self) -> Option<u32> {
        self.inner.lock().connection.pid()
    }

    /// What was counted so far.
    pub fn metrics(&self) -> Metrics {
        Metrics {
            pending_calls: self.inner.lock().connection.pending(),
            open_questions: self.inner.approvals.open().len(),
            ..self.inner.counters.read()
        }
    }

    /// The approval loop.
    pub fn approvals(&self) -> &Approvals {
        &self.inner.approvals
    }

    /// Starts a thread.
    pub async fn start_session(&self, config: SessionConfig) -> Result<Session, RpcError> {
        self.open_session(Origin::New, config).await
    }

    /// Opens a thread that exists. Its history is not read: see [`Session::history`]. A turn that runs on it is
    /// known to run and can be stopped. Fails with [`RpcError::ThreadInUse`] when another app-server has it
    /// open for writing.
    pub async fn resume_session(
        &self,
        thread: &str,
        config: SessionConfig,
    ) -> Result<Session, RpcError> {
        self.open_session(Origin::Resume(thread), config).await
    }

    /// Makes a thread with the history of another, up to and with `last_turn`, or all of it. The other
    /// one stays as it is; it cannot be deleted while the new one refers to it (FACTS section 3).
    pub async fn fork_session(
        &self,
        thread: &str,
        last_turn: Option<&str>,
        config: SessionConfig,
    ) -> Result<Session, RpcError> {
        let origin = Origin::Fork { thread, last_turn };
        self.open_session(origin, config).await
    }

    async fn open_session(
        &self,
        origin: Origin<'_>,
        config: SessionConfig,
    ) -> Result<Session, RpcError> {
        let mut runner = Runner::new(
            config
                .profile
                .hooks
                .over(&self.inner.approvals.client_hooks()),
        );
        let mut context = HookContext {
            thread: origin.thread().map(Arc::from),
            session: match origin {
                Origin::Resume(thread) => Some(thread.into()),
                Origin::New | Origin::Fork { .. } => None,
            },
            cwd: Some(config.cwd.clone()),
            model: config.profile.model.clone(),
            ..HookContext::new(Phase::PreSessionStart)
        };
        let mut draft = Draft {
            model: config.profile.model.clone(),
            ..Draft::default()
        };
        runner
            .before(&context, &mut draft, &config.cwd)
            .await
            .map_err(|(hook, reason)| {
                RpcError::InvalidRequest(
                    format!("hook {hook:?} does not let the session start: {reason}").into(),
                )
            })?;
        let connection = self.connection().await?;
        let model = draft.model.as_deref();
        let counters = Arc::clone(&self.inner.counters);
        let (thread, registration) = match origin {
            Origin::Resume(id) => {
                // At its place before it is loaded: open questions follow the answer at once (FACTS section 4).
                let thread =
                    Thread::new(id.into(), config, connection.generation(), true, counters);
                self.inner.threads.insert(&thread);
                let registration = self.register(&thread);
                if let Err(error) = loading::resume(&connection, &thread, model).await {
                    self.inner.threads.remove(&thread);
                    return Err(error);
                }
                (thread, registration)
            }
            Origin::New | Origin::Fork { .. } => {
                let started = loading::start(&connection, origin, &config, model).await?;
                let generation = connection.generation();
                let on_disk = origin.thread().is_some();
                let id = Arc::clone(&started.id);
                let thread = Thread::new(id, config, generation, on_disk, counters);
                thread.resumed(started.id, started.policy, &connection);
                self.inner.threads.insert(&thread);
                let registration = self.register(&thread);
                (thread, registration)
            }
        };
        context.phase = Phase::PostSessionStart;
        context.thread = Some(thread.id());
        context.session.clone_from(&context.thread);
        runner.after(&context).await;
        Ok(Session::new(
            self.clone(),
            thread,
            registration,
            runner.records,
        ))
    }

    /// Has the hooks of a session asked about what its thread wants to do.
    fn register(&self, thread: &Thread) -> Option<Registration> {
        let hooks = &thread.config.profile.hooks;
        let approvals = &self.inner.approvals;
        approvals.add_thread_hooks(&thread.id(), hooks, Value::Null)
    }

    /// Calls any method of the server. Waits for a restart that is under way.
    pub async fn call<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<R, RpcError> {
        self.connection().await?.call(method, params).await
    }

    /// Ends the server: closes its input, waits for it to end, kills what is left of it.
    pub async fn shutdown(&self) {
        self.inner.end();
        let mut state = self.inner.state.subscribe();
        let _ = state
            .wait_for(|state| matches!(state, ConnectionState::Closed { .. }))
            .await;
    }

    /// The live connection; waits for a restart that is under way.
    pub(crate) async fn connection(&self) -> Result<Arc<Connection>, RpcError> {
        let mut state = self.inner.state.subscribe();
        let now = state
            .wait_for(|state| !matches!(state, ConnectionState::Restarting { .. }))
            .await
            .map_err(|_| RpcError::Closed("the client is gone".into()))?
            .clone();
        match now {
            ConnectionState::Closed { death, failure } => Err(RpcError::Closed(
                match (failure, death) {
                    (Some(failure), _) => failure.to_string(),
                    (None, Some(death)) if !death.asked_for => death.to_string(),
                    _ => "the client was shut down".to_owned(),
                }
                .into(),
            )),
            _ => Ok(Arc::clone(&self.inner.lock().connection)),
        }
    }

    /// Another session holds the thread open too.
    pub(crate) fn is_shared(&self, thread: &Arc<Thread>) -> bool {
        self.inner.threads.is_shared(thread)
    }

    pub(crate) fn forget(&self, thread: &Arc<Thread>) {
        let id = thread.id();
        self.inner.threads.remove(thread);
        if !self.is_shared(thread) {
            self.inner
                .approvals
                .settle(&Outcome::ThreadClosed, |entry| entry.session == id);
        }
        thread.let_go();
        thread.end_subscriptions();
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        let mut live = self.lock();
        live.shut_down = true;
        live.connection.end();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

struct Opening<'a> {
    config: &'a ClientConfig,
    threads: &'a Arc<Threads>,
    approvals: &'a Approvals,
    counters: &'a Arc<Counters>,
    deaths: &'a mpsc::UnboundedSender<Arc<Death>>,
}

impl Opening<'_> {
    async fn open(&self, generation: u32) -> Result<(Arc<Connection>, ServerInfo), ConnectError> {
        let span = spans::connection(generation, self.config.transport.kind());
        self.open_in_span(generation).instrument(span).await
    }

    async fn open_in_span(
        &self,
        generation: u32,
    ) -> Result<(Arc<Connection>, ServerInfo), ConnectError> {
        let wire = self.config.transport.open().await.map_err(Arc::new)?;
        let (router, find_out) = ThreadRouter::new(
            generation,
            Arc::clone(self.threads),
            self.approvals.clone(),
            self.deaths.clone(),
        );
        let connection = Connection::open(
            wire,
            generation,
            self.config.limits.clone(),
            Arc::clone(self.counters),
            router,
        );
        tokio::spawn(find_out.run(Arc::downgrade(&connection)).in_current_span());
        // A request may come on the heels of the handshake's answer.
        self.approvals.connected(&connection);
        match self.shake_hands(&connection).await {
            Ok(info) => {
                tracing::info!(version = %info.version, pid = connection.pid(), "connected");
                Ok((connection, info))
            }
            Err(error) => {
                connection.end();
                Err(error)
            }
        }
    }

    async fn shake_hands(&self, connection: &Connection) -> Result<ServerInfo, ConnectError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            user_agent: String,
            #[serde(default)]
            codex_home: String,
        }
        let (name, title, version) = &self.config.identity;
        let params = json!({
            "clientInfo": {"name": name, "title": title, "version": version},
            "capabilities": {"experimentalApi": self.config.experimental},
        });
        let answer: Answer = connection
            .call("initialize", &params)
            .await
            .map_err(|error| match error {
                RpcError::Died { death, .. } => ConnectError::Died(death),
                error => ConnectError::Handshake(error),
            })?;
        let minimum = self.config.minimum_version;
        let version = Version::from_user_agent(&answer.user_agent).ok_or_else(|| {
            ConnectError::NoVersion {
                user_agent: answer.user_agent.clone(),
            }
        })?;
        if version < minimum {
            return Err(ConnectError::TooOld {
                found: version,
                minimum,
            });
        }
        connection.notify("initialized", &json!({}));
        Ok(ServerInfo {
            version,
            user_agent: answer.user_agent,
            codex_home: answer.codex_home,
        })
    }
}

/// Restarts the server when it dies, until it is not to be restarted any more.
async fn supervise(
    client: Weak<Inner>,
    deaths: mpsc::UnboundedSender<Arc<Death>>,
    mut death: mpsc::UnboundedReceiver<Arc<Death>>,
) {
    let mut attempt = 0;
    let mut up_since = Instant::now();
    while let Some(death_now) = death.recv().await {
        // A server that did not get through the handshake dies too, after it was given up.
        let Some(live) = client
            .upgrade()
            .map(|inner| inner.lock().connection.generation())
        else {
            return;
        };
        if death_now.generation != live {
            continue;
        }
        if up_since.elapsed() >= STABLE_AFTER {
            attempt = 0;
        }
        let mut failure = None;
        loop {
            attempt += 1;
            let Some(inner) = client.upgrade() else {
                return;
            };
            let delay = match inner.config.restart.delay(attempt, jitter()) {
                Some(delay) if !death_now.asked_for && !inner.lock().shut_down => delay,
                _ => {
                    inner.state.send_replace(ConnectionState::Closed {
                        death: Some(death_now),
                        failure,
                    });
                    for thread in inner.threads.all() {
                        thread.end_subscriptions();
                    }
                    return;
                }
            };
            let status = death_now.status.as_deref();
            tracing::warn!(
                generation = death_now.generation,
                status,
                attempt,
                ?delay,
                "the app-server ended and is started again"
            );
            tracing::debug!(death = %death_now, "how the app-server ended");
            inner.state.send_replace(ConnectionState::Restarting {
                attempt,
                death: Arc::clone(&death_now),
                failure: failure.clone(),
            });
            drop(inner);
            tokio::time::sleep(delay).await;

            let Some(inner) = client.upgrade() else {
                return;
            };
            let generation = inner.lock().connection.generation() + attempt;
            let opening = Opening {
                config: &inner.config,
                threads: &inner.threads,
                approvals: &inner.approvals,
                counters: &inner.counters,
                deaths: &deaths,
            };
            match opening.open(generation).await {
                Ok((connection, info)) => {
                    {
                        let mut live = inner.lock();
                        if live.shut_down {
                            connection.end();
                        }
                        live.connection = Arc::clone(&connection);
                        live.info = info;
                    }
                    metrics::add(&inner.counters.restarts, 1);
                    for thread in inner.threads.all() {
                        let again = loading::load_again(
                            Arc::clone(&inner.threads),
                            inner.approvals.clone(),
                            Arc::clone(&connection),
                            thread,
                            // Of a server that is no process of ours only the connection is known to be gone.
                            death_now.status.is_none(),
                        );
                        tokio::spawn(again.instrument(connection.span().clone()));
                    }
                    inner
                        .state
                        .send_replace(ConnectionState::Ready { generation });
                    up_since = Instant::now();
                    break;
                }
                Err(error) => failure = Some(error),
            }
        }
    }
}

/// A number from 0 to 1, different from process to process and from call to call.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}
