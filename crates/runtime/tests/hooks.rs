//! Hooks: when they are asked, what they may do, and what becomes of those that fail.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

#[path = "support/does.rs"]
mod does;
#[path = "support/fake.rs"]
mod fake;
#[cfg(unix)]
#[path = "hooks/shell.rs"]
mod shell;
mod support;

use std::path::Path;

use countersign_runtime::approval::{By, Decision, Outcome, Subject};
use countersign_runtime::hooks::{
    AskPerson, Deed, Hook, HookContext, HookError, HookRecord, HookSet, Matcher, Patch, Phase,
    Verdict,
};
use countersign_runtime::item::ItemDetail;
use countersign_runtime::profile::Attachment;
use countersign_runtime::{
    AskError, ClientConfig, Event, Prompt, RpcError, RunProfile, SessionConfig,
};
use does::{Told, client, does, session};
use serde_json::json;
use support::{Person, Place, connect, event, profile, start, within};

fn with_hook(hook: impl Hook) -> HookSet {
    HookSet::default().with(hook)
}

fn asking_with(hook: impl Hook) -> RunProfile {
    RunProfile {
        hooks: with_hook(hook),
        ..profile()
    }
}

#[tokio::test]
async fn c1_all_eight_phases_fire_in_their_order() {
    let place = Place::new().await;
    let told = Told::default();
    let hook = told.hook("all", Phase::ALL, |context| {
        Ok(match context.phase {
            Phase::PreToolUse => Verdict::Decide(Decision::Allow),
            _ => Verdict::Pass,
        })
    });
    let client = connect(ClientConfig {
        hooks: with_hook(hook),
        ..place.config()
    })
    .await;
    let session = start(&client, place.session()).await;
    let result = within(
        "the answer",
        session.ask("run: echo made > made.txt\nsay done"),
    )
    .await
    .unwrap();
    assert_eq!(result.text, "done");
    assert!(place.file("made.txt").exists());
    assert_eq!(
        told.phases(),
        [
            Phase::PreSessionStart,
            Phase::PostSessionStart,
            Phase::PreRun,
            Phase::PreTurn,
            Phase::PreToolUse,
            Phase::PostToolUse,
            Phase::PostTurn,
            Phase::PostRun,
        ]
    );
    let contexts = told.contexts();
    assert!(contexts[0].thread.is_none());
    assert!(
        contexts[1..]
            .iter()
            .all(|context| context.thread == Some(session.thread_id()))
    );
    assert!(
        contexts[4..]
            .iter()
            .all(|context| context.turn.as_ref() == Some(&result.turn))
    );
    let ItemDetail::Command(command) = &contexts[5].item.as_ref().unwrap().detail else {
        panic!("{:?}", contexts[5])
    };
    assert_eq!(command.exit_code, Some(0));
    assert!(matches!(&contexts[7].ended, Some(Ok(text)) if text == "done"));
}

/// C8: streams too, whatever becomes of them.
#[tokio::test]
async fn c8_a_stream_tells_its_end_once_however_it_comes() {
    let after = [Phase::PostTurn, Phase::PostRun];
    let told = Told::default();
    let (client, mut fake) = client(with_hook(told.passing("after", after))).await;
    let session = session(&client, &mut fake, SessionConfig::new("/w")).await;

    // Read to its end and not finished.
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    let mut stream = stream.unwrap();
    fake.end_turn().await;
    while within("an event", stream.recv()).await.unwrap().is_some() {}
    told.reaches(2).await;
    drop(stream);

    // Dropped before.
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    drop(stream.unwrap());
    told.reaches(4).await;
    fake.answer("turn/interrupt", json!({})).await;
    fake.end_turn().await;

    // Finished.
    let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
    fake.end_turn().await;
    assert!(within("the end", stream.unwrap().finish()).await.is_err());
    assert_eq!(told.phases(), [after, after, after].concat());
    let contexts = told.contexts();
    assert!(matches!(
        contexts[1].ended,
        Some(Err(AskError::NoText { .. }))
    ));
    assert!(contexts[3].ended.is_none(), "nobody waited for it");
}

