//! A shell that outlives this process for a moment and kills what it left running.
//!
//! One for all [groups](super::Group), started with the first. It reads from a pipe which groups there are;
//! the pipe's other end is held by this process alone and closes however it ends. Then the shell gives
//! what is left as long as [`GRACE`] to end by itself, and kills it.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Seconds. An app-server whose input closes ends its commands and itself in a fraction of one (FACTS section 1).
const GRACE: &str = "2";

/// Its own traps, so that a terminal's interrupt or a session's end does not take it away before its time.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
groups=
while read -r verb group; do
    rest=
    for other in $groups; do
        [ "$other" = "$group" ] || rest="$rest $other"
    done
    groups=$rest
    [ "$verb" = - ] || groups="$groups $group"
done
[ -n "$groups" ] || exit 0
sleep "$1"
for group in $groups; do
    kill -s KILL -- "-$group" 2>/dev/null
done
"#;

static WATCHDOG: Mutex<Watchdog> = Mutex::new(Watchdog {
    shell: None,
    groups: BTreeSet::new(),
});

struct Watchdog {
    shell: Option<Child>,
    groups: BTreeSet<u32>,
}

/// A group that is killed when this process ends. Dropping it ends that, and only that.
pub(super) struct Watched(u32);

/// Has a group killed when this process ends.
pub(super) fn watch(group: u32) -> Watched {
    let mut watchdog = lock();
    watchdog.groups.insert(group);
    watchdog.tell(&format!("+ {group}\n"));
    Watched(group)
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut watchdog = lock();
        watchdog.groups.remove(&self.0);
        watchdog.tell(&format!("- {}\n", self.0));
    }
}

fn lock() -> MutexGuard<'static, Watchdog> {
    WATCHDOG.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watchdog {
    /// Says a line, to a new shell with all there is to say when there is none or it is gone.
    fn tell(&mut self, line: &str) {
        if self.say(line).is_ok() {
            return;
        }
        if let Some(mut gone) = self.shell.take() {
            let _ = gone.kill();
            let _ = gone.wait();
        }
        if self.groups.is_empty() {
            return;
        }
        let all: String = self
            .groups
            .iter()
            .map(|group| format!("+ {group}\n"))
            .collect();
        let started = start().and_then(|shell| {
            self.shell = Some(shell);
            self.say(&all)
        });
        if let Err(error) = started {
            tracing::warn!(%error, "no watchdog: what runs outlives this process if it is killed");
        }
    }

    fn say(&mut self, line: &str) -> std::io::Result<()> {
        let stdin = self.shell.as_mut().and_then(|shell| shell.stdin.as_mut());
        match stdin {
            Some(stdin) => stdin.write_all(line.as_bytes()),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        }
    }
}

fn start() -> std::io::Result<Child> {
    Command::new("/bin/sh")
        .args(["-c", SCRIPT, "countersign-watchdog", GRACE])
        .process_group(0)
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}
