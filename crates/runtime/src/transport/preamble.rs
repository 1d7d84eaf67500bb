//! What a host says before the app-server does: banners and the output of shell start files, which
//! `ssh` puts on the same stream.
//!
//! It is skipped up to the first frame, even when that frame shares its line, and kept to be told to
//! people: in the death's last lines, and as the reason when no frame ever came. After the first frame
//! the stream passes untouched.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Sleep;

use super::child::{StderrTail, strip_colours};
use crate::jsonrpc::Frame;

/// The longest beginning that may be a frame: the first is the answer to `initialize`. Anything
/// longer is noise and is let go of.
const LONGEST_START: usize = 64 * 1024;
/// Lines of noise that are repeated in an error, and characters of each.
const TOLD_LINES: usize = 3;
const TOLD_CHARS: usize = 200;

pub(super) struct Preamble<R> {
    inner: R,
    state: State,
    answered: Arc<AtomicBool>,
}

enum State {
    /// No frame yet.
    Listening(Listening),
    /// From here on bytes are given out, these first.
    Passing { kept: Vec<u8>, given: usize },
}

struct Listening {
    host: Arc<str>,
    tail: Arc<StderrTail>,
    limit: Duration,
    deadline: Pin<Box<Sleep>>,
    buffer: Vec<u8>,
    /// The last lines of noise.
    said: Vec<String>,
}

impl<R> Preamble<R> {
    /// Lines of noise go to `tail`. Reading fails when no frame came within `limit`.
    pub(super) fn new(inner: R, host: &str, tail: Arc<StderrTail>, limit: Duration) -> Self {
        Self {
            inner,
            state: State::Listening(Listening {
                host: host.into(),
                tail,
                limit,
                deadline: Box::pin(tokio::time::sleep(limit)),
                buffer: Vec::new(),
                said: Vec::new(),
            }),
            answered: Arc::default(),
        }
    }

    /// Becomes true with the first frame.
    pub(super) fn answered(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.answered)
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Preamble<R> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Passing { kept, given } if *given < kept.len() => {
                    let rest = &kept[*given..];
                    let length = rest.len().min(out.remaining());
                    out.put_slice(&rest[..length]);
                    *given += length;
                    if *given == kept.len() {
                        *kept = Vec::new();
                        *given = 0;
                    }
                    return Poll::Ready(Ok(()));
                }
                State::Passing { .. } => return Pin::new(&mut this.inner).poll_read(cx, out),
                State::Listening(listening) => {
                    let kept = ready!(listening.poll(&mut this.inner, cx))?;
                    this.answered.store(true, Ordering::Release);
                    this.state = State::Passing { kept, given: 0 };
                }
            }
        }
    }
}

impl Listening {
    /// Reads until there is a frame: the bytes from its beginning on.
    fn poll<R: AsyncRead + Unpin>(
        &mut self,
        inner: &mut R,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Vec<u8>>> {
        loop {
            let mut chunk = [0; 4096];
            let mut chunk = ReadBuf::new(&mut chunk);
            if Pin::new(&mut *inner)
                .poll_read(cx, &mut chunk)?
                .is_pending()
            {
                ready!(self.deadline.as_mut().poll(cx));
                return Poll::Ready(Err(self.nobody(&format!(" within {:?}", self.limit))));
            }
            if chunk.filled().is_empty() {
                let rest = std::mem::take(&mut self.buffer);
                self.noise(&rest);
                return Poll::Ready(Err(self.nobody("")));
            }
            self.buffer.extend_from_slice(chunk.filled());
            while let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                if let Some(start) = frame_in(&self.buffer[..end]) {
                    let kept = self.buffer.split_off(start);
                    let before = std::mem::take(&mut self.buffer);
                    self.noise(&before);
                    return Poll::Ready(Ok(kept));
                }
                let rest = self.buffer.split_off(end + 1);
                let line = std::mem::replace(&mut self.buffer, rest);
                self.noise(&line);
            }
            if self.buffer.len() > LONGEST_START {
                let line = std::mem::take(&mut self.buffer);
                self.noise(&line);
            }
        }
    }

