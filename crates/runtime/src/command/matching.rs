//! Rules by prefix: `git status` allows `git status -s`, and nothing that hides behind it.

use super::{Redirects, Segment};

/// Whether a segment begins with the words of a pattern.
///
/// Word by word, so `git stat` does not match `git status`, and `git status` does not match
/// `'git status'`. Never matches when the pattern is empty, when a word of the segment is not known
/// before running, when variables are set for it, when it writes by redirection, or when there is a
/// doubt about it. This is about one segment: a rule that allows must hold for every segment of a
/// line without doubts, see [`super::Understood::is_covered_by`].
pub fn prefix_matches(pattern: &[String], segment: &Segment) -> bool {
    !pattern.is_empty()
        && !segment.doubted
        && segment.variables.is_empty()
        && segment.redirects != Redirects::Write
        && segment
            .words
            .as_ref()
            .is_some_and(|words| words.starts_with(pattern))
}
