//! What the events of FACTS sections 3, 7, 8 and 9 come to.

use std::time::Instant;

use super::script::{all, apply, assert_rows, event, page};
use crate::event::{Delta, DeltaPart, Event, TurnOutcome};
use crate::transcript::{Earlier, Limits, RowKind, Text, Transcript, TurnState, item_key};

fn new() -> Transcript {
    Transcript::new(Limits::default())
}

/// Rows after a script.
#[track_caller]
fn check(script: &str, rows: &str) {
    let mut transcript = new();
    apply(&mut transcript, script);
    assert_rows(&transcript, rows);
}

#[test]
fn a_turn_reads_as_it_happened() {
    check(
        "turn T1
         user+ T1 u hello
         user! T1 u hello
         think+ T1 r
         thinks T1 r one
         thinks2 T1 r two
         think! T1 r one|two
         agent+ T1 a
         says T1 a Hel
         says T1 a lo
         agent! T1 a Hello
         cmd+ T1 c
         prints T1 c late
         cmd! T1 c early and late
         files+ T1 f a\\nb
         files! T1 f a\\nb
         tool+ T1 m
         tool! T1 m said
         search+ T1 s
         search! T1 s cats
         compact+ T1 k
         compact! T1 k
         odd! T1 o sleep
         plan T1 look
         plan T1 test
         end T1 ok",
        "T1 you: hello
         T1 thought: one\\n\\ntwo
         T1 agent: Hello
         T1 $ make [done] early and late
         T1 files [done] /w/a +2
         T1 tiny.echo [done] said
         T1 search [done] cats
         T1 compaction [done]
         T1 Unknown { kind: \"sleep\" }
         T1 plan: test",
    );
}

#[test]
fn an_end_closes_what_is_open_and_later_completions_still_count() {
    let script = "turn T1
         agent+ T1 a
         says T1 a Half
         cmd+ T1 c
         prints T1 c x
         files+ T1 f a
         end T1 stopped";
    check(
        script,
        "T1 agent: Half\nT1 $ make [stopped] x\nT1 files [stopped] /w/a +1",
    );
    check(
        &format!("{script}\nprints T1 c y\nturn T2\nagent! T2 b ok"),
        "T1 agent: Half\nT1 $ make [running] xy\nT1 files [stopped] /w/a +1\nT2 agent: ok",
    );
    check(
        &format!("{script}\nprints T1 c y\nturn T2\ncmd! T1 c wxyz"),
        "T1 agent: Half\nT1 $ make [done] wxyz\nT1 files [stopped] /w/a +1",
    );
}

#[test]
fn items_that_began_before_this_client_listened_appear() {
    check(
        "says T1 a tail
         prints T1 c out
         thinks T1 r hm",
        "T1 agent: tail…\nT1 $  [running] out\nT1 thought: hm…",
    );
    check(
        "says T1 a tail\nagent! T1 a head and tail\nend T1 ok",
        "T1 agent: head and tail",
    );
}

#[test]
fn words_that_never_were_leave_no_row() {
    check(
        "turn T1\nthink+ T1 r\nthink! T1 r\nagent+ T1 a\nend T1 stopped",
        "",
    );
    check("turn T1\nthink+ T1 r", "T1 thought: …");
}

#[test]
fn repeated_and_late_beginnings_do_nothing() {
    let script = "turn T1\nagent! T1 a yes\ncmd! T1 c out\nend T1 ok";
    let mut transcript = new();
    apply(&mut transcript, script);
    let revision = transcript.revision();
    apply(
        &mut transcript,
        "turn T1\nagent+ T1 a\nagent! T1 a yes\ncmd+ T1 c\ncmd! T1 c out\nend T1 ok",
    );
    assert_eq!(transcript.revision(), revision);
    assert_rows(&transcript, "T1 agent: yes\nT1 $ make [done] out");
}

#[test]
fn a_message_to_a_running_turn_cuts_off_what_is_being_said() {
    check(
        "turn T1\nuser! T1 u go\nsays T1 a I wil\nuser! T1 v stop\nsays T1 b Fine",
        "T1 you: go\nT1 agent: I wil\nT1 you: stop\nT1 agent: Fine…",
    );
}

#[test]
fn a_review_is_a_turn_whose_items_come_first() {
    let mut transcript = new();
    apply(
        &mut transcript,
        "odd! T1 e entered\nturn T1\nagent+ T1 x\nsays T1 x {}\nagent! T1 y Review\nend T1 ok",
    );
    assert_rows(
        &transcript,
        "T1 Unknown { kind: \"entered\" }\nT1 agent: {}\nT1 agent: Review",
    );
    assert_eq!(transcript.turns().count(), 1);
}

#[test]
fn attempts_come_and_go_and_the_last_failure_stays() {
    let script = "turn T1\nsays T1 a Hal\nretry T1 - 1/2";
    check(script, "T1 agent: Hal\nT1 retrying 1/2");
    check(
        &format!("{script}\nretry T1 - 2/2"),
        "T1 agent: Hal\nT1 retrying 2/2",
    );
    check(
        &format!("{script}\nsays T1 b Half"),
        "T1 agent: Hal\nT1 agent: Half…",
    );
    check(&format!("{script}\nend T1 stopped"), "T1 agent: Hal");
    let failed = format!("{script}\nerror T1 - no\nend T1 failed no");
    check(&failed, "T1 agent: Hal\nT1 failed no");
    let mut transcript = new();
    apply(&mut transcript, &failed);
    assert_eq!(
        transcript.turns().next().map(|turn| turn.state),
        Some(TurnState::Failed)
    );
}

#[test]
fn a_lost_server_ends_its_turn_and_is_one_trouble() {
    let mut transcript = new();
    apply(
        &mut transcript,
        "turn T1\nuser! T1 u go\nsays T1 a Hal\ncmd+ T1 c\nretry T1 - 1/2\ndied",
    );
    assert_rows(
        &transcript,
        "T1 you: go\nT1 agent: Hal\nT1 $ make [stopped]\nT1 died cut",
    );
    assert_eq!(transcript.running(), None);
    apply(&mut transcript, "died\nresumed");
    assert_rows(
        &transcript,
        "T1 you: go\nT1 agent: Hal\nT1 $ make [stopped]\nT1 died cut resumed",
    );
    let history = page(
        &[("T1", Some(TurnOutcome::Interrupted))],
        &["user! T1 u go"],
        false,
    );
    transcript.load_snapshot(&history);
    assert_rows(
        &transcript,
        "T1 you: go\nT1 agent: Hal\nT1 $ make [stopped]\nT1 died cut resumed",
    );
}

#[test]
fn a_server_that_was_only_out_of_reach_goes_on() {
    for heal in [true, false] {
        let mut transcript = new();
        apply(
            &mut transcript,
            "turn T1\nuser! T1 u go\nsays T1 a Hal\ndied\nresumed",
        );
        assert_eq!(transcript.running(), None);
        if heal {
            transcript.load_snapshot(&page(&[("T1", None)], &["user! T1 u go"], false));
        } else {
            apply(&mut transcript, "cmd+ T1 c");
        }
        assert!(transcript.running().is_some());
    }
}

#[test]
fn what_was_missed_is_put_after_what_stays() {
    let ok = Some(TurnOutcome::Completed);
    let mut transcript = new();
    apply(
        &mut transcript,
        "turn T1\nuser! T1 u one\nagent! T1 a first\nend T1 ok\nturn T2\nuser! T2 u two\nsays T2 a Hal\ndied\nresumed",
    );
    let dropped = transcript.dropped();
    let missed = page(
        &[("T2", ok.clone()), ("T3", None)],
        &["user! T2 u two", "agent! T2 a Hallo", "user! T3 u three"],
        true,
    );
    transcript.apply(&Event::CaughtUp {
        page: missed.into(),
    });
    assert_rows(
        &transcript,
        "T1 you: one\nT1 agent: first\nT2 you: two\nT2 agent: Hallo\nT2 died resumed\nT3 you: three",
    );
    assert_eq!(transcript.dropped(), dropped);
    assert!(transcript.running().is_some_and(|turn| *turn.id == *"T3"));
    // What follows may say again what is there, and goes on.
    apply(
        &mut transcript,
        "turn T3\nuser! T3 u three\nagent! T3 b yes\nend T3 ok",
    );
    assert_eq!(transcript.running().map(|turn| turn.id.clone()), None);

    // The page does not reach back: what is older is fetched anew.
    let far = page(&[("T9", ok)], &["agent! T9 a last"], true);
    transcript.apply(&Event::CaughtUp { page: far.into() });
    assert_rows(&transcript, "T9 agent: last");
    assert!(transcript.dropped() > dropped);
    assert_eq!(transcript.earlier(), Earlier::More);
}

#[test]
fn a_message_on_its_way_stands_last_until_it_arrives() {
    let mut transcript = new();
    transcript.add_pending_user("c1", "one", 7);
    transcript.add_pending_user("c2", "two", 8);
    assert_rows(&transcript, "- you (sending): one\n- you (sending): two");
    apply(&mut transcript, "turn T1\nuser+ T1 u c1|one\nsays T1 a Hi");
    assert_rows(
        &transcript,
        "T1 you: one\nT1 agent: Hi…\n- you (sending): two",
    );
    transcript.add_pending_user("c1", "one", 9);
    assert_eq!(transcript.fail_pending("c2").as_deref(), Some("two"));
    assert_eq!(transcript.fail_pending("c2"), None);
    assert_rows(&transcript, "T1 you: one\nT1 agent: Hi…");
}

#[test]
fn what_waits_for_the_person_says_so() {
    let mut transcript = new();
    transcript.set_waiting(&"c".into(), true);
    apply(&mut transcript, "turn T1\ncmd+ T1 c\nfiles+ T1 f a");
    transcript.set_waiting(&"f".into(), true);
    assert_rows(
        &transcript,
        "T1 $ make [waitsforyou]\nT1 files [waitsforyou] /w/a +1",
    );
    apply(&mut transcript, "cmd+ T1 c");
    transcript.set_waiting(&"f".into(), false);
    assert_rows(
        &transcript,
        "T1 $ make [waitsforyou]\nT1 files [running] /w/a +1",
    );
    apply(&mut transcript, "end T1 stopped");
    transcript.set_waiting(&"c".into(), false);
    assert_rows(
        &transcript,
        "T1 $ make [stopped]\nT1 files [stopped] /w/a +1",
    );
}

#[test]
fn gaps_add_up_and_a_warning_is_said_once() {
    check(
        "warning w\nwarning w\ngap\ngap\nwarning w",
        "- warning w\n- gap 6",
    );
}

#[test]
fn a_missed_end_is_made_good_by_the_next_turn() {
    check(
        "turn T1\nsays T1 a Hal\ncmd+ T1 c\nturn T2",
        "T1 agent: Hal\nT1 $ make [stopped]",
    );
}

#[test]
fn the_same_item_id_in_two_turns_is_two_rows() {
    let mut transcript = new();
    apply(
        &mut transcript,
        "turn T1\nagent! T1 a one\nend T1 ok\nturn T2\nagent! T2 a two",
    );
    assert_rows(&transcript, "T1 agent: one\nT2 agent: two");
    let keys: Vec<_> = transcript.rows().map(|row| row.key.clone()).collect();
    assert_eq!(keys, [item_key("T1", "a"), item_key("T2", "a")]);
}

#[test]
fn reasoning_parts_stand_in_their_order() {
    check(
        "raw T1 r x\nthinks2 T1 r b\nthinks T1 r a\nthinks T1 r A\nraw T1 r X\nthinks2 T1 r B",
        "T1 thought: aA\\n\\nbB\\n\\nxX…",
    );
}

#[test]
fn a_text_that_only_continues_keeps_its_epoch() {
    let mut transcript = new();
    let epoch = |transcript: &Transcript| transcript.rows().next().map(|row| row.text.epoch());
    apply(&mut transcript, "says T1 a Hel");
    let before = epoch(&transcript);
    apply(&mut transcript, "says T1 a lo\nagent! T1 a Hello you");
    assert_eq!(epoch(&transcript), before);
    apply(&mut transcript, "agent! T1 a Other");
    assert_ne!(epoch(&transcript), before);
}

#[test]
fn a_snapshot_drops_turns_that_are_gone_and_keeps_what_it_cannot_know() {
    let mut transcript = new();
    apply(
        &mut transcript,
        "turn T1\nuser! T1 u a\nplan T1 p\nsays T1 x cut\nend T1 stopped
         turn T2\nuser! T2 v b\nend T2 ok\nreverted
         turn T3\nuser! T3 w c\nsays T3 y more",
    );
    let history = page(
        &[("T1", Some(TurnOutcome::Interrupted)), ("T3", None)],
        &["user! T1 u a", "cmd! T1 c new", "user! T3 w c"],
        true,
    );
    transcript.load_snapshot(&history);
    assert_rows(
        &transcript,
        "T1 you: a
         T1 plan: p
         T1 agent: cut
         - Reverted
         T1 $ make [done] new
         T3 you: c
         T3 agent: more…",
    );
    assert_eq!(transcript.earlier(), Earlier::More);
    // The page was read before the newest turn began.
    let history = page(
        &[("T1", Some(TurnOutcome::Interrupted))],
        &["user! T1 u a"],
        false,
    );
    transcript.load_snapshot(&history);
    let rows = all(&transcript);
    assert_eq!(rows.last().map(String::as_str), Some("T3 agent: more…"));
    assert!(transcript.running().is_some());
}

#[test]
fn pages_go_before_the_first_row_and_skip_what_is_here() {
    let mut transcript = new();
    let done = Some(TurnOutcome::Completed);
    transcript.load_snapshot(&page(&[("T2", done.clone())], &["agent! T2 c three"], true));
    transcript.set_loading(true);
    assert_eq!(transcript.earlier(), Earlier::Loading);
    let earlier = page(
        &[
            ("T2", done.clone()),
            (
                "T1",
                Some(TurnOutcome::Failed(super::script::failure("no"))),
            ),
        ],
        &["user! T1 a one", "user! T2 b two", "agent! T2 c three"],
        false,
    );
    assert_eq!(transcript.prepend_page(&earlier), 3);
    assert_rows(
        &transcript,
        "T1 you: one\nT1 failed no\nT2 you: two\nT2 agent: three",
    );
    assert_eq!(transcript.earlier(), Earlier::Nothing);
    let turns: Vec<_> = transcript.turns().map(|turn| &*turn.id).collect();
    assert_eq!(turns, ["T1", "T2"]);
    assert_eq!(transcript.prepend_page(&earlier), 0);
}

#[test]
fn the_oldest_turns_leave_whole_and_do_not_come_back_in_part() {
    let mut transcript = Transcript::new(Limits {
        rows: 3,
        bytes: 1 << 20,
    });
    apply(
        &mut transcript,
        "turn T1\nuser! T1 a 1\ncmd+ T1 b\nend T1 ok\nturn T2\nuser! T2 c 2\nagent! T2 d 2",
    );
    assert_rows(&transcript, "T2 you: 2\nT2 agent: 2");
    assert_eq!(
        (transcript.earlier(), transcript.dropped()),
        (Earlier::More, 2)
    );
    apply(
        &mut transcript,
        "cmd! T1 b late\nagent! T2 e 3\nagent! T2 f 4",
    );
    assert_rows(&transcript, "T2 agent: 2\nT2 agent: 3\nT2 agent: 4");
    let earlier = page(
        &[("T1", Some(TurnOutcome::Completed))],
        &["user! T1 a 1", "cmd! T1 b late"],
        false,
    );
    assert_eq!(transcript.prepend_page(&earlier), 2);
    assert_eq!(transcript.len(), 5);
    transcript.forget_paged();
    assert_rows(&transcript, "T2 agent: 2\nT2 agent: 3\nT2 agent: 4");
    assert_eq!(transcript.earlier(), Earlier::More);
}

#[test]
fn a_long_output_keeps_its_beginning_and_its_end() {
    let mut whole = String::new();
    let mut text = Text::new(1024);
    for number in 0..1000 {
        let line = format!("Zeile {number} ü\n");
        whole.push_str(&line);
        text.push(&line);
        assert!(text.len() <= 1024);
    }
    let cut = text.cut().expect("it was cut");
    assert!(text.as_str().starts_with("Zeile 0 ü\n"));
    assert!(text.as_str().ends_with("Zeile 999 ü\n"));
    assert_eq!(text.len() as u64 + cut.omitted, whole.len() as u64);
    let (head, tail) = text.as_str().split_at(cut.at);
    assert!(head.ends_with('\n') && tail.starts_with("Zeile "));
    assert!(whole.starts_with(head) && whole.ends_with(tail));
}

/// Counts what deltas cost in rows touched: every change is one step of the revision, whatever else
/// the transcript holds.
#[test]
fn a_flood_of_deltas_touches_one_row_each() {
    let mut transcript = new();
    for number in 0..1_500 {
        apply(&mut transcript, &format!("agent! T0 i{number} x"));
    }
    apply(&mut transcript, "turn T1\nagent+ T1 a");
    let (revision, begun) = (transcript.revision(), Instant::now());
    for _ in 0..200_000 {
        transcript.apply(&Event::Delta(Delta {
            turn: "T1".into(),
            item: "a".into(),
            part: DeltaPart::AgentMessage,
            text: "ab".to_owned(),
        }));
    }
    println!("200,000 deltas beside 1,500 rows: {:?}", begun.elapsed());
    assert_eq!(transcript.revision(), revision + 200_000);
    assert_eq!(transcript.changes_since(revision).rows.len(), 1);
    assert_eq!(
        transcript.rows().next_back().map(|row| row.text.len()),
        Some(400_000)
    );
    assert!(matches!(event("turn T"), Event::TurnStarted { .. }));
    assert!(matches!(
        transcript.rows().next_back().map(|row| &row.kind),
        Some(RowKind::Agent { streaming: true })
    ));
}
