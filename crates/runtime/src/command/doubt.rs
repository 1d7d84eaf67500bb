//! What about a line cannot be known before it runs, or may deceive its reader.

use std::ops::Range;

use super::RiskLevel;

/// A doubt about a part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Which.
    pub kind: DoubtKind,
    /// Where: bytes of the line.
    pub span: Range<usize>,
}

/// What is doubtful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DoubtKind {
    /// The shell's grammar does not fit, so any part of it may or may not run.
    NotParsed,
    /// Too long, or nested too deep, to be read.
    TooBig,
    /// Which program runs is decided while it runs.
    UnknownProgram,
    /// Which command another program is to run is decided while it runs.
    UnknownCommand,
    /// A program reads its commands from a pipe, a file or a here-document.
    CommandsAsInput,
    /// A here-document is code in another language.
    ForeignCode,
    /// A command stands inside an expansion, where it is easily overlooked.
    HiddenCommand,
    /// A function or an alias is defined, so a name may mean something else.
    Redefinition,
    /// A variable is set that changes which program runs, or what it does.
    ChangedEnvironment,
    /// The text of a command is put together or decoded on the way.
    Encoded,
    /// Characters that are not seen, or that turn the direction of writing.
    InvisibleCharacters,
    /// Letters that look like others.
    LookAlikes,
    /// Something stands far to the right, or far below.
    FarAway,
    /// A name is broken by the end of a line.
    BrokenWord,
    /// A comment stands where a reader may take it for a command, or overlook the one behind it.
    HidingComment,
    /// A here-document has no end.
    OpenHereDocument,
}

impl Doubt {
    pub(super) fn new(kind: DoubtKind, span: Range<usize>) -> Self {
        Self { kind, span }
    }

    /// In a sentence, for people.
    pub fn sentence(&self) -> &'static str {
        match self.kind {
            DoubtKind::NotParsed => {
                "The shell's grammar does not fit, so it is not clear what would run."
            }
            DoubtKind::TooBig => "The line is too long or too deeply nested to be checked.",
            DoubtKind::UnknownProgram => "Which program runs is decided only while it runs.",
            DoubtKind::UnknownCommand => {
                "What this program is to run is decided only while it runs."
            }
            DoubtKind::CommandsAsInput => {
                "The commands come from elsewhere and are not on this line."
            }
            DoubtKind::ForeignCode => {
                "A here-document is code in another language, which is not read here."
            }
            DoubtKind::HiddenCommand => "A command is hidden inside an expansion.",
            DoubtKind::Redefinition => "A name is given a new meaning before it is used.",
            DoubtKind::ChangedEnvironment => {
                "A variable is set that changes which program runs, or what it does."
            }
            DoubtKind::Encoded => "Text is decoded or put together so that it cannot be read here.",
            DoubtKind::InvisibleCharacters => {
                "The line has characters that are not shown or that change the order of the text."
            }
            DoubtKind::LookAlikes => "The line has letters that look like others.",
            DoubtKind::FarAway => "A part of the line stands far away from the rest.",
            DoubtKind::BrokenWord => "A word is broken across two lines.",
            DoubtKind::HidingComment => "A comment may hide what comes next to it.",
            DoubtKind::OpenHereDocument => "A here-document has no end.",
        }
    }

    /// How bad the doubt alone makes a line.
    pub fn level(&self) -> RiskLevel {
        match self.kind {
            DoubtKind::NotParsed
            | DoubtKind::TooBig
            | DoubtKind::UnknownProgram
            | DoubtKind::CommandsAsInput
            | DoubtKind::HiddenCommand
            | DoubtKind::Redefinition
            | DoubtKind::ChangedEnvironment
            | DoubtKind::InvisibleCharacters => RiskLevel::Dangerous,
            DoubtKind::UnknownCommand
            | DoubtKind::ForeignCode
            | DoubtKind::Encoded
            | DoubtKind::LookAlikes
            | DoubtKind::FarAway
            | DoubtKind::BrokenWord
            | DoubtKind::HidingComment
            | DoubtKind::OpenHereDocument => RiskLevel::Elevated,
        }
    }
}
