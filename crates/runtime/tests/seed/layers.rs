//! Rows F: asking in one line, and again and again.

use std::time::Duration;

use countersign_runtime::automation::{Automation, Ended, NoInterval, Schedule};
use countersign_runtime::event::{FailureKind, TurnOutcome};
use countersign_runtime::{AskError, Event, Prompt, RunError, Workflow, quick_run};
use serde_json::json;

use super::does::plain;
use super::support::{Place, connect, event, profile, start, within};
use super::turn;

#[tokio::test]
async fn f1_one_question_in_one_line() {
    let place = Place::new().await;
    let answer = within(
        "the answer",
        quick_run(place.config(), &place.cwd, "say hello"),
    )
    .await
    .unwrap();
    assert_eq!(answer.text, "hello");
    let failed = within("the end", quick_run(place.config(), &place.cwd, "fail 500")).await;
    assert!(
        matches!(&failed, Err(RunError::Ask(AskError::TurnFailed { failure, .. })) if failure.kind == FailureKind::ProviderFailed),
        "{failed:?}"
    );
    let workflow = within(
        "the handshake",
        Workflow::connect(place.config(), place.session()),
    )
    .await
    .unwrap();
    let (first, second) = tokio::join!(workflow.run("say one"), workflow.run("say two"));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!((first.text.as_str(), second.text.as_str()), ("one", "two"));
    assert_ne!(first.thread, second.thread);
}

fn schedule(max_runs: Option<u32>) -> Schedule {
    Schedule {
        start: Duration::from_secs(5),
        max_runs,
        ..Schedule::every(Duration::from_secs(10))
    }
}

#[tokio::test(start_paused = true)]
async fn f2_ticks_come_in_their_rhythm_and_missed_ones_collapse() {
    let (_client, session, mut fake) = plain().await;
    let began = tokio::time::Instant::now();
    let zero = Automation::start(
        session.clone(),
        Prompt::new("x", "/w"),
        Schedule::every(Duration::ZERO),
    );
    assert_eq!(zero.unwrap_err(), NoInterval);
    let mut automation =
        Automation::start(session, Prompt::new("tick", "/w"), schedule(Some(4))).unwrap();
    let mut times = Vec::new();
    for run in 0..4 {
        fake.start_turn().await;
        times.push(began.elapsed().as_secs());
        if run == 1 {
            // Over three ticks.
            tokio::time::sleep(Duration::from_secs(33)).await;
        }
        fake.said("U", "done").await;
        fake.end_turn().await;
    }
    assert!(matches!(
        within("the end", automation.ended()).await,
        Ended::MaxRuns
    ));
    // Those at 25, 35 and 45 come as one, as soon as there is room; then the rhythm is the old one.
    assert_eq!(times, [5, 15, 48, 55]);
    let progress = automation.progress().borrow().clone();
    assert_eq!((progress.begun, progress.is_running), (4, false));
    assert_eq!(progress.last.unwrap().text, "done");
}

#[tokio::test(start_paused = true)]
async fn f2_it_ends_at_its_time_and_with_a_failure() {
    let (client, session, mut fake) = plain().await;
    let times_out = Schedule {
        stop: Some(Duration::from_secs(12)),
        ..schedule(None)
    };
    let mut automation =
        Automation::start(session.clone(), Prompt::new("x", "/w"), times_out).unwrap();
    turn(&mut fake, "done").await;
    assert!(matches!(
        within("the end", automation.ended()).await,
        Ended::StopTime
    ));

    let mut automation =
        Automation::start(session, Prompt::new("x", "/w"), schedule(None)).unwrap();
    fake.start_turn().await;
    fake.end_turn().await;
    let ended = within("the end", automation.ended()).await;
    assert!(
        matches!(ended, Ended::Failed(AskError::NoText { .. })),
        "{ended:?}"
    );
    fake.is_told_nothing(&client).await;
}

#[tokio::test(start_paused = true)]
async fn f2_dropping_it_stops_its_turn() {
    let (_client, session, mut fake) = plain().await;
    let automation = Automation::start(session, Prompt::new("x", "/w"), schedule(None)).unwrap();
    fake.start_turn().await;
    let mut progress = automation.progress();
    progress
        .wait_for(|progress| progress.is_running)
        .await
        .unwrap();
    drop(automation);
    fake.answer("turn/interrupt", json!({})).await;
}

#[tokio::test]
async fn f2_stopping_interrupts_the_turn_of_the_real_server() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let mut events = session.subscribe();
    let prompt = Prompt {
        profile: profile(),
        ..Prompt::new("say tick", &place.cwd)
    };
    let twice = Schedule {
        max_runs: Some(2),
        ..Schedule::every(Duration::from_millis(50))
    };
    let mut automation = Automation::start(session.clone(), prompt.clone(), twice).unwrap();
    assert!(matches!(
        within("the end", automation.ended()).await,
        Ended::MaxRuns
    ));
    assert_eq!(
        automation.progress().borrow().last.as_ref().unwrap().text,
        "tick"
    );

    let held = Prompt {
        text: "hold for-ever".into(),
        ..prompt
    };
    let automation = Automation::start(
        session.clone(),
        held,
        Schedule::every(Duration::from_secs(60)),
    )
    .unwrap();
    within("the turn", place.model.wait_for_request(3)).await;
    assert!(matches!(
        within("the stop", automation.stop()).await,
        Ended::Stopped
    ));
    let outcome = event(&mut events, "the turn's end", |event| match event {
        Event::TurnCompleted { outcome, .. } => {
            Some(outcome).filter(|outcome| *outcome != TurnOutcome::Completed)
        }
        _ => None,
    })
    .await;
    assert_eq!(outcome, TurnOutcome::Interrupted);
    assert!(!session.is_busy());
}
