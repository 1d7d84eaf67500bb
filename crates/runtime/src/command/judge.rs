//! From the commands of a line to what they do, and how bad that could be.

use std::ops::Range;

use super::doubt::{Doubt, DoubtKind};
use super::effect::{Effect, Effects};
use super::nested::{Nested, is_shell, nested};
use super::programs::{Args, flag_values, has_flag, look_up};
use super::read::{Command, Found, RedirectKind, read_nested};
use super::special;
use super::word::{UNKNOWN, Word};
use super::{Access, Joint, Place, Reason, Redirects, Risk, RiskLevel, Segment, Understood, paths};

/// The most commands of a line that are judged; with more it is not understood.
const MOST_COMMANDS: usize = 1024;
/// The most words, and redirections, of a command that are judged.
const MOST_WORDS: usize = 1024;
/// The most reasons that are given.
const MOST_REASONS: usize = 100;
/// How deep commands may stand in the text of others.
const DEEPEST: usize = 6;
/// How many texts of others are read.
const MOST_LINES: usize = 32;

/// Judges what was read.
pub(super) fn judge(line: &str, found: Found, place: &Place<'_>) -> Understood {
    let mut judge = Judge {
        line,
        place,
        segments: Vec::new(),
        doubts: found.doubts,
        reasons: Vec::new(),
        functions: found.functions,
        lines: MOST_LINES,
        moved: Moved::No,
    };
    judge.commands(found.commands, 0);
    judge.together();
    judge.end()
}

struct Judge<'a> {
    line: &'a str,
    place: &'a Place<'a>,
    segments: Vec<Segment>,
    doubts: Vec<Doubt>,
    reasons: Vec<Reason>,
    functions: Vec<String>,
    lines: usize,
    /// Whether the working folder is still the first.
    moved: Moved,
}

/// Where the line has gone.
#[derive(PartialEq)]
enum Moved {
    No,
    /// Into a folder of the work folder.
    Within,
    /// Elsewhere, or that is not known.
    Away,
}

