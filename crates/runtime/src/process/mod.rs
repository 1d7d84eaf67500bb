//! A process with everything that it starts, as one thing that can be ended.
//!
//! Its own process group on Unix, a job on Windows. App-servers, `ssh` and hooks are all started
//! here, so that all of them end with this process, whichever way it ends (invariant I12):
//!
//! - a [`Group`] that is dropped kills the whole of it, not only its leader;
//! - when this process ends without dropping anything, `kill -9` included, a [watchdog](watchdog) does it on Linux
//!   and macOS. A signal for the parent's death (`PR_SET_PDEATHSIG`) would reach the leader alone, and
//!   follows the thread that started it, not the process; macOS has none. On Windows the system
//!   does it: the job's last handle closes with this process (`JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE`,
//!   which process-wrap sets for [`KillOnDrop`]).
//!
//! A process that leaves the group for a session of its own is its parent's to end; the app-server does
//! that for its commands when its input closes (FACTS section 1), for which both give it time.
//!
//! Deliberately not here: what is written to it and read from it.

#[cfg(unix)]
mod watchdog;

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

/// A running process. Dropping it before it ended kills it and what it started.
pub(crate) struct Group {
    process: Box<dyn ChildWrapper>,
    ended: bool,
    #[cfg(unix)]
    watched: Option<watchdog::Watched>,
}

impl Group {
    /// Starts it.
    pub(crate) fn spawn(command: Command) -> io::Result<Self> {
        let mut command = CommandWrap::from(command);
        command.wrap(KillOnDrop);
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        let process = command.spawn()?;
        Ok(Self {
            #[cfg(unix)]
            watched: process.id().map(watchdog::watch),
            process,
            ended: false,
        })
    }

    /// Its pipes, as far as they were asked for and not taken yet.
    pub(crate) fn pipes(
        &mut self,
    ) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        (
            self.process.stdin().take(),
            self.process.stdout().take(),
            self.process.stderr().take(),
        )
    }

    /// The leader's process id, until it was waited for.
    pub(crate) fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits for the leader's end. What it left running goes on. Cancel safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.process.wait().await?;
        self.ended = true;
        #[cfg(unix)]
        self.watched.take();
        Ok(status)
    }

    /// Waits for the leader's end for `grace`, then kills it; what it left running is killed either way.
    pub(crate) async fn end(mut self, grace: Duration) -> io::Result<ExitStatus> {
        let in_time = tokio::time::timeout(grace, self.process.wait()).await;
        // At once after the wait: as long as anything is left in the group its number is not given to
        // another, and one that is free comes up again only after all others have.
        self.kill();
        self.ended = true;
        match in_time {
            Ok(status) => status,
            Err(_) => self.process.wait().await,
        }
    }

    fn kill(&mut self) {
        // There may be nothing left to kill.
        if let Err(error) = self.process.start_kill() {
            tracing::debug!(%error, "no process of a group was killed");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once it was waited for, its number may belong to somebody else.
        if !self.ended {
            self.kill();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used, reason = "tests report by panicking")]
mod tests {
    use std::process::Stdio;

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    /// A process that started another one and waits, and the ids of both.
    async fn family(script: &str) -> (Group, [u32; 2]) {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped());
        let mut group = Group::spawn(command).unwrap();
        let leader = group.id().unwrap();
        let (_, stdout, _) = group.pipes();
        let mut lines = BufReader::new(stdout.unwrap()).lines();
        let child = lines.next_line().await.unwrap().unwrap();
        (group, [leader, child.parse().unwrap()])
    }

    /// Waits until neither runs any more. One that nobody reaps counts as gone.
    async fn gone(pids: [u32; 2]) {
        let runs = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
        };
        let all = async {
            while pids.iter().any(runs) {
                tokio::task::yield_now().await;
            }
        };
        let watchdog = Duration::from_secs(30);
        tokio::time::timeout(watchdog, all).await.unwrap();
    }

    const STAYS: &str = "sleep 1000 & echo $!; wait";
    const LEAVES: &str = "sleep 1000 >/dev/null & echo $!";

    #[tokio::test]
    async fn i12_dropping_a_group_kills_what_its_leader_started() {
        let (group, pids) = family(STAYS).await;
        drop(group);
        gone(pids).await;
    }

    #[tokio::test]
    async fn i12_ending_kills_a_leader_that_stays_and_what_one_that_ended_left_behind() {
        for script in [STAYS, LEAVES] {
            let (group, pids) = family(script).await;
            let grace = match script {
                STAYS => Duration::ZERO,
                _ => Duration::from_secs(30),
            };
            group.end(grace).await.unwrap();
            gone(pids).await;
        }
    }

    #[tokio::test]
    async fn what_a_leader_left_running_outlives_a_wait() {
        let (mut group, [_, child]) = family(LEAVES).await;
        assert!(group.wait().await.unwrap().success());
        drop(group);
        let killed = std::process::Command::new("kill")
            .arg(child.to_string())
            .status()
            .unwrap();
        assert!(killed.success(), "it does not run any more");
    }
}
