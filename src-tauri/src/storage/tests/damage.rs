use std::{fs, io, path::Path};

use tauri::{RunEvent, WebviewWindowBuilder};
use tauri_plugin_store::StoreExt as _;
use tempfile::tempdir;

use super::{add, app, lines, names, open};
use crate::storage::{ReadOnlyReason, StorageError};

fn real(folder: &Path) -> std::path::PathBuf {
    folder.join("notes.json")
}

#[test]
fn a_first_start_makes_the_file_without_a_word() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    let app = app();
    let (notes, problems) = open(&app, &data);
    assert_eq!(problems, []);
    assert_eq!(lines(&notes), [""; 0]);
    let text = fs::read_to_string(real(&data)).unwrap();
    assert_eq!(text, "{\n  \"lines\": [],\n  \"version\": 3\n}\n");
}

#[test]
fn a_change_is_on_disk_when_update_returns() {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    add(&notes, "one").unwrap();
    let text = fs::read_to_string(real(folder.path())).unwrap();
    assert!(text.contains("\"one\""), "{text}");
    let (again, problems) = open(&app, folder.path());
    assert_eq!((lines(&again), problems), (vec!["one".to_owned()], vec![]));
}

#[test]
fn a_removed_key_leaves_the_file() {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    let title = |title: Option<&str>| {
        notes.update(|notes| {
            notes.title = title.map(str::to_owned);
            Ok::<_, StorageError>(())
        })
    };
    title(Some("T")).unwrap();
    title(None).unwrap();
    let text = fs::read_to_string(real(folder.path())).unwrap();
    assert!(!text.contains("title"), "{text}");
}

#[test]
fn an_error_of_the_change_changes_nothing() {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    let refused: Result<(), StorageError> = notes.update(|notes| {
        notes.lines.push("half".to_owned());
        Err(StorageError::ReadOnly {
            path: "x".into(),
            reason: ReadOnlyReason::NoStore,
        })
    });
    assert!(refused.is_err());
    assert_eq!(lines(&notes), [""; 0]);
}

