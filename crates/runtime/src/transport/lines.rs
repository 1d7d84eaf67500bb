//! Splits a byte stream into lines without copying them, and bounds what one line may cost.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

const CHUNK: usize = 64 * 1024;
/// Bytes of an oversized line that are kept, to tell who waits for it.
pub(crate) const KEPT_OF_OVERSIZED: usize = 512;

/// What was read.
pub(crate) enum Line<'a> {
    /// A line, without its end. CRLF counts as an end (FACTS section 1).
    Whole(&'a [u8]),
    /// A line longer than the limit: its beginning. The rest was thrown away.
    Oversized(&'a [u8]),
    /// The end of the stream. A last line without an end is no line: it was cut off.
    End,
}

/// Reads lines.
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The bytes of `buffer` that were read and not yet given out.
    start: usize,
    end: usize,
    /// Bytes after `start` that are known to hold no line end.
    scanned: usize,
    limit: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            scanned: 0,
            limit,
        }
    }

    pub(crate) async fn next(&mut self) -> io::Result<Line<'_>> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(at) = memchr::memchr(b'\n', &unread[self.scanned..]) {
                let length = self.scanned + at;
                let from = self.start;
                self.start += length + 1;
                self.scanned = 0;
                if length > self.limit {
                    return Ok(Line::Oversized(
                        &self.buffer[from..from + KEPT_OF_OVERSIZED.min(length)],
                    ));
                }
                let line = &self.buffer[from..from + length];
                return Ok(Line::Whole(line.strip_suffix(b"\r").unwrap_or(line)));
            }
            self.scanned = unread.len();
            if unread.len() > self.limit {
                return self.skip_rest().await;
            }
            if self.fill().await? == 0 {
                return Ok(Line::End);
            }
        }
    }

    /// Makes room and reads once.
    async fn fill(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            // One huge line must not cost its size for ever.
            if self.buffer.len() > 16 * CHUNK {
                self.buffer = vec![0; CHUNK];
            }
        } else if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            }
            if self.buffer.len() - self.end < CHUNK / 2 {
                let grown = self.buffer.len() * 2;
                self.buffer.resize(grown, 0);
            }
        }
        let read = self.reader.read(&mut self.buffer[self.end..]).await?;
        self.end += read;
        Ok(read)
    }

    async fn skip_rest(&mut self) -> io::Result<Line<'_>> {
        let from = self.start;
        self.buffer.copy_within(from..from + KEPT_OF_OVERSIZED, 0);
        loop {
            let read = self
                .reader
                .read(&mut self.buffer[KEPT_OF_OVERSIZED..])
                .await?;
            if read == 0 {
                self.start = self.end;
                return Ok(Line::End);
            }
            let end = KEPT_OF_OVERSIZED + read;
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[KEPT_OF_OVERSIZED..end]) {
                self.start = KEPT_OF_OVERSIZED + at + 1;
                self.end = end;
                self.scanned = 0;
                return Ok(Line::Oversized(&self.buffer[..KEPT_OF_OVERSIZED]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_all(chunks: Vec<Vec<u8>>, limit: usize) -> Vec<(bool, Vec<u8>)> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let (mut tx, rx) = tokio::io::duplex(64);
            let writer = async move {
                use tokio::io::AsyncWriteExt;
                for chunk in chunks {
                    tx.write_all(&chunk).await.unwrap();
                }
            };
            let reader = async move {
                let mut lines = Lines::new(rx, limit);
                let mut out = Vec::new();
                loop {
                    match lines.next().await.unwrap() {
                        Line::Whole(line) => out.push((true, line.to_vec())),
                        Line::Oversized(line) => out.push((false, line.to_vec())),
                        Line::End => return out,
                    }
                }
            };
            tokio::join!(writer, reader).1
        })
    }

    #[test]
    fn a_line_cut_off_by_the_end_is_no_line() {
        assert_eq!(
            read_all(vec![b"a\r\n\nb".to_vec()], 100),
            vec![(true, b"a".to_vec()), (true, b"".to_vec())]
        );
    }

    #[test]
    fn an_oversized_line_keeps_its_beginning_and_its_neighbours() {
        let mut text = b"first\n".to_vec();
        text.extend(vec![b'x'; 300_000]);
        text.extend(b"\nlast\n");
        let found = read_all(vec![text], 200_000);
        assert_eq!(found[0], (true, b"first".to_vec()));
        assert_eq!(found[1], (false, vec![b'x'; KEPT_OF_OVERSIZED]));
        assert_eq!(found[2], (true, b"last".to_vec()));
        assert_eq!(found.len(), 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_split_of_the_bytes_gives_the_same_lines(
            lines in prop::collection::vec("[a-z]{0,200}", 0..20),
            cut in 1usize..50,
        ) {
            let mut bytes = Vec::new();
            for line in &lines {
                bytes.extend(line.as_bytes());
                bytes.push(b'\n');
            }
            let chunks = bytes.chunks(cut).map(<[u8]>::to_vec).collect();
            let wanted: Vec<_> = lines.iter().map(|line| (true, line.clone().into_bytes())).collect();
            prop_assert_eq!(read_all(chunks, 100_000), wanted);
        }
    }
}
