//! An app-server on another machine, through the system's OpenSSH client.
//!
//! The client is used as it is, so a person's own configuration, agent, jump hosts and known hosts
//! count. It never asks: what needs a password or an unknown host's key accepted fails, and its words
//! are in the death (`BatchMode`). The server's stdin and stdout are the connection (FACTS section
//! 12), so it ends with it, on either side. Deliberately not here: copying codex to the other machine,
//! and keeping anything running there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::child::{self, Child, StderrTail};
use super::preamble::Preamble;
use super::{ChildSpec, Peer, SpawnError, Wire};

/// How long a host may take until its app-server says its first frame. Shorter than a call may take
/// ([`Limits::call_timeout`](crate::Limits::call_timeout)), so that what the host said instead is told.
const ANSWER_LIMIT: Duration = Duration::from_secs(25);

/// Before a person's own options, which cannot undo it: nobody is there to be asked.
const UNATTENDED: &str = "BatchMode=yes";
/// After a person's own options, which go before them. What the host's section of a configuration
/// file forwards, runs or shares with other connections is not meant for this one: a shared
/// connection of our making would outlive us.
const DEFAULTS: [&str; 6] = [
    "ConnectTimeout=15",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
];

/// Which machine, and how to start codex there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSpec {
    /// The destination as `ssh` takes it: `HOST`, `USER@HOST`, or a name of the configuration file.
    pub host: String,
    /// The port, when it is neither 22 nor in the configuration file.
    pub port: Option<u16>,
    /// The private key, when it is neither a usual one nor in the configuration file.
    pub identity: Option<PathBuf>,
    /// More options in the form of the configuration file, such as `ProxyJump=bastion`.
    pub options: Vec<String>,
    /// The `ssh` here: a path, or a name to find in PATH. Its environment is this process's.
    pub client: PathBuf,
    /// The codex there: a path, or a name to find in the PATH that a shell without login has.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables for it. They are on its command line there, readable for the machine's other users:
    /// no place for secrets. Needs a POSIX shell and `env` there when there are any.
    pub env: BTreeMap<String, String>,
}

impl SshSpec {
    /// `codex app-server` on `host`.
    pub fn app_server(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: None,
            identity: None,
            options: Vec::new(),
            client: "ssh".into(),
            program: "codex".to_owned(),
            args: vec!["app-server".to_owned()],
            env: BTreeMap::new(),
        }
    }

    /// The arguments of `ssh`.
    fn arguments(&self) -> Result<Vec<OsString>, SpawnError> {
        let bad = |reason: &str| SpawnError::Address {
            address: self.host.clone(),
            reason: reason.to_owned(),
        };
        check_destination(&self.host).map_err(bad)?;
        let command = self.remote_command().ok_or_else(|| {
            bad("the command to run there contains a character that no command can")
        })?;
        let mut arguments: Vec<OsString> = vec!["-T".into(), "-o".into(), UNATTENDED.into()];
        for option in &self.options {
            arguments.extend(["-o".into(), option.into()]);
        }
        for option in DEFAULTS {
            arguments.extend(["-o".into(), option.into()]);
        }
        if let Some(port) = self.port {
            arguments.extend(["-p".into(), port.to_string().into()]);
        }
        if let Some(identity) = &self.identity {
            arguments.extend(["-i".into(), identity.into()]);
        }
        arguments.extend(["--".into(), self.host.as_str().into(), command.into()]);
        Ok(arguments)
    }

    /// One line for the shell there; `None` when a word cannot be quoted.
    fn remote_command(&self) -> Option<String> {
        let variables = self.env.iter().map(|(key, value)| format!("{key}={value}"));
        let mut words: Vec<String> = Vec::new();
        if !self.env.is_empty() {
            words.push("env".to_owned());
            words.extend(variables);
        }
        words.push(self.program.clone());
        words.extend(self.args.iter().cloned());
        shlex::try_join(words.iter().map(String::as_str)).ok()
    }
}

/// A destination must be nothing but one: neither an option of `ssh`, nor something that a
/// configuration with `%h` or `%r` in a command would hand to a shell.
fn check_destination(host: &str) -> Result<(), &'static str> {
    let name = host.strip_prefix("ssh://").unwrap_or(host);
    let (user, name) = name.rsplit_once('@').unwrap_or(("user", name));
    if user.is_empty() || name.is_empty() {
        return Err("the name of a host is missing");
    }
    if user.starts_with('-') || name.starts_with('-') {
        return Err("the name of a host does not begin with a hyphen");
    }
    let special =
        |c: char| c.is_control() || c.is_whitespace() || "'\"`$\\;&<>|(){}*?!#".contains(c);
    match host.contains(special) {
        true => Err("the name of a host contains no spaces and no special characters"),
        false => Ok(()),
    }
}

