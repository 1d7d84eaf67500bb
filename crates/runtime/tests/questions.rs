//! Every kind of question against the real app-server: what is asked, each answer to it, and what comes
//! of the answer.
//!
//! Two kinds the real server was not made to ask (FACTS section 11): about a host of the network, and
//! about input to a terminal. How they are read and answered is tested beside the code that does it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

#[path = "support/does.rs"]
mod does;
#[path = "support/fake.rs"]
mod fake;
mod support;

use std::path::PathBuf;

use countersign_runtime::approval::{
    Answers, Decision, Elicitation, Entry, FieldKind, FieldProblem, Notice, Problem, Reason,
    Refused, Subject, TextFormat, Untold,
};
use countersign_runtime::hooks::{AskPerson, Hook, HookSet, Matcher, Phase, ShellHook};
use countersign_runtime::{
    AskError, Client, ClientConfig, RpcError, Session, SessionConfig, TurnResult,
};
use serde_json::{Map, Value, json};
use support::{Person, Place, connect, start, within};
use tokio::task::JoinHandle;

struct Desk {
    place: Place,
    client: Client,
    person: Person,
    session: Session,
}

impl Desk {
    async fn new() -> Self {
        Self::at(Place::new().await).await
    }

    async fn with_tiny() -> Self {
        Self::at(Place::with_tiny().await).await
    }

    async fn at(place: Place) -> Self {
        let client = connect(place.asking()).await;
        let person = Person::at(&client);
        let session = start(&client, place.session()).await;
        Self {
            place,
            client,
            person,
            session,
        }
    }

    fn ask(&self, scene: impl Into<String>) -> JoinHandle<Result<TurnResult, AskError>> {
        let (session, scene) = (self.session.clone(), scene.into());
        tokio::spawn(async move { session.ask(scene).await })
    }

    /// Plays a scene that asks once, and answers.
    async fn answered(&mut self, scene: impl Into<String>, decision: Decision) -> String {
        let asking = self.ask(scene);
        let entry = self.person.asked().await;
        self.person.answer(&entry, decision);
        self.person.resolved().await;
        said(asking).await
    }

    /// Plays a scene that asks nothing.
    async fn unasked(&mut self, scene: impl Into<String>) -> String {
        let said = said(self.ask(scene)).await;
        assert!(self.client.approvals().open().is_empty());
        said
    }

    /// What the model was told last of its tool calls.
    fn told(&self) -> String {
        let requests = self.place.model.requests();
        let outputs = requests.last().unwrap().tool_outputs();
        outputs.last().unwrap().1.clone()
    }

