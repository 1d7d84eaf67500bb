//! Rules: answers that a person gives beforehand.

use serde::{Deserialize, Serialize};

use crate::{LedgerEntry, LedgerId, Millis, Problem, ProfileId, RuleId, SessionId};

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Its id; never changes.
    pub id: RuleId,
    /// Where it came from.
    pub origin: RuleOrigin,
    /// When it was made.
    pub created_at: Millis,
    /// When it last answered.
    pub last_used: Option<Millis>,
    /// How many questions it answered.
    pub uses: u32,
    /// What the person sets.
    #[serde(flatten)]
    pub settings: RuleSettings,
}

/// What the person sets in a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RuleSettings {
    /// What it says about what it matches. Of several rules deny beats ask beats allow.
    pub verdict: Verdict,
    /// What it matches.
    pub about: RuleAbout,
    /// Where it holds.
    pub scope: RuleScope,
    /// When it ends. `None`: never.
    pub expires_at: Option<Millis>,
    /// Off: it is kept and does nothing.
    pub enabled: bool,
    /// The person's own words about it. May be empty.
    pub note: String,
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Allow it without asking, once each time. Never what is dangerous, unless the rule names exactly that.
    Allow,
    /// Ask, whatever a rule that allows it says.
    Ask,
    /// Deny it without asking.
    Deny,
}

/// What a rule matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum RuleAbout {
    /// Commands. To allow, every simple command of the line has to begin with one of these; to ask or deny, one of
    /// them is enough.
    Commands {
        /// Word by word, e.g. `["git", "status"]`. None at all: every command; such a rule cannot allow.
        prefixes: Vec<Vec<String>>,
    },
    /// Changes of files.
    Files {
        /// Folders or files, absolute. To allow, every changed file has to lie in one of them; to ask or deny, one is
        /// enough. None at all: every file; such a rule cannot allow.
        paths: Vec<String>,
    },
    /// Commands that want to reach a host, and nothing besides.
    Host {
        /// The host's name, exactly; `*.example.org` for all below it.
        host: String,
    },
    /// Uses of a tool of a tool server.
    Tool {
        /// The server.
        server: String,
        /// The tool. `None`: all of the server's; such a rule cannot allow.
        tool: Option<String>,
    },
    /// More permissions. Such a rule cannot allow.
    Permissions,
}

/// Where a rule holds, the most specific first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum RuleScope {
    /// In one session.
    Session {
        /// Which.
        session: SessionId,
    },
    /// In sessions whose folder is this or lies in it.
    Folder {
        /// Which, absolute.
        folder: String,
    },
    /// In sessions of a profile.
    Profile {
        /// Which.
        profile: ProfileId,
    },
    /// Everywhere.
    Everywhere,
}

/// Where a rule came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum RuleOrigin {
    /// Made from a question.
    Approval {
        /// The question, in a few words.
        name: String,
        /// Its entry in the ledger, if it is there.
        entry: Option<LedgerId>,
    },
    /// Written by the person.
    Editor,
    /// Read from a file.
    Import {
        /// The file's name.
        file: String,
    },
}

/// What a rule would have done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RulePreview {
    /// What it says, in one sentence.
    pub says: String,
    /// What is wrong with it, so that it cannot be made. `None`: nothing.
    pub problem: Option<Problem>,
    /// How many questions it would have answered.
    pub matched: u32,
    /// Of how many, at most the newest 200.
    pub of: u32,
    /// Those, newest first.
    pub entries: Vec<LedgerEntry>,
}

/// All rules.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RuleBook {
    /// The person's, newest first.
    pub rules: Vec<Rule>,
    /// Codex's own, a list for each `CODEX_HOME`.
    pub codex: Vec<CodexRules>,
}

/// Codex's own rules in one `CODEX_HOME`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct CodexRules {
    /// The profiles that use them.
    pub profiles: Vec<ProfileId>,
    /// The file.
    pub path: String,
    /// The rules, in the file's order.
    pub rules: Vec<CodexRule>,
    /// Why they could not be read.
    pub problem: Option<Problem>,
}

/// One of Codex's own rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct CodexRule {
    /// Its first line in the file, from 1.
    pub line: u32,
    /// As it stands in the file.
    pub text: String,
    /// The words that a command begins with; alternatives are joined by `|`. Empty when this build cannot read them.
    pub prefix: Vec<String>,
    /// What it says: "allow", "prompt" or "forbidden". Empty when this build cannot read it.
    pub decision: String,
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct RulesImported {
    /// Rules that were made.
    pub added: u32,
    /// Rules that were there already.
    pub known: u32,
    /// What could not be used, and why, one line each.
    pub refused: Vec<String>,
}
