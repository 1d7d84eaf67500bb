//! Rules at work: the real app-server asks, a rule answers, and Codex's own rules are shown and taken out.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests report by panicking"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_app::rules::{
    Asked, Ground, RuleStore, RulesHook, Whence, codex, kind, matches, raw, real, rule_of, suggest,
};
use countersign_contract::{RuleAbout, RuleOrigin, RuleScope, RuleSettings, Verdict};
use countersign_runtime::approval::{By, Decision, Entry, Notice, Outcome};
use countersign_runtime::hooks::{AskPerson, HookSet};
use countersign_runtime::policy::{ApprovalPolicy, SandboxMode};
use countersign_runtime::transport::ChildSpec;
use countersign_runtime::{Client, ClientConfig, RunProfile, Session, SessionConfig};
use countersign_scripted_model::{CodexHome, HomeOptions, ScriptedModel};
use tauri::App;
use tauri::test::{MockRuntime, mock_builder, mock_context, noop_assets};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

/// Only so that a broken test ends.
const WATCHDOG: Duration = Duration::from_secs(60);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(WATCHDOG, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what} did not happen within {WATCHDOG:?}"),
    }
}

/// The pinned codex: `COUNTERSIGN_CODEX`, else what `make setup` installed.
fn codex_binary() -> PathBuf {
    if let Some(path) = std::env::var_os("COUNTERSIGN_CODEX") {
        return path.into();
    }
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/codex/node_modules/@openai");
    let packages = std::fs::read_dir(&vendor).into_iter().flatten().flatten();
    let triples = packages
        .filter_map(|package| std::fs::read_dir(package.path().join("vendor")).ok())
        .flatten()
        .flatten();
    triples
        .map(|triple| triple.path().join("bin/codex"))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no codex below {}: run `make setup`", vendor.display()))
}

struct Place {
    _app: App<MockRuntime>,
    _model: ScriptedModel,
    rules: RuleStore,
    scratch: TempDir,
}

impl Place {
    async fn new() -> Self {
        let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let model = ScriptedModel::start().await.unwrap();
        let home = scratch.path().join("home");
        CodexHome::write(&home, &model.base_url(), &HomeOptions::default()).unwrap();
        for folder in ["work", "tmp"] {
            std::fs::create_dir(scratch.path().join(folder)).unwrap();
        }
        let app = mock_builder()
            .plugin(tauri_plugin_store::Builder::default().build())
            .build(mock_context(noop_assets()))
            .unwrap();
        let (rules, problems) = RuleStore::open(app.handle(), scratch.path());
        assert_eq!(problems, []);
        Self {
            _app: app,
            _model: model,
            rules,
            scratch,
        }
    }

    fn home(&self) -> PathBuf {
        self.scratch.path().join("home")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join("work").join(name)
    }

    fn whence(&self) -> Whence {
        Whence {
            session: "s1".to_owned(),
            profile: "p1".to_owned(),
            folder: self.scratch.path().join("work"),
        }
    }

    /// Rules, then the person.
    async fn client(&self) -> Client {
        let mut server = ChildSpec::app_server(codex_binary())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("CODEX_HOME", self.home())
            .env("HOME", self.home())
            .env("TMPDIR", self.scratch.path().join("tmp"));
        server.clear_env = true;
        let whence = self.whence();
        let hook = RulesHook::new(self.rules.clone(), move |_| Some(whence.clone()));
        let config = ClientConfig {
            hooks: HookSet::default().with(hook).with(AskPerson),
            ..ClientConfig::new(server)
        };
        within("the handshake", Client::connect(config))
            .await
            .unwrap()
    }

    async fn session(&self, client: &Client) -> Session {
        let profile = RunProfile {
            sandbox: SandboxMode::WorkspaceWrite,
            approval: ApprovalPolicy::OnRequest,
            privileged: true,
            ..RunProfile::default()
        };
        let config = SessionConfig::new(self.scratch.path().join("work")).with_profile(profile);
        within("the start of a thread", client.start_session(config))
            .await
            .unwrap()
    }

    fn rule(&self, verdict: Verdict, about: RuleAbout, scope: RuleScope) -> String {
        let settings = RuleSettings {
            verdict,
            about,
            scope,
            expires_at: None,
            enabled: true,
            note: String::new(),
        };
        self.rules.create(settings, RuleOrigin::Editor).unwrap().id
    }
}

fn commands(prefix: &str) -> RuleAbout {
    RuleAbout::Commands {
        prefixes: vec![prefix.split(' ').map(str::to_owned).collect()],
    }
}

fn in_session() -> RuleScope {
    RuleScope::Session {
        session: "s1".to_owned(),
    }
}

