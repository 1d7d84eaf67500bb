//! A `CODEX_HOME` whose model is the scripted one (FACTS section 10).
//!
//! Codex writes into the same `config.toml` (trusted folders, the chosen model), so the file is
//! edited, not replaced: what must be ours is set at each start, what is only a default is set
//! when it is missing, all else stays.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

const CATALOG: &str = include_str!("catalog.json");
/// The provider's name in `config.toml`.
const PROVIDER: &str = "scripted";

/// What may differ between homes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HomeOptions {
    /// How often codex repeats a request that failed before its stream began; `None`: 2.
    pub request_max_retries: Option<u64>,
    /// How often codex repeats a stream that broke; `None`: 2.
    pub stream_max_retries: Option<u64>,
    /// How long codex waits for the next event; `None`: 15 minutes, longer than any pause of a scene.
    pub stream_idle_timeout: Option<Duration>,
    /// Program and arguments of the MCP server `tiny` ([`crate::run_mcp_stdio`]) for the `mcp:`
    /// step. Codex starts one for each loaded thread. `None` leaves the configuration as it is.
    pub mcp_command: Option<(String, Vec<String>)>,
}

/// Makes homes.
#[derive(Debug, Clone, Copy)]
pub struct CodexHome;

impl CodexHome {
    /// Writes `catalog.json` and `config.toml` into `dir`, which is made when missing, so that
    /// codex uses the model at `base_url`. To be called before each start of an app-server: the
    /// port changes. Sandbox `workspace-write`, approval `on-request` and model `scripted-model`
    /// are set when the file names no other. Each file is replaced in one step.
    ///
    /// Codex refuses to sandbox commands when `dir` lies below `$TMPDIR` (FACTS section 10).
    ///
    /// # Errors
    /// When `dir` cannot be written, or with [`io::ErrorKind::InvalidData`] when there is a
    /// `config.toml` that is no TOML or holds other things where tables belong; the file is then
    /// left as it is.
    pub fn write(dir: &Path, base_url: &str, options: &HomeOptions) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        // Codex wants absolute paths in its configuration.
        let dir = std::path::absolute(dir)?;
        let path = dir.join("config.toml");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let text = edit(&text, &dir, base_url, options).map_err(|reason| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "{} cannot be changed: {reason}. Move the file away; a new one is made at the \
                     next start.",
                    path.display()
                ),
            )
        })?;
        replace(&dir, &dir.join("catalog.json"), CATALOG)?;
        replace(&dir, &path, &text)
    }
}

/// Writes beside the file, flushes to the disk, then renames over it.
fn replace(dir: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename itself lasts only when the directory is on the disk; Windows has no such call.
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

/// The new text of `config.toml`.
fn edit(text: &str, dir: &Path, base_url: &str, options: &HomeOptions) -> Result<String, String> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error| format!("it is no TOML ({error})"))?;
    let root = document.as_table_mut();
    root["model_provider"] = value(PROVIDER);
    root["model_catalog_json"] = value(text_of(&dir.join("catalog.json"))?);
    default(root, "model", "scripted-model");
    default(root, "approval_policy", "on-request");
    default(root, "sandbox_mode", "workspace-write");
    default(root, "suppress_unstable_features_warning", true);

    let retries = |count: Option<u64>| i64::try_from(count.unwrap_or(2)).unwrap_or(i64::MAX);
    let idle = options
        .stream_idle_timeout
        .unwrap_or(Duration::from_secs(15 * 60));
    let provider = table(table(root, "model_providers")?, PROVIDER)?;
    provider["name"] = value("Scripted model (offline)");
    provider["base_url"] = value(base_url);
    provider["wire_api"] = value("responses");
    provider["request_max_retries"] = value(retries(options.request_max_retries));
    provider["stream_max_retries"] = value(retries(options.stream_max_retries));
    provider["stream_idle_timeout_ms"] = value(i64::try_from(idle.as_millis()).unwrap_or(i64::MAX));

    default(
        table(table(root, "tools")?, "update_plan")?,
        "enabled",
        true,
    );
    let features = table(root, "features")?;
    // Without these two, every start tries to reach the network.
    default(features, "plugins", false);
    default(features, "apps", false);
    default(features, "request_permissions_tool", true);
    default(features, "default_mode_request_user_input", true);
    default(table(root, "analytics")?, "enabled", false);

    if let Some((program, arguments)) = &options.mcp_command {
        let tiny = table(table(root, "mcp_servers")?, "tiny")?;
        tiny["command"] = value(program);
        tiny["args"] = value(Array::from_iter(arguments));
        // Notes belong to the demo, not into the folder that somebody works in.
        tiny["cwd"] = value(text_of(dir)?);
    }
    Ok(document.to_string())
}

