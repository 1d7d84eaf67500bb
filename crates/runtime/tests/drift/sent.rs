//! The table against what is really sent: every call of the API is made to an app-server in memory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use countersign_runtime::catalog::ThreadQuery;
use countersign_runtime::policy::{ApprovalPolicy, SandboxMode};
use countersign_runtime::profile::Attachment;
use countersign_runtime::{Client, ClientConfig, Prompt, ReviewTarget, RunProfile, SessionConfig};
use serde_json::{Value, json};

use super::fake::{Fake, pair};
use super::shape::{Kind, Shape};
use super::used::{CALLS, NAMED, SAID};

type Sent = Arc<Mutex<Vec<(String, Value)>>>;

/// Answers everything, so that each call goes through.
async fn serve(mut fake: Fake, sent: Sent) {
    loop {
        let frame = fake.next().await;
        let method = frame["method"].as_str().unwrap().to_owned();
        let params = &frame["params"];
        sent.lock().unwrap().push((method.clone(), params.clone()));
        if frame.get("id").is_none() {
            continue;
        }
        let result = match method.as_str() {
            "initialize" => json!({"userAgent": "countersign/0.169.0 (x)", "codexHome": "/h"}),
            "thread/start" | "thread/resume" | "thread/fork" => {
                json!({"thread": {"id": method}, "model": "m",
                "modelProvider": "p", "cwd": "/w", "approvalPolicy": "never", "sandbox": {"type": "readOnly"}})
            }
            "turn/start" | "review/start" => json!({"turn": {"id": "U"}}),
            "thread/read" => json!({"thread": {"id": "T"}}),
            "account/read" => json!({"account": null}),
            "config/read" => json!({"config": {}}),
            "config/value/write" => json!({"version": "v", "filePath": "/f"}),
            "fuzzyFileSearch" => json!({"files": []}),
            "command/exec" => json!({"exitCode": 0}),
            // A second page, for those who ask for all.
            _ => json!({"data": [], "nextCursor": params["cursor"].is_null().then_some("c")}),
        };
        fake.say(json!({"id": frame["id"], "result": result})).await;
        let turn = |status: &str| json!({"threadId": params["threadId"], "turn": {"id": "U", "items": [], "status": status}});
        match method.as_str() {
            "turn/start" | "review/start" => fake.notify("turn/started", turn("inProgress")).await,
            "turn/interrupt" => fake.notify("turn/completed", turn("interrupted")).await,
            _ => {}
        }
    }
}

/// Everything that the API can say, with everything that can be given to it.
async fn say_everything(client: &Client) {
    let cwd = Path::new(env!("CARGO_MANIFEST_DIR"));
    let plain = SessionConfig::new(cwd);
    let full = SessionConfig {
        model_provider: Some("p".into()),
        developer_instructions: Some("i".into()),
        config: json!({"a": 1}).as_object().unwrap().clone(),
        ephemeral: true,
        profile: RunProfile {
            model: Some("m".into()),
            ..RunProfile::default()
        },
        ..plain.clone()
    };
    client.start_session(full.clone()).await.unwrap();
    client
        .fork_session("T", Some("U"), full.clone())
        .await
        .unwrap();
    client.resume_session("T", full).await.unwrap();
    for approval in [
        ApprovalPolicy::Untrusted,
        ApprovalPolicy::OnRequest,
        ApprovalPolicy::Never,
    ] {
        for sandbox in [
            SandboxMode::ReadOnly,
            SandboxMode::WorkspaceWrite,
            SandboxMode::DangerFullAccess,
        ] {
            let profile = RunProfile {
                approval,
                sandbox,
                privileged: true,
                ..RunProfile::default()
            };
            let config = plain.clone().with_profile(profile.clone());
            client.resume_session("T", config.clone()).await.unwrap();
            client
                .fork_session("T", None, config.clone())
                .await
                .unwrap();
            let session = client.start_session(config).await.unwrap();
            session
                .start_turn(&Prompt {
                    profile,
                    ..Prompt::new("x", cwd)
                })
                .await
                .unwrap();
        }
    }

    let session = client.start_session(plain.clone()).await.unwrap();
    let profile = RunProfile {
        model: Some("m".into()),
        effort: Some("low".into()),
        output_schema: Some(json!({"type": "object"})),
        attachments: vec![
            Attachment::Path("Cargo.toml".into()),
            Attachment::ImageUrl("data:image/png;base64,".into()),
            Attachment::LocalImage("README.md".into()),
            Attachment::Skill {
                name: "s".into(),
                path: "README.md".into(),
            },
        ],
        ..RunProfile::default()
    };
    let prompt = Prompt {
        profile,
        client_id: Some("c".into()),
        ..Prompt::new("x", cwd)
    };
    let turn = session.start_turn(&prompt).await.unwrap();
    session.steer(&turn, "y").await.unwrap();
    session.interrupt_turn(&turn).await.unwrap();
    session.revert("U").await.unwrap();
    session.compact().await.unwrap();
    session.rename("n").await.unwrap();
    session.shell_command("ls").await.unwrap();
    session.history(None, 5).await.unwrap();
    session.history(Some("c"), 5).await.unwrap();
    for target in [
        ReviewTarget::UncommittedChanges,
        ReviewTarget::BaseBranch("main".into()),
        ReviewTarget::Commit {
            sha: "a".into(),
            title: None,
        },
        ReviewTarget::Commit {
            sha: "a".into(),
            title: Some("t".into()),
        },
        ReviewTarget::Custom("w".into()),
    ] {
        session.review(&target).await.unwrap();
    }
    session.stop().await.unwrap();
    session.close().await.unwrap();
    client
        .resume_session("T", plain)
        .await
        .unwrap()
        .leave()
        .await
        .unwrap();

    let query = ThreadQuery {
        cursor: Some("c".into()),
        limit: Some(5),
        search: Some("w".into()),
        archived: true,
        cwd: Some(cwd.into()),
    };
    for query in [&ThreadQuery::default(), &query] {
        client.list_threads(query).await.unwrap();
        client.search_threads(query).await.unwrap();
    }
    client.read_thread("T").await.unwrap();
    client.loaded_threads().await.unwrap();
    client.archive_thread("T").await.unwrap();
    client.unarchive_thread("T").await.unwrap();
    client.delete_thread("T").await.unwrap();
    client.models().await.unwrap();
    client.account().await.unwrap();
    client.skills(cwd).await.unwrap();
    client.mcp_servers(None).await.unwrap();
    client.mcp_servers(Some("T")).await.unwrap();
    client.read_config(None).await.unwrap();
    client.read_config(Some(cwd)).await.unwrap();
    client.write_config("a", &json!(1), None).await.unwrap();
    client
        .write_config("a", &json!([]), Some("v"))
        .await
        .unwrap();
    client.find_files("w", &[PathBuf::from("/")]).await.unwrap();
    client.exec(&["ls"], cwd).await.unwrap();
}

