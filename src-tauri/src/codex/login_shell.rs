//! The PATH that the person's login shell sets up.

use std::{ffi::OsString, path::Path, time::Duration};

/// How long the shell's start files may take.
const LIMIT: Duration = Duration::from_secs(2);
/// How much the start files may print.
const OUTPUT_LIMIT: usize = 1 << 20;
const MARK: &str = "__countersign_path__";

/// Asks the shell. `None` when it does not understand `-lc` with `printf` (nushell, csh), prints
/// nothing usable, or takes longer than two seconds; it is killed then, with what it started.
///
/// Blocks for as long as that takes.
#[cfg(unix)]
pub(super) fn path_of(shell: &Path, home: Option<&Path>) -> Option<OsString> {
    use std::{
        io::Read as _,
        os::unix::{ffi::OsStringExt as _, process::CommandExt as _},
        process::{Command, Stdio},
        sync::mpsc,
        thread,
    };

    let mut command = Command::new(shell);
    command
        .arg("-lc")
        .arg(format!("printf '{MARK}%s{MARK}' \"$PATH\""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some(home) = home {
        command.env("HOME", home).current_dir(home);
    }
    let mut child = command.spawn().ok()?;
    let group = rustix::process::Pid::from_child(&child);
    let mut stdout = child.stdout.take()?;
    let (sender, receiver) = mpsc::channel();
    // What the start files leave running can keep the pipe open, so the end of the answer counts,
    // not the end of the stream.
    thread::spawn(move || {
        let mut output = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            match stdout.read(&mut chunk) {
                Ok(n) if n > 0 => output.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                _ => break,
            }
            let answer = between_marks(&output);
            if answer.is_some() || output.len() > OUTPUT_LIMIT {
                let _ = sender.send(answer);
                break;
            }
        }
    });
    let answer = receiver.recv_timeout(LIMIT).ok().flatten();
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let _ = child.wait();
    answer
        .filter(|path| !path.is_empty())
        .map(OsString::from_vec)
}

/// There are no login shells here.
#[cfg(not(unix))]
pub(super) fn path_of(_shell: &Path, _home: Option<&Path>) -> Option<OsString> {
    let _ = (LIMIT, OUTPUT_LIMIT, MARK);
    None
}

#[cfg(unix)]
fn between_marks(output: &[u8]) -> Option<Vec<u8>> {
    let find = |from: usize| {
        let rest = output.get(from..)?;
        let at = rest
            .windows(MARK.len())
            .position(|window| window == MARK.as_bytes())?;
        Some(from + at)
    };
    let start = find(0)? + MARK.len();
    let end = find(start)?;
    output.get(start..end).map(<[u8]>::to_vec)
}