impl Judge<'_> {
    fn doubt(&mut self, kind: DoubtKind, span: &Range<usize>) {
        self.doubts.push(Doubt::new(kind, span.clone()));
    }

    fn reason(&mut self, level: RiskLevel, sentence: impl Into<String>, span: &Range<usize>) {
        if level > RiskLevel::Low {
            self.reasons.push(Reason {
                sentence: sentence.into(),
                level,
                span: span.clone(),
            });
        }
    }

    fn commands(&mut self, commands: Vec<Command>, depth: usize) {
        for command in commands {
            if self.segments.len() >= MOST_COMMANDS {
                self.doubt(DoubtKind::TooBig, &(0..self.line.len()));
                return;
            }
            self.command(command, depth);
        }
    }

    fn command(&mut self, command: Command, depth: usize) {
        let mut segment = Segment {
            text: self
                .line
                .get(command.span.clone())
                .unwrap_or_default()
                .to_owned(),
            span: command.span.clone(),
            words: command
                .words
                .iter()
                .map(|word| word.value.clone())
                .collect(),
            program: command.words.first().and_then(|word| word.value.clone()),
            effects: Effects::NONE,
            joined_by: command.joint,
            paths: Vec::new(),
            hosts: Vec::new(),
            variables: command
                .assigned
                .iter()
                .map(|(name, _)| name.clone())
                .collect(),
            redirects: Redirects::None,
            doubted: false,
        };
        if command.words.len().max(command.redirects.len()) > MOST_WORDS {
            self.doubt(DoubtKind::TooBig, &command.span);
            segment.effects = Effects::UNKNOWN;
            self.segments.push(segment);
            return;
        }
        self.variables(&command);
        self.redirects(&command, &mut segment);
        if !command.words.is_empty() {
            self.program(&command, &mut segment);
        }
        let more = match command_name(&command) {
            Some(name) => nested(name, &command),
            None => Vec::new(),
        };
        self.segments.push(segment);
        self.nested(&command, more, depth);
    }

    fn variables(&mut self, command: &Command) {
        for (name, word) in &command.assigned {
            if special::changes_programs(name) {
                self.doubt(DoubtKind::ChangedEnvironment, &word.span);
            }
        }
        let Some(name) = command_name(command) else {
            return;
        };
        if name == "printf"
            && let Some(at) = command.words.iter().position(|word| word.is("-v"))
            && let Some(word) = command.words.get(at + 1)
            && special::changes_programs(&word.raw)
        {
            self.doubt(DoubtKind::ChangedEnvironment, &word.span);
        }
        if matches!(
            name,
            "env"
                | "export"
                | "declare"
                | "typeset"
                | "local"
                | "readonly"
                | "sudo"
                | "set"
                | "unset"
                | "read"
        ) {
            for word in command.words.iter().skip(1) {
                let text = word.raw.split('=').next().unwrap_or_default();
                if special::changes_programs(text)
                    && (word.raw.contains('=') || matches!(name, "read" | "unset"))
                {
                    self.doubt(DoubtKind::ChangedEnvironment, &word.span);
                }
            }
        }
    }

    fn redirects(&mut self, command: &Command, segment: &mut Segment) {
        for redirect in &command.redirects {
            let (access, kind) = match redirect.kind {
                RedirectKind::Stream => continue,
                RedirectKind::Text => {
                    segment.redirects = segment.redirects.max(Redirects::Read);
                    continue;
                }
                RedirectKind::Read => (Access::Read, Redirects::Read),
                RedirectKind::Write => (Access::Write, Redirects::Write),
            };
            let is_nothing = redirect.target.is("/dev/null")
                || redirect.target.is("/dev/stderr")
                || redirect.target.is("/dev/stdout");
            if is_nothing {
                continue;
            }
            segment.redirects = segment.redirects.max(kind);
            if redirect.target.raw.starts_with(['<', '>']) {
                // The other end is a command, which is read by itself.
                continue;
            }
            if kind == Redirects::Write {
                self.reason(
                    RiskLevel::Elevated,
                    "Writes to a file.",
                    &redirect.target.span,
                );
            }
            self.path(&redirect.target, access, segment);
        }
    }

    fn path(&mut self, word: &Word, access: Access, segment: &mut Segment) {
        segment.effects = segment.effects.and(match access {
            Access::Read => Effect::Reads.into(),
            Access::Write => Effect::Writes.into(),
            Access::Delete => Effect::Deletes.into(),
        });
        let mut named = paths::look(&word.shape, access, self.place);
        let is_relative = !word.shape.starts_with(['/', '~', UNKNOWN]);
        let strays = match self.moved {
            Moved::No => false,
            Moved::Within => word.shape.contains(".."),
            Moved::Away => true,
        };
        if is_relative && strays {
            named.used.outside = true;
            let level = if access == Access::Delete {
                RiskLevel::Dangerous
            } else {
                RiskLevel::Elevated
            };
            self.reason(
                level,
                "Names a file after the line has changed the folder.",
                &word.span,
            );
        }
        for (level, why) in named.notes {
            self.reason(level, why, &word.span);
        }
        if segment.paths.len() < 256 && !segment.paths.contains(&named.used) {
            segment.paths.push(named.used);
        }
    }

    fn program(&mut self, command: &Command, segment: &mut Segment) {
        let Some(first) = command.words.first() else {
            return;
        };
        let Some(program) = first.value.clone() else {
            self.doubt(DoubtKind::UnknownProgram, &first.span);
            segment.effects = Effects::UNKNOWN;
            return;
        };
        if first.in_pieces || first.is_encoded {
            self.reason(
                RiskLevel::Elevated,
                "The name of the program is written in pieces.",
                &first.span,
            );
        }
        if command.words.iter().any(|word| word.is_encoded) {
            let span = command
                .words
                .iter()
                .find(|word| word.is_encoded)
                .map_or(first.span.clone(), |word| word.span.clone());
            self.doubt(DoubtKind::Encoded, &span);
        }
        if !program.is_ascii() {
            self.reason(
                RiskLevel::Dangerous,
                "The name of the program has letters that are not plain ASCII.",
                &first.span,
            );
        }
        if self.functions.contains(&program) {
            self.doubt(DoubtKind::Redefinition, &first.span);
            segment.effects = Effects::UNKNOWN;
        }
        let name = base_name(&program);
        if special::computes(name)
            && let Some(word) = command.words.iter().find(|word| {
                word.value
                    .as_deref()
                    .is_some_and(|text| text.contains("$(") || text.contains('`'))
            })
        {
            // These read their arguments once more, substitutions included.
            self.doubt(DoubtKind::HiddenCommand, &word.span);
        }
        let arguments = command.words.get(1..).unwrap_or_default();
        let values: Vec<Option<&str>> =
            arguments.iter().map(|word| word.value.as_deref()).collect();
        let is_elsewhere = program.contains('/') && !special::is_system_program(&program);
        let known = look_up(name, &values);
        let Some(base) = known.base.filter(|_| !is_elsewhere) else {
            segment.effects = segment.effects.and(Effects::UNKNOWN);
            let sentence = if is_elsewhere {
                "Runs a file that is not one of the system's programs.".to_owned()
            } else {
                format!("What {} does is not known.", shown(name))
            };
            self.reason(RiskLevel::Elevated, sentence, &first.span);
            self.arguments(arguments, Args::Any, segment);
            if is_elsewhere {
                self.path(first, Access::Read, segment);
            }
            return;
        };
        // A shell does what its text says, and that is read by itself.
        let is_read = is_shell(name)
            && !matches!(name, "fish" | "csh" | "tcsh")
            && matches!(nested(name, command).as_slice(), [Nested::Line(_)]);
        if is_read {
            return;
        }
        segment.effects = segment.effects.and(base.effects);
        let is_query = name == "command" && has_flag("-v -V", &values);
        if !base.why.is_empty() && (name != "env" || nested(name, command).is_empty()) && !is_query
        {
            self.reason(base.level, base.why, &segment.span.clone());
        }
        for row in &known.more {
            segment.effects = segment.effects.and(row.effects);
            self.reason(row.level, row.why, &segment.span.clone());
        }
        let shapes: Vec<&str> = arguments.iter().map(|word| word.shape.as_str()).collect();
        let mut outputs = Vec::new();
        for row in known.more.iter().filter(|row| row.args == Args::Output) {
            for (index, shape) in flag_values(row.flags, &shapes) {
                outputs.push(index);
                if let Some(word) = arguments.get(index) {
                    let word = Word {
                        shape,
                        ..word.clone()
                    };
                    self.path(&word, Access::Write, segment);
                }
            }
        }
        let args = known
            .more
            .iter()
            .map(|row| row.args)
            .find(|args| matches!(args, Args::Delete | Args::Write))
            .unwrap_or(base.args);
        let (before, behind) = arguments.split_at(known.arguments.min(arguments.len()));
        self.arguments(before, Args::Any, segment);
        let behind: Vec<Word> = behind
            .iter()
            .enumerate()
            .filter(|(index, _)| !outputs.contains(&(index + before.len())))
            .map(|(_, word)| word.clone())
            .collect();
        self.arguments(&behind, args, segment);
        if is_shell(name) && nested(name, command).is_empty() {
            self.arguments(&behind, Args::Read, segment);
        }
        if base.level == RiskLevel::Low
            && segment.effects.contains(Effect::Writes)
            && !matches!(name, "mkdir" | "touch")
        {
            self.reason(RiskLevel::Elevated, "Changes files.", &segment.span.clone());
        }
        let mut acts = false;
        special::look(name, command, &segment.span, &mut |level, why, span| {
            acts |= level == RiskLevel::Dangerous && why.contains("program");
            self.reasons.push(Reason {
                sentence: why.to_owned(),
                level,
                span: span.clone(),
            });
        });
        if acts {
            segment.effects = segment.effects.and(Effects::UNKNOWN);
        }
        segment.hosts = special::hosts(name, &values);
        if matches!(name, "cd" | "pushd" | "popd") {
            self.moved = match (name, segment.paths.first()) {
                ("cd" | "pushd", Some(to))
                    if !to.outside
                        && self.moved != Moved::Away
                        && !arguments
                            .iter()
                            .any(|word| word.value.is_none() || word.raw.contains("..")) =>
                {
                    Moved::Within
                }
                _ => Moved::Away,
            };
        }
    }

    fn arguments(&mut self, arguments: &[Word], args: Args, segment: &mut Segment) {
        let operands: Vec<&Word> = arguments
            .iter()
            .filter(|word| !word.raw.starts_with('-') || word.raw == "-")
            .collect();
        let args = match args {
            Args::ScriptThenRead if arguments.iter().any(|word| has_script(&word.raw)) => {
                Args::Read
            }
            args => args,
        };
        let count = operands.len();
        for (index, word) in operands.iter().enumerate() {
            let Some(access) = args.access(index, count) else {
                self.unknown_text(word);
                continue;
            };
            if args == Args::Any && word.value.is_some() && !looks_like_path(&word.shape) {
                continue;
            }
            if word.is("-") || word.is("{}") {
                continue;
            }
            self.unknown_path(word, access, args);
            self.path(word, access, segment);
        }
        // What stands in flags: `--file=/etc/x`.
        for word in arguments.iter().filter(|word| word.raw.starts_with('-')) {
            if let Some((_, value)) = word.shape.split_once('=')
                && looks_like_path(value)
            {
                let value = Word {
                    shape: value.to_owned(),
                    ..word.clone()
                };
                self.path(&value, Access::Read, segment);
            } else if word.has_expansion {
                self.reason(
                    RiskLevel::Elevated,
                    "A flag is decided only while it runs.",
                    &word.span,
                );
            }
        }
    }

    fn unknown_path(&mut self, word: &Word, access: Access, args: Args) {
        if word.has_expansion || word.has_braces {
            let at_root = word.shape.starts_with(UNKNOWN)
                || word
                    .shape
                    .split(UNKNOWN)
                    .next()
                    .is_some_and(|lead| lead == "/");
            let level = if access == Access::Delete && at_root {
                RiskLevel::Dangerous
            } else {
                RiskLevel::Elevated
            };
            let sentence = if args == Args::Any {
                "A word is decided only while it runs."
            } else {
                "Which files is decided only while it runs."
            };
            self.reason(level, sentence, &word.span);
        }
        if word.has_pattern && access != Access::Read {
            let level = if access == Access::Delete
                && matches!(
                    word.shape.trim_start_matches("./"),
                    "*" | ".*" | "**" | "*.*" | "/*"
                ) {
                RiskLevel::Dangerous
            } else {
                RiskLevel::Elevated
            };
            self.reason(level, "Changes every file that fits a pattern.", &word.span);
        }
    }

    /// An argument that is text. What a variable holds may be a secret.
    fn unknown_text(&mut self, word: &Word) {
        if word
            .variables
            .iter()
            .any(|name| special::is_secret_variable(name))
        {
            self.reason(
                RiskLevel::Elevated,
                "Shows a variable that may hold a key.",
                &word.span,
            );
        }
    }

    fn nested(&mut self, command: &Command, more: Vec<Nested>, depth: usize) {
        for nested in more {
            match nested {
                Nested::Words(words) => {
                    let span = span_of(&words, &command.span);
                    if command.words.iter().any(|word| {
                        matches!(word.raw.as_str(), "-C" | "-D" | "-execdir" | "-okdir")
                            || word.raw.starts_with("--chdir")
                    }) {
                        self.moved = Moved::Away;
                    }
                    if fills_in(command, &words) {
                        self.doubt(DoubtKind::UnknownCommand, &span);
                        self.reason(
                            RiskLevel::Dangerous,
                            "Names of files become part of what the shell runs.",
                            &span,
                        );
                    }
                    if depth >= DEEPEST {
                        self.doubt(DoubtKind::TooBig, &span);
                        continue;
                    }
                    self.command(
                        Command {
                            span,
                            joint: Joint::Wrapped,
                            is_fed: command.is_fed,
                            assigned: Vec::new(),
                            words,
                            redirects: Vec::new(),
                        },
                        depth + 1,
                    );
                }
                Nested::Line(word) => {
                    let text = word.value.clone().unwrap_or_default();
                    if depth >= DEEPEST || self.lines == 0 {
                        self.doubt(DoubtKind::TooBig, &word.span);
                        continue;
                    }
                    self.lines -= 1;
                    let mut found = read_nested(&text, &word.span);
                    for inner in &mut found.commands {
                        inner.is_fed |= command.is_fed;
                    }
                    self.doubts.append(&mut found.doubts);
                    self.functions.append(&mut found.functions);
                    self.commands(found.commands, depth + 1);
                }
                Nested::Undecided => {
                    let name = command_name(command).unwrap_or_default();
                    self.doubt(DoubtKind::UnknownCommand, &command.span);
                    let substitutes = command.words.iter().any(|word| {
                        word.has_expansion && (word.raw.contains("$(") || word.raw.contains('`'))
                    });
                    if substitutes
                        || is_shell(name)
                        || matches!(name, "eval" | "su" | "trap" | "source" | ".")
                    {
                        self.reason(
                            RiskLevel::Dangerous,
                            "What is to run is decided only while it runs.",
                            &command.span,
                        );
                    }
                }
                Nested::Input => self.doubt(DoubtKind::CommandsAsInput, &command.span),
                Nested::ForeignInput => self.doubt(DoubtKind::ForeignCode, &command.span),
            }
        }
    }

    /// What is bad only together.
    fn together(&mut self) {
        let secrets = self
            .reasons
            .iter()
            .find(|reason| reason.sentence.starts_with("Is where keys"))
            .cloned();
        let shows = self
            .reasons
            .iter()
            .find(|reason| reason.sentence.starts_with("Shows a variable"))
            .cloned();
        let secrets = secrets.or(shows);
        let sends = self
            .segments
            .iter()
            .any(|segment| segment.effects.contains(Effect::Network));
        if let Some(reason) = secrets
            && sends
        {
            self.reason(
                RiskLevel::Dangerous,
                "Takes keys and reaches another machine on the same line.",
                &reason.span,
            );
        }
        let is_chmod = |segment: &Segment| {
            segment
                .program
                .as_deref()
                .is_some_and(|name| base_name(name) == "chmod")
        };
        let written: Vec<_> = self
            .segments
            .iter()
            .filter(|segment| !is_chmod(segment))
            .flat_map(|segment| &segment.paths)
            .filter(|used| used.access == Access::Write)
            .map(|used| &used.path)
            .collect();
        let runs = self.segments.iter().find(|segment| {
            segment.effects.contains(Effect::Unknown)
                && segment
                    .paths
                    .iter()
                    .any(|used| used.access == Access::Read && written.contains(&&used.path))
        });
        if let Some(span) = runs.map(|segment| segment.span.clone()) {
            self.reason(
                RiskLevel::Dangerous,
                "Runs a file that the line itself writes.",
                &span,
            );
        }
        let decodes = self.segments.iter().position(special::decodes);
        if let Some(at) = decodes {
            let is_piped_on =
                self.segments
                    .get(at + 1..)
                    .unwrap_or_default()
                    .iter()
                    .any(|segment| {
                        segment.joined_by == Joint::Pipe
                            && segment.effects.contains(Effect::Unknown)
                    });
            let is_substituted = self
                .segments
                .iter()
                .any(|segment| segment.joined_by == Joint::Substitution);
            if (is_piped_on || is_substituted)
                && let Some(span) = self.segments.get(at).map(|segment| segment.span.clone())
            {
                self.doubt(DoubtKind::Encoded, &span);
            }
        }
    }

    fn end(mut self) -> Understood {
        self.doubts.sort_by_key(|doubt| doubt.span.start);
        self.doubts.dedup();
        for doubt in &self.doubts {
            self.reasons.push(Reason {
                sentence: doubt.sentence().to_owned(),
                level: doubt.level(),
                span: doubt.span.clone(),
            });
        }
        for segment in &mut self.segments {
            segment.doubted = self.doubts.iter().any(|doubt| {
                doubt.span.start < segment.span.end && segment.span.start < doubt.span.end
                    || doubt.span == segment.span
            });
        }
        self.segments.sort_by_key(|segment| segment.span.start);
        self.doubts.sort_by_key(|doubt| doubt.span.start);
        let mut reasons: Vec<Reason> = Vec::new();
        self.reasons
            .sort_by_key(|reason| (std::cmp::Reverse(reason.level), reason.span.start));
        for reason in self.reasons {
            if reasons.len() < MOST_REASONS
                && !reasons
                    .iter()
                    .any(|other| other.sentence == reason.sentence && other.span == reason.span)
            {
                reasons.push(reason);
            }
        }
        Understood {
            segments: self.segments,
            doubts: self.doubts,
            risk: Risk {
                level: reasons
                    .iter()
                    .map(|reason| reason.level)
                    .max()
                    .unwrap_or_default(),
                reasons,
            },
        }
    }
}

