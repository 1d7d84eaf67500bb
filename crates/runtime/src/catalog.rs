//! What a server has and knows: threads, models, the account, skills, MCP servers, config, files.
//!
//! Small types of the runtime's own, decoded tolerantly: what a newer server adds is not seen, and what
//! an older one leaves out is a default. Where an answer is large and few need all of it, `raw` has it as
//! it came. Sources: FACTS section 3. Deliberately not here: a thread's turns and items
//! ([`crate::history`]).

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::client::Client;
use crate::error::RpcError;

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// Where the next part begins; `None` after the last.
    pub next: Option<String>,
}

/// Which threads are listed, and from where on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreadQuery {
    /// Where to go on: [`Page::next`] of the part before.
    pub cursor: Option<String>,
    /// The most entries of one part; `None`: as the server likes.
    pub limit: Option<u32>,
    /// Words that the title or the preview has.
    pub search: Option<String>,
    /// The archived ones instead of the others.
    pub archived: bool,
    /// Only those of this working folder.
    pub cwd: Option<PathBuf>,
}

/// A thread, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ThreadSummary {
    /// Its id.
    pub id: String,
    /// The name that somebody gave it.
    pub name: Option<String>,
    /// The beginning of its first message.
    #[serde(default)]
    pub preview: String,
    /// Its working folder.
    #[serde(default)]
    pub cwd: String,
    /// When it was made, in Unix seconds.
    #[serde(default)]
    pub created_at: i64,
    /// When it was last written to, in Unix seconds.
    #[serde(default)]
    pub updated_at: i64,
    /// The thread that it was forked from.
    pub forked_from_id: Option<String>,
    /// Its model.
    pub model: Option<String>,
}

/// A thread that holds what was searched for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct ThreadHit {
    /// The thread.
    pub thread: ThreadSummary,
    /// The place in it.
    #[serde(default)]
    pub snippet: String,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Model {
    /// What [`RunProfile::model`](crate::RunProfile::model) takes.
    pub model: String,
    /// Its name for people.
    #[serde(default)]
    pub display_name: String,
    /// What it is good for.
    #[serde(default)]
    pub description: String,
    /// The efforts that it knows, weakest first.
    #[serde(default, rename = "supportedReasoningEfforts")]
    pub efforts: Vec<Effort>,
    /// The effort when none is asked for.
    #[serde(default, rename = "defaultReasoningEffort")]
    pub default_effort: Option<String>,
    /// The model when none is asked for.
    #[serde(default)]
    pub is_default: bool,
    /// Not to be offered.
    #[serde(default)]
    pub hidden: bool,
}

/// A reasoning effort.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Effort {
    /// What [`RunProfile::effort`](crate::RunProfile::effort) takes.
    #[serde(rename = "reasoningEffort")]
    pub name: String,
    /// What it means.
    #[serde(default)]
    pub description: String,
}

/// Whose account Codex uses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountStatus {
    /// The account; `None` when nobody is logged in.
    pub account: Option<Account>,
    /// The provider wants one.
    pub is_required: bool,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Account {
    /// An API key.
    ApiKey,
    /// A ChatGPT login.
    ChatGpt {
        /// Its address.
        email: Option<String>,
        /// Its plan, by the server's name for it.
        plan: Option<String>,
    },
    /// Anything else, by the server's name for it.
    Other(String),
}

/// A skill.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Skill {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Its file.
    pub path: PathBuf,
    /// Where it comes from, by the server's name for it: `user`, `repo`, `system` and others.
    #[serde(default)]
    pub scope: String,
    /// The agent may use it.
    #[serde(default)]
    pub enabled: bool,
}

/// An MCP server as it stands.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct McpServer {
    /// Its name in the config.
    pub name: String,
    /// How it stands, by the server's name for it: `connected`, `failed` and others. `None` when it is not
    /// known.
    pub status: Option<String>,
    /// How its login stands, by the server's name for it.
    pub login: String,
    /// The names of its tools.
    pub tools: Vec<String>,
    /// Why its tools could not be listed.
    pub problem: Option<String>,
    /// All that the server said of it.
    pub raw: Box<RawValue>,
}

