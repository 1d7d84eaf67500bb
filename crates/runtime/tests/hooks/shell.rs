//! Hooks that are shell lines.

use std::time::Duration;

use countersign_runtime::SessionConfig;
use countersign_runtime::approval::Decision;
use countersign_runtime::hooks::{Hook, HookContext, HookError, Phase, ShellHook, Verdict};
use serde_json::json;

use super::does::{client, session};
use super::support::{Place, connect, start, within};
use super::{asking_with, with_hook};

/// A shell hook alone, outside any run.
async fn says(
    line: impl Into<std::ffi::OsString>,
    context: &HookContext,
) -> Result<Verdict, HookError> {
    let hook = ShellHook::new("shell", line, [context.phase]);
    within("the hook", hook.call(context)).await
}

#[tokio::test]
async fn c10_exit_codes_decide() {
    let context = HookContext::new(Phase::PreToolUse);
    assert!(matches!(says("true", &context).await, Ok(Verdict::Pass)));
    let allow = says(r#"echo '{"verdict": "allow"}'"#, &context).await;
    assert!(
        matches!(allow, Ok(Verdict::Decide(Decision::Allow))),
        "{allow:?}"
    );
    let block = says("echo not here >&2; exit 2", &context).await;
    assert!(
        matches!(&block, Ok(Verdict::Block { reason }) if reason == "not here"),
        "{block:?}"
    );
    let said = |result: Result<Verdict, HookError>| result.unwrap_err().0;
    let failed = said(
        says(
            r#"echo '{"verdict": "allow"}'; echo broken >&2; exit 1"#,
            &context,
        )
        .await,
    );
    assert!(
        failed.contains('1') && failed.contains("broken"),
        "{failed}"
    );
    assert!(said(says("kill -9 $$", &context).await).contains("signal: 9"));
    assert!(said(says("echo allow", &context).await).contains("cannot be read"));
    assert!(said(says("no-such-program-at-all", &context).await).contains("127"));
}

#[tokio::test]
async fn c10_the_context_is_told_as_json() {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let context = HookContext {
        thread: Some("T".into()),
        cwd: Some(scratch.path().into()),
        prompt: Some("line 1\nline \"2\"".into()),
        metadata: json!({"a": [1]}),
        ended: Some(Ok("done".into())),
        ..HookContext::new(Phase::PostRun)
    };
    assert!(matches!(
        says("cat > told.json", &context).await,
        Ok(Verdict::Pass)
    ));
    let told: serde_json::Value =
        serde_json::from_slice(&std::fs::read(scratch.path().join("told.json")).unwrap()).unwrap();
    assert_eq!(
        told,
        json!({"version": 1, "phase": "post_run", "thread": "T", "cwd": scratch.path(), "prompt": "line 1\nline \"2\"",
            "metadata": {"a": [1]}, "ended": {"text": "done", "error": null}})
    );
}

/// Both pipes are full at once, whichever is looked at first.
#[tokio::test]
async fn c10_big_contexts_and_big_answers_block_nobody() {
    let context = HookContext {
        prompt: Some("x".repeat(8 << 20)),
        ..HookContext::new(Phase::PreRun)
    };
    let noise = "yes | head -c 3000000 >&2; ";
    let echoed = says(format!("{noise}cat"), &context).await.unwrap_err().0;
    assert!(echoed.contains("more than"), "{echoed}");
    assert!(
        matches!(says("exit 0", &context).await, Ok(Verdict::Pass)),
        "it need not read"
    );
    let count = says("wc -c >/dev/null", &context).await;
    assert!(matches!(count, Ok(Verdict::Pass)), "{count:?}");
}

/// A command that goes on for days and that no other run of these tests has.
#[cfg(target_os = "linux")]
fn endless(n: u32) -> String {
    format!("sleep 9{n}{:07}", std::process::id())
}

/// Processes whose command line is `line`.
#[cfg(target_os = "linux")]
fn running(line: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|found| String::from_utf8_lossy(found).replace('\0', " ").trim() == line)
        .count()
}

#[cfg(target_os = "linux")]
async fn gone(line: &str) {
    within("the end of the hook's processes", async {
        while running(line) > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn c10_a_hook_that_takes_too_long_is_killed_with_all_that_it_started() {
    let line = endless(1);
    let hook = ShellHook::new("slow", format!("{line} & {line}"), [Phase::PreRun])
        .timeout(Duration::from_millis(300));
    let context = HookContext::new(Phase::PreRun);
    let failed = within("the limit", hook.call(&context)).await.unwrap_err();
    assert!(failed.0.contains("300ms"), "{failed}");
    gone(&line).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn c10_a_hook_whose_question_is_settled_is_killed() {
    let line = endless(2);
    let (client, mut fake) = client(with_hook(ShellHook::new(
        "slow",
        &line,
        [Phase::PreToolUse],
    )))
    .await;
    let _session = session(&client, &mut fake, SessionConfig::new("/w")).await;
    fake.ask(0).await;
    within("the hook", async {
        while running(&line) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    fake.notify(
        "serverRequest/resolved",
        json!({"threadId": "T", "requestId": 0}),
    )
    .await;
    gone(&line).await;
}

#[tokio::test]
async fn c10_a_shell_hook_in_a_real_run() {
    let place = Place::new().await;
    let line = r#"case $(cat) in
        *'"phase":"pre_turn"'*) printf '%s' '{"verdict":"mutate","prompt":"run: echo made > made.txt\nsay changed"}' ;;
        *'"text":"echo made > made.txt"'*) echo '{"verdict":"allow"}' ;;
        *) echo unexpected >&2; exit 2 ;;
    esac"#;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let hook = ShellHook::new("script", line, [Phase::PreTurn, Phase::PreToolUse]);
    let result = within(
        "the answer",
        session.ask_with_profile("say plain", asking_with(hook)),
    )
    .await
    .unwrap();
    assert_eq!(result.text, "changed");
    assert!(place.file("made.txt").exists());
}

#[tokio::test]
async fn c10_a_broken_shell_hook_allows_nothing() {
    let place = Place::new().await;
    let client = connect(place.config()).await;
    let session = start(&client, place.session()).await;
    let hook = ShellHook::new(
        "broken",
        r#"echo '{"verdict":"allow"}'; exit 3"#,
        [Phase::PreToolUse],
    );
    let asked = session.ask_with_profile("run: echo made > made.txt\nsay over", asking_with(hook));
    within("the answer", asked).await.unwrap();
    assert!(!place.file("made.txt").exists());
}