fn text_of(path: &Path) -> Result<&str, String> {
    path.to_str()
        .ok_or_else(|| format!("the path {} is no UTF-8", path.display()))
}

/// Sets a key that is missing.
fn default(table: &mut Table, key: &str, default: impl Into<Value>) {
    if !table.contains_key(key) {
        table[key] = value(default);
    }
}

/// The table under a key, made when missing; an inline table becomes a plain one.
fn table<'a>(parent: &'a mut Table, key: &str) -> Result<&'a mut Table, String> {
    let item = parent.entry(key).or_insert_with(|| {
        let mut table = Table::new();
        // `[a.b]` needs no `[a]` above it.
        table.set_implicit(true);
        Item::Table(table)
    });
    if item.is_inline_table()
        && let Ok(table) = std::mem::take(item).into_table()
    {
        *item = Item::Table(table);
    }
    item.as_table_mut()
        .ok_or_else(|| format!("`{key}` is no table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(dir: &Path) -> String {
        fs::read_to_string(dir.join("config.toml")).unwrap()
    }

    #[test]
    fn a_new_home_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("new/home");
        CodexHome::write(&home, "http://127.0.0.1:1/v1", &HomeOptions::default()).unwrap();
        let config: DocumentMut = read(&home).parse().unwrap();
        assert_eq!(config["model"].as_str(), Some("scripted-model"));
        assert_eq!(config["sandbox_mode"].as_str(), Some("workspace-write"));
        assert_eq!(config["approval_policy"].as_str(), Some("on-request"));
        assert_eq!(config["features"]["plugins"].as_bool(), Some(false));
        let provider = &config["model_providers"]["scripted"];
        assert_eq!(provider["base_url"].as_str(), Some("http://127.0.0.1:1/v1"));
        let catalog = config["model_catalog_json"].as_str().unwrap();
        let catalog: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(catalog).unwrap()).unwrap();
        assert_eq!(catalog["models"][0]["slug"], "scripted-model");
        assert!(config.get("mcp_servers").is_none());
    }

    #[test]
    fn a_second_write_keeps_what_others_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let options = HomeOptions {
            mcp_command: Some(("/bin/demo".into(), vec!["mcp".into()])),
            ..HomeOptions::default()
        };
        CodexHome::write(dir.path(), "http://127.0.0.1:1/v1", &options).unwrap();
        let written = read(dir.path());
        CodexHome::write(dir.path(), "http://127.0.0.1:1/v1", &options).unwrap();
        assert_eq!(read(dir.path()), written);

        let changed = written.replace("\"scripted-model\"", "\"scripted-alt\" # mine")
            + "\n[projects.\"/a b\"]\ntrust_level = \"trusted\"\n";
        fs::write(dir.path().join("config.toml"), &changed).unwrap();
        let options = HomeOptions {
            request_max_retries: Some(0),
            mcp_command: Some(("/opt/demo".into(), vec![])),
            ..options
        };
        CodexHome::write(dir.path(), "http://127.0.0.1:2/v1", &options).unwrap();
        let expected = changed
            .replace("127.0.0.1:1", "127.0.0.1:2")
            .replace("request_max_retries = 2", "request_max_retries = 0")
            .replace("/bin/demo", "/opt/demo")
            .replace("[\"mcp\"]", "[]");
        assert_eq!(read(dir.path()), expected);
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn inline_tables_are_understood() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("config.toml"),
            "features = { plugins = true }\nmodel_providers.scripted = { name = \"x\" }\n",
        )
        .unwrap();
        CodexHome::write(dir.path(), "http://127.0.0.1:2/v1", &HomeOptions::default()).unwrap();
        let config: DocumentMut = read(dir.path()).parse().unwrap();
        assert_eq!(config["features"]["plugins"].as_bool(), Some(true));
        assert_eq!(config["features"]["apps"].as_bool(), Some(false));
        let provider = &config["model_providers"]["scripted"];
        assert_eq!(provider["base_url"].as_str(), Some("http://127.0.0.1:2/v1"));
    }

    #[test]
    fn a_foreign_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for foreign in ["torn = \"", "features = 3\n"] {
            fs::write(dir.path().join("config.toml"), foreign).unwrap();
            let error =
                CodexHome::write(dir.path(), "http://127.0.0.1:2/v1", &HomeOptions::default())
                    .unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert!(error.to_string().contains("config.toml"), "{error}");
            assert_eq!(read(dir.path()), foreign);
        }
    }
}