/// Starts `ssh`.
pub(super) fn open(spec: &SshSpec) -> Result<Wire, SpawnError> {
    let client = ChildSpec {
        args: spec.arguments()?,
        ..ChildSpec::app_server(&spec.client)
    };
    let (child, stdin, stdout) = child::spawn(&client)?;
    let preamble = Preamble::new(stdout, &spec.host, child.stderr_tail(), ANSWER_LIMIT);
    Ok(Wire {
        peer: Peer::Ssh(Remote {
            client: child,
            answered: preamble.answered(),
            host: spec.host.clone(),
            program: spec.program.clone(),
        }),
        reader: Box::new(preamble),
        writer: Box::new(stdin),
    })
}

/// A running `ssh`.
pub struct Remote {
    client: Child,
    /// The app-server said something.
    answered: Arc<AtomicBool>,
    host: String,
    program: String,
}

impl Remote {
    pub(super) fn stderr_tail(&self) -> Arc<StderrTail> {
        self.client.stderr_tail()
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.client.pid()
    }

    pub(super) async fn end(self, grace: Duration) -> String {
        let answered = self.answered.load(Ordering::Acquire);
        match self.client.end(grace).await {
            Ok(status) => explain(status, answered, &self.host, &self.program),
            Err(error) => format!("unknown end: {error}"),
        }
    }
}

/// `ssh` ends as the command there did. It ends with 255 when it could not connect or lost the
/// connection, and also when a signal ended the command.
fn explain(status: ExitStatus, answered: bool, host: &str, program: &str) -> String {
    match (answered, status.code()) {
        (false, Some(255)) => format!("there is no SSH connection to {host} ({status})"),
        (false, Some(127)) => format!("{host} has no {program} ({status})"),
        (false, Some(126)) => format!("{host} will not run {program} ({status})"),
        (true, Some(255)) => {
            format!(
                "the SSH connection to {host} broke, or the app-server there was killed ({status})"
            )
        }
        _ => format!("the app-server on {host} ended ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(spec: &SshSpec, wanted: &str) {
        let found = match spec.arguments() {
            Ok(arguments) => arguments
                .iter()
                .map(|argument| argument.to_str().unwrap())
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, wanted);
    }

    const USUAL: &str = "-o ConnectTimeout=15 -o ServerAliveInterval=15 -o ServerAliveCountMax=3 \
        -o ControlMaster=no -o ClearAllForwardings=yes -o RemoteCommand=none";

    #[test]
    fn the_command_line_of_a_plain_host() {
        check(
            &SshSpec::app_server("me@build.example"),
            &format!("-T -o BatchMode=yes {USUAL} -- me@build.example codex app-server"),
        );
    }

    #[test]
    fn everything_that_can_be_said_has_its_place_and_is_quoted_for_the_shell_there() {
        let spec = SshSpec {
            port: Some(2222),
            identity: Some("/keys/my key".into()),
            options: vec!["ProxyJump=bastion".into()],
            program: "/opt/it's here/codex".into(),
            env: [("CODEX_HOME".to_owned(), "/h; rm -rf $HOME".to_owned())].into(),
            ..SshSpec::app_server("build")
        };
        check(
            &spec,
            &format!(
                "-T -o BatchMode=yes -o ProxyJump=bastion {USUAL} -p 2222 -i /keys/my key -- build \
                 env 'CODEX_HOME=/h; rm -rf $HOME' \"/opt/it's here/codex\" app-server"
            ),
        );
        let words = shlex::split(&spec.remote_command().unwrap()).unwrap();
        assert_eq!(
            words,
            [
                "env",
                "CODEX_HOME=/h; rm -rf $HOME",
                "/opt/it's here/codex",
                "app-server"
            ]
        );
    }

    #[test]
    fn a_host_that_is_none_is_refused() {
        for host in [
            "",
            "-oProxyCommand=touch /tmp/x",
            "me@-oProxyCommand=x",
            "@host",
            "me@",
            "a b",
            "a;b",
            "$(x)",
            "a\nb",
            "ssh://-x",
        ] {
            assert!(
                matches!(
                    SshSpec::app_server(host).arguments(),
                    Err(SpawnError::Address { .. })
                ),
                "{host:?}"
            );
        }
        for host in [
            "host",
            "me@host.example",
            "ssh://me@host:22",
            "me@corp@host",
            "fe80::1%eth0",
            "my_host-1",
        ] {
            assert!(SshSpec::app_server(host).arguments().is_ok(), "{host:?}");
        }
        let spec = SshSpec {
            program: "a\0b".into(),
            ..SshSpec::app_server("host")
        };
        assert!(matches!(spec.arguments(), Err(SpawnError::Address { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn the_end_of_ssh_is_explained() {
        use std::os::unix::process::ExitStatusExt;
        let check = |code: i32, answered: bool, wanted: &str| {
            let status = ExitStatus::from_raw(code << 8);
            assert_eq!(
                explain(status, answered, "box", "codex"),
                format!("{wanted} ({status})")
            );
        };
        check(255, false, "there is no SSH connection to box");
        check(
            255,
            true,
            "the SSH connection to box broke, or the app-server there was killed",
        );
        check(127, false, "box has no codex");
        check(126, false, "box will not run codex");
        check(127, true, "the app-server on box ended");
        check(0, false, "the app-server on box ended");
    }
}
