//! Writes frames whole and in order, whoever's future is dropped in the middle.
//!
//! A sender puts its frame into one shared buffer and, when nothing else is waiting there, offers it
//! to the pipe at once: the common case costs no task switch. What the pipe does not take is left to
//! a task of its own. So dropping a sender never leaves half a frame on the wire, and sending never
//! blocks, which is what lets the reader answer requests (invariant I1). Bounded by its callers: at
//! most 32 requests are in flight, none is added while much of earlier ones is unwritten, and there is one
//! answer for each request of the server.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncWrite;
use tokio::sync::Notify;

type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Unwritten bytes from which on there is no room for more requests: their callers may give up waiting for
/// an answer, and what they said would pile up before a server that does not read.
const MAX_UNWRITTEN: usize = 8 * 1024 * 1024;

pub(crate) struct Outbox {
    state: Mutex<State>,
    wake: Notify,
    emptied: Notify,
}

struct State {
    /// `None` once closed or broken.
    writer: Option<Writer>,
    buffer: Vec<u8>,
    written: usize,
    /// The task waits for a flush: it must be left to it, or its waker would be lost.
    flushing: bool,
    /// Close the writer when the buffer is empty.
    closing: bool,
}

impl Outbox {
    /// Starts the task that writes what the pipe does not take at once.
    pub(crate) fn open(writer: Writer) -> Arc<Self> {
        let outbox = Arc::new(Self {
            state: Mutex::new(State {
                writer: Some(writer),
                buffer: Vec::new(),
                written: 0,
                flushing: false,
                closing: false,
            }),
            wake: Notify::new(),
            emptied: Notify::new(),
        });
        tokio::spawn(Arc::clone(&outbox).drain());
        outbox
    }

    /// Takes a frame, its line end included. An error means that the pipe is broken: the reader's
    /// end of stream tells the rest.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        let mut state = self.lock();
        if state.writer.is_none() || state.closing {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let idle = state.buffer.is_empty() && !state.flushing;
        state.buffer.extend_from_slice(frame);
        if !idle {
            return Ok(());
        }
        // The task is asleep on `wake` while the buffer is empty, so no waker of its is lost here.
        if state
            .poll_write(&mut Context::from_waker(Waker::noop()))
            .is_pending()
        {
            drop(state);
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Waits until there is room for a request, or no use in waiting. Cancel safe.
    pub(crate) async fn room(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.lock().has_room() {
                return;
            }
            emptied.await;
        }
    }

    /// Writes what is there, then closes the pipe. Later frames are refused.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.wake.notify_one();
        self.emptied.notify_waiters();
    }

    async fn drain(self: Arc<Self>) {
        loop {
            let open = std::future::poll_fn(|cx| self.lock().poll_write(cx)).await;
            self.emptied.notify_waiters();
            if !open {
                return;
            }
            self.wake.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self) -> bool {
        self.writer.is_none() || self.closing || self.buffer.len() - self.written <= MAX_UNWRITTEN
    }

    /// Writes until the buffer is empty. Ready says whether the pipe is still open.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while self.written < self.buffer.len() {
            let Some(writer) = &mut self.writer else {
                return Poll::Ready(false);
            };
            match Pin::new(writer).poll_write(cx, &self.buffer[self.written..]) {
                Poll::Ready(Ok(n)) if n > 0 => self.written += n,
                Poll::Ready(_) => {
                    self.writer = None;
                    return Poll::Ready(false);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        self.buffer.clear();
        self.written = 0;
        if self.buffer.capacity() > 1024 * 1024 {
            self.buffer = Vec::new();
        }
        self.flushing = match &mut self.writer {
            Some(writer) => Pin::new(writer).poll_flush(cx).is_pending(),
            None => false,
        };
        if self.flushing {
            return Poll::Pending;
        }
        if self.closing {
            self.writer = None;
        }
        Poll::Ready(self.writer.is_some())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn frames_arrive_whole_and_in_order_through_a_narrow_pipe() {
        let (mut reader, writer) = tokio::io::duplex(7);
        let outbox = Outbox::open(Box::new(writer));
        let mut wanted = Vec::new();
        for i in 0..200 {
            let frame = format!("frame {i}\n");
            outbox.send(frame.as_bytes()).unwrap();
            wanted.extend(frame.into_bytes());
        }
        outbox.close();
        assert!(outbox.send(b"late\n").is_err());
        let mut found = Vec::new();
        reader.read_to_end(&mut found).await.unwrap();
        assert_eq!(found, wanted);
    }

    #[tokio::test]
    async fn there_is_no_room_before_a_reader_that_does_not_read_until_it_does() {
        let (mut reader, writer) = tokio::io::duplex(7);
        let outbox = Outbox::open(Box::new(writer));
        let frame = vec![b'x'; MAX_UNWRITTEN + 100];
        outbox.room().await;
        outbox.send(&frame).unwrap();
        let room = tokio::spawn({
            let outbox = Arc::clone(&outbox);
            async move { outbox.room().await }
        });
        tokio::task::yield_now().await;
        assert!(!room.is_finished());
        let mut found = vec![0; frame.len()];
        reader.read_exact(&mut found).await.unwrap();
        room.await.unwrap();

        outbox.send(&frame).unwrap();
        outbox.close();
        outbox.room().await;
    }

    #[tokio::test]
    async fn a_broken_pipe_is_said() {
        let (reader, writer) = tokio::io::duplex(7);
        drop(reader);
        let outbox = Outbox::open(Box::new(writer));
        let _ = outbox.send(b"a\n");
        assert!(outbox.send(b"b\n").is_err());
    }
}
