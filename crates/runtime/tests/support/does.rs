//! Hooks made of a function, and sessions on a server in memory.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

use std::sync::{Arc, Mutex};

use countersign_runtime::hooks::{
    Hook, HookContext, HookError, HookFuture, HookSet, Phase, Verdict,
};
use countersign_runtime::supervisor::RestartPolicy;
use countersign_runtime::{Client, ClientConfig, Session, SessionConfig};

use super::fake::{Fake, pair};

/// What a hook says, or how it fails.
pub(crate) type Said = Result<Verdict, HookError>;

/// A hook made of a function.
pub(crate) struct Does<F> {
    name: &'static str,
    phases: Vec<Phase>,
    does: F,
}

pub(crate) fn does<F>(
    name: &'static str,
    phases: impl IntoIterator<Item = Phase>,
    does: F,
) -> Does<F>
where
    F: Fn(&HookContext) -> Said + Send + Sync + 'static,
{
    Does {
        name,
        phases: phases.into_iter().collect(),
        does,
    }
}

impl<F: Fn(&HookContext) -> Said + Send + Sync + 'static> Hook for Does<F> {
    fn name(&self) -> &str {
        self.name
    }

    fn phases(&self) -> &[Phase] {
        &self.phases
    }

    fn call<'a>(&'a self, context: &'a HookContext) -> HookFuture<'a> {
        Box::pin(std::future::ready((self.does)(context)))
    }
}

/// Everything that hooks were told, in order.
#[derive(Clone, Default)]
pub(crate) struct Told {
    contexts: Arc<Mutex<Vec<HookContext>>>,
}

impl Told {
    /// A hook that writes down what it is told and says `says`.
    pub(crate) fn hook(
        &self,
        name: &'static str,
        phases: impl IntoIterator<Item = Phase>,
        says: impl Fn(&HookContext) -> Said + Send + Sync + 'static,
    ) -> impl Hook {
        let contexts = Arc::clone(&self.contexts);
        does(name, phases, move |context| {
            contexts.lock().unwrap().push(context.clone());
            says(context)
        })
    }

    /// A hook that writes down what it is told and passes.
    pub(crate) fn passing(
        &self,
        name: &'static str,
        phases: impl IntoIterator<Item = Phase>,
    ) -> impl Hook {
        self.hook(name, phases, |_| Ok(Verdict::Pass))
    }

    pub(crate) fn contexts(&self) -> Vec<HookContext> {
        self.contexts.lock().unwrap().clone()
    }

    pub(crate) fn phases(&self) -> Vec<Phase> {
        self.contexts()
            .iter()
            .map(|context| context.phase)
            .collect()
    }

    /// Waits until hooks were told `count` times, in phases that follow when nobody waits for them.
    pub(crate) async fn reaches(&self, count: usize) {
        super::support::within("the hooks", async {
            while self.contexts.lock().unwrap().len() < count {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// A client with these hooks, on a fake.
pub(crate) async fn client(hooks: HookSet) -> (Client, Fake) {
    let (transport, mut fake) = pair();
    let config = ClientConfig {
        hooks,
        restart: RestartPolicy::Never,
        ..ClientConfig::over(transport)
    };
    let (client, ()) = tokio::join!(Client::connect(config), fake.greet());
    (client.unwrap(), fake)
}

/// A session with this config, thread `T`.
pub(crate) async fn session(client: &Client, fake: &mut Fake, config: SessionConfig) -> Session {
    let (session, ()) = tokio::join!(client.start_session(config), fake.start_thread());
    session.unwrap()
}

/// A session in `/w` without hooks.
pub(crate) async fn plain() -> (Client, Session, Fake) {
    let (client, mut fake) = client(HookSet::default()).await;
    let session = session(&client, &mut fake, SessionConfig::new("/w")).await;
    (client, session, fake)
}
