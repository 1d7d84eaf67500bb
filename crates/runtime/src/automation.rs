//! The same prompt again and again on one session.
//!
//! One turn at a time: ticks that come while a turn runs collapse into one, which follows right after it;
//! then the rhythm is the old one, counted from the beginning, so it does not drift. A turn that fails, a person who
//! stops one included, ends it: whoever set it up is to look before it goes on.
//!
//! Deliberately not here: calendars and time zones, and lasting beyond this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};

use crate::error::AskError;
use crate::profile::Prompt;
use crate::session::Session;
use crate::turn::TurnResult;

/// How long stopping waits for the turn's end.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// When the prompt is sent. Times count from [`Automation::start`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// When it is sent first.
    pub start: Duration,
    /// How long from one time to the next. Not zero.
    pub every: Duration,
    /// When it is not sent any more; a turn that runs then goes on to its end.
    pub stop: Option<Duration>,
    /// How often it is sent at most.
    pub max_runs: Option<u32>,
}

impl Schedule {
    /// At once, then again and again until it is stopped.
    pub fn every(every: Duration) -> Self {
        Self {
            start: Duration::ZERO,
            every,
            stop: None,
            max_runs: None,
        }
    }
}

/// The schedule has no time between one run and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time between two runs must not be zero")]
pub struct NoInterval;

/// How an automation stands.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Runs that were begun.
    pub begun: u32,
    /// A turn runs.
    pub is_running: bool,
    /// What the last run that succeeded came to.
    pub last: Option<Arc<TurnResult>>,
    /// Why it is over; `None` while it is not.
    pub ended: Option<Ended>,
}

/// Why an automation is over.
#[derive(Debug, Clone)]
pub enum Ended {
    /// It ran as often as it was to.
    MaxRuns,
    /// Its time is over.
    StopTime,
    /// It was stopped.
    Stopped,
    /// A run failed.
    Failed(AskError),
}

/// A prompt that is sent again and again. Dropping it stops it, and the turn that runs.
#[derive(Debug)]
pub struct Automation {
    progress: watch::Receiver<Progress>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Automation {
    /// Starts it. Each run is an [`ask_with`](Session::ask_with) of `prompt`, hooks and timeout included.
    pub fn start(session: Session, prompt: Prompt, schedule: Schedule) -> Result<Self, NoInterval> {
        if schedule.every.is_zero() {
            return Err(NoInterval);
        }
        let (progress, seen) = watch::channel(Progress::default());
        let (stop, stopped) = watch::channel(false);
        let run = Run {
            session,
            prompt,
            schedule,
            progress,
            stopped,
        };
        Ok(Self {
            progress: seen,
            stop,
            task: tokio::spawn(run.run()),
        })
    }

    /// How it stands, and every change of it.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Stops it, and the turn that runs, and waits for the end of both. Says why it ended: it may have been
    /// over before.
    pub async fn stop(mut self) -> Ended {
        self.stop.send_replace(true);
        self.ended().await
    }

    /// Waits until it is over by itself. Cancel safe.
    pub async fn ended(&mut self) -> Ended {
        let progress = self
            .progress
            .wait_for(|progress| progress.ended.is_some())
            .await;
        progress
            .ok()
            .and_then(|progress| progress.ended.clone())
            .unwrap_or(Ended::Stopped)
    }
}

impl Drop for Automation {
    fn drop(&mut self) {
        // A run that is dropped stops its turn.
        self.task.abort();
    }
}

struct Run {
    session: Session,
    prompt: Prompt,
    schedule: Schedule,
    progress: watch::Sender<Progress>,
    stopped: watch::Receiver<bool>,
}

impl Run {
    async fn run(mut self) {
        let ended = self.repeat().await;
        tracing::debug!(?ended, "an automation is over");
        self.progress.send_modify(|progress| {
            progress.is_running = false;
            progress.ended = Some(ended);
        });
    }

    async fn repeat(&mut self) -> Ended {
        let began = Instant::now();
        let Schedule {
            start,
            every,
            stop,
            max_runs,
        } = self.schedule;
        let mut ticks = tokio::time::interval_at(began + start, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut stopped = self.stopped.clone();
        loop {
            if max_runs.is_some_and(|most| self.progress.borrow().begun >= most) {
                return Ended::MaxRuns;
            }
            tokio::select! {
                biased;
                () = asked_to(&mut stopped) => return Ended::Stopped,
                () = until(stop.map(|stop| began + stop)) => return Ended::StopTime,
                _ = ticks.tick() => {}
            }
            self.progress.send_modify(|progress| {
                progress.begun += 1;
                progress.is_running = true;
            });
            match self.once().await {
                Ok(Some(result)) => self.progress.send_modify(|progress| {
                    progress.is_running = false;
                    progress.last = Some(Arc::new(result));
                }),
                Ok(None) => return Ended::Stopped,
                Err(error) => return Ended::Failed(error),
            }
        }
    }

    /// One run; `None` when it was stopped.
    async fn once(&mut self) -> Result<Option<TurnResult>, AskError> {
        let mut stopped = self.stopped.clone();
        let mut stream = tokio::select! {
            biased;
            // A turn whose start is on its way is stopped with the future.
            () = asked_to(&mut stopped) => return Ok(None),
            stream = self.session.ask_stream_with(self.prompt.clone()) => stream?,
        };
        loop {
            tokio::select! {
                biased;
                () = asked_to(&mut stopped) => break,
                event = stream.recv() => if event?.is_none() {
                    return stream.finish().await.map(Some);
                },
            }
        }
        let end = async {
            self.session.interrupt_turn(stream.turn()).await?;
            stream.finish().await
        };
        // It may have ended by itself, or not at all: either way nobody waits for it any more.
        let _ = tokio::time::timeout(STOP_LIMIT, end).await;
        Ok(None)
    }
}

async fn asked_to(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
