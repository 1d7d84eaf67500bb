//! A change of one file as a table of lines.
//!
//! The input is what the app-server gives (FACTS, section 6): the whole content for a file that is
//! added or deleted, hunks without file headers for one that is updated, perhaps with a last line
//! "Moved to: PATH". What is wanted is to see exactly what would change: hidden characters and odd
//! spaces are shown, a missing line break at the end is named, signs are text.

use std::fmt::Write as _;

use crate::code::Highlighter;
use crate::text::{Spaces, push_escaped};

/// Diffs of more lines are not highlighted.
const HIGHLIGHT_LINES: usize = 2_000;
/// Nor are diffs of more bytes.
const HIGHLIGHT_BYTES: usize = 200 * 1024;
/// Diffs of more lines show their beginning and end only.
const SHOWN_LINES: usize = 5_000;
/// How much of each.
const SHOWN_PART: usize = 1_000;
/// A longer line, in characters, is cut.
const LONGEST_LINE: usize = 10_000;

/// What happens to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is made: the diff is its content.
    Add,
    /// It is removed: the diff is its content.
    Delete,
    /// Its content changes: the diff is unified hunks.
    Update,
}

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// Lines added, those that are not shown included.
    pub added: u32,
    /// Lines removed, those that are not shown included.
    pub removed: u32,
    /// The lines as safe HTML: one `<table class="diff">`.
    pub html: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hunk,
    Context,
    Added,
    Removed,
    /// A remark about the line before.
    Note,
}

#[derive(Debug)]
struct Line<'t> {
    kind: Kind,
    old: Option<u32>,
    new: Option<u32>,
    text: &'t str,
}

const NO_BREAK: &str = "No line break at the end of the file";

/// Renders a change of the file `path`, which decides the highlighting.
pub fn diff(path: &str, change: ChangeKind, diff: &str) -> Diff {
    let mut lines = match change {
        ChangeKind::Add => content(diff, Kind::Added),
        ChangeKind::Delete => content(diff, Kind::Removed),
        ChangeKind::Update => hunks(without_move(diff)),
    };
    // Where every line ends in a carriage return it says nothing; where only some do, it does.
    let has_text = |line: &Line<'_>| !matches!(line.kind, Kind::Hunk | Kind::Note);
    if lines
        .iter()
        .filter(|line| has_text(line))
        .all(|line| line.text.ends_with('\r'))
    {
        for line in lines.iter_mut().filter(|line| has_text(line)) {
            line.text = line.text.strip_suffix('\r').unwrap_or(line.text);
        }
    }
    let highlight = lines.len() <= HIGHLIGHT_LINES && diff.len() <= HIGHLIGHT_BYTES;
    let fresh = if highlight {
        Highlighter::for_path(path)
    } else {
        Highlighter::off()
    };
    let mut table = Table {
        html: String::from("<table class=\"diff\"><tbody>"),
        old: fresh.clone(),
        new: fresh.clone(),
    };
    let left_out = if lines.len() > SHOWN_LINES {
        SHOWN_PART..lines.len() - SHOWN_PART
    } else {
        0..0
    };
    for (at, line) in lines.iter().enumerate() {
        if left_out.contains(&at) {
            if at == left_out.start {
                let text = format!("{} lines are left out here", left_out.len());
                table.row(&Line {
                    kind: Kind::Note,
                    old: None,
                    new: None,
                    text: &text,
                });
            }
            continue;
        }
        if line.kind == Kind::Hunk {
            (table.old, table.new) = (fresh.clone(), fresh.clone());
        }
        table.row(line);
    }
    table.html.push_str("</tbody></table>");
    let count = |kind| {
        let count = lines.iter().filter(|line| line.kind == kind).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    Diff {
        added: count(Kind::Added),
        removed: count(Kind::Removed),
        html: table.html,
    }
}

/// The lines of a whole file.
fn content(text: &str, kind: Kind) -> Vec<Line<'_>> {
    if text.is_empty() {
        return vec![Line {
            kind: Kind::Note,
            old: None,
            new: None,
            text: "The file is empty",
        }];
    }
    let mut number = 0;
    let mut lines: Vec<Line<'_>> = text
        .strip_suffix('\n')
        .unwrap_or(text)
        .split('\n')
        .map(|text| {
            number += 1;
            let old = (kind == Kind::Removed).then_some(number);
            let new = (kind == Kind::Added).then_some(number);
            Line {
                kind,
                old,
                new,
                text,
            }
        })
        .collect();
    if !text.ends_with('\n') {
        lines.push(Line {
            kind: Kind::Note,
            old: None,
            new: None,
            text: NO_BREAK,
        });
    }
    lines
}

/// The hunks of an update. Lines of a hunk begin with a sign, so a last line "Moved to:" is no part of them.
fn without_move(diff: &str) -> &str {
    match diff.trim_end_matches('\n').rsplit_once('\n') {
        Some((hunks, last)) if last.starts_with("Moved to: ") => {
            hunks.strip_suffix('\n').unwrap_or(hunks)
        }
        None if diff.starts_with("Moved to: ") => "",
        _ => diff,
    }
}

