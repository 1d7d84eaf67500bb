//! An app-server as a child process, in a process group (a job on Windows) of its own.
//!
//! The [`Group`] is what makes quitting clean: whatever the server started in it ends with it, also when this
//! process is killed. Commands that the server sandboxes run in sessions of their own and are the server's
//! to end, which it does when its input closes; so ending begins with that and kills only what is left
//! (FACTS sections 1, 9).

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::{Peer, SpawnError, Wire};
use crate::process::Group;

/// Lines of stderr that are kept, and bytes of each.
const STDERR_LINES: usize = 50;
const STDERR_LINE_BYTES: u64 = 2_000;
/// How long the rest of stderr is waited for after the process has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Which process to start, and how.
#[derive(Clone, PartialEq, Eq)]
pub struct ChildSpec {
    /// The executable: a path, or a name to find in PATH.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables added to this process's own environment.
    pub env: BTreeMap<OsString, OsString>,
    /// Start from an empty environment instead of this process's own.
    pub clear_env: bool,
    /// Its working folder. Relative folders of threads are resolved against it.
    pub cwd: Option<PathBuf>,
}

impl ChildSpec {
    /// `PROGRAM app-server` with this process's environment.
    pub fn app_server(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: vec!["app-server".into()],
            env: BTreeMap::new(),
            clear_env: false,
            cwd: None,
        }
    }

    /// Adds a variable.
    #[must_use]
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(key.into(), value.into());
        self
    }
}

/// Without the values of its variables: API keys are handed over in them.
impl std::fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChildSpec")
            .field("program", &self.program)
            .field("args", &self.args)
            .field("env", &self.env.keys())
            .field("clear_env", &self.clear_env)
            .field("cwd", &self.cwd)
            .finish()
    }
}

/// A running app-server. Dropping it kills its group.
pub struct Child {
    group: Group,
    stderr: Arc<StderrTail>,
    reading_stderr: JoinHandle<()>,
}

impl Child {
    pub(super) fn stderr_tail(&self) -> Arc<StderrTail> {
        Arc::clone(&self.stderr)
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.group.id()
    }

    /// Waits for its end for `grace`, then kills its group.
    pub(super) async fn end(self, grace: Duration) -> io::Result<ExitStatus> {
        let status = self.group.end(grace).await;
        // Its last words may still be in the pipe. Something that it left running can hold that open.
        let _ = tokio::time::timeout(LAST_WORDS, self.reading_stderr).await;
        status
    }
}

/// Starts an app-server.
pub(super) fn open(spec: &ChildSpec) -> Result<Wire, SpawnError> {
    let (child, stdin, stdout) = spawn(spec)?;
    Ok(Wire {
        reader: Box::new(stdout),
        writer: Box::new(stdin),
        peer: Peer::Child(child),
    })
}

/// Starts a process that has its stdin and stdout to itself.
pub(super) fn spawn(spec: &ChildSpec) -> Result<(Child, ChildStdin, ChildStdout), SpawnError> {
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if spec.clear_env {
        command.env_clear();
    }
    command.envs(&spec.env);
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    let mut group = Group::spawn(command).map_err(|error| explain(spec, error))?;
    let (Some(stdin), Some(stdout), Some(stderr)) = group.pipes() else {
        return Err(SpawnError::Failed {
            program: spec.program.clone(),
            source: io::Error::other("its pipes are missing"),
        });
    };
    let tail = Arc::new(StderrTail::default());
    let child = Child {
        group,
        reading_stderr: tokio::spawn(read_stderr(stderr, Arc::clone(&tail))),
        stderr: tail,
    };
    Ok((child, stdin, stdout))
}

fn explain(spec: &ChildSpec, source: io::Error) -> SpawnError {
    let program = spec.program.clone();
    match source.kind() {
        io::ErrorKind::NotFound => match &spec.cwd {
            Some(folder) if !folder.is_dir() => SpawnError::FolderMissing(folder.clone()),
            // The kernel says "not found" of the interpreter in a script's first line, too.
            _ if program.is_file() => SpawnError::NotExecutable { program, source },
            _ => SpawnError::Missing(program),
        },
        io::ErrorKind::PermissionDenied => SpawnError::NotExecutable { program, source },
        // ENOEXEC has no kind of its own.
        _ if source.raw_os_error() == Some(8) => SpawnError::NotExecutable { program, source },
        _ => SpawnError::Failed { program, source },
    }
}

/// The last lines that a process wrote to its stderr. Shown to people, never parsed (FACTS section 1).
#[derive(Debug, Default)]
pub struct StderrTail {
    lines: Mutex<VecDeque<String>>,
}

impl StderrTail {
    /// The lines, oldest first.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }

    /// Adds a line, and lets go of the oldest when there are many.
    pub(super) fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == STDERR_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

async fn read_stderr(stderr: ChildStderr, tail: Arc<StderrTail>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        // A line without an end is taken in pieces, so that it cannot grow without bound.
        match (&mut reader)
            .take(STDERR_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .await
        {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = strip_colours(&String::from_utf8_lossy(&line));
                if !text.is_empty() {
                    tracing::debug!(target: "countersign_runtime::stderr", "{text}");
                    tail.push(text);
                }
            }
        }
    }
}

/// Takes off the SGR sequences that the server's log lines carry.
pub(super) fn strip_colours(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line.trim_end();
    while let Some(start) = rest.find("\u{1b}[") {
        out.push_str(&rest[..start]);
        let sequence = &rest[start + 2..];
        match sequence.find(|c: char| c.is_ascii_alphabetic()) {
            Some(end) => rest = &sequence[end + 1..],
            None => return out,
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_off_stderr() {
        assert_eq!(
            strip_colours("\u{1b}[2m2026\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m no\n"),
            "2026 ERROR no"
        );
        assert_eq!(strip_colours("plain\u{1b}[3"), "plain");
    }

    #[test]
    fn what_cannot_be_started_is_explained() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let _guard = runtime.enter();
        let folder = tempfile::tempdir().unwrap();
        let missing = ChildSpec::app_server(folder.path().join("nothing"));
        assert!(matches!(open(&missing), Err(SpawnError::Missing(_))));

        let text = folder.path().join("text");
        std::fs::write(&text, "hello").unwrap();
        assert!(matches!(
            open(&ChildSpec::app_server(&text)),
            Err(SpawnError::NotExecutable { .. })
        ));

        let mut nowhere = ChildSpec::app_server("/bin/sh");
        nowhere.cwd = Some(folder.path().join("gone"));
        assert!(matches!(open(&nowhere), Err(SpawnError::FolderMissing(_))));
    }
}
