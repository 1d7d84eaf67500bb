//! What a session and a run are asked to be: [`SessionConfig`], [`RunProfile`], [`Prompt`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use codex_codes::protocol as wire;
use serde_json::{Value, json};

use crate::hooks::HookSet;
use crate::policy::{ApprovalPolicy, SandboxMode};

/// How a run is to be carried out. A session has one as its default.
#[derive(Debug, Clone)]
pub struct RunProfile {
    /// The model; `None`: as configured in Codex.
    pub model: Option<String>,
    /// Reasoning effort, a name that the model knows; `None`: the model's default.
    pub effort: Option<String>,
    /// When the agent asks.
    pub approval: ApprovalPolicy,
    /// What commands may touch without asking.
    pub sandbox: SandboxMode,
    /// Says that more than a read-only sandbox is meant. Without it such a run is refused before
    /// anything is sent.
    pub privileged: bool,
    /// How long a turn may take; after that it is told to stop. `None`: as long as it wants.
    pub timeout: Option<Duration>,
    /// Files and images that go with every prompt.
    pub attachments: Vec<Attachment>,
    /// The JSON schema that the answer must have.
    pub output_schema: Option<Value>,
    /// Hooks of this profile.
    pub hooks: HookSet,
}

impl Default for RunProfile {
    /// Medium effort, a read-only sandbox, no questions, two minutes.
    fn default() -> Self {
        Self {
            model: None,
            effort: Some("medium".to_owned()),
            approval: ApprovalPolicy::Never,
            sandbox: SandboxMode::ReadOnly,
            privileged: false,
            timeout: Some(Duration::from_secs(120)),
            attachments: Vec::new(),
            output_schema: None,
            hooks: HookSet::default(),
        }
    }
}

/// How a session is to be started or resumed.
#[derive(Debug, Clone)]
pub struct SessionConfig {
    /// The working folder.
    pub cwd: PathBuf,
    /// The default for its runs.
    pub profile: RunProfile,
    /// The model provider; `None`: as configured in Codex.
    pub model_provider: Option<String>,
    /// Instructions put before the conversation.
    pub developer_instructions: Option<String>,
    /// Overrides of Codex's config for this thread, by dotted key.
    pub config: serde_json::Map<String, Value>,
    /// The thread is not written to disk: it cannot be resumed or archived.
    pub ephemeral: bool,
}

impl SessionConfig {
    /// A session in `cwd` with the default profile.
    pub fn new(cwd: impl Into<PathBuf>) -> Self {
        Self {
            cwd: cwd.into(),
            profile: RunProfile::default(),
            model_provider: None,
            developer_instructions: None,
            config: serde_json::Map::new(),
            ephemeral: false,
        }
    }

    /// With another profile.
    #[must_use]
    pub fn with_profile(mut self, profile: RunProfile) -> Self {
        self.profile = profile;
        self
    }

    /// With hooks, before those that the profile has.
    #[must_use]
    pub fn with_hooks(mut self, hooks: HookSet) -> Self {
        self.profile.hooks = hooks.over(&self.profile.hooks);
        self
    }

    pub(crate) fn thread_params(&self, model: Option<&str>) -> Value {
        let mut params = json!({
            "cwd": self.cwd,
            "approvalPolicy": self.profile.approval.as_str(),
            "sandbox": self.profile.sandbox.as_str(),
        });
        let optional = [
            ("model", model.map(Value::from)),
            (
                "modelProvider",
                self.model_provider.clone().map(Value::from),
            ),
            (
                "developerInstructions",
                self.developer_instructions.clone().map(Value::from),
            ),
            (
                "config",
                (!self.config.is_empty()).then(|| Value::Object(self.config.clone())),
            ),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                params[key] = value;
            }
        }
        params
    }
}

/// Everything of one `ask`: what is said and how it is to be carried out.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// What is said.
    pub text: String,
    /// The working folder of the turn, and what relative attachments are resolved against.
    pub cwd: PathBuf,
    /// How. Its hooks are asked before the session's.
    pub profile: RunProfile,
    /// Comes back with the message's item, to match it with what a UI already shows.
    pub client_id: Option<String>,
}

impl Prompt {
    /// A prompt with the default profile.
    pub fn new(text: impl Into<String>, cwd: impl Into<PathBuf>) -> Self {
        Self {
            text: text.into(),
            cwd: cwd.into(),
            profile: RunProfile::default(),
            client_id: None,
        }
    }
}

/// What goes with a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attachment {
    /// A file or folder that the prompt points at. Relative to the working folder.
    Path(PathBuf),
    /// An image by address, `data:` included.
    ImageUrl(String),
    /// An image file. Relative to the working folder.
    LocalImage(PathBuf),
    /// A skill.
    Skill {
        /// Its name.
        name: String,
        /// Its file.
        path: PathBuf,
    },
}

impl Attachment {
    /// The path that it needs and that does not exist.
    pub(crate) fn missing(&self, cwd: &Path) -> Option<PathBuf> {
        let path = match self {
            Attachment::ImageUrl(_) => return None,
            Attachment::Path(path)
            | Attachment::LocalImage(path)
            | Attachment::Skill { path, .. } => cwd.join(path),
        };
        (!path.exists()).then_some(path)
    }
}

/// The prompt's text and attachments as the wire's input. A path stands in the text as a line of its
/// own, marked as a mention of it.
pub(crate) fn input(text: &str, attachments: &[Attachment], cwd: &Path) -> Vec<wire::UserInput> {
    let mut text = text.to_owned();
    let mut elements = Vec::new();
    let mut rest = Vec::new();
    for attachment in attachments {
        match attachment {
            Attachment::Path(path) => {
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                let start = text.len();
                text.push('@');
                text.push_str(&path.to_string_lossy());
                elements.push(wire::TextElement {
                    byte_range: json!({"start": start, "end": text.len()}),
                    placeholder: None,
                });
            }
            Attachment::ImageUrl(url) => rest.push(wire::UserInput::Image {
                detail: None,
                image: wire::UserInputImageReference::Inline { url: url.clone() },
            }),
            Attachment::LocalImage(path) => rest.push(wire::UserInput::LocalImage {
                detail: None,
                path: cwd.join(path).to_string_lossy().into_owned(),
            }),
            Attachment::Skill { name, path } => rest.push(wire::UserInput::Skill {
                name: name.clone(),
                path: cwd.join(path).to_string_lossy().into_owned(),
            }),
        }
    }
    let mut input = Vec::new();
    if !text.is_empty() {
        input.push(wire::UserInput::Text {
            text,
            text_elements: Some(elements),
        });
    }
    input.append(&mut rest);
    input
}
