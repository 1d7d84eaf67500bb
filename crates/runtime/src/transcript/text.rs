//! The long text of a row: it grows at its end, and holds at most so many bytes.
//!
//! What is too long keeps its beginning and its end. Cutting moves bytes, so it happens once per
//! quarter of the cap and not once per delta: growing stays linear.

/// A growing, bounded text.
///
/// Whoever has rendered the first `n` bytes of it and finds [`epoch`](Text::epoch) unchanged only
/// has to render what follows; after a change of the epoch, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    text: String,
    cap: usize,
    epoch: u32,
    cut: Option<Cut>,
}

/// Where something was left out of a [`Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The byte of the text before which it was. A character boundary.
    pub at: usize,
    /// How many bytes.
    pub omitted: u64,
}

impl Text {
    /// An empty text that holds at most `cap` bytes.
    pub(super) fn new(cap: usize) -> Self {
        Self {
            text: String::new(),
            cap: cap.max(16),
            epoch: 0,
            cut: None,
        }
    }

    /// What there is of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its length in bytes, without what was left out.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// There is nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Changes whenever bytes that were there before have changed.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// What was left out, if anything.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    /// Appends.
    pub(super) fn push(&mut self, more: &str) {
        self.text.push_str(more);
        self.shrink();
    }

    /// Puts text before the byte `at`, or at the end when that is no place in it any more.
    pub(super) fn insert(&mut self, at: usize, more: &str) {
        if at < self.text.len() && self.text.is_char_boundary(at) && self.cut.is_none() {
            self.text.insert_str(at, more);
            self.epoch = self.epoch.wrapping_add(1);
            self.shrink();
        } else {
            self.push(more);
        }
    }

    /// Says that what belongs to the text has changed, so that it is rendered anew.
    pub(super) fn renew(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// Makes it `whole`; says whether that changed anything. The epoch stays when `whole` only
    /// continues what was there.
    pub(super) fn set(&mut self, whole: &str) -> bool {
        if self.cut.is_none()
            && let Some(more) = whole.strip_prefix(self.text.as_str())
        {
            self.push(more);
            return !more.is_empty();
        }
        let mut other = Self::new(self.cap);
        other.push(whole);
        if other.text == self.text && other.cut == self.cut {
            return false;
        }
        other.epoch = self.epoch.wrapping_add(1);
        *self = other;
        true
    }

    /// Leaves out the middle when there is too much.
    fn shrink(&mut self) {
        if self.text.len() <= self.cap {
            return;
        }
        let head = match self.cut {
            Some(cut) => cut.at,
            None => line_before(&self.text, self.cap / 4, self.cap / 16),
        };
        let tail = line_after(&self.text, self.text.len() - self.cap / 2, self.cap / 16);
        let omitted = self.cut.map_or(0, |cut| cut.omitted) + (tail - head) as u64;
        self.text.drain(head..tail);
        if self.text.capacity() > 2 * self.cap {
            self.text.shrink_to(self.cap + self.cap / 4);
        }
        self.cut = Some(Cut { at: head, omitted });
        self.epoch = self.epoch.wrapping_add(1);
    }
}

/// The last character boundary at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

/// The first character boundary at or after `at`.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len())
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(text.len())
}

/// The last place at or before `at` to cut before: after a line break when one lies within `reach`.
fn line_before(text: &str, at: usize, reach: usize) -> usize {
    let at = floor(text, at);
    let from = floor(text, at.saturating_sub(reach));
    text[from..at]
        .rfind('\n')
        .map_or(at, |line| from + line + 1)
}

/// The first place at or after `at` to go on from: after a line break when one lies within `reach`.
fn line_after(text: &str, at: usize, reach: usize) -> usize {
    let at = ceil(text, at);
    let to = ceil(text, at.saturating_add(reach));
    text[at..to].find('\n').map_or(at, |line| at + line + 1)
}

/// The beginning of `text`, at most about `cap` bytes, with a mark when something is missing.
pub(super) fn capped(text: &str, cap: usize) -> String {
    if text.len() <= cap {
        return text.to_owned();
    }
    let mut out = text[..line_before(text, cap, cap / 16)].to_owned();
    out.push('…');
    out
}
