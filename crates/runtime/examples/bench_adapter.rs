//! This runtime under the side-by-side benchmark's fake app-server: `bench_adapter SERVER CASE [ct]` does one
//! case and prints one line of JSON. `ct` asks for a current-thread tokio.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program reports by ending"
)]

use std::time::{Duration, Instant};

use countersign_runtime::approval::{Decision, Notice};
use countersign_runtime::hooks::{
    AskPerson, Hook, HookContext, HookFuture, HookSet, Phase, Verdict,
};
use countersign_runtime::transport::ChildSpec;
use countersign_runtime::{Client, ClientConfig, Event, Prompt, RunProfile, SessionConfig};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value, json};

/// Allows everything.
struct Allow;

impl Hook for Allow {
    fn name(&self) -> &str {
        "allow"
    }
    fn phases(&self) -> &[Phase] {
        &[Phase::PreToolUse]
    }
    fn call<'a>(&'a self, _context: &'a HookContext) -> HookFuture<'a> {
        Box::pin(std::future::ready(Ok(Verdict::Decide(Decision::Allow))))
    }
}

fn setting(name: &str, default: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Seconds of processor time that this process has used.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kb.unwrap_or(0.0) / 1024.0
}

struct Watch {
    wall: Instant,
    cpu: f64,
}

impl Watch {
    fn start() -> Self {
        Self {
            cpu: cpu(),
            wall: Instant::now(),
        }
    }

    /// Seconds on the wall and of the processor.
    fn stop(self) -> (f64, f64) {
        (self.wall.elapsed().as_secs_f64(), cpu() - self.cpu)
    }
}

fn object(line: Value) -> Map<String, Value> {
    line.as_object().cloned().unwrap_or_default()
}

fn stream_line(sent: u64, got: u64, (wall, cpu): (f64, f64)) -> Map<String, Value> {
    object(json!({
        "sent": sent, "got": got, "lost": sent.saturating_sub(got), "wall_s": wall, "cpu_s": cpu,
        "events_per_s": got as f64 / wall, "wire_events_per_s": sent as f64 / wall,
        "cpu_us_per_wire_event": cpu * 1e6 / sent as f64,
        "cpu_us_per_got_event": if got == 0 { 0.0 } else { cpu * 1e6 / got as f64 },
        "peak_rss_mb": peak_mb(),
    }))
}

fn latency_line(mut ns: Vec<u64>, (wall, cpu): (f64, f64)) -> Map<String, Value> {
    ns.sort_unstable();
    let at = |share: f64| ns[((ns.len() as f64 - 1.0) * share).round() as usize] as f64 / 1e3;
    object(json!({
        "count": ns.len(), "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": at(1.0),
        "wall_s": wall, "cpu_us_per_call": cpu * 1e6 / ns.len() as f64, "peak_rss_mb": peak_mb(),
    }))
}

async fn connect(server: &str, hooks: HookSet) -> Client {
    let config = ClientConfig {
        hooks,
        ..ClientConfig::new(ChildSpec::app_server(server))
    };
    Client::connect(config).await.unwrap()
}