fn hunks(diff: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut old: Option<u32> = None;
    let mut new: Option<u32> = None;
    let mut within = false;
    for text in diff.strip_suffix('\n').unwrap_or(diff).split('\n') {
        let next = |number: &mut Option<u32>| {
            let current = *number;
            *number = current.and_then(|number| number.checked_add(1));
            current
        };
        let line = match text.as_bytes().first() {
            Some(b'@') if text.starts_with("@@") => {
                within = true;
                (old, new) = match starts(text) {
                    Some((old, new)) => (Some(old), Some(new)),
                    None => (None, None),
                };
                Line {
                    kind: Kind::Hunk,
                    old: None,
                    new: None,
                    text,
                }
            }
            // File headers say nothing here: the change names its path.
            Some(b'-' | b'+')
                if !within && (text.starts_with("--- ") || text.starts_with("+++ ")) =>
            {
                continue;
            }
            Some(b'+') => Line {
                kind: Kind::Added,
                old: None,
                new: next(&mut new),
                text: &text[1..],
            },
            Some(b'-') => Line {
                kind: Kind::Removed,
                old: next(&mut old),
                new: None,
                text: &text[1..],
            },
            Some(b'\\') => Line {
                kind: Kind::Note,
                old: None,
                new: None,
                text: NO_BREAK,
            },
            Some(b' ') => Line {
                kind: Kind::Context,
                old: next(&mut old),
                new: next(&mut new),
                text: &text[1..],
            },
            // Some writers strip the blank of an empty line.
            None if diff.is_empty() => continue,
            _ => Line {
                kind: Kind::Context,
                old: next(&mut old),
                new: next(&mut new),
                text,
            },
        };
        lines.push(line);
    }
    lines
}

/// The first line numbers of `@@ -old,count +new,count @@`.
fn starts(text: &str) -> Option<(u32, u32)> {
    let mut words = text.strip_prefix("@@ ")?.split(' ');
    let mut number = |sign| {
        let range = words.next()?.strip_prefix(sign)?;
        range.split(',').next()?.parse().ok()
    };
    Some((number('-')?, number('+')?))
}

struct Table {
    html: String,
    old: Highlighter,
    new: Highlighter,
}