#[tokio::test]
async fn the_table_has_all_that_is_sent_and_nothing_else() {
    let (transport, fake) = pair();
    let sent = Sent::default();
    let server = tokio::spawn(serve(fake, Arc::clone(&sent)));
    let client = Client::connect(ClientConfig::over(transport))
        .await
        .unwrap();
    say_everything(&client).await;
    server.abort();

    let sent = std::mem::take(&mut *sent.lock().unwrap());
    let methods: BTreeSet<&str> = sent.iter().map(|(method, _)| method.as_str()).collect();
    let table: BTreeSet<&str> = CALLS
        .iter()
        .map(|call| call.method)
        .chain(SAID.iter().copied())
        .collect();
    assert_eq!(methods, table, "what is sent, and what the table has");
    for call in CALLS {
        let shape = Shape::read(call.sends, NAMED);
        let mut seen = BTreeSet::new();
        for (_, params) in sent.iter().filter(|(method, _)| method == call.method) {
            if let Err(reason) = fits(&shape, params, call.method, &mut seen) {
                panic!("the table has not what is sent: {reason} in {params}");
            }
        }
        let mut all = BTreeSet::new();
        places(&shape, call.method, &mut all);
        let never: Vec<_> = all.difference(&seen).collect();
        assert!(
            never.is_empty(),
            "the table has what is never sent: {never:?}"
        );
    }
}

/// A value is as the table has it. Collects the places and variants that it fills.
fn fits(
    shape: &Shape,
    value: &Value,
    place: &str,
    seen: &mut BTreeSet<String>,
) -> Result<(), String> {
    let mut reasons = Vec::new();
    for kind in &shape.any_of {
        let mut here = BTreeSet::new();
        match kind_fits(kind, value, place, &mut here) {
            Ok(()) => {
                seen.extend(here);
                seen.insert(variant(kind, place));
                return Ok(());
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons.join(", or "))
}

fn kind_fits(
    kind: &Kind,
    value: &Value,
    place: &str,
    seen: &mut BTreeSet<String>,
) -> Result<(), String> {
    let is = match (kind, value) {
        (Kind::Any, _) | (Kind::Null, Value::Null) | (Kind::Plain("object"), Value::Object(_)) => {
            true
        }
        (Kind::Plain("string"), Value::String(_)) | (Kind::Plain("boolean"), Value::Bool(_)) => {
            true
        }
        (Kind::Plain("integer"), Value::Number(number)) => number.is_i64(),
        (Kind::Literal(wanted), Value::String(found)) => wanted == found,
        (Kind::List(of), Value::Array(values)) => {
            for value in values {
                fits(of, value, &format!("{place}[]"), seen)?;
            }
            true
        }
        (Kind::Object(members), Value::Object(found)) => {
            if let Some(unknown) = found
                .keys()
                .find(|name| members.iter().all(|member| member.name != **name))
            {
                return Err(format!("{place}.{unknown} is not in the table"));
            }
            let place = variant(kind, place);
            for member in members {
                let place = format!("{place}.{}", member.name);
                match found.get(&member.name) {
                    Some(value) => fits(&member.shape, value, &place, seen)?,
                    None if member.optional => {}
                    None => return Err(format!("{place} is missing")),
                }
            }
            true
        }
        _ => false,
    };
    if is {
        Ok(())
    } else {
        Err(format!("{place} is {value}, not {kind}"))
    }
}

/// Every place and variant of a shape.
fn places(shape: &Shape, place: &str, out: &mut BTreeSet<String>) {
    for kind in &shape.any_of {
        out.insert(variant(kind, place));
        match kind {
            Kind::List(of) => places(of, &format!("{place}[]"), out),
            Kind::Object(members) => {
                let place = variant(kind, place);
                for member in members {
                    places(&member.shape, &format!("{place}.{}", member.name), out);
                }
            }
            _ => {}
        }
    }
}

fn variant(kind: &Kind, place: &str) -> String {
    match kind {
        Kind::Object(members) => match members.iter().find(|member| member.name == "type") {
            Some(tag) => format!("{place}<{}>", tag.shape),
            None => place.to_owned(),
        },
        Kind::List(_) => place.to_owned(),
        other => format!("{place} {other}"),
    }
}