async fn run(server: &str, case: &str) -> Map<String, Value> {
    let events = setting("FAKE_EVENTS", 200_000);
    let delta = setting("FAKE_DELTA", 40);
    let timeout = Some(Duration::from_secs(setting("SEED_TIMEOUT", 60)));
    let config = SessionConfig::new("/tmp").with_profile(RunProfile {
        timeout,
        ..RunProfile::default()
    });
    let mut line = match case {
        // Everything of a thread, as an app that draws it takes it.
        "live" | "live-big" => {
            let client = connect(server, HookSet::default()).await;
            let session = client.start_session(config).await.unwrap();
            let mut live = session.subscribe();
            let watch = Watch::start();
            session.start_turn(&Prompt::new("x", "/tmp")).await.unwrap();
            let (mut bytes, mut gaps, mut next) = (0, 0, 0u64);
            loop {
                match live.recv().await.unwrap() {
                    Event::Delta(event) => {
                        bytes += event.text.len() as u64;
                        // Joined deltas are whole ones, one after the other.
                        for text in event.text.as_bytes().chunks(delta as usize) {
                            let number: u64 =
                                std::str::from_utf8(&text[..8]).unwrap().parse().unwrap();
                            gaps += u64::from(number != next);
                            next = number + 1;
                        }
                    }
                    Event::TurnCompleted { .. } => break,
                    _ => {}
                }
            }
            let mut line = stream_line(events, bytes / delta, watch.stop());
            line.insert("gaps".into(), gaps.into());
            client.shutdown().await;
            line
        }
        "stream" => {
            let client = connect(server, HookSet::default()).await;
            let session = client.start_session(config).await.unwrap();
            let watch = Watch::start();
            let mut stream = session.ask_stream("x").await.unwrap();
            let mut bytes = 0;
            while let Ok(Some(event)) = stream.recv().await {
                if let Event::Delta(event) = event {
                    bytes += event.text.len() as u64;
                }
            }
            let result = stream.finish().await;
            let mut line = stream_line(events, bytes / delta, watch.stop());
            let stats: Value = client.call("bench/stats", &json!({})).await.unwrap();
            line.insert("thread_reads".into(), stats["threadReads"].clone());
            let text = result.as_ref().map_or(0, |result| result.text.len());
            line.insert("text_bytes".into(), text.into());
            let said = result.map_or_else(|error| error.to_string(), |_| "Ok".into());
            line.insert("result".into(), said.into());
            client.shutdown().await;
            line
        }
        "ask" => {
            let client = connect(server, HookSet::default()).await;
            let session = client.start_session(config).await.unwrap();
            let watch = Watch::start();
            let result = session.ask("x").await;
            let (wall, cpu) = watch.stop();
            let stats: Value = client.call("bench/stats", &json!({})).await.unwrap();
            let text = result.as_ref().map_or(0, |result| result.text.len());
            client.shutdown().await;
            object(json!({
                "sent": events, "wall_s": wall, "cpu_s": cpu,
                "cpu_us_per_wire_event": cpu * 1e6 / events as f64,
                "text_bytes": text, "text_expected": events * delta,
                "thread_reads": stats["threadReads"], "peak_rss_mb": peak_mb(),
                "result": result.map_or_else(|error| error.to_string(), |_| "Ok".into()),
            }))
        }
        "rpc" => {
            let client = connect(server, HookSet::default()).await;
            for n in 0..500 {
                let _: Value = client.call("bench/echo", &json!({ "n": n })).await.unwrap();
            }
            let watch = Watch::start();
            let mut ns = Vec::with_capacity(10_000);
            for n in 0..10_000 {
                let started = Instant::now();
                let _: Value = client.call("bench/echo", &json!({ "n": n })).await.unwrap();
                ns.push(started.elapsed().as_nanos() as u64);
            }
            let line = latency_line(ns, watch.stop());
            client.shutdown().await;
            line
        }
        "approve-hook" | "approve-rx" => {
            let hooks = match case {
                "approve-hook" => HookSet::default().with(Allow),
                _ => HookSet::default().with(AskPerson),
            };
            let client = connect(server, hooks).await;
            if case == "approve-rx" {
                let approvals = client.approvals().clone();
                let (_, mut notices) = approvals.present();
                tokio::spawn(async move {
                    while let Some(notice) = notices.recv().await {
                        if let Notice::Requested(entry) = notice {
                            approvals
                                .decide(&entry.key, Decision::Allow, "bench")
                                .unwrap();
                        }
                    }
                });
            }
            let watch = Watch::start();
            let answer: Value = client
                .call("bench/approvals", &json!({"n": 5_000}))
                .await
                .unwrap();
            let took = watch.stop();
            let ns = answer["ns"].as_array().unwrap().iter();
            let mut line = latency_line(ns.map(|ns| ns.as_u64().unwrap()).collect(), took);
            line.insert("decisions".into(), answer["decisions"].to_string().into());
            client.shutdown().await;
            line
        }
        other => panic!("there is no case {other:?}"),
    };
    line.insert("case".into(), case.into());
    line
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, server, case, rest @ ..] = arguments.as_slice() else {
        panic!("usage: bench_adapter SERVER CASE [ct]");
    };
    let mut builder = match rest {
        [] => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = builder.enable_all().build().unwrap();
    println!("{}", Value::Object(runtime.block_on(run(server, case))));
}