#[tokio::test]
async fn c1_a_run_that_never_got_a_turn_still_ends() {
    let told = Told::default();
    let all = [
        Phase::PreRun,
        Phase::PreTurn,
        Phase::PostTurn,
        Phase::PostRun,
    ];
    let hook = told.hook("all", all, |context| {
        match (context.phase, context.prompt.as_deref()) {
            (Phase::PreTurn, Some("blocked")) => Ok(Verdict::Block {
                reason: "no".into(),
            }),
            _ => Ok(Verdict::Pass),
        }
    });
    let (client, mut fake) = client(with_hook(hook)).await;
    let session = session(&client, &mut fake, SessionConfig::new("/w")).await;
    let blocked = session.ask("blocked").await;
    assert!(
        matches!(
            blocked,
            Err(AskError::Blocked {
                phase: Phase::PreTurn,
                ..
            })
        ),
        "{blocked:?}"
    );
    let refuse = async {
        let request = fake.next().await;
        assert_eq!(
            request["params"]["input"][0]["text"], "refused",
            "nothing was sent before"
        );
        fake.say(json!({"id": request["id"], "error": {"code": -32600, "message": "no"}}))
            .await;
    };
    let (refused, ()) = tokio::join!(session.ask("refused"), refuse);
    assert!(
        matches!(refused, Err(AskError::Rpc(RpcError::Server { .. }))),
        "{refused:?}"
    );
    let one = [Phase::PreRun, Phase::PreTurn, Phase::PostRun];
    assert_eq!(told.phases(), [one, one].concat());
}

#[tokio::test]
async fn c2_changes_reach_the_turn_in_order_and_the_first_block_stops() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::fs::write(scratch.path().join("notes.md"), "x").unwrap();
    let append = |text: &'static str| {
        move |context: &HookContext| {
            Ok(Verdict::Mutate(Patch {
                prompt: Some(format!("{}{text}", context.prompt.as_deref().unwrap())),
                ..Patch::default()
            }))
        }
    };
    let hooks = HookSet::default()
        .with(does("first", [Phase::PreRun], append(" first")))
        .with(does("second", [Phase::PreTurn], append(" second")))
        .with(does("third", [Phase::PreRun], |_| {
            Ok(Verdict::Mutate(Patch {
                model: Some("other".into()),
                attachments: vec![
                    Attachment::Path("notes.md".into()),
                    Attachment::Path("gone.md".into()),
                ],
                ..Patch::default()
            }))
        }))
        .with(does("breaks", [Phase::PreTurn], |_| {
            Err(HookError("broken".into()))
        }))
        .with(does("picky", [Phase::PreTurn], |context| {
            Ok(match context.prompt.as_deref() {
                Some(text) if text.contains("stop") => Verdict::Block {
                    reason: "it says stop".into(),
                },
                _ => Verdict::Pass,
            })
        }));
    let (client, mut fake) = client(hooks).await;
    let session = session(&client, &mut fake, SessionConfig::new(scratch.path())).await;

    let blocked = session.ask("stop").await;
    assert!(
        matches!(&blocked, Err(AskError::Blocked { hook, reason, .. }) if hook == "picky" && reason == "it says stop"),
        "{blocked:?}"
    );
    let (stream, request) = tokio::join!(session.ask_stream("go"), async {
        let request = fake.next().await;
        fake.say(
            json!({"id": request["id"], "result": {"turn": {"id": "U", "status": "inProgress"}}}),
        )
        .await;
        request
    });
    assert_eq!(
        request["method"], "turn/start",
        "the blocked one was never sent"
    );
    assert_eq!(
        request["params"]["input"][0]["text"],
        "go first second\n@notes.md"
    );
    assert_eq!(request["params"]["model"], "other");
    fake.said("U", "done").await;
    fake.end_turn().await;
    let result = within("the end", stream.unwrap().finish()).await.unwrap();
    let record = |hook: &str, phase, deed| HookRecord {
        hook: hook.into(),
        phase,
        deed,
    };
    let failed = |problem: String| Deed::Failed { problem };
    let gone = scratch.path().join("gone.md");
    assert_eq!(
        result.hooks,
        [
            record("first", Phase::PreRun, Deed::Changed),
            // C5.
            record(
                "third",
                Phase::PreRun,
                failed(format!(
                    "its attachment {} does not exist and was left out",
                    gone.display()
                ))
            ),
            record("third", Phase::PreRun, Deed::Changed),
            record("second", Phase::PreTurn, Deed::Changed),
            record("breaks", Phase::PreTurn, failed("broken".into())),
            record("picky", Phase::PreTurn, Deed::Passed),
        ]
    );
}

