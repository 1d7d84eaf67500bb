//! A process with everything that it starts, as one thing that can be killed.
//!
//! Its own process group on Unix, a job on Windows. Deliberately not here: what is written to it and
//! read from it.

use std::io;
use std::process::ExitStatus;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};

/// A running process. Dropping it before it ended kills it and what it started.
pub(crate) struct Group {
    process: Box<dyn ChildWrapper>,
    ended: bool,
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
        Ok(Self {
            process: command.spawn()?,
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

    /// Waits for its end. Cancel safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.process.wait().await?;
        self.ended = true;
        Ok(status)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once it was waited for, its number may belong to somebody else.
        if !self.ended
            && let Err(error) = self.process.start_kill()
        {
            tracing::debug!(%error, "a process group could not be killed");
        }
    }
}