#[cfg(unix)]
#[test]
fn only_the_person_can_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    add(&notes, "draft").unwrap();
    for name in names(folder.path()) {
        let mode = fs::metadata(folder.path().join(&name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

#[test]
fn a_file_torn_at_any_length_is_set_aside_and_the_last_good_one_used() {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    add(&notes, "one").unwrap();
    add(&notes, "two").unwrap();
    let whole = fs::read(real(folder.path())).unwrap();
    // Without its last newline it is still whole.
    for length in 0..whole.len() - 1 {
        let folder = tempdir().unwrap();
        let (notes, _) = open(&app, folder.path());
        add(&notes, "one").unwrap();
        add(&notes, "two").unwrap();
        let torn = &whole[..length];
        fs::write(real(folder.path()), torn).unwrap();

        let (notes, problems) = open(&app, folder.path());
        assert_eq!(lines(&notes), ["one"], "at {length}");
        let [problem] = &problems[..] else {
            panic!("{problems:?}")
        };
        assert!(
            problem.what.contains("notes.set-aside-1.json"),
            "{problem:?}"
        );
        assert!(
            problem.meaning.contains("before the last change"),
            "{problem:?}"
        );
        let aside = fs::read(folder.path().join("notes.set-aside-1.json")).unwrap();
        assert_eq!(aside, torn);
        add(&notes, "three").unwrap();
        let (notes, problems) = open(&app, folder.path());
        assert_eq!(lines(&notes), ["one", "three"]);
        assert_eq!(problems, []);
    }
}

#[test]
fn foreign_files_are_kept_under_names_of_their_own() {
    let folder = tempdir().unwrap();
    let app = app();
    let foreign = [
        "[]",
        "{\"lines\":[]}",
        "{\"version\":\"3\",\"lines\":[]}",
        "{\"version\":0,\"lines\":[]}",
        "{\"version\":3,\"lines\":7}",
        "\u{0}\u{0}",
    ];
    for (index, text) in foreign.iter().enumerate() {
        fs::write(real(folder.path()), text).unwrap();
        let (notes, problems) = open(&app, folder.path());
        assert_eq!(lines(&notes), [""; 0]);
        assert_eq!(problems.len(), 1, "{text}");
        let aside = folder
            .path()
            .join(format!("notes.set-aside-{}.json", index + 1));
        assert_eq!(fs::read_to_string(aside).unwrap(), *text);
    }
}

#[test]
fn two_damaged_files_are_both_kept() {
    let folder = tempdir().unwrap();
    let app = app();
    fs::write(real(folder.path()), "torn").unwrap();
    fs::write(folder.path().join("notes.last-good.json"), "torn too").unwrap();
    let (notes, problems) = open(&app, folder.path());
    assert_eq!(problems.len(), 1);
    assert!(problems[0].meaning.contains("new notes"), "{problems:?}");
    add(&notes, "one").unwrap();
    add(&notes, "two").unwrap();
    for (number, text) in [(1, "torn"), (2, "torn too")] {
        let aside = folder.path().join(format!("notes.set-aside-{number}.json"));
        assert_eq!(fs::read_to_string(aside).unwrap(), text);
    }
}

#[test]
fn a_newer_file_opens_read_only_and_stays_byte_for_byte() {
    let folder = tempdir().unwrap();
    let app = app();
    let newer = "{ \"version\": 4, \"lines\": [\"kept\"], \"new\": true }";
    fs::write(real(folder.path()), newer).unwrap();
    let (notes, problems) = open(&app, folder.path());
    assert_eq!(lines(&notes), ["kept"]);
    assert!(problems[0].what.contains("newer version"), "{problems:?}");
    assert!(matches!(
        add(&notes, "lost"),
        Err(StorageError::ReadOnly {
            reason: ReadOnlyReason::Newer(4),
            ..
        })
    ));
    assert_eq!(lines(&notes), ["kept"]);
    drop(notes);
    assert_eq!(fs::read_to_string(real(folder.path())).unwrap(), newer);
    assert_eq!(names(folder.path()), ["notes.json"]);
}

#[test]
fn a_newer_file_that_makes_no_sense_here_opens_read_only_too() {
    let folder = tempdir().unwrap();
    let app = app();
    let newer = "{ \"version\": 9, \"lines\": {} }";
    fs::write(real(folder.path()), newer).unwrap();
    let (notes, problems) = open(&app, folder.path());
    assert_eq!((lines(&notes), problems.len()), (vec![], 1));
    assert!(add(&notes, "lost").is_err());
    assert_eq!(fs::read_to_string(real(folder.path())).unwrap(), newer);
}

#[test]
fn an_older_file_opens_and_is_written_in_the_new_format() {
    let folder = tempdir().unwrap();
    let app = app();
    fs::write(real(folder.path()), "{\"version\":1,\"lines\":[\"old\"]}").unwrap();
    let (notes, problems) = open(&app, folder.path());
    assert_eq!(problems, []);
    add(&notes, "new").unwrap();
    let text = fs::read_to_string(real(folder.path())).unwrap();
    assert!(
        text.contains("\"version\": 3") && text.contains("\"old\""),
        "{text}"
    );
}

/// Permissions do not stop a test that runs as root; a folder or a loop of links in the file's
/// place does.
#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_read_is_left_alone() {
    let folder = tempdir().unwrap();
    let app = app();
    std::os::unix::fs::symlink(real(folder.path()), real(folder.path())).unwrap();
    let (notes, problems) = open(&app, folder.path());
    assert!(problems[0].what.contains("cannot be read"), "{problems:?}");
    assert!(add(&notes, "lost").is_err());
    assert!(fs::read_link(real(folder.path())).is_ok());

    fs::remove_file(real(folder.path())).unwrap();
    fs::create_dir(real(folder.path())).unwrap();
    let (notes, problems) = open(&app, folder.path());
    assert!(problems[0].what.contains("cannot be read"), "{problems:?}");
    assert!(add(&notes, "lost").is_err());
    assert!(real(folder.path()).is_dir());
}

#[test]
fn a_vanished_file_comes_back_from_the_last_good_one() {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    add(&notes, "one").unwrap();
    add(&notes, "two").unwrap();
    fs::remove_file(real(folder.path())).unwrap();
    let (notes, problems) = open(&app, folder.path());
    assert_eq!(lines(&notes), ["one"]);
    assert!(problems[0].what.contains("is gone"), "{problems:?}");
    assert!(real(folder.path()).is_file());
}

/// A real full disk: /dev/full takes the staged bytes and says so.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_costs_the_change_and_nothing_else() {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    add(&notes, "one").unwrap();
    let before = fs::read(real(folder.path())).unwrap();
    let staging = folder.path().join("notes.staging.json");
    std::os::unix::fs::symlink("/dev/full", &staging).unwrap();
    let error = add(&notes, "two").unwrap_err();
    let StorageError::Write { source, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    let error = countersign_contract::CommandError::from(error);
    assert!(error.problem.remedy.contains("room"), "{error:?}");
    assert_eq!(lines(&notes), ["one"]);
    assert_eq!(fs::read(real(folder.path())).unwrap(), before);
    fs::remove_file(staging).unwrap();
    add(&notes, "three").unwrap();
    let (notes, _) = open(&app, folder.path());
    assert_eq!(lines(&notes), ["one", "three"]);
}

#[test]
fn a_folder_that_cannot_be_made_is_said_and_every_change_refused() {
    let folder = tempdir().unwrap();
    let app = app();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (notes, problems) = open(&app, &file.join("data"));
    assert!(!problems.is_empty());
    assert!(add(&notes, "lost").is_err());
    assert_eq!(lines(&notes), [""; 0]);
}

#[test]
fn the_last_good_place_being_taken_fails_before_the_real_file_changes() {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    fs::create_dir(folder.path().join("notes.last-good.json")).unwrap();
    let before = fs::read(real(folder.path())).unwrap();
    assert!(add(&notes, "lost").is_err());
    assert_eq!(lines(&notes), [""; 0]);
    assert_eq!(fs::read(real(folder.path())).unwrap(), before);
}

/// Beside a store of the plugin's own, which is saved at exit, as a sign that there was one.
#[test]
fn the_plugin_does_not_save_it_again_at_exit() {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    add(&notes, "one").unwrap();
    let plain = folder.path().join("plain.json");
    let store = app
        .store_builder(&plain)
        .disable_auto_save()
        .build()
        .unwrap();
    store.set("a", 1);
    assert!(!plain.exists());
    fs::remove_file(real(folder.path())).unwrap();

    let window = WebviewWindowBuilder::new(&app, "main", Default::default());
    let window = window.build().unwrap();
    app.run_return(move |_, event| {
        if let RunEvent::Ready = event {
            window.close().unwrap();
        }
    });
    assert_eq!(names(folder.path()), ["notes.last-good.json", "plain.json"]);
    add(&notes, "two").unwrap();
}