#[tokio::test]
async fn c3_the_hooks_of_a_run_go_first_and_take_the_place_of_their_names() {
    let told = Told::default();
    let (client, mut fake) = client(
        HookSet::default()
            .with(told.hook("same", [Phase::PreTurn], |_| {
                Ok(Verdict::Block {
                    reason: "the client's".into(),
                })
            }))
            .with(told.passing("client", [Phase::PreTurn])),
    )
    .await;
    let of_session = HookSet::default()
        .with(told.passing("session", [Phase::PreTurn]))
        .with(told.hook("same", [Phase::PreTurn], |_| {
            Ok(Verdict::Block {
                reason: "the session's".into(),
            })
        }));
    let session = session(
        &client,
        &mut fake,
        SessionConfig::new("/w").with_hooks(of_session),
    )
    .await;

    let of_run = RunProfile {
        hooks: with_hook(does("same", [Phase::PreTurn], |_| {
            Ok(Verdict::Block {
                reason: "the run's".into(),
            })
        })),
        ..RunProfile::default()
    };
    let blocked = session.ask_with_profile("x", of_run).await;
    assert!(
        matches!(&blocked, Err(AskError::Blocked { reason, .. }) if reason == "the run's"),
        "{blocked:?}"
    );
    assert!(told.contexts().is_empty(), "the run's hook goes first");

    let blocked = session.ask("x").await;
    assert!(
        matches!(&blocked, Err(AskError::Blocked { reason, .. }) if reason == "the session's"),
        "{blocked:?}"
    );
}

#[tokio::test]
async fn c4_before_a_session_only_the_model_and_metadata_change() {
    let told = Told::default();
    let changes = does("changes", [Phase::PreSessionStart], |_| {
        Ok(Verdict::Mutate(Patch {
            prompt: Some("x".into()),
            model: Some("other".into()),
            metadata: json!({"who": "me"}),
            ..Patch::default()
        }))
    });
    let hooks = HookSet::default()
        .with(changes)
        .with(told.passing("after", [Phase::PostSessionStart]));
    let (client, mut fake) = client(hooks).await;
    let answer = json!({"thread": {"id": "T"}, "model": "other"});
    let (session, request) = tokio::join!(
        client.start_session(SessionConfig::new("/w")),
        fake.answer("thread/start", answer)
    );
    assert_eq!(request["params"]["model"], "other");
    let report = session.unwrap().start_report().to_vec();
    assert!(
        matches!(&report[0].deed, Deed::Failed { problem } if problem.contains("only the model")),
        "{report:?}"
    );
    assert_eq!(report[1].deed, Deed::Changed);
    assert_eq!(told.contexts()[0].metadata, json!({"who": "me"}));
}

#[tokio::test]
async fn c6_metadata_goes_from_phase_to_phase_of_one_run_and_no_further() {
    let told = Told::default();
    let hooks = HookSet::default()
        .with(does("writes", [Phase::PreRun, Phase::PreTurn], |context| {
            let metadata = match context.phase {
                Phase::PreRun => json!({"a": 1, "b": {"c": 1}}),
                _ => json!({"b": {"d": 2}}),
            };
            Ok(Verdict::Mutate(Patch {
                metadata,
                ..Patch::default()
            }))
        }))
        .with(does("wrong", [Phase::PreTurn], |_| {
            Ok(Verdict::Mutate(Patch {
                metadata: json!([1]),
                ..Patch::default()
            }))
        }))
        .with(told.hook(
            "reads",
            [Phase::PreRun, Phase::PreToolUse, Phase::PostRun],
            |context| {
                Ok(match context.phase {
                    Phase::PreToolUse => Verdict::Decide(Decision::Deny),
                    _ => Verdict::Pass,
                })
            },
        ));
    let (client, mut fake) = client(hooks).await;
    let session = session(&client, &mut fake, SessionConfig::new("/w")).await;
    for id in 0..2 {
        let (stream, ()) = tokio::join!(session.ask_stream("x"), fake.start_turn());
        fake.ask(id).await;
        assert_eq!(fake.next().await["result"]["decision"], "decline");
        fake.said("U", "done").await;
        fake.end_turn().await;
        let result = within("the end", stream.unwrap().finish()).await.unwrap();
        let wrong: Vec<_> = result
            .hooks
            .iter()
            .filter(|record| record.hook == "wrong")
            .collect();
        assert!(
            matches!(
                &wrong[..],
                [HookRecord {
                    deed: Deed::Failed { .. },
                    ..
                }]
            ),
            "{wrong:?}"
        );
    }
    let seen: Vec<_> = told
        .contexts()
        .into_iter()
        .map(|context| context.metadata)
        .collect();
    let (first, last) = (
        json!({"a": 1, "b": {"c": 1}}),
        json!({"a": 1, "b": {"d": 2}}),
    );
    let one = [first, last.clone(), last];
    assert_eq!(seen, [one.clone(), one].concat());
}

