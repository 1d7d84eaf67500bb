//! What the fuzz targets in `fuzz/` drive and nobody else can reach. Not part of the API: it exists with
//! the feature `fuzzing` only, and changes as it pleases.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use serde_json::value::RawValue;
use tokio::io::{AsyncRead, ReadBuf};

use crate::approval::Request;
use crate::event::Event;
use crate::hooks::{HookError, Verdict};
use crate::protocol::{self, Interner, WireDelta};
use crate::transport::lines::{Line, Lines};

/// The smallest limit of a line that a connection uses.
pub const MIN_LINE_BYTES: usize = crate::connection::MIN_LINE_BYTES;
/// How much is kept of a line over the limit.
pub const KEPT_OF_OVERSIZED: usize = crate::transport::lines::KEPT_OF_OVERSIZED;

/// Bytes that come a few at a time, and at once.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let length = self.piece.min(self.bytes.len()).min(buffer.remaining());
        let (now, later) = self.bytes.split_at(length);
        buffer.put_slice(now);
        self.bytes = later;
        Poll::Ready(Ok(()))
    }
}

/// The lines in `bytes`, read at most `piece` bytes at a time. False marks one that is longer than
/// `limit`: its beginning.
pub fn lines(bytes: &[u8], piece: usize, limit: usize) -> Vec<(bool, Vec<u8>)> {
    let pieces = Pieces {
        bytes,
        piece: piece.max(1),
    };
    let mut lines = Lines::new(pieces, limit.max(MIN_LINE_BYTES));
    let mut out = Vec::new();
    loop {
        let next = pin!(lines.next());
        // The bytes are there, so there is nothing to wait for.
        match next.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(Line::Whole(line))) => out.push((true, line.to_vec())),
            Poll::Ready(Ok(Line::Oversized(line))) => out.push((false, line.to_vec())),
            Poll::Ready(Ok(Line::End) | Err(_)) | Poll::Pending => return out,
        }
    }
}

/// What a notification becomes: an event of a thread, unless it is about none.
pub fn event(method: &str, params: &RawValue) -> Option<Event> {
    match protocol::delta_method(method) {
        Some(part) => {
            let wire: WireDelta<'_> = serde_json::from_str(params.get()).ok()?;
            let part = part(&wire);
            Some(Event::Delta(Interner::default().delta(&wire, part)))
        }
        None => {
            protocol::thread_of(params)?;
            Some(protocol::event(method, params))
        }
    }
}

/// A request of the server, and what each answer to it reads on the wire; the denial comes last.
pub fn request(method: &str, params: &RawValue) -> (Request, Vec<String>) {
    let request = Request::read(method, params);
    let answers = request
        .decisions()
        .iter()
        .map(|decision| request.answer(decision))
        .chain([request.denial()])
        .filter_map(|answer| answer.ok().map(|answer| answer.get().to_owned()))
        .collect();
    (request, answers)
}

/// What a shell hook's output means.
pub fn hook_answer(stdout: &[u8]) -> Result<Verdict, HookError> {
    crate::hooks::read_answer(stdout)
}