    fn noise(&mut self, line: &[u8]) {
        let line = strip_colours(&String::from_utf8_lossy(line));
        let line: String = line
            .chars()
            .filter(|c| !c.is_control())
            .take(TOLD_CHARS)
            .collect();
        if line.trim().is_empty() {
            return;
        }
        tracing::warn!(host = %self.host, "the host says something before its app-server does");
        tracing::debug!(said = line, "what it says");
        self.tail.push(format!("{} said: {line}", self.host));
        if self.said.len() == TOLD_LINES {
            self.said.remove(0);
        }
        self.said.push(line);
    }

    fn nobody(&self, within: &str) -> io::Error {
        let host = &self.host;
        io::Error::other(match self.said.join(" / ") {
            said if said.is_empty() => format!("no app-server answered on {host}{within}"),
            said => format!("{host} said: {said}, but no app-server answered{within}"),
        })
    }
}

/// Where in a line a frame begins that goes on to its end.
fn frame_in(line: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'{', line).find(|start| Frame::parse(&line[*start..]).is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// What comes out, and the lines of noise.
    async fn through(chunks: Vec<Vec<u8>>) -> (Result<Vec<u8>, String>, Vec<String>) {
        let (mut far, near) = tokio::io::duplex(1 << 20);
        for chunk in chunks {
            far.write_all(&chunk).await.unwrap();
        }
        drop(far);
        let tail = Arc::new(StderrTail::default());
        let mut preamble = Preamble::new(near, "box", Arc::clone(&tail), Duration::from_secs(5));
        let mut out = Vec::new();
        let read = preamble.read_to_end(&mut out).await;
        (
            read.map(|_| out).map_err(|error| error.to_string()),
            tail.lines(),
        )
    }

    #[tokio::test]
    async fn noise_is_skipped_and_kept() {
        let text = b"Welcome\n\n\x1b[1mnews\x1b[0m {}\n\x1b]0;box\x07{\"id\":0,\"result\":{}}\n{not json\n";
        let (out, noise) = through(vec![text.to_vec()]).await;
        assert_eq!(out.unwrap(), b"{\"id\":0,\"result\":{}}\n{not json\n");
        assert_eq!(
            noise,
            ["box said: Welcome", "box said: news {}", "box said: ]0;box"]
        );
    }

    #[tokio::test]
    async fn a_host_without_an_app_server_is_quoted() {
        let (out, _) = through(vec![
            b"Welcome\n{\"level\":\"info\"}\nThis account".to_vec(),
        ])
        .await;
        assert_eq!(
            out.unwrap_err(),
            "box said: Welcome / {\"level\":\"info\"} / This account, but no app-server answered"
        );
        let (out, _) = through(vec![]).await;
        assert_eq!(out.unwrap_err(), "no app-server answered on box");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_host_is_given_up() {
        let (_far, near) = tokio::io::duplex(64);
        let mut preamble = Preamble::new(near, "box", Arc::default(), Duration::from_secs(5));
        let error = preamble.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.to_string(), "no app-server answered on box within 5s");
    }

    #[tokio::test]
    async fn noise_without_end_is_let_go_of() {
        let mut text = vec![b'x'; 3 * LONGEST_START];
        text.extend(b"\n{\"id\":0,\"result\":{}}\n");
        let (out, noise) = through(vec![text]).await;
        assert_eq!(out.unwrap(), b"{\"id\":0,\"result\":{}}\n");
        assert!(
            noise.iter().all(|line| line.len() < 2 * TOLD_CHARS),
            "{noise:?}"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_split_of_the_bytes_gives_the_same_frames(
            noise in prop::collection::vec("[ -z]{0,40}", 0..6),
            cut in 1usize..60,
        ) {
            let frames = b"{\"id\":0,\"result\":{\"a\":1}}\n{\"method\":\"b\"}\n";
            let mut bytes: Vec<u8> = noise.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            bytes.extend(frames);
            let chunks = bytes.chunks(cut).map(<[u8]>::to_vec).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let (out, _) = runtime.block_on(through(chunks));
            prop_assert_eq!(out.unwrap(), frames);
        }
    }
}
