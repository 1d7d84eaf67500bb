//! I4: the app-server is killed at every point of a turn, each seen as an event. The server is stopped
//! first, so that a call is surely under way, and a point in the traffic is surely not passed.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

mod support;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use countersign_runtime::approval::{Decision, Entry, Key, Notice, Outcome, Refused};
use countersign_runtime::event::{DeltaPart, ThreadStatus, TurnOutcome};
use countersign_runtime::hooks::{
    AskPerson, Hook, HookContext, HookFuture, HookSet, Phase, Verdict,
};
use countersign_runtime::item::{Item, ItemDetail};
use countersign_runtime::supervisor::{ConnectionState, RestartPolicy};
use countersign_runtime::transcript::{Limits, RowKind, Transcript, Trouble};
use countersign_runtime::{AskError, Client, ClientConfig, Event, RpcError, Session, Subscription};
use serde_json::{Value, json};
use support::{Person, Place, connect, event, start, within};
use tokio::sync::{mpsc, oneshot};

/// Where in a turn the server is killed.
enum Point {
    /// `turn/start` is sent and not read.
    StartUnread,
    /// `turn/start` is answered.
    StartAnswered,
    /// This event was seen.
    Seen(fn(&Event) -> bool),
    /// This many questions are open.
    Asked(usize),
    /// The answer to the question is sent and not read.
    AnswerUnread,
    /// What was allowed runs: it made this file.
    Runs(&'static str),
    /// This event was seen after the question was allowed.
    SeenAllowed(fn(&Event) -> bool),
    /// A hook thinks about the question.
    HookThinks,
    /// `turn/interrupt` is sent and not read.
    StopUnread,
    /// A second prompt for the running turn is sent and not read.
    SecondPromptUnread,
    /// The answer was given: no turn runs.
    BetweenTurns,
}

macro_rules! points {
    ($($name:ident: $scene:expr_2021, $point:expr_2021;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                dies_at($scene, $point).await;
            }
        )*
    };
}

const TALK: &str = "think Let me see\nsay Now I do\nsay Done";
const HELD: &str = "say half\nhold for ever";
const EDIT: &str = "edit: hello.txt <- hi\nsay Done";
const DELETE: &str = "delete: ../outside.txt";
const RUN: &str = "run: echo made > made.txt\nsay Done";

points! {
    before_the_start_is_read: TALK, Point::StartUnread;
    when_the_start_is_answered: TALK, Point::StartAnswered;
    when_the_turn_begins: TALK, Point::Seen(|event| matches!(event, Event::TurnStarted { .. }));
    when_the_prompt_is_an_item: TALK, Point::Seen(|event| started(event, is_user));
    when_the_prompt_is_taken: TALK, Point::Seen(|event| completed(event, is_user));
    when_a_thought_begins: TALK, Point::Seen(|event| started(event, is_thought));
    in_a_thought: TALK, Point::Seen(|event| delta(event, DeltaPart::ReasoningSummary(0)));
    after_a_thought: TALK, Point::Seen(|event| completed(event, is_thought));
    when_a_message_begins: TALK, Point::Seen(|event| started(event, is_message));
    in_a_message: TALK, Point::Seen(|event| delta(event, DeltaPart::AgentMessage));
    in_a_message_that_stands_still: HELD, Point::Seen(|event| delta(event, DeltaPart::AgentMessage));
    after_a_message: TALK, Point::Seen(|event| completed(event, is_message));
    when_tokens_are_counted: TALK, Point::Seen(|event| matches!(event, Event::TokenUsage(_)));
    when_a_change_of_files_begins: EDIT, Point::Seen(|event| started(event, is_files));
    after_a_change_of_files: EDIT, Point::Seen(|event| completed(event, is_files));
    when_a_change_of_files_is_asked: DELETE, Point::Asked(1);
    when_a_command_is_coming: RUN, Point::Seen(|event| started(event, is_command));
    when_a_command_is_asked: RUN, Point::Asked(1);
    when_two_commands_are_asked: "run: echo one & run: echo two", Point::Asked(2);
    while_a_hook_thinks: RUN, Point::HookThinks;
    before_the_answer_is_read: RUN, Point::AnswerUnread;
    while_a_command_runs: "run: echo on > runs.txt; sleep 98001", Point::Runs("runs.txt");
    in_the_output_of_a_command: "sandboxed: echo a; sleep 0.4; echo b; sleep 98002",
        Point::Seen(|event| delta(event, DeltaPart::CommandOutput));
    after_a_command: RUN, Point::SeenAllowed(|event| completed(event, is_command));
    when_the_thread_is_idle_again: TALK, Point::Seen(|event| matches!(event, Event::Status(ThreadStatus::Idle)));
    when_the_turn_is_over: TALK, Point::Seen(|event| matches!(event, Event::TurnCompleted { .. }));
    before_the_stop_is_read: HELD, Point::StopUnread;
    before_a_second_prompt_is_read: HELD, Point::SecondPromptUnread;
    between_turns: TALK, Point::BetweenTurns;
}

