//! What a rule's words say about a command line.

use countersign_runtime::command::{
    Joint, Redirects, RiskLevel, Segment, Understood, prefix_matches,
};

/// Whether a rule that allows these prefixes allows the whole line: every command of it begins with one of them and
/// nothing is in doubt. What is dangerous has to be named to the last word.
pub(super) fn covers(prefixes: &[Vec<String>], line: &Understood) -> bool {
    if is_dangerous(line) {
        return is_exactly(prefixes, line);
    }
    line.is_covered_by(prefixes)
}

/// It could do harm that is hard to take back.
pub(super) fn is_dangerous(line: &Understood) -> bool {
    line.risk.level == RiskLevel::Dangerous
}

/// Whether the prefixes are the line: its commands in their order, whole, each run only when the one before succeeded.
/// A rule does not keep how commands hang together, and `a || b` is not `a && b`. What a command wraps is in its words.
fn is_exactly(prefixes: &[Vec<String>], line: &Understood) -> bool {
    let outer = || outer(line);
    line.doubts.is_empty()
        && !prefixes.is_empty()
        && outer().count() == prefixes.len()
        && outer()
            .zip(prefixes)
            .all(|(segment, words)| segment.words.as_ref() == Some(words) && !words.is_empty())
        && line.segments.iter().all(|segment| {
            !segment.doubted
                && segment.words.is_some()
                && segment.variables.is_empty()
                && segment.redirects == Redirects::None
                && matches!(
                    segment.joined_by,
                    Joint::First | Joint::And | Joint::Wrapped
                )
        })
}

/// The commands that no other one runs.
pub(super) fn outer(line: &Understood) -> impl Iterator<Item = &Segment> {
    line.segments
        .iter()
        .filter(|segment| segment.joined_by != Joint::Wrapped)
}

/// Whether a command begins with these words, as far as can be seen: for rules that ask or deny. A program is known by
/// its name, wherever it lies.
pub(super) fn begins(prefix: &[String], segment: &Segment) -> bool {
    let Some((program, rest)) = prefix.split_first() else {
        return false;
    };
    if prefix_matches(prefix, segment) {
        return true;
    }
    let words = match &segment.words {
        Some(words) => words.clone(),
        None => seen_words(segment),
    };
    words.split_first().is_some_and(|(first, others)| {
        let name = first.rsplit('/').next().unwrap_or(first);
        (first == program || name == program) && others.starts_with(rest)
    })
}

/// The words before the first one that cannot be known before the line runs.
fn seen_words(segment: &Segment) -> Vec<String> {
    let Some(program) = &segment.program else {
        return Vec::new();
    };
    let is_plain = |word: &&str| {
        word.chars()
            .all(|c| c.is_alphanumeric() || "_-./:=@%+,".contains(c))
    };
    let written = segment.text.split_whitespace();
    let after_program = written
        .skip_while(|word| *word != program)
        .skip(1)
        .take_while(is_plain)
        .map(str::to_owned);
    std::iter::once(program.clone())
        .chain(after_program)
        .collect()
}

/// The line runs a program by a path that is relative: what that is depends on the folder.
pub(super) fn runs_what_lies_here(line: &Understood) -> bool {
    line.segments.iter().any(|segment| {
        segment
            .program
            .as_ref()
            .is_none_or(|program| program.contains('/') && !program.starts_with('/'))
    })
}
