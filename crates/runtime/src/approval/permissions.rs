//! Permissions that are asked for, alone or for one command (FACTS section 4).
//!
//! A grant is the request's own value sent back, so whatever is in it must be shown: what is not
//! understood stands in [`PermissionsRequest::other`] as it came.

use serde_json::{Map, Value, json};

/// Permissions that an agent asks for. Everything that granting would give is in here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PermissionsRequest {
    /// The folder that the agent works in.
    pub cwd: Option<String>,
    /// The network.
    pub network: bool,
    /// Paths to read.
    pub read: Vec<String>,
    /// Paths to write.
    pub write: Vec<String>,
    /// Everything else, one phrase each, in part as the server wrote it.
    pub other: Vec<String>,
}

impl PermissionsRequest {
    /// Reads a permission profile. `None` when it is no object.
    pub(super) fn read(profile: &Value, cwd: Option<String>) -> Option<Self> {
        let mut asked = Self {
            cwd,
            ..Self::default()
        };
        for (name, value) in profile.as_object()? {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("network", Value::Object(network)) => asked.read_network(network),
                ("fileSystem", Value::Object(folders)) => asked.read_folders(folders),
                (name, value) => asked.other.push(format!("{name}: {value}")),
            }
        }
        Some(asked)
    }

    fn read_network(&mut self, network: &Map<String, Value>) {
        for (name, value) in network {
            match (name.as_str(), value) {
                (_, Value::Null) | ("enabled", Value::Bool(false)) => {}
                ("enabled", Value::Bool(true)) => self.network = true,
                (name, value) => self.other.push(format!("network {name}: {value}")),
            }
        }
    }

    fn read_folders(&mut self, folders: &Map<String, Value>) {
        for (name, value) in folders {
            match (name.as_str(), value) {
                (_, Value::Null) => {}
                ("read" | "write", Value::Array(paths)) => {
                    for path in paths {
                        self.add(name, path);
                    }
                }
                ("entries", Value::Array(entries)) => {
                    for entry in entries {
                        self.read_entry(entry);
                    }
                }
                (name, value) => self.other.push(format!("{name}: {value}")),
            }
        }
    }

    /// The longer form of `read` and `write`; it says the same again for plain paths.
    fn read_entry(&mut self, entry: &Value) {
        let path = &entry["path"];
        let plain = match path["type"].as_str() {
            Some("path") => &path["path"],
            Some("special") if path["value"] == json!({"kind": "root"}) => &json!("/"),
            Some("special") if path["value"] == json!({"kind": "slash_tmp"}) => &json!("/tmp"),
            _ => &Value::Null,
        };
        let is_known = entry.as_object().is_some_and(|entry| entry.len() == 2);
        match entry["access"].as_str() {
            Some(access @ ("read" | "write")) if is_known && plain.is_string() => {
                self.add(access, plain);
            }
            _ => self.other.push(entry.to_string()),
        }
    }

    fn add(&mut self, access: &str, path: &Value) {
        let Some(path) = path.as_str() else {
            self.other.push(format!("{access}: {path}"));
            return;
        };
        let paths = if access == "read" {
            &mut self.read
        } else {
            &mut self.write
        };
        if !paths.iter().any(|known| known == path) {
            paths.push(path.to_owned());
        }
    }

    /// One phrase for each permission.
    pub fn phrases(&self) -> Vec<String> {
        let network = self.network.then(|| "the network".to_owned());
        let reading = self.read.iter().map(|path| format!("reading {path}"));
        let writing = self.write.iter().map(|path| format!("writing {path}"));
        let other = self.other.iter().cloned();
        network
            .into_iter()
            .chain(reading)
            .chain(writing)
            .chain(other)
            .collect()
    }
}

/// What grants a profile as it was asked for.
pub(super) fn grant(profile: &Value) -> Value {
    let mut granted = profile.clone();
    if let Value::Object(members) = &mut granted {
        // An answer leaves out what a request says with null.
        members.retain(|_, value| !value.is_null());
    }
    granted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_are_said_once_and_nothing_is_left_out() {
        let profile = json!({
            "network": {"enabled": true, "ports": [80]},
            "fileSystem": {"read": ["/etc"], "write": null, "globScanMaxDepth": 3, "entries": [
                {"path": {"type": "path", "path": "/etc"}, "access": "read"},
                {"path": {"type": "path", "path": "/srv"}, "access": "write"},
                {"path": {"type": "special", "value": {"kind": "root"}}, "access": "read"},
                {"path": {"type": "glob_pattern", "pattern": "**/*.env"}, "access": "read"},
                {"path": {"type": "path", "path": "/secret"}, "access": "deny"},
            ]},
            "camera": true, "microphone": null,
        });
        let asked = PermissionsRequest::read(&profile, None).unwrap();
        assert!(asked.network);
        assert_eq!(asked.read, ["/etc", "/"]);
        assert_eq!(asked.write, ["/srv"]);
        for wanted in ["ports", "globScanMaxDepth", "**/*.env", "/secret", "camera"] {
            assert_eq!(
                asked.other.iter().filter(|o| o.contains(wanted)).count(),
                1,
                "{wanted}: {asked:?}"
            );
        }
        assert_eq!(asked.other.len(), 5);
        assert_eq!(asked.phrases().len(), 9);
        assert_eq!(PermissionsRequest::read(&json!(["/etc"]), None), None);
    }

    #[test]
    fn a_grant_is_the_request_without_its_nulls() {
        let profile = json!({"network": null, "fileSystem": {"read": ["/etc"], "write": null}});
        assert_eq!(
            grant(&profile),
            json!({"fileSystem": {"read": ["/etc"], "write": null}})
        );
    }
}