/// A file that fits a search.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct FileHit {
    /// The root that it lies below.
    pub root: PathBuf,
    /// Its path below the root.
    pub path: PathBuf,
    /// It is a folder.
    #[serde(default, rename = "match_type", deserialize_with = "is_directory")]
    pub is_folder: bool,
    /// How well it fits. Higher is better.
    #[serde(default)]
    pub score: u32,
    /// The characters of the path that fit.
    #[serde(default)]
    pub indices: Option<Vec<u32>>,
}

/// What became of a config value that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConfigWritten {
    /// The file that it stands in.
    pub file: PathBuf,
    /// The file's version after it, to be given with the next write.
    pub version: String,
    /// Another layer of the config has the last word.
    pub is_overridden: bool,
}

/// What a command came to that was run by [`Client::exec`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ExecResult {
    /// Its exit code.
    pub exit_code: i32,
    /// What it said.
    #[serde(default)]
    pub stdout: String,
    /// What it said beside that.
    #[serde(default)]
    pub stderr: String,
}

impl Client {
    /// Threads on disk, newest first. One that has had no turn is not there yet.
    pub async fn list_threads(&self, query: &ThreadQuery) -> Result<Page<ThreadSummary>, RpcError> {
        let params = json!({
            "cursor": query.cursor, "limit": query.limit, "searchTerm": query.search,
            "archived": query.archived, "cwd": query.cwd,
        });
        self.page("thread/list", &params).await
    }

    /// Threads in whose text the words stand that are in [`ThreadQuery::search`]. Experimental. The folder
    /// is not looked at.
    pub async fn search_threads(&self, query: &ThreadQuery) -> Result<Page<ThreadHit>, RpcError> {
        let params = json!({
            "cursor": query.cursor, "limit": query.limit, "archived": query.archived,
            "searchTerm": query.search.as_deref().unwrap_or_default(),
        });
        self.page("thread/search", &params).await
    }