fn started(event: &Event, is: fn(&ItemDetail) -> bool) -> bool {
    matches!(event, Event::ItemStarted { item: Item { detail, .. }, .. } if is(detail))
}

fn completed(event: &Event, is: fn(&ItemDetail) -> bool) -> bool {
    matches!(event, Event::ItemCompleted { item: Item { detail, .. }, .. } if is(detail))
}

fn delta(event: &Event, part: DeltaPart) -> bool {
    matches!(event, Event::Delta(delta) if delta.part == part)
}

fn is_user(item: &ItemDetail) -> bool {
    matches!(item, ItemDetail::UserMessage { .. })
}

fn is_thought(item: &ItemDetail) -> bool {
    matches!(item, ItemDetail::Reasoning { .. })
}

fn is_message(item: &ItemDetail) -> bool {
    matches!(item, ItemDetail::AgentMessage { .. })
}

fn is_files(item: &ItemDetail) -> bool {
    matches!(item, ItemDetail::FileChange { .. })
}

fn is_command(item: &ItemDetail) -> bool {
    matches!(item, ItemDetail::Command(_))
}

fn signal(pid: u32, name: &str) {
    let status = std::process::Command::new("kill")
        .args([name, &pid.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Stops the process, and waits until each of its threads stands still.
async fn stop(pid: u32) {
    signal(pid, "-STOP");
    let stands = |task: std::fs::DirEntry| {
        // "PID (NAME) STATE ..."; a thread that is gone by now stands still, too.
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_none_or(|(_, rest)| rest.starts_with('T'))
    };
    within("the stop", async {
        while !std::fs::read_dir(format!("/proc/{pid}/task"))
            .unwrap()
            .flatten()
            .all(stands)
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Says when it is asked, and never answers.
struct Thinks(mpsc::UnboundedSender<()>);

impl Hook for Thinks {
    fn name(&self) -> &str {
        "thinks"
    }

    fn phases(&self) -> &[Phase] {
        &[Phase::PreToolUse]
    }

    fn call<'a>(&'a self, _context: &'a HookContext) -> HookFuture<'a> {
        let _ = self.0.send(());
        Box::pin(std::future::pending::<Result<Verdict, _>>())
    }
}

/// True when polling once leaves it waiting: a call was sent.
async fn is_under_way(call: std::pin::Pin<&mut impl Future>) -> bool {
    let mut call = call;
    poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await
}

fn assert_died<T: std::fmt::Debug>(result: &Result<T, RpcError>) {
    assert!(
        matches!(result, Err(RpcError::Died { death, .. }) if death.generation == 1),
        "{result:?}"
    );
}

fn at_once() -> RestartPolicy {
    RestartPolicy::OnExit {
        attempts: 8,
        first: Duration::from_millis(1),
        longest: Duration::from_millis(1),
    }
}

/// What one client, session and person are in the middle of.
struct Scene {
    place: Place,
    client: Client,
    session: Session,
    person: Person,
    /// The events of the turn, for those who wait for a point.
    events: Subscription,
    /// The same, for the record.
    record: Subscription,
    thinks: mpsc::UnboundedReceiver<()>,
    asked: Vec<Entry>,
    answered: Vec<Key>,
}

impl Scene {
    async fn set(point: &Point) -> Self {
        let place = Place::new().await;
        std::fs::write(place.cwd.join("../outside.txt"), "x").unwrap();
        let (thinking, thinks) = mpsc::unbounded_channel();
        let hooks = match point {
            Point::HookThinks => HookSet::default().with(Thinks(thinking)),
            _ => HookSet::default().with(AskPerson),
        };
        let client = connect(ClientConfig {
            hooks,
            restart: at_once(),
            ..place.config()
        })
        .await;
        let person = Person::at(&client);
        let session = start(&client, place.session()).await;
        within("the answer", session.ask("say first"))
            .await
            .unwrap();
        Self {
            events: session.subscribe(),
            record: session.subscribe(),
            place,
            client,
            session,
            person,
            thinks,
            asked: Vec::new(),
            answered: Vec::new(),
        }
    }

    async fn see(&mut self, pick: impl Fn(&Event) -> bool) {
        event(&mut self.events, "the point", |event| {
            pick(&event).then_some(())
        })
        .await;
    }

    async fn allow(&mut self) {
        let entry = self.person.asked().await;
        self.person.answer(&entry, Decision::Allow);
        self.answered.push(entry.key.clone());
        self.asked.push(entry);
    }

    /// What the session says from here to the resume, and that it is in order: one death, and nothing
    /// between it and the resume. True when the turn came to its end before.
    async fn record(&mut self) -> bool {
        let mut transcript = Transcript::new(Limits::default());
        let (mut begun, mut ended, mut died) = (false, false, false);
        loop {
            let event = within("the resume", self.record.recv()).await.unwrap();
            transcript.apply(&event);
            match event {
                Event::Resumed { generation, thread } => {
                    assert!(died && generation > 1);
                    assert_eq!(thread, self.session.thread_id());
                    break;
                }
                event if died => panic!("between the death and the resume: {event:?}"),
                Event::Disconnected(death) => {
                    assert_eq!(death.generation, 1);
                    assert!(death.to_string().contains("signal: 9"), "{death}");
                    assert!(!death.asked_for);
                    died = true;
                    assert!(transcript.running().is_none());
                    assert!(transcript.rows().all(|row| !row.is_open()));
                    let cut = transcript.rows().any(|row| {
                        matches!(
                            row.kind,
                            RowKind::Trouble(Trouble::Disconnected {
                                cut_short: true,
                                ..
                            })
                        )
                    });
                    assert_eq!(cut, begun && !ended);
                }
                Event::TurnStarted { .. } => begun = true,
                Event::TurnCompleted { outcome, .. } => {
                    assert_eq!(outcome, TurnOutcome::Completed);
                    ended = true;
                }
                _ => {}
            }
        }
        ended
    }

    /// Every question that a person was asked is settled once, and none can be answered any more.
    async fn check_questions(&mut self) {
        let approvals = self.client.approvals();
        assert!(approvals.open().is_empty());
        let (open, _) = approvals.present();
        assert!(open.is_empty());
        assert_eq!(self.client.metrics().open_questions, 0);
        let mut settled = Vec::new();
        while settled.len() < self.asked.len() {
            match self.person.notice().await {
                Notice::Requested(entry) => self.asked.push(entry),
                Notice::Resolved(entry, outcome) => {
                    match self.answered.contains(&entry.key) {
                        true => assert!(matches!(outcome, Outcome::Answered { .. })),
                        false => assert_eq!(outcome, Outcome::ServerDied),
                    }
                    settled.push(entry.key);
                }
                other => panic!("{other:?}"),
            }
        }
        let mut asked: Vec<_> = self.asked.iter().map(|entry| entry.key.clone()).collect();
        asked.sort();
        settled.sort();
        assert_eq!(asked, settled);
        for key in &asked {
            assert_eq!(
                approvals.decide(key, Decision::Allow, "late"),
                Err(Refused::Stale)
            );
        }
    }
}

async fn dies_at(scene: &str, point: Point) {
    let mut at = Scene::set(&point).await;
    let pid = at.client.server_pid().unwrap();
    if matches!(point, Point::StartUnread) {
        stop(pid).await;
    }
    let (answered, start_answered) = oneshot::channel();
    let mut asking = tokio::spawn({
        let (session, scene) = (at.session.clone(), scene.to_owned());
        async move {
            let stream = session.ask_stream(scene).await?;
            let _ = answered.send(());
            stream.finish().await
        }
    });
    let mut result = None;
    match &point {
        Point::StartUnread => {
            within("the call", async {
                while at.client.metrics().pending_calls == 0 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        Point::StartAnswered => within("the start", start_answered).await.unwrap(),
        Point::Seen(pick) => at.see(pick).await,
        Point::Asked(count) => {
            for _ in 0..*count {
                let entry = at.person.asked().await;
                at.asked.push(entry);
            }
        }
        Point::AnswerUnread => {
            let entry = at.person.asked().await;
            stop(pid).await;
            at.person.answer(&entry, Decision::Allow);
            at.answered.push(entry.key.clone());
            at.asked.push(entry);
        }
        Point::Runs(file) => {
            at.allow().await;
            within("the file", async {
                while !at.place.file(file).exists() {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        Point::SeenAllowed(pick) => {
            at.allow().await;
            at.see(pick).await;
        }
        Point::HookThinks => within("the hook", at.thinks.recv()).await.unwrap(),
        Point::StopUnread | Point::SecondPromptUnread => {
            at.see(|event| delta(event, DeltaPart::AgentMessage)).await;
        }
        Point::BetweenTurns => {
            result = Some(within("the answer", &mut asking).await.unwrap());
        }
    }
    stop(pid).await;

    let params = json!({});
    let client = at.client.clone();
    let mut call = pin!(client.call::<Value>("thread/loaded/list", &params));
    assert!(is_under_way(call.as_mut()).await);
    let session = at.session.clone();
    let mut stop = pin!(session.stop());
    let mut second = pin!(session.ask("say more"));
    match &point {
        Point::StopUnread => assert!(is_under_way(stop.as_mut()).await),
        Point::SecondPromptUnread => {
            assert!(is_under_way(second.as_mut()).await);
            within("the call", async {
                while at.client.metrics().pending_calls < 2 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
        }
        _ => {}
    }
    signal(pid, "-KILL");

    assert_died(&within("the failure", call).await);
    match &point {
        Point::StopUnread => assert_died(&within("the failure", stop).await),
        Point::SecondPromptUnread => {
            let failed = within("the failure", second).await;
            assert!(
                matches!(&failed, Err(AskError::Rpc(RpcError::Died { .. }))),
                "{failed:?}"
            );
        }
        _ => {}
    }
    let result = match result {
        Some(result) => result,
        None => within("the end", asking).await.unwrap(),
    };
    let ended = at.record().await;
    match result {
        Ok(answer) => assert!(ended && !answer.text.is_empty()),
        Err(AskError::Rpc(RpcError::Died { death, .. })) => {
            assert!(!ended);
            assert_eq!(death.generation, 1);
        }
        Err(other) => panic!("{other:?}"),
    }
    at.check_questions().await;
    assert!(!at.session.is_busy());
    assert_eq!(at.client.metrics().pending_calls, 0);
    assert!(!at.place.file("made.txt").exists() || matches!(point, Point::SeenAllowed(_)));

    let again = within("the answer", at.session.ask("say second")).await;
    assert_eq!(again.unwrap().text, "second");
    assert_eq!(at.place.model.violations(), Vec::<String>::new());
    within("the shutdown", at.client.shutdown()).await;
}

/// The generation after it dies, too, while it loads the thread.
#[tokio::test]
async fn in_the_resume() {
    let mut at = Scene::set(&Point::BetweenTurns).await;
    let mut state = at.client.state();
    signal(at.client.server_pid().unwrap(), "-KILL");
    let next = |state: &ConnectionState| matches!(state, ConnectionState::Ready { generation } if *generation > 1);
    within("the second generation", state.wait_for(next))
        .await
        .unwrap();
    let died = within("the answer", async {
        signal(at.client.server_pid().unwrap(), "-KILL");
        at.session.ask("say second").await
    })
    .await;
    // Either the call was under way, or it waited for the third generation.
    match died {
        Ok(answer) => assert_eq!(answer.text, "second"),
        Err(AskError::Rpc(RpcError::Died { .. })) => {}
        Err(other) => panic!("{other:?}"),
    }
    let again = within("the answer", at.session.ask("say third")).await;
    assert_eq!(again.unwrap().text, "third");
    // The second may have died before it was heard of; otherwise its death is told like the first.
    let told: Vec<_> = std::iter::from_fn(|| at.record.try_recv())
        .filter_map(|event| match event {
            Event::Disconnected(death) => Some(("died", death.generation)),
            Event::Resumed { generation, .. } => Some(("resumed", generation)),
            _ => None,
        })
        .collect();
    assert_eq!(told[0], ("died", 1));
    assert!(told.is_sorted_by_key(|(_, generation)| *generation));
    assert_eq!(told.last().unwrap().0, "resumed");
    within("the shutdown", at.client.shutdown()).await;
}