impl Table {
    fn row(&mut self, line: &Line<'_>) {
        let (class, sign) = match line.kind {
            Kind::Hunk => ("hunk", ""),
            Kind::Note => ("note", ""),
            Kind::Context => ("ctx", " "),
            Kind::Added => ("add", "+"),
            Kind::Removed => ("del", "−"),
        };
        if matches!(line.kind, Kind::Hunk | Kind::Note) {
            let _ = write!(self.html, "<tr class=\"{class}\"><td colspan=\"4\">");
            push_escaped(&mut self.html, line.text, Spaces::Shown);
            self.html.push_str("</td></tr>");
            return;
        }
        let _ = write!(self.html, "<tr class=\"{class}\">");
        for number in [line.old, line.new] {
            self.html.push_str("<td class=\"number\">");
            if let Some(number) = number {
                let _ = write!(self.html, "{number}");
            }
            self.html.push_str("</td>");
        }
        let _ = write!(
            self.html,
            "<td class=\"sign\">{sign}</td><td class=\"line\">"
        );
        let (text, cut) = match line.text.char_indices().nth(LONGEST_LINE) {
            Some((at, _)) => (&line.text[..at], line.text[at..].chars().count()),
            None => (line.text, 0),
        };
        match line.kind {
            Kind::Removed => self.old.line(text, Spaces::Shown, &mut self.html),
            Kind::Added => self.new.line(text, Spaces::Shown, &mut self.html),
            _ => {
                // Context belongs to both sides.
                let end = self.html.len();
                self.old.line(text, Spaces::Shown, &mut self.html);
                self.html.truncate(end);
                self.new.line(text, Spaces::Shown, &mut self.html);
            }
        }
        if cut > 0 {
            let _ = write!(
                self.html,
                "<span class=\"cut\"> … {cut} more characters</span>"
            );
        }
        self.html.push_str("</td></tr>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Class, numbers, sign and text of every row.
    fn rows(html: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for row in html.split("<tr class=\"").skip(1) {
            let (class, rest) = row.split_once('"').unwrap();
            let cells: Vec<String> = rest
                .split("<td")
                .skip(1)
                .map(|cell| {
                    let mut text = String::new();
                    for part in cell.split_once('>').unwrap().1.split('<') {
                        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
                    }
                    text
                })
                .collect();
            rows.push(format!("{class}|{}", cells.join("|")));
        }
        rows
    }

    #[test]
    fn an_update_has_numbers_and_signs() {
        let update = "@@ -1,3 +1,3 @@ fn a()\n one\n-two\n+zwei\n\n\\ No newline at end of file\n";
        let diff = diff("a.txt", ChangeKind::Update, update);
        assert_eq!((diff.added, diff.removed), (1, 1));
        assert_eq!(
            rows(&diff.html),
            [
                "hunk|@@ -1,3 +1,3 @@ fn a()",
                "ctx|1|1| |one",
                "del|2||−|two",
                "add||2|+|zwei",
                "ctx|3|3| |",
                "note|No line break at the end of the file",
            ]
        );
    }

    #[test]
    fn a_move_is_no_part_of_the_hunks() {
        for moved in ["\n\nMoved to: b.txt", "\nMoved to: b.txt\n"] {
            let diff = diff(
                "a.txt",
                ChangeKind::Update,
                &format!("@@ -1 +1 @@\n-a\n+b{moved}"),
            );
            assert_eq!(
                rows(&diff.html),
                ["hunk|@@ -1 +1 @@", "del|1||−|a", "add||1|+|b"]
            );
        }
        let only = diff("a.txt", ChangeKind::Update, "\n\nMoved to: b.txt");
        assert_eq!((only.added, only.removed, rows(&only.html)), (0, 0, vec![]));
    }

    #[test]
    fn whole_files_have_one_side() {
        let add = diff("a.txt", ChangeKind::Add, "one\n-two");
        assert_eq!((add.added, add.removed), (2, 0));
        assert_eq!(
            rows(&add.html),
            [
                "add||1|+|one",
                "add||2|+|-two",
                "note|No line break at the end of the file"
            ]
        );
        let delete = diff("a.txt", ChangeKind::Delete, "one\n");
        assert_eq!((delete.added, delete.removed), (0, 1));
        assert_eq!(rows(&delete.html), ["del|1||−|one"]);
        assert_eq!(
            rows(&diff("a", ChangeKind::Add, "").html),
            ["note|The file is empty"]
        );
    }

    #[test]
    fn headers_are_skipped_only_before_hunks() {
        let update = "--- a/x\n+++ b/x\n@@ -5 +5 @@\n--- kept\n+++ kept\n";
        let diff = diff("x.sql", ChangeKind::Update, update);
        assert_eq!(
            rows(&diff.html)[1..],
            ["del|5||−|-- kept", "add||5|+|++ kept"]
        );
    }

    #[test]
    fn hunks_without_numbers_are_shown() {
        let diff = diff(
            "x",
            ChangeKind::Update,
            "@@ fn a\n+b\n@@ -99999999999 +1 @@\n c\n",
        );
        assert_eq!(rows(&diff.html)[1], "add|||+|b");
        assert_eq!(rows(&diff.html)[3], "ctx||| |c");
    }

    #[test]
    fn hidden_characters_are_shown() {
        let diff = diff("x.py", ChangeKind::Add, "a\u{202E}\u{A0}b\n");
        assert_eq!(rows(&diff.html), ["add||1|+|a⟨U+202E⟩⟨U+00A0⟩b"]);
    }

    #[test]
    fn carriage_returns_are_shown_where_they_differ() {
        let all = diff("x", ChangeKind::Update, "@@ -1 +1 @@\n-a\r\n+b\r\n");
        assert_eq!(rows(&all.html)[1..], ["del|1||−|a", "add||1|+|b"]);
        let some = diff("x", ChangeKind::Update, "@@ -1 +1 @@\n-a\n+a\r\n");
        assert_eq!(rows(&some.html)[1..], ["del|1||−|a", "add||1|+|a⟨U+000D⟩"]);
    }

    #[test]
    fn code_is_highlighted_by_its_path() {
        let rust = diff("/a/b.rs", ChangeKind::Add, "fn a() {}\n");
        assert!(
            rust.html.contains("<span class=\"hl-keyword\">fn "),
            "{}",
            rust.html
        );
        // Each side has its own state: the comment that is removed does not colour what is added.
        let sides = diff(
            "b.rs",
            ChangeKind::Update,
            "@@ -1,2 +1,2 @@\n-/*\n+fn a()\n let x\n",
        );
        assert!(
            sides.html.contains("<span class=\"hl-keyword\">let"),
            "{}",
            sides.html
        );
    }

    #[test]
    fn long_diffs_say_what_is_left_out() {
        let diff = diff("a.rs", ChangeKind::Add, &"let a = 1;\n".repeat(6_000));
        let rows = rows(&diff.html);
        assert_eq!((diff.added, rows.len()), (6_000, 2_001));
        assert_eq!(rows[1_000], "note|4000 lines are left out here");
        assert!(rows[2_000].starts_with("add||6000|"));
        assert!(!diff.html.contains("hl-"));
    }

    #[test]
    fn long_lines_say_what_is_left_out() {
        let diff = diff("a.txt", ChangeKind::Add, &"é".repeat(10_005));
        assert!(rows(&diff.html)[0].ends_with("é … 5 more characters"));
    }
}