/// What the loop says, one question after the other.
struct Ear(UnboundedReceiver<Notice>);

impl Ear {
    fn at(client: &Client) -> Self {
        Self(client.approvals().present().1)
    }

    async fn next(&mut self) -> Notice {
        within("a notice", self.0.recv()).await.unwrap()
    }

    /// The next question to the person.
    async fn asked(&mut self) -> Entry {
        match self.next().await {
            Notice::Requested(entry) => entry,
            other => panic!("the person is not asked: {other:?}"),
        }
    }

    /// The next question was answered; the rule that did, if one did.
    async fn answered(&mut self) -> (Entry, Decision, Option<String>) {
        match self.next().await {
            Notice::Resolved(entry, Outcome::Answered { decision, by }) => {
                let rule = match by {
                    By::Hook(name) => Some(rule_of(&name).expect("a rule's name")),
                    _ => None,
                };
                (entry, decision, rule)
            }
            other => panic!("it is not answered: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_answers_before_the_person_and_only_what_it_is_about() {
    let place = Place::new().await;
    let allow = place.rule(Verdict::Allow, commands("touch"), in_session());
    let client = place.client().await;
    let mut ear = Ear::at(&client);
    let session = place.session(&client).await;

    let run = |text: &'static str| {
        let session = session.clone();
        tokio::spawn(async move { session.ask(text).await })
    };
    within("the turn", run("run: touch made"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ear.answered().await.1, Decision::Allow);
    assert!(place.file("made").exists());
    let rule = place.rules.get(&allow).unwrap();
    assert!(rule.uses == 1 && rule.last_used >= Some(rule.created_at));

    // Something beside it: the person is asked.
    let turn = run("run: touch beside; rm -rf made");
    let entry = ear.asked().await;
    assert!(!place.file("beside").exists());
    client
        .approvals()
        .decide(&entry.key, Decision::Deny, "test")
        .unwrap();
    within("the turn", turn).await.unwrap().unwrap();
    assert_eq!(ear.answered().await.2, None);

    // What asks beats what allows, and what denies beats both.
    let ask = place.rule(Verdict::Ask, commands("touch"), RuleScope::Everywhere);
    let turn = run("run: touch asked");
    let entry = ear.asked().await;
    client
        .approvals()
        .decide(&entry.key, Decision::Allow, "test")
        .unwrap();
    within("the turn", turn).await.unwrap().unwrap();
    ear.answered().await;
    assert_eq!(place.rules.get(&ask).unwrap().uses, 1);

    let deny = place.rule(Verdict::Deny, commands("touch"), RuleScope::Everywhere);
    within("the turn", run("run: touch denied"))
        .await
        .unwrap()
        .unwrap();
    let (_, decision, rule) = ear.answered().await;
    assert_eq!((decision, rule), (Decision::Deny, Some(deny.clone())));
    assert!(!place.file("denied").exists());

    // A change of rules holds at once, for the server that runs.
    place.rules.delete(&deny).unwrap();
    place.rules.delete(&ask).unwrap();
    within("the turn", run("run: touch again"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(ear.answered().await.2, Some(allow));
    assert!(place.file("again").exists());
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_about_files_knows_which_the_real_request_means() {
    let place = Place::new().await;
    let beside = place.scratch.path().join("beside");
    std::fs::create_dir(&beside).unwrap();
    let about = |folder: &Path| RuleAbout::Files {
        paths: vec![folder.to_string_lossy().into_owned()],
    };
    let allow = place.rule(Verdict::Allow, about(&beside), in_session());
    let client = place.client().await;
    let mut ear = Ear::at(&client);
    let session = place.session(&client).await;
    within("the turn", session.ask("edit: ../beside/new.txt <- hello"))
        .await
        .unwrap();
    let (_, decision, rule) = ear.answered().await;
    assert_eq!((decision, rule), (Decision::Allow, Some(allow)));
    assert!(beside.join("new.txt").exists());

    let asking = {
        let session = session.clone();
        tokio::spawn(async move { session.ask("edit: ../elsewhere.txt <- hello").await })
    };
    let entry = ear.asked().await;
    client
        .approvals()
        .decide(&entry.key, Decision::Deny, "test")
        .unwrap();
    within("the turn", asking).await.unwrap().unwrap();
    client.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_question_suggests_answers_it() {
    let place = Place::new().await;
    let client = place.client().await;
    let mut ear = Ear::at(&client);
    let session = place.session(&client).await;
    let asking = tokio::spawn(async move { session.ask("run: git status && ls -a").await });
    let entry = ear.asked().await;
    let asked = Asked::of_request(place.whence(), &entry.request, None);
    let again = Asked::read(
        place.whence(),
        kind(&entry.request),
        &raw(&entry.request, None),
    );
    assert_eq!(asked, again);
    let ground = Ground {
        home: None,
        resolve: &real,
    };
    let suggested = suggest(&asked, ground);
    assert!(suggested.len() >= 2, "{suggested:?}");
    for settings in &suggested {
        assert_eq!(settings.verdict, Verdict::Allow);
        assert!(matches(settings, 0, &asked, ground));
    }
    client
        .approvals()
        .decide(&entry.key, Decision::Allow, "test")
        .unwrap();
    within("the turn", asking).await.unwrap().unwrap();
    client.shutdown().await;
}

/// What `codex` says of its own rules: written by "allow always", read by the server that runs and by every later one,
/// and forgotten only by a later one when they are taken out.
#[tokio::test(flavor = "multi_thread")]
async fn codex_reads_its_own_rules_at_its_start() {
    let place = Place::new().await;
    let client = place.client().await;
    let mut ear = Ear::at(&client);
    let session = place.session(&client).await;
    let touch = |session: &Session| {
        let session = session.clone();
        tokio::spawn(async move { session.ask("run: touch made").await })
    };

    let turn = touch(&session);
    let entry = ear.asked().await;
    let by_rule = entry
        .request
        .decisions()
        .into_iter()
        .find(|decision| matches!(decision, Decision::AllowByRule(_)))
        .expect("a rule is proposed");
    client
        .approvals()
        .decide(&entry.key, by_rule, "test")
        .unwrap();
    within("the turn", turn).await.unwrap().unwrap();
    ear.answered().await;

    let lists = codex::read(&place.home(), &["p1".to_owned()]);
    assert_eq!(lists.len(), 1, "{lists:?}");
    let [written] = &lists[0].rules[..] else {
        panic!("{lists:?}")
    };
    assert_eq!(written.prefix, ["touch", "made"]);
    assert_eq!((written.line, written.decision.as_str()), (1, "allow"));

    // Nobody is asked any more, here and by a server that starts now.
    within("the turn", touch(&session)).await.unwrap().unwrap();
    codex::remove(&place.home(), written).unwrap();
    // The server that runs does not hear of it.
    within("the turn", touch(&session)).await.unwrap().unwrap();
    client.shutdown().await;

    let asks = async || {
        let client = place.client().await;
        let mut ear = Ear::at(&client);
        let session = place.session(&client).await;
        let turn = touch(&session);
        let asked = tokio::select! {
            entry = ear.asked() => Some(entry),
            ended = turn => {
                ended.unwrap().unwrap();
                None
            }
        };
        client.shutdown().await;
        asked.is_some()
    };
    assert!(asks().await, "a server that starts now asks again");
    codex::restore(&place.home(), written).unwrap();
    assert_eq!(codex::read(&place.home(), &["p1".to_owned()]), lists);
    assert!(!asks().await, "and does not once the rule is back");
}

/// Our reading of the rules is that of the binary.
#[tokio::test(flavor = "multi_thread")]
async fn codex_reads_its_rules_as_we_do() {
    let place = Place::new().await;
    let folder = place.home().join("rules");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("default.rules");
    std::fs::write(
        &file,
        "prefix_rule(pattern=[\"git\", \"status\"], decision=\"allow\")\n\
         prefix_rule(\n  pattern = ['git', [\"push\", 'fetch']],  # )\n  decision = \"prompt\",\n  justification = \"(\",\n)\n\
         prefix_rule([\"rm\"], \"forbidden\")\nprefix_rule(pattern=[\"ls\"])\nprefix_rule(pattern=[r\"x\\y\", \"a\\\"b\"],)\n",
    )
    .unwrap();
    let lists = codex::read(&place.home(), &[]);
    let rules = &lists[0].rules;
    assert_eq!(rules.len(), 5);
    for rule in rules {
        for alternative in 0..2 {
            let words = rule.prefix.iter().map(|word| {
                let mut each = word.split('|');
                each.nth(alternative)
                    .unwrap_or_else(|| word.split('|').next().unwrap())
            });
            let words: Vec<_> = words.collect();
            let said = tokio::process::Command::new(codex_binary())
                .args(["execpolicy", "check", "--rules"])
                .arg(&file)
                .args(&words)
                .env("CODEX_HOME", place.home())
                .output()
                .await
                .unwrap();
            let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
            let matched = &said["matchedRules"][0]["prefixRuleMatch"];
            assert_eq!(matched["matchedPrefix"], serde_json::json!(words), "{said}");
            assert_eq!(matched["decision"], rule.decision.as_str(), "{said}");
        }
    }
}
