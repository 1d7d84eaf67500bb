//! Asking in one line, for programs that want no more than an answer.

use std::path::PathBuf;

use crate::client::{Client, ClientConfig};
use crate::error::{AskError, ConnectError};
use crate::profile::SessionConfig;
use crate::turn::TurnResult;

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The app-server did not come up.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It did, and gave none.
    #[error(transparent)]
    Ask(#[from] AskError),
}

/// Starts an app-server, asks it one thing in `cwd` with the default profile (read only, no questions,
/// two minutes), ends it. The thread stays in the history: [`TurnResult::thread`]. Dropping the future ends
/// the server.
pub async fn quick_run(
    config: ClientConfig,
    cwd: impl Into<PathBuf>,
    prompt: impl Into<String>,
) -> Result<TurnResult, RunError> {
    let workflow = Workflow::connect(config, SessionConfig::new(cwd)).await?;
    let result = workflow.run(prompt).await;
    // Shutting down cannot fail: what does not end is killed.
    workflow.client.shutdown().await;
    Ok(result?)
}

/// One folder and profile to ask in again and again, each time on a new thread. Clones are the same.
#[derive(Clone)]
pub struct Workflow {
    client: Client,
    config: SessionConfig,
}

impl Workflow {
    /// On a client that there is already.
    pub fn new(client: Client, config: SessionConfig) -> Self {
        Self { client, config }
    }

    /// On an app-server of its own, which ends with the last clone.
    pub async fn connect(
        server: ClientConfig,
        config: SessionConfig,
    ) -> Result<Self, ConnectError> {
        Ok(Self::new(Client::connect(server).await?, config))
    }

    /// Asks on a new thread and lets go of it. It stays in the history unless the config is
    /// [ephemeral](SessionConfig::ephemeral). May be called many times at once.
    pub async fn run(&self, prompt: impl Into<String>) -> Result<TurnResult, AskError> {
        let session = self.client.start_session(self.config.clone()).await?;
        let result = session.ask(prompt).await;
        if let Err(error) = session.leave().await {
            tracing::debug!(%error, "a thread could not be let go of");
        }
        result
    }

    /// The client.
    pub fn client(&self) -> &Client {
        &self.client
    }
}