    /// A folder that the sandbox does not let the agent write.
    fn outside(&self) -> PathBuf {
        let folder = self.place.cwd.parent().unwrap().join("outside");
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn refused(&self, entry: &Entry, decision: Decision) -> Refused {
        let approvals = self.client.approvals();
        let refused = approvals.decide(&entry.key, decision, "test").unwrap_err();
        assert_eq!(approvals.open().len(), 1, "the question is still open");
        refused
    }

    async fn close(self) {
        assert_eq!(self.place.model.violations(), Vec::<String>::new());
        self.client.shutdown().await;
    }
}

async fn said(asking: JoinHandle<Result<TurnResult, AskError>>) -> String {
    within("the answer", asking).await.unwrap().unwrap().text
}

fn content(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(content) => content,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn permissions_are_for_a_turn_or_for_the_session_or_not_given() {
    let mut desk = Desk::new().await;
    let outside = desk.outside();
    let scene = |file: &str| {
        format!(
            "permissions: {0} & network\nsandboxed: echo made > {0}/{file}\nsay over",
            outside.display()
        )
    };
    let asking = desk.ask(scene("denied"));
    let entry = desk.person.asked().await;
    let Subject::Permissions(asked) = &entry.request.subject else {
        panic!("{entry:?}")
    };
    assert_eq!(asked.cwd.as_deref(), desk.place.cwd.to_str());
    assert!(asked.network);
    assert_eq!(asked.write, [outside.to_str().unwrap()]);
    assert_eq!(
        (asked.read.len(), asked.other.len()),
        (0, 0),
        "{asked:?} of {}",
        entry.request.raw
    );
    assert!(entry.request.reason.as_ref().unwrap().contains("network"));
    assert_eq!(
        entry.request.decisions(),
        [Decision::Allow, Decision::AllowForSession, Decision::Deny]
    );
    desk.person.answer(&entry, Decision::Deny);
    desk.person.resolved().await;
    said(asking).await;
    assert!(!outside.join("denied").exists());

    desk.answered(scene("once"), Decision::Allow).await;
    assert!(outside.join("once").exists());
    let write = |file: &str| format!("sandboxed: echo made > {}/{file}", outside.display());
    desk.unasked(write("later")).await;
    assert!(!outside.join("later").exists(), "the turn is over");

    desk.answered(scene("session"), Decision::AllowForSession)
        .await;
    assert!(outside.join("session").exists());
    desk.unasked(write("for-good")).await;
    assert!(
        outside.join("for-good").exists(),
        "it holds for the session"
    );
    desk.close().await;
}

#[tokio::test]
async fn questions_are_answered_together_and_a_wrong_answer_leaves_them_open() {
    let mut desk = Desk::new().await;
    let asking =
        desk.ask("ask: Which? | Rust | Go & ask: Where? | Here | There & secret: Token? | None");
    let entry = desk.person.asked().await;
    let Subject::UserInput(asked) = &entry.request.subject else {
        panic!("{entry:?}")
    };
    let texts: Vec<_> = asked.questions.iter().map(|q| q.text.as_str()).collect();
    assert_eq!(texts, ["Which?", "Where?", "Token?"]);
    assert_eq!(asked.questions[0].options[1].label, "Go");
    assert_eq!(asked.questions[0].options[1].description, "Answer Go.");
    let kinds: Vec<_> = asked
        .questions
        .iter()
        .map(|q| (q.other, q.secret))
        .collect();
    assert_eq!(kinds, [(true, false), (true, false), (true, true)]);
    assert!(entry.request.needs_content());

    assert_eq!(desk.refused(&entry, Decision::Allow), Refused::NotOffered);
    let wrong = Answers::default().with("answer", [" "]).with("x", ["y"]);
    let problem = |field: &str, problem| FieldProblem {
        field: field.to_owned(),
        problem,
    };
    assert_eq!(
        desk.refused(&entry, Decision::Answer(wrong)),
        Refused::Invalid(vec![
            problem("x", Problem::Unknown),
            problem("answer", Problem::Blank),
            problem("answer_2", Problem::Missing),
            problem("answer_3", Problem::Missing),
        ])
    );
    let answers = Answers::default()
        .with("answer", ["Rust"])
        .without("answer_2")
        .with("answer_3", ["hunter2"]);
    let decision = Decision::Answer(answers);
    assert!(!format!("{decision:?}").contains("hunter2"));
    desk.person.answer(&entry, decision);
    let (_, outcome) = desk.person.resolved().await;
    assert!(!format!("{outcome:?}").contains("hunter2"));
    said(asking).await;
    let told: Value = serde_json::from_str(&desk.told()).unwrap();
    assert_eq!(
        told["answers"],
        json!({"answer": {"answers": ["Rust"]}, "answer_3": {"answers": ["None of the above", "user_note: hunter2"]}})
    );

    desk.answered("ask: Which? | Rust | Go", Decision::Deny)
        .await;
    let told: Value = serde_json::from_str(&desk.told()).unwrap();
    assert_eq!(told["answers"], json!({}));
    desk.close().await;
}

#[tokio::test]
async fn a_form_is_filled_in_declined_or_dismissed() {
    let mut desk = Desk::with_tiny().await;
    let asking = desk.ask("mcp: ask_form How?");
    let entry = desk.person.asked().await;
    let Subject::Elicitation(Elicitation::Form {
        server,
        message,
        schema,
    }) = &entry.request.subject
    else {
        panic!("{entry:?}")
    };
    assert_eq!((server.as_str(), message.as_str()), ("tiny", "How?"));
    let field = |name: &str| {
        let found = schema.fields.iter().find(|field| field.name == name);
        found.unwrap_or_else(|| panic!("no {name} in {schema:?}"))
    };
    assert_eq!(schema.fields.len(), 13);
    assert!(
        !schema
            .fields
            .iter()
            .any(|field| matches!(field.kind, FieldKind::Unsupported(_))),
        "{schema:?}"
    );
    assert_eq!(
        field("title").kind,
        FieldKind::Text {
            min_length: Some(2),
            max_length: Some(40),
            format: None
        }
    );
    assert_eq!(field("title").default, Some(json!("Groceries")));
    assert!(field("title").required && !field("ink").required);
    assert!(matches!(
        field("remind").kind,
        FieldKind::Text {
            format: Some(TextFormat::DateTime),
            ..
        }
    ));
    for (name, value, title) in [
        ("paper", "ruled", "ruled"),
        ("ink", "b", "Blue"),
        ("colour", "#ff0", "Yellow"),
    ] {
        let FieldKind::One(options) = &field(name).kind else {
            panic!("{name}")
        };
        assert_eq!((&*options[1].value, &*options[1].title), (value, title));
    }
    let FieldKind::Several { options, .. } = &field("readers").kind else {
        panic!()
    };
    assert_eq!(options[1].title, "Bob");

    let wrong = content(json!({"title": "x", "lines": 2.5, "due": "tomorrow", "tags": []}));
    let Refused::Invalid(mut problems) = desk.refused(&entry, Decision::Submit(wrong)) else {
        panic!()
    };
    problems.sort_by(|a, b| a.field.cmp(&b.field));
    let found: Vec<_> = problems
        .into_iter()
        .map(|found| (found.field, found.problem))
        .collect();
    assert_eq!(
        found,
        [
            ("due".to_owned(), Problem::NotDate),
            ("lines".to_owned(), Problem::NotInteger),
            ("tags".to_owned(), Problem::TooFew(1)),
            ("title".to_owned(), Problem::TooShort(2)),
        ]
    );
    let right = json!({"title": "Milk", "email": "ann@example.org", "link": "https://example.org/a",
        "due": "2024-02-29", "remind": "2024-02-29T08:00:00Z", "lines": 3, "width": 2.5, "pinned": true,
        "paper": "ruled", "ink": "b", "colour": "#ff0", "tags": ["home", "later"], "readers": ["a", "b"]});
    desk.person
        .answer(&entry, Decision::Submit(content(right.clone())));
    desk.person.resolved().await;
    said(asking).await;
    let told = desk.told();
    let told: Value = serde_json::from_str(&told[told.find('{').unwrap()..]).unwrap();
    assert_eq!(told["action"], "accept");
    assert_eq!(told["content"], right, "the server got what was written");

    desk.answered("mcp: ask_form How?", Decision::Deny).await;
    assert!(
        desk.told().contains(r#""action":"decline""#),
        "{}",
        desk.told()
    );
    desk.answered("mcp: ask_form How?", Decision::Dismiss).await;
    assert!(
        desk.told().contains(r#""action":"cancel""#),
        "{}",
        desk.told()
    );
    desk.close().await;
}

#[tokio::test]
async fn a_page_is_visited_or_not() {
    let mut desk = Desk::with_tiny().await;
    let scene = "mcp: ask_page https://example.org/login";
    let asking = desk.ask(scene);
    let entry = desk.person.asked().await;
    let Subject::Elicitation(Elicitation::Url { url, .. }) = &entry.request.subject else {
        panic!("{entry:?}")
    };
    assert_eq!(url, "https://example.org/login");
    desk.person.answer(&entry, Decision::Allow);
    desk.person.resolved().await;
    said(asking).await;
    assert!(
        desk.told().contains(r#""action":"accept""#),
        "{}",
        desk.told()
    );
    for (decision, action) in [(Decision::Deny, "decline"), (Decision::Dismiss, "cancel")] {
        desk.answered(scene, decision).await;
        assert!(desk.told().contains(action), "{}", desk.told());
    }
    // What is no page of the web nobody is asked about.
    let asking = desk.ask("mcp: ask_page file:///etc/passwd");
    let notice = desk.person.notice().await;
    assert!(
        matches!(&notice, Notice::Denied(request) if matches!(&request.subject,
            Subject::Elicitation(Elicitation::Other { .. }))),
        "{notice:?}"
    );
    said(asking).await;
    assert!(desk.told().contains("decline"), "{}", desk.told());
    desk.close().await;
}

#[tokio::test]
async fn a_tool_is_allowed_once_for_the_session_or_always() {
    let mut desk = Desk::with_tiny().await;
    let notes = desk.place.home().join("notes.txt");
    let written = || std::fs::read_to_string(&notes).unwrap_or_default();
    let asking = desk.ask("mcp: write_note denied");
    let entry = desk.person.asked().await;
    let Subject::Elicitation(Elicitation::Tool(tool)) = &entry.request.subject else {
        panic!("{entry:?}")
    };
    assert_eq!(
        (tool.server.as_str(), tool.tool.as_str()),
        ("tiny", "write_note")
    );
    assert_eq!(
        serde_json::from_str::<Value>(&tool.arguments).unwrap(),
        json!({"text": "denied"})
    );
    assert!(tool.description.as_ref().unwrap().contains("notes.txt"));
    assert_eq!(
        (tool.read_only, tool.destructive),
        (Some(false), Some(true))
    );
    assert_eq!(
        entry.request.decisions(),
        [
            Decision::Allow,
            Decision::AllowForSession,
            Decision::AllowAlways,
            Decision::Deny
        ]
    );
    assert_eq!(
        desk.refused(&entry, Decision::Submit(Map::new())),
        Refused::NotOffered
    );
    desk.person.answer(&entry, Decision::Deny);
    desk.person.resolved().await;
    assert_eq!(
        said(asking).await,
        "The tool `write_note` was declined; it did not run."
    );
    assert_eq!(written(), "");

    desk.answered("mcp: write_note one", Decision::Allow).await;
    desk.answered("mcp: write_note two", Decision::AllowForSession)
        .await;
    desk.unasked("mcp: write_note three").await;
    assert_eq!(written(), "one\ntwo\nthree\n");

    // Another thread is not that session; always is for it too, and for the next.
    desk.session = start(&desk.client, desk.place.session()).await;
    desk.answered("mcp: write_note four", Decision::AllowAlways)
        .await;
    desk.session = start(&desk.client, desk.place.session()).await;
    desk.unasked("mcp: write_note five").await;
    assert!(written().ends_with("four\nfive\n"), "{}", written());
    desk.close().await;
}

#[tokio::test]
async fn hooks_decide_on_tools_and_permissions_by_what_they_are() {
    let place = Place::with_tiny().await;
    let outside = place.cwd.parent().unwrap().join("outside");
    let allows = |name: &str, matcher: Matcher| {
        ShellHook::new(name, r#"echo '{"verdict": "allow"}'"#, [Phase::PreToolUse]).when(matcher)
    };
    let no_etc = ShellHook::new(
        "not etc",
        r#"grep -q '"write":\["/etc"\]' && exit 2; exit 0"#,
        [Phase::PreToolUse],
    );
    let milk = ShellHook::new(
        "milk",
        r#"grep -q '"call":{"server":"tiny","tool":"write_note","arguments":{"text":"milk"}}' && echo '{"verdict": "allow"}'; exit 0"#,
        [Phase::PreToolUse],
    );
    let hooks = HookSet::default()
        .with(no_etc)
        .with(milk.when(Matcher::default().tool("tiny/write_note")))
        .with(allows("here", Matcher::default().inside(&outside)))
        .with(AskPerson);
    std::fs::create_dir(&outside).unwrap();
    let client = connect(ClientConfig {
        hooks,
        ..place.config()
    })
    .await;
    let person = Person::at(&client);
    let session = start(&client, place.session()).await;
    let mut desk = Desk {
        place,
        client,
        person,
        session,
    };
    desk.answered("mcp: write_note beer", Decision::Deny).await;
    desk.unasked("mcp: write_note milk").await;
    assert!(desk.told().contains("The note is in"));
    let said = desk
        .unasked(format!("permissions: {}", outside.display()))
        .await;
    assert_eq!(said, "The permission was granted.");
    let said = desk.unasked("permissions: /etc").await;
    assert_eq!(said, "The permission was not granted.");
    for _ in 0..3 {
        desk.person.resolved().await;
    }
    // The network is in no folder.
    let scene = format!("permissions: {} & network", outside.display());
    let said = desk.answered(scene, Decision::Deny).await;
    assert_eq!(said, "The permission was not granted.");
    desk.close().await;
}

#[tokio::test]
async fn a_reason_reaches_the_agent_with_the_decision() {
    let mut desk = Desk::with_tiny().await;
    for (scene, decision, refusal) in [
        (
            "run: echo made > made.txt",
            Decision::Deny,
            "rejected by user",
        ),
        (
            "edit: ../outside.txt <- hello",
            Decision::Deny,
            "rejected by user",
        ),
        ("permissions: /etc", Decision::Deny, r#""file_system":null"#),
        ("ask: Which? | A | B", Decision::Deny, r#""answers":{}"#),
        ("mcp: write_note milk", Decision::Deny, "user rejected"),
        ("run: echo allowed", Decision::Allow, "allowed"),
    ] {
        let before = desk.place.model.requests().len();
        let asking = desk.ask(scene);
        let entry = desk.person.asked().await;
        let reason = format!("because of {scene}");
        let told = desk
            .client
            .approvals()
            .decide_with(&entry.key, decision, "test", Some(&reason))
            .await
            .unwrap();
        assert!(matches!(told, Reason::Told), "{scene}: {told:?}");
        desk.person.resolved().await;
        let late = desk.client.approvals().decide_with(
            &entry.key,
            Decision::Allow,
            "test",
            Some("too late"),
        );
        assert_eq!(late.await.unwrap_err(), Refused::Stale);
        said(asking).await;
        let requests = desk.place.model.requests();
        assert_eq!(
            requests.len() - before,
            2,
            "{scene}: no answer was cut off and asked for again"
        );
        let last = requests.last().unwrap();
        assert_eq!(last.last_user_text().as_deref(), Some(reason.as_str()));
        let outputs = last.tool_outputs();
        let output = &outputs.last().unwrap().1;
        assert!(output.contains(refusal), "{scene}: {output}");
        assert!(!last.body.to_string().contains("too late"));
    }
    assert!(!desk.place.file("made.txt").exists());

    let asking = desk.ask("run: echo made > made.txt");
    let entry = desk.person.asked().await;
    let stopped = desk.client.approvals().decide_with(
        &entry.key,
        Decision::DenyAndStop,
        "test",
        Some("do less"),
    );
    match stopped.await.unwrap() {
        Reason::Untold {
            text,
            why: Untold::TurnEnds,
        } => assert_eq!(text, "do less"),
        other => panic!("{other:?}"),
    }
    let ended = within("the end", asking).await.unwrap();
    assert!(
        matches!(ended, Err(AskError::Interrupted { .. })),
        "{ended:?}"
    );
    desk.close().await;
}

#[tokio::test]
async fn a_reason_that_cannot_be_told_comes_back_and_the_answer_goes_out() {
    let (client, mut fake) = does::client(HookSet::default().with(AskPerson)).await;
    let _session = does::session(&client, &mut fake, SessionConfig::new("/w")).await;
    let mut person = Person::at(&client);
    fake.ask(0).await;
    let entry = person.asked().await;
    let approvals = client.approvals();
    let denied = approvals.decide_with(&entry.key, Decision::Deny, "test", Some(" do less "));
    let serve = async {
        let steer = fake.next().await;
        assert_eq!(steer["method"], "turn/steer");
        assert_eq!(steer["params"]["expectedTurnId"], "U");
        assert_eq!(steer["params"]["input"][0]["text"], "do less");
        let late = approvals.decide(&entry.key, Decision::Allow, "another");
        assert_eq!(
            late,
            Err(Refused::Stale),
            "the question is settled before its words are through"
        );
        let error = json!({"code": -32600, "message": "no active turn to steer"});
        fake.say(json!({"id": steer["id"], "error": error})).await;
        fake.next().await
    };
    let (told, answer) = tokio::join!(denied, serve);
    assert_eq!(answer, json!({"id": 0, "result": {"decision": "decline"}}));
    match told.unwrap() {
        Reason::Untold {
            text,
            why: Untold::Rpc(RpcError::Server { .. }),
        } => assert_eq!(text, "do less"),
        other => panic!("{other:?}"),
    }
    person.resolved().await;

    // Nobody waits for it any more: the answer follows all the same.
    fake.ask(1).await;
    let entry = person.asked().await;
    let task = tokio::spawn({
        let approvals = approvals.clone();
        async move {
            let denied =
                approvals.decide_with(&entry.key, Decision::Deny, "test", Some("never mind"));
            denied.await
        }
    });
    let steer = fake.next().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    fake.say(json!({"id": steer["id"], "result": {"turnId": "U"}}))
        .await;
    assert_eq!(
        fake.next().await,
        json!({"id": 1, "result": {"decision": "decline"}})
    );
    person.resolved().await;

    fake.say(json!({"id": 2, "method": "mcpServer/elicitation/request", "params": {"threadId": "T",
        "turnId": null, "serverName": "tiny", "mode": "url", "message": "", "url": "https://example.org",
        "elicitationId": "e"}}))
        .await;
    let entry = person.asked().await;
    let denied = approvals.decide_with(&entry.key, Decision::Deny, "test", Some("not there"));
    let told = within("the decision", denied).await.unwrap();
    assert!(
        matches!(
            &told,
            Reason::Untold {
                why: Untold::NoTurn,
                ..
            }
        ),
        "{told:?}"
    );
    assert_eq!(fake.next().await["result"]["action"], "decline");
    person.resolved().await;
    fake.ask(3).await;
    let entry = person.asked().await;
    let none = approvals.decide_with(&entry.key, Decision::Deny, "test", Some(" "));
    assert!(matches!(none.await.unwrap(), Reason::NotGiven));
    assert_eq!(fake.next().await["id"], 3);
}
