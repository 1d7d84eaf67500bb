//! The offline demo: the real app-server with a model that follows a script.

use std::io;
use std::path::{Path, PathBuf};

use countersign_scripted_model::{CodexHome, HomeOptions, Options, ScriptedModel};
use tokio::sync::OnceCell;

/// The model and its CODEX_HOME; started when the first session wants them.
pub(crate) struct Demo {
    home: PathBuf,
    model: OnceCell<ScriptedModel>,
}

impl Demo {
    /// `data` is the app's data folder.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            home: data.join("demo"),
            model: OnceCell::new(),
        }
    }

    /// The CODEX_HOME, whether it is written yet or not.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home.clone()
    }

    /// The CODEX_HOME, written for the model that runs in this process.
    pub(crate) async fn codex_home(&self) -> io::Result<PathBuf> {
        self.model
            .get_or_try_init(|| async {
                let model = ScriptedModel::start_with(Options::demo()).await?;
                let this = std::env::current_exe()?;
                let options = HomeOptions {
                    mcp_command: Some((
                        this.to_string_lossy().into_owned(),
                        vec!["--demo-tools".to_owned()],
                    )),
                    ..HomeOptions::default()
                };
                let (home, base_url) = (self.home.clone(), model.base_url());
                tokio::task::spawn_blocking(move || CodexHome::write(&home, &base_url, &options))
                    .await
                    .map_err(io::Error::other)??;
                Ok::<_, io::Error>(model)
            })
            .await?;
        Ok(self.home.clone())
    }
}
