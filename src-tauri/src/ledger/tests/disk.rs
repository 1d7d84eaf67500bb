//! A disk that fails: approvals go on, it is said once, and nothing is lost that memory can hold.

use std::fs;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use countersign_contract::{ChoiceId, SubjectKind};
use tempfile::tempdir;

use super::{LONG, answered, details, entry};
use crate::ledger::{Happened, Ledger, Limits};

const NEVER: Duration = Duration::from_secs(1 << 30);

fn listen(ledger: &Ledger) -> Receiver<Happened> {
    let (told, heard) = mpsc::channel();
    ledger.listen(move |happened| drop(told.send(happened)));
    heard
}

fn limits(retry: Duration, memory: usize) -> Limits {
    Limits { retry, memory }
}

/// Everything but the changes, up to and with the recovery.
fn troubles(heard: &Receiver<Happened>) -> Vec<Happened> {
    let mut troubles = Vec::new();
    loop {
        match heard.recv_timeout(LONG).unwrap() {
            Happened::Changed => {}
            recovered @ Happened::Recovered(_) => {
                troubles.push(recovered);
                return troubles;
            }
            trouble => troubles.push(trouble),
        }
    }
}

#[test]
fn what_cannot_be_written_at_first_is_written_when_it_can() {
    let root = tempdir().unwrap();
    let folder = root.path().join("data");
    fs::write(&folder, "a file is in the way").unwrap();
    let (ledger, problems) = Ledger::open_with(&folder, limits(NEVER, 1 << 20));
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].what.contains("not being recorded"),
        "{problems:?}"
    );
    let heard = listen(&ledger);
    for n in 0..3 {
        ledger.record(entry(&n.to_string(), &format!("echo {n}")));
        assert_eq!(ledger.flush(LONG), n + 1);
    }
    assert!(ledger.settled(&"1".to_owned(), answered(ChoiceId::Deny)));
    assert!(ledger.recent(5, &Default::default()).is_err());
    let before = ledger.same_before(&"session-1".to_owned(), SubjectKind::Command, "echo 1");
    assert_eq!(before.unwrap().last, Some(answered(ChoiceId::Deny).outcome));
    fs::remove_file(&folder).unwrap();
    assert_eq!(ledger.flush(LONG), 0);
    assert_eq!(details(&ledger), ["echo 0", "echo 1", "echo 2"]);
    let said = troubles(&heard);
    assert!(matches!(&said[..], [Happened::Recovered(_)]), "{said:?}");
}

#[test]
fn beyond_its_memory_the_loss_is_said_and_counted() {
    let root = tempdir().unwrap();
    let folder = root.path().join("data");
    fs::write(&folder, "a file is in the way").unwrap();
    let (ledger, _) = Ledger::open_with(&folder, limits(NEVER, 20_000));
    let heard = listen(&ledger);
    for n in 0..100 {
        ledger.record(entry(&n.to_string(), &format!("echo {n}")));
        ledger.settled(&n.to_string(), answered(ChoiceId::Deny));
    }
    let kept = ledger.flush(LONG);
    assert!((5..60).contains(&kept), "{kept}");
    fs::remove_file(&folder).unwrap();
    assert_eq!(ledger.flush(LONG), 0);
    let expected: Vec<_> = (0..kept).map(|n| format!("echo {n}")).collect();
    assert_eq!(details(&ledger), expected);
    match &troubles(&heard)[..] {
        [Happened::Trouble(said), Happened::Recovered(again)] => {
            assert!(said.what.contains("no longer recorded"), "{said:?}");
            let lost = format!("{} questions", 100 - kept);
            assert!(again.meaning.starts_with(&lost), "{again:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[cfg(target_os = "linux")]
mod full {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::ledger::tests::all;

    const FOLDER: &str = "COUNTERSIGN_TEST_SMALL_DISK";

    /// Runs itself on a file system of 2 MB, in a namespace of its own: that ends with its process.
    #[test]
    fn on_a_full_disk_it_says_so_goes_on_and_catches_up() {
        if let Some(disk) = std::env::var_os(FOLDER) {
            return on_this_small_disk(Path::new(&disk));
        }
        let root = tempdir().unwrap();
        let me = std::env::current_exe().unwrap();
        let inner = "ledger::tests::disk::full::on_a_full_disk_it_says_so_goes_on_and_catches_up";
        let mut command = Command::new("unshare");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        let output = command
            .args(["--mount", "sh", "-c"])
            .arg(r#"mount -t tmpfs -o size=2m tmpfs "$1" && exec "$2" --exact "$3""#)
            .arg("sh")
            .arg(root.path())
            .arg(me)
            .arg(inner)
            .env(FOLDER, root.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "as root, or where users may have namespaces:\n{said}\n{complaint}"
        );
    }

    fn on_this_small_disk(disk: &Path) {
        let ballast = disk.join("ballast");
        fs::write(&ballast, vec![1; 1_200_000]).unwrap();
        let (ledger, problems) = Ledger::open_with(
            &disk.join("data"),
            limits(Duration::from_millis(20), 8 << 20),
        );
        assert_eq!(problems, []);
        let heard = listen(&ledger);
        let record = |n: usize| {
            ledger.record(entry(
                &n.to_string(),
                &format!("{n} {}", "x".repeat(10_000)),
            ));
            ledger.settled(&n.to_string(), answered(ChoiceId::AllowOnce));
        };
        let full = (0..1_000)
            .find(|n| {
                record(*n);
                ledger.flush(LONG) > 0
            })
            .unwrap();
        assert!(full > 5, "{full}");
        let said = heard.iter().find(|happened| *happened != Happened::Changed);
        match said {
            Some(Happened::Trouble(said)) => {
                assert!(said.what.starts_with("The disk is full"), "{said:?}");
            }
            other => panic!("{other:?}"),
        }
        // Approvals go on, and what is on disk can be read.
        for n in full + 1..full + 20 {
            record(n);
        }
        assert!(ledger.flush(LONG) > 0);
        assert!(all(&ledger).len() >= full.saturating_sub(1));
        fs::remove_file(ballast).unwrap();
        // It tries again by itself.
        let said = troubles(&heard);
        assert!(matches!(&said[..], [Happened::Recovered(_)]), "{said:?}");
        assert_eq!(ledger.flush(LONG), 0);
        let entries = all(&ledger);
        assert_eq!(entries.len(), full + 20);
        assert!(entries.iter().all(|entry| entry.settled.is_some()));
    }
}