#[tokio::test]
async fn b3_block_denies_pass_goes_on_and_failing_asks_the_person() {
    let hooks = HookSet::default()
        .with(does("blocks", [Phase::PreToolUse], |context| {
            Ok(match context.command() {
                Some("rm x") => Verdict::Block {
                    reason: "no rm".into(),
                },
                _ => Verdict::Pass,
            })
        }))
        .with(does("fails", [Phase::PreToolUse], |_| {
            Err(HookError("broken".into()))
        }))
        .with(does("allows", [Phase::PreToolUse], |context| {
            Ok(match context.command() {
                Some("ls") => Verdict::Decide(Decision::Allow),
                _ => Verdict::Pass,
            })
        }))
        .with(AskPerson);
    let (client, mut fake) = client(hooks).await;
    let _session = session(&client, &mut fake, SessionConfig::new("/w")).await;
    let (_, mut notices) = client.approvals().present();
    fake.ask_command(0, "rm x").await;
    assert_eq!(
        fake.next().await,
        json!({"id": 0, "result": {"decision": "decline"}})
    );
    fake.ask_command(1, "ls").await;
    assert_eq!(
        fake.next().await,
        json!({"id": 1, "result": {"decision": "accept"}})
    );
    fake.ask_command(2, "make").await;
    let entry = loop {
        match within("a notice", notices.recv()).await.unwrap() {
            countersign_runtime::approval::Notice::Requested(entry) => break entry,
            _ => continue,
        }
    };
    assert!(
        matches!(&entry.request.subject, Subject::Command(command) if command.command == "make")
    );
    client
        .approvals()
        .decide(&entry.key, Decision::Allow, "test")
        .unwrap();
    assert_eq!(
        fake.next().await,
        json!({"id": 2, "result": {"decision": "accept"}})
    );
}

#[tokio::test]
async fn b6_a_hook_sees_the_command_its_folder_and_the_files_of_a_change() {
    let place = Place::new().await;
    let told = Told::default();
    let hook = told.hook("watch", [Phase::PreToolUse], |_| {
        Ok(Verdict::Decide(Decision::Deny))
    });
    let client = connect(ClientConfig {
        hooks: with_hook(hook),
        ..place.config()
    })
    .await;
    let session = start(&client, place.session()).await;
    within(
        "the answer",
        session.ask("run: touch a && echo b\nedit: ../outside.txt <- hello\nsay done"),
    )
    .await
    .unwrap();
    let contexts = told.contexts();
    assert_eq!(contexts.len(), 2);
    let real = |path: &Path| path.canonicalize().unwrap();
    for context in &contexts {
        assert!(context.turn.is_some());
        assert_eq!(context.model.as_deref(), Some("scripted-model"));
        assert_eq!(real(context.cwd.as_deref().unwrap()), real(&place.cwd));
    }
    assert_eq!(contexts[0].tool().as_deref(), Some("command"));
    assert_eq!(contexts[0].command(), Some("touch a && echo b"));
    assert_eq!(contexts[0].programs().unwrap().names, ["touch", "echo"]);
    let Subject::Command(command) = &contexts[0].request.as_ref().unwrap().subject else {
        panic!()
    };
    assert!(
        command.actions[0].command.starts_with("touch"),
        "{:?}",
        command.actions
    );
    assert_eq!(contexts[1].tool().as_deref(), Some("file_change"));
    let touched = contexts[1].touched();
    assert_eq!(touched.len(), 1);
    assert!(touched[0].ends_with("outside.txt"), "{touched:?}");
    assert!(
        Matcher::default()
            .touches(place.cwd.parent().unwrap())
            .matches(&contexts[1])
    );
    assert!(!Matcher::default().inside(&place.cwd).matches(&contexts[1]));
}