    /// One thread, without opening it.
    pub async fn read_thread(&self, thread: &str) -> Result<ThreadSummary, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            thread: ThreadSummary,
        }
        let answer: Answer = self
            .call("thread/read", &json!({"threadId": thread}))
            .await?;
        Ok(answer.thread)
    }

    /// The ids of the threads in the server's memory.
    pub async fn loaded_threads(&self) -> Result<Vec<String>, RpcError> {
        self.all("thread/loaded/list", json!({})).await
    }

    /// Archives a thread. A turn that runs on it is stopped. To archive an open session's, close the
    /// session.
    pub async fn archive_thread(&self, thread: &str) -> Result<(), RpcError> {
        self.act("thread/archive", thread).await
    }

    /// Takes a thread out of the archive. It can be resumed then.
    pub async fn unarchive_thread(&self, thread: &str) -> Result<(), RpcError> {
        self.act("thread/unarchive", thread).await
    }

    /// Deletes a thread for ever. Refused while a fork of it exists, after it was unloaded all the same
    /// (FACTS section 3).
    pub async fn delete_thread(&self, thread: &str) -> Result<(), RpcError> {
        self.act("thread/delete", thread).await
    }

    /// The models on offer, hidden ones included.
    pub async fn models(&self) -> Result<Vec<Model>, RpcError> {
        self.all("model/list", json!({"includeHidden": true})).await
    }

    /// Whose account Codex uses.
    pub async fn account(&self) -> Result<AccountStatus, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            account: Option<Value>,
            #[serde(default)]
            requires_openai_auth: bool,
        }
        let answer: Answer = self.call("account/read", &json!({})).await?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let account = answer
            .account
            .map(|account| match account["type"].as_str() {
                Some("apiKey") => Account::ApiKey,
                Some("chatgpt") => Account::ChatGpt {
                    email: text(&account["email"]),
                    plan: text(&account["planType"]),
                },
                other => Account::Other(other.unwrap_or_default().to_owned()),
            });
        Ok(AccountStatus {
            account,
            is_required: answer.requires_openai_auth,
        })
    }

    /// The skills that a thread in this folder has.
    pub async fn skills(&self, cwd: &Path) -> Result<Vec<Skill>, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            data: Vec<Entry>,
        }
        #[derive(Deserialize)]
        struct Entry {
            #[serde(default)]
            skills: Vec<Skill>,
        }
        let answer: Answer = self.call("skills/list", &json!({"cwds": [cwd]})).await?;
        Ok(answer
            .data
            .into_iter()
            .flat_map(|entry| entry.skills)
            .collect())
    }

    /// The MCP servers, for a thread (each loaded one has processes of its own) or in general.
    pub async fn mcp_servers(&self, thread: Option<&str>) -> Result<Vec<McpServer>, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            name: String,
            runtime_status: Option<String>,
            #[serde(default)]
            tools: serde_json::Map<String, Value>,
            tools_error: Option<String>,
            #[serde(default)]
            auth_status: String,
        }
        let servers: Vec<Box<RawValue>> = self
            .all("mcpServerStatus/list", json!({"threadId": thread}))
            .await?;
        let read = |raw: Box<RawValue>| {
            let status: Status = shape("mcpServerStatus/list", serde_json::from_str(raw.get()))?;
            Ok(McpServer {
                name: status.name,
                status: status.runtime_status,
                login: status.auth_status,
                tools: status.tools.into_iter().map(|(name, _)| name).collect(),
                problem: status.tools_error,
                raw,
            })
        };
        servers.into_iter().map(read).collect()
    }

    /// Codex's config as it is in force in a folder, or in general. Its keys are Codex's.
    pub async fn read_config(&self, cwd: Option<&Path>) -> Result<Value, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            config: Value,
        }
        let answer: Answer = self.call("config/read", &json!({"cwd": cwd})).await?;
        Ok(answer.config)
    }

    /// Writes a value into the config file of CODEX_HOME by its dotted key; null takes it out. Keys that
    /// Codex does not know are written without complaint. With `version`, only if the file has not changed
    /// since.
    pub async fn write_config(
        &self,
        key: &str,
        value: &Value,
        version: Option<&str>,
    ) -> Result<ConfigWritten, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            version: String,
            file_path: PathBuf,
            overridden_metadata: Option<Value>,
        }
        let params = json!({
            "keyPath": key, "value": value, "mergeStrategy": "replace", "expectedVersion": version,
        });
        let answer: Answer = self.call("config/value/write", &params).await?;
        Ok(ConfigWritten {
            file: answer.file_path,
            version: answer.version,
            is_overridden: answer.overridden_metadata.is_some(),
        })
    }

    /// Files and folders below `roots` whose path fits `words`, best first. `.git` is searched too.
    pub async fn find_files(
        &self,
        words: &str,
        roots: &[PathBuf],
    ) -> Result<Vec<FileHit>, RpcError> {
        #[derive(Deserialize)]
        struct Answer {
            files: Vec<FileHit>,
        }
        let params = json!({"query": words, "roots": roots});
        let answer: Answer = self.call("fuzzyFileSearch", &params).await?;
        Ok(answer.files)
    }

    /// Runs a program at the server, in its sandbox and in no thread, and waits for its end: at most as
    /// long as a call may take.
    pub async fn exec(&self, command: &[&str], cwd: &Path) -> Result<ExecResult, RpcError> {
        self.call("command/exec", &json!({"command": command, "cwd": cwd}))
            .await
    }

    async fn page<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: &Value,
    ) -> Result<Page<T>, RpcError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer<T> {
            data: Vec<T>,
            next_cursor: Option<String>,
        }
        let raw: Box<RawValue> = self.call(method, params).await?;
        let answer: Answer<T> = shape(method, serde_json::from_str(raw.get()))?;
        Ok(Page {
            data: answer.data,
            next: answer.next_cursor,
        })
    }

    /// Every page of a list.
    async fn all<T: DeserializeOwned>(
        &self,
        method: &'static str,
        mut params: Value,
    ) -> Result<Vec<T>, RpcError> {
        let mut out = Vec::new();
        loop {
            let page = self.page(method, &params).await?;
            out.extend(page.data);
            // A cursor that leads nowhere new would never end.
            match page.next {
                Some(next) if params["cursor"] != *next => params["cursor"] = next.into(),
                _ => return Ok(out),
            }
        }
    }

    async fn act(&self, method: &'static str, thread: &str) -> Result<(), RpcError> {
        let _: Value = self.call(method, &json!({"threadId": thread})).await?;
        Ok(())
    }
}

fn shape<T>(method: &'static str, read: serde_json::Result<T>) -> Result<T, RpcError> {
    read.map_err(|error| RpcError::Shape {
        method,
        reason: error.to_string().into(),
    })
}

fn is_directory<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(String::deserialize(deserializer)? == "directory")
}
