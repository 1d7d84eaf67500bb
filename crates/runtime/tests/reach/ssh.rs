//! A real sshd on loopback with keys of its own.

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One sshd for each connection, as inetd starts it: the port is bound here, so it is never somebody
/// else's, and nothing is left when the connections are closed.
pub(crate) struct Sshd {
    pub(crate) port: u16,
    accepting: JoinHandle<()>,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Sshd {
    pub(crate) async fn start(scratch: &Path) -> Self {
        let program = program();
        // Started by root, sshd wants this folder, which an init script makes otherwise.
        let root = Command::new("id")
            .arg("-u")
            .output()
            .unwrap()
            .stdout
            .starts_with(b"0\n");
        if root && !Path::new("/run/sshd").exists() {
            std::fs::create_dir_all("/run/sshd").unwrap();
            std::fs::set_permissions("/run/sshd", PermissionsExt::from_mode(0o755)).unwrap();
        }
        let host_key = new_key(scratch, "host-key");
        let user_key = new_key(scratch, "user-key");
        let authorized = scratch.join("authorized-keys");
        std::fs::copy(user_key.with_extension("pub"), &authorized).unwrap();
        let config = scratch.join("sshd-config");
        let lines = [
            format!("HostKey {}", host_key.display()),
            format!("AuthorizedKeysFile {}", authorized.display()),
            "StrictModes no".to_owned(),
            "UsePAM no".to_owned(),
            "PasswordAuthentication no".to_owned(),
            "KbdInteractiveAuthentication no".to_owned(),
            "PermitRootLogin yes".to_owned(),
            "PidFile none".to_owned(),
        ];
        std::fs::write(&config, lines.join("\n") + "\n").unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let public = std::fs::read_to_string(host_key.with_extension("pub")).unwrap();
        std::fs::write(
            scratch.join("known-hosts"),
            format!("[127.0.0.1]:{port} {public}"),
        )
        .unwrap();
        let log = scratch.join("sshd-log");
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let stream = stream.into_std().unwrap();
                stream.set_nonblocking(false).unwrap();
                let stream = OwnedFd::from(stream);
                let log = std::fs::File::options()
                    .create(true)
                    .append(true)
                    .open(&log)
                    .unwrap();
                let mut sshd = tokio::process::Command::new(&program)
                    .args(["-i", "-e", "-f"])
                    .arg(&config)
                    .stdin(Stdio::from(stream.try_clone().unwrap()))
                    .stdout(Stdio::from(stream))
                    .stderr(Stdio::from(log))
                    .spawn()
                    .unwrap();
                tokio::spawn(async move { sshd.wait().await });
            }
        });
        Self { port, accepting }
    }
}

/// sshd insists on being started by an absolute path.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join("sshd"))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("no sshd: install the OpenSSH server"))
}

pub(crate) fn new_key(scratch: &Path, name: &str) -> PathBuf {
    let path = scratch.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    path
}

/// No keys, no agent and no known hosts of whoever runs the test.
pub(crate) fn options(scratch: &Path) -> Vec<String> {
    vec![
        format!(
            "UserKnownHostsFile={}",
            scratch.join("known-hosts").display()
        ),
        "GlobalKnownHostsFile=/dev/null".to_owned(),
        "StrictHostKeyChecking=yes".to_owned(),
        "IdentitiesOnly=yes".to_owned(),
        "IdentityAgent=none".to_owned(),
    ]
}
