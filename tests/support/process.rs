//! Processes: started so that they cannot outlive the test, found again by a mark
//! in their environment or by the folder they work in, and ended by id.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};

use super::wait::wait_until;

/// A process of a test, as `/proc` shows it.
#[derive(Debug, Clone)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    /// The program file, empty where the system does not tell.
    pub program: PathBuf,
    /// The command line, its arguments joined with spaces.
    pub command: String,
}

impl Process {
    /// Kills it at once (`kill -9`) and waits until it is gone.
    pub fn kill(&self) {
        kill(self.pid);
        wait_until(&format!("the end of {self:?}"), || !is_running(self.pid));
    }
}

/// All processes that carry `mark` (`NAME=VALUE`) in their environment, or work in
/// a folder under `root`: the second finds those that were given a clean environment.
pub fn marked(mark: &str, root: &Path) -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| carries(pid, mark) || works_under(pid, root))
        .filter_map(read)
        .collect()
}

pub fn carries(pid: i32, mark: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
        environment
            .split(|&byte| byte == 0)
            .any(|variable| variable == mark.as_bytes())
    })
}

fn works_under(pid: i32, root: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder.starts_with(root))
}

/// `None` for a process that has ended, also when nobody has collected it yet.
fn read(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // "PID (NAME) STATE PARENT ...", and NAME may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let parent = fields.next()?.parse().ok()?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(Process {
        pid,
        parent,
        program: fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default(),
        command: String::from_utf8_lossy(&command)
            .trim_end_matches('\0')
            .replace('\0', " "),
    })
}

pub fn is_running(pid: i32) -> bool {
    read(pid).is_some() && Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// Sends SIGKILL. A process that has ended meanwhile is fine.
pub fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// A command for `program` in a process group of its own, which dies with the
/// thread that starts it, even when that thread is killed. Its environment is empty.
pub fn tethered(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("/usr/bin/setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .env_clear()
        .process_group(0)
        .stdin(Stdio::null());
    command
}

/// A process with a group of its own; dropping it ends that group.
#[derive(Debug)]
pub struct Owned(Child);

impl Owned {
    pub fn spawn(mut command: Command) -> Self {
        match command.spawn() {
            Ok(child) => Self(child),
            Err(error) => panic!("cannot start {command:?}: {error}"),
        }
    }

    pub fn pid(&self) -> i32 {
        self.0.id().cast_signed()
    }

    /// The first line it prints; its later output is not read. Empty when it ends first.
    pub fn first_line(&mut self) -> String {
        let mut line = String::new();
        if let Some(output) = self.0.stdout.take() {
            BufReader::new(output).read_line(&mut line).ok();
        }
        line.trim_end().to_owned()
    }

    /// Ends the process itself and leaves the rest of its group running.
    pub fn kill_alone(mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        std::mem::forget(self);
    }

    pub fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.pid()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}
