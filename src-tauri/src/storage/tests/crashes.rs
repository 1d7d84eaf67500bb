//! I8: killed or refused at any step of a change, the file holds the old value or the new one.

use std::{fs, path::Path};

use proptest::prelude::*;
use tempfile::tempdir;

use super::{add, app, cases, lines, open};
use crate::storage::files::fault::{self, Fault};

/// Beyond every step of a change.
const MANY: usize = 1_000;

/// How many steps a change takes here.
fn steps_of_a_change() -> usize {
    let folder = tempdir().unwrap();
    let app = app();
    let (notes, _) = open(&app, folder.path());
    add(&notes, "one").unwrap();
    (0..MANY)
        .find(|&n| {
            fault::set(Fault::Fail(n));
            let _ = add(&notes, "two");
            let struck = fault::struck();
            fault::set(Fault::None);
            !struck
        })
        .unwrap()
}

#[test]
fn killed_at_every_step_it_is_the_old_or_the_new_one() {
    let app = app();
    let steps = steps_of_a_change();
    assert!(steps >= 5, "{steps}");
    let mut outcomes = Vec::new();
    for n in 0..steps {
        let folder = tempdir().unwrap();
        let (notes, _) = open(&app, folder.path());
        add(&notes, "one").unwrap();
        fault::set(Fault::Kill(n));
        let result = add(&notes, "two");
        assert!(fault::struck(), "step {n}");
        fault::set(Fault::None);
        drop(notes);
        let (notes, problems) = open(&app, folder.path());
        assert_eq!(problems, [], "step {n}");
        match &lines(&notes)[..] {
            [one] if one == "one" => outcomes.push(false),
            [one, two] if one == "one" && two == "two" => outcomes.push(true),
            other => panic!("step {n}: {other:?}"),
        }
        assert!(
            result.is_ok() <= outcomes[n],
            "kept although it said {result:?}"
        );
    }
    assert!(outcomes.contains(&false));
}

#[test]
fn refused_at_every_step_nothing_changes_and_the_next_change_works() {
    let app = app();
    for n in 0..steps_of_a_change() {
        let folder = tempdir().unwrap();
        let (notes, _) = open(&app, folder.path());
        add(&notes, "one").unwrap();
        fault::set(Fault::Fail(n));
        let result = add(&notes, "two");
        assert!(fault::struck(), "step {n}");
        assert!(result.is_err(), "step {n}");
        assert_eq!(lines(&notes), ["one"], "step {n}");
        let (other, _) = open(&app, folder.path());
        assert_eq!(lines(&other), ["one"], "step {n}");
        add(&notes, "three").unwrap();
        let (other, _) = open(&app, folder.path());
        assert_eq!(lines(&other), ["one", "three"], "step {n}");
    }
}

#[derive(Debug, Clone)]
enum Op {
    Add(u8),
    AddRefused(u8, usize),
    AddKilled(u8, usize),
    /// Killed while the plugin was writing: the staging file holds so many bytes of nonsense.
    TornStaging(usize),
    /// Torn from outside to so many thousandths, then started again, perhaps killed while it is
    /// being put right.
    Tear(usize, usize),
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => any::<u8>().prop_map(Op::Add),
        2 => (any::<u8>(), 0usize..10).prop_map(|(v, n)| Op::AddRefused(v, n)),
        3 => (any::<u8>(), 0usize..10).prop_map(|(v, n)| Op::AddKilled(v, n)),
        1 => (0usize..40).prop_map(Op::TornStaging),
        1 => (0usize..900, 0usize..12).prop_map(|(at, n)| Op::Tear(at, n)),
        1 => Just(Op::Restart),
    ]
}

fn tear(folder: &Path, thousandths: usize) {
    let file = folder.join("notes.json");
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() * thousandths / 1000]).unwrap();
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn any_history_ends_in_a_state_that_was_reported(ops in prop::collection::vec(op(), 1..14)) {
        let folder = tempdir().unwrap();
        let app = app();
        fault::set(Fault::None);
        let mut notes = open(&app, folder.path()).0;
        // What memory must hold, and what it held before the last change that was kept.
        let mut now: Vec<String> = Vec::new();
        let mut before: Vec<String> = Vec::new();
        for op in ops {
            match op {
                Op::Add(v) => {
                    add(&notes, &v.to_string()).unwrap();
                    before = now.clone();
                    now.push(v.to_string());
                }
                Op::AddRefused(v, n) => {
                    fault::set(Fault::Fail(n));
                    let kept = add(&notes, &v.to_string()).is_ok();
                    fault::set(Fault::None);
                    if kept {
                        before = now.clone();
                        now.push(v.to_string());
                    } else {
                        // The real file may be its own last good one now.
                        let last_good = fs::read(folder.path().join("notes.last-good.json"));
                        if last_good.ok() == fs::read(folder.path().join("notes.json")).ok() {
                            before = now.clone();
                        }
                    }
                }
                Op::AddKilled(v, n) => {
                    fault::set(Fault::Kill(n));
                    let kept = add(&notes, &v.to_string()).is_ok();
                    fault::set(Fault::None);
                    let mut new = now.clone();
                    new.push(v.to_string());
                    let (reopened, problems) = open(&app, folder.path());
                    prop_assert_eq!(problems, vec![]);
                    notes = reopened;
                    let after = lines(&notes);
                    prop_assert!(after == new || (!kept && after == now), "{:?}", after);
                    let last_good = fs::read(folder.path().join("notes.last-good.json"));
                    if after == new || last_good.ok() == fs::read(folder.path().join("notes.json")).ok() {
                        before = now.clone();
                    }
                    now = after;
                }
                Op::TornStaging(length) => {
                    fs::write(folder.path().join("notes.staging.json"), vec![b'{'; length]).unwrap();
                    notes = open(&app, folder.path()).0;
                }
                Op::Tear(at, n) => {
                    tear(folder.path(), at);
                    fault::set(Fault::Kill(n));
                    drop(open(&app, folder.path()));
                    fault::set(Fault::None);
                    notes = open(&app, folder.path()).0;
                    prop_assert_eq!(lines(&notes), before.clone());
                    now = before.clone();
                }
                Op::Restart => {
                    let (reopened, problems) = open(&app, folder.path());
                    prop_assert_eq!(problems, vec![]);
                    notes = reopened;
                }
            }
            prop_assert_eq!(lines(&notes), now.clone());
        }
    }
}