#[tokio::test]
async fn b7_hooks_of_two_runs_on_one_thread_end_with_their_own_run() {
    let told = Told::default();
    let (client, mut fake) = client(HookSet::default()).await;
    let session = session(&client, &mut fake, SessionConfig::new("/w")).await;
    let prompt = |name: &'static str| Prompt {
        profile: RunProfile {
            hooks: with_hook(told.passing(name, [Phase::PreToolUse])),
            ..RunProfile::default()
        },
        ..Prompt::new("x", "/w")
    };
    let (first, ()) = tokio::join!(session.ask_stream_with(prompt("first")), fake.start_turn());
    // It joins the turn of the first.
    let joined = json!({"turn": {"id": "U", "items": [], "status": "inProgress"}});
    let (second, _) = tokio::join!(
        session.ask_stream_with(prompt("second")),
        fake.answer("turn/start", joined)
    );
    let (_first, second) = (first.unwrap(), second.unwrap());
    fake.ask(0).await;
    fake.next().await;
    assert_eq!(told.contexts().len(), 2);
    drop(second);
    fake.answer("turn/interrupt", json!({})).await;
    fake.ask(1).await;
    fake.next().await;
    assert_eq!(
        told.contexts().len(),
        3,
        "only the first run's hook is left"
    );
}

#[tokio::test]
async fn b1_a_hundred_runs_at_once_start_one_loop() {
    let told = Told::default();
    let (client, mut fake) = client(HookSet::default()).await;
    let session = session(&client, &mut fake, SessionConfig::new("/w")).await;
    let asks: Vec<_> = (0..100)
        .map(|_| {
            let prompt = Prompt {
                profile: RunProfile {
                    hooks: with_hook(told.passing("counts", [Phase::PreToolUse])),
                    ..RunProfile::default()
                },
                ..Prompt::new("x", "/w")
            };
            let session = session.clone();
            tokio::spawn(async move { session.ask_stream_with(prompt).await.unwrap() })
        })
        .collect();
    for _ in 0..100 {
        fake.answer(
            "turn/start",
            json!({"turn": {"id": "U", "items": [], "status": "inProgress"}}),
        )
        .await;
    }
    let mut streams = Vec::new();
    for ask in asks {
        streams.push(within("a turn", ask).await.unwrap());
    }
    fake.ask(0).await;
    assert_eq!(
        fake.next().await,
        json!({"id": 0, "result": {"decision": "decline"}})
    );
    assert_eq!(told.contexts().len(), 1, "one loop asks each name once");
}

#[tokio::test]
async fn b2_a_presenter_and_hooks_live_together() {
    let place = Place::new().await;
    let hooks = HookSet::default()
        .with(
            does("echoes", [Phase::PreToolUse], |_| {
                Ok(Verdict::Decide(Decision::Allow))
            })
            .when(Matcher::default().tool("command").only_programs(["echo"])),
        )
        .with(AskPerson);
    let client = connect(ClientConfig {
        hooks,
        ..place.config()
    })
    .await;
    let mut person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let asking = tokio::spawn({
        let session = session.clone();
        async move {
            session
                .ask("run: echo free\nrun: touch asked.txt\nsay done")
                .await
        }
    });
    let (entry, outcome) = person.resolved().await;
    assert!(
        matches!(&entry.request.subject, Subject::Command(command) if command.command == "echo free")
    );
    assert!(matches!(outcome, Outcome::Answered { by: By::Hook(hook), .. } if hook == "echoes"));
    let entry = person.asked().await;
    person.answer(&entry, Decision::Allow);
    within("the answer", asking).await.unwrap().unwrap();
    assert!(place.file("asked.txt").exists());
}

/// A thread that had no turn gets another id when its server is started again.
#[tokio::test]
async fn the_hooks_of_a_session_go_with_a_thread_that_is_started_anew() {
    let place = Place::new().await;
    let told = Told::default();
    let client = connect(place.config()).await;
    let config = place
        .session()
        .with_hooks(with_hook(told.passing("session", [Phase::PreToolUse])));
    let session = start(&client, config).await;
    let mut events = session.subscribe();
    let old = session.thread_id();
    let pid = client.server_pid().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", &pid])
            .status()
            .unwrap()
            .success()
    );
    event(&mut events, "the resume", |event| {
        matches!(event, Event::Resumed { .. }).then_some(())
    })
    .await;
    assert_ne!(session.thread_id(), old);
    assert_eq!(client.metrics().restarts, 1);
    within(
        "the answer",
        session.ask_with_profile("run: true\nsay done", profile()),
    )
    .await
    .unwrap();
    assert_eq!(told.contexts().len(), 1);
}