/// Whether what is found or piped in is put into the text that a shell runs.
fn fills_in(command: &Command, words: &[Word]) -> bool {
    let runs_shell = words
        .first()
        .and_then(|word| word.value.as_deref())
        .is_some_and(|name| is_shell(base_name(name)));
    let replaces = command.words.iter().any(|word| {
        word.raw.starts_with("-I")
            || word.raw.starts_with("-i")
            || word.raw.starts_with("--replace")
    });
    runs_shell
        && match command_name(command) {
            Some("xargs" | "parallel") => {
                replaces || words.iter().any(|word| word.raw.contains("{}"))
            }
            Some("find" | "fd" | "fdfind") => words
                .iter()
                .any(|word| word.raw.contains("{}") && word.raw != "{}"),
            _ => false,
        }
}

fn command_name(command: &Command) -> Option<&str> {
    command.words.first()?.value.as_deref().map(base_name)
}

fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

fn shown(name: &str) -> String {
    name.chars()
        .take(40)
        .map(|c| {
            if super::text::is_invisible(c) {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn span_of(words: &[Word], otherwise: &Range<usize>) -> Range<usize> {
    match (words.first(), words.last()) {
        (Some(first), Some(last)) if first.span.start < last.span.end => {
            first.span.start..last.span.end
        }
        _ => otherwise.clone(),
    }
}

/// Whether a flag holds the script or the pattern itself (`-ex`, `--regexp=x`, `--files`), so that the
/// first argument is a file.
fn has_script(flag: &str) -> bool {
    match flag.strip_prefix("--") {
        Some(long) => ["regexp=", "expression=", "file=", "files"]
            .iter()
            .any(|name| long.starts_with(name)),
        None => flag.strip_prefix('-').is_some_and(|letters| {
            letters
                .find(['e', 'f'])
                .is_some_and(|at| at + 1 < letters.len())
        }),
    }
}

fn looks_like_path(shape: &str) -> bool {
    shape.starts_with(['/', '~', '.', UNKNOWN]) || shape.contains('/') || shape.contains("..")
}
