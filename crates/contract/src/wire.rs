//! The names that cross, each with its payloads.
//!
//! A command's arguments are its Tauri command's named arguments. `session_watch` also takes an
//! `updates` channel of [`TranscriptUpdate`](crate::TranscriptUpdate), which has no type of its own
//! here.

use serde::{Deserialize, Serialize};

#[cfg(test)]
use crate::{
    Answer, AppState, Approval, ApprovalId, ApprovalResolved, BatchResult, CodexRule, ExportFormat,
    LedgerId, LedgerPage, LedgerQuery, Notice, NoticeId, Profile, ProfileId, ProfileSettings, Rule,
    RuleBook, RuleId, RuleOrigin, RulePreview, RuleSettings, RulesImported, SessionId, SessionList,
    Settings,
};
use crate::{AnsweredFrom, ChoiceId};

/// Declares the commands: their argument types, their list, and their TypeScript map.
macro_rules! commands {
    ($($(#[doc = $doc:literal])+ $name:ident { $($arg:ident : $ty:ty),* $(,)? } -> $result:ty;)+) => {
        /// Every command's name, as Tauri knows it.
        pub const COMMANDS: &[&str] = &[$(stringify!($name)),+];

        #[cfg(test)]
        pub(crate) fn commands_ts(config: &ts_rs::Config, types: &mut crate::typescript::Types) -> String {
            use ts_rs::{TS, TypeVisitor};
            let mut out = String::from("/** Every command: its arguments and what it resolves to. */\nexport interface Commands {\n");
            $(
                $(types.visit::<$ty>();)*
                types.visit::<$result>();
                $(out.push_str(&format!("  /**{} */\n", $doc));)+
                let args: Vec<String> = vec![$(format!("{}: {}", crate::typescript::camel(stringify!($arg)), <$ty>::name(config))),*];
                out.push_str(&format!(
                    "  {}: {{ args: {}; result: {} }};\n",
                    stringify!($name),
                    if args.is_empty() { "Record<string, never>".to_owned() } else { format!("{{ {} }}", args.join("; ")) },
                    <$result>::name(config),
                ));
            )+
            out.push_str("}\n");
            out
        }
    };
}

/// Declares the events: their names and their TypeScript map.
macro_rules! events {
    ($($(#[doc = $doc:literal])+ $constant:ident = $name:literal: $ty:ty;)+) => {
        $($(#[doc = $doc])+ pub const $constant: &str = $name;)+

        #[cfg(test)]
        pub(crate) fn events_ts(config: &ts_rs::Config, types: &mut crate::typescript::Types) -> String {
            use ts_rs::{TS, TypeVisitor};
            let mut out = String::from("/** Every event and its payload. */\nexport interface Events {\n");
            $(
                types.visit::<$ty>();
                $(out.push_str(&format!("  /**{} */\n", $doc));)+
                out.push_str(&format!("  {:?}: {};\n", $name, <$ty>::name(config)));
            )+
            out.push_str("}\n");
            out
        }
    };
}

commands! {
    /// Everything a window needs to draw itself. Call it after listening to the events.
    app_read {} -> AppState;

    /// Opens a tab with a new thread. Returns at once; the session's state says how it goes.
    session_open { profile: ProfileId, folder: String } -> SessionId;
    /// Brings a tab to the front and marks it read.
    session_activate { session: SessionId } -> ();
    /// Gives a tab a title. An empty one brings back the folder's name.
    session_rename { session: SessionId, title: String } -> ();
    /// Moves a tab to an index in the order.
    session_move { session: SessionId, to: usize } -> ();
    /// Closes a tab: a running turn is stopped, the thread stays in Codex's history.
    session_close { session: SessionId } -> ();
    /// Sends a message. While a turn runs, the message joins that turn.
    session_send { session: SessionId, text: String } -> ();
    /// Stops the running turn, at any moment of it.
    session_stop { session: SessionId } -> ();
    /// Brings a failed session up again.
    session_retry { session: SessionId } -> ();
    /// Keeps what the person typed and did not send.
    session_draft { session: SessionId, text: String } -> ();
    /// Watches a session's transcript through the `updates` channel. Replaces the window's earlier watch.
    session_watch { session: SessionId } -> ();
    /// Says that an update of the watched transcript was applied.
    session_ack { session: SessionId, seq: u32 } -> ();
    /// Fetches the page before the first row; it arrives as an update.
    session_earlier { session: SessionId } -> ();

    /// Answers a question. Fails with `stale` when it was settled before, and with `invalid` and the
    /// field when what was filled in cannot be sent; then the question is still open.
    approval_answer { approval: ApprovalId, answer: Answer } -> ();
    /// Answers many questions alike: the ones that the person was shown, and no other.
    approval_answer_many { approvals: Vec<ApprovalId>, choice: ChoiceId } -> BatchResult;

    /// The rules: the person's, and Codex's own.
    rules_read {} -> RuleBook;
    /// Rules that would have answered this question, from the narrowest to the broadest.
    rules_suggest { approval: ApprovalId } -> Vec<RuleSettings>;
    /// What a rule would have answered, of what was asked before.
    rule_preview { settings: RuleSettings } -> RulePreview;
    /// Makes a rule.
    rule_create { settings: RuleSettings, origin: RuleOrigin } -> Rule;
    /// Changes a rule.
    rule_update { rule: RuleId, settings: RuleSettings } -> Rule;
    /// Takes a rule away.
    rule_delete { rule: RuleId } -> ();
    /// Brings back a rule that was taken away or changed, as it was.
    rule_restore { rule: Rule } -> ();
    /// Reads rules from a file that the person picks. `None`: they did not.
    rules_import {} -> Option<RulesImported>;
    /// Writes the rules into a file that the person picks: its path. `None`: they did not.
    rules_export {} -> Option<String>;
    /// Takes a rule out of Codex's own rules.
    codex_rule_delete { profile: ProfileId, rule: CodexRule } -> ();
    /// Puts a rule that was taken out back into Codex's own rules.
    codex_rule_restore { profile: ProfileId, rule: CodexRule } -> ();

    /// What was asked, newest first, from before an entry on.
    ledger_search { query: LedgerQuery, before: Option<LedgerId>, limit: u32 } -> LedgerPage;
    /// Writes what was asked into a file that the person picks: its path. `None`: they did not.
    ledger_export { query: LedgerQuery, format: ExportFormat } -> Option<String>;

    /// Makes a profile.
    profile_create { settings: ProfileSettings } -> Profile;
    /// Makes a copy of a profile under a name of its own.
    profile_duplicate { profile: ProfileId } -> Profile;
    /// Changes a profile. Open sessions keep what they started with until they are opened again.
    profile_update { profile: ProfileId, settings: ProfileSettings } -> Profile;
    /// Deletes a profile that no open session uses.
    profile_delete { profile: ProfileId } -> ();

    /// Changes the settings of the app.
    settings_update { settings: Settings } -> ();
    /// Takes a notice off the screen.
    notice_dismiss { notice: NoticeId } -> ();
    /// Lets the person pick a folder. `None`: they did not.
    folder_pick {} -> Option<String>;
    /// Opens a link outside. Only http, https and mailto.
    link_open { url: String } -> ();
}

events! {
    /// The tabs changed.
    SESSIONS_CHANGED = "sessions://changed": SessionList;
    /// A question was opened, or what is known of an open one changed.
    APPROVAL_REQUESTED = "approval://requested": Approval;
    /// A question was settled.
    APPROVAL_RESOLVED = "approval://resolved": ApprovalResolved;
    /// An answer came too late: what to tell the person.
    APPROVAL_LATE = "approval://late": LateAnswer;
    /// Somebody clicked outside the window to see this question: bring it to the eye. `None`: there is none any
    /// more.
    APPROVAL_SHOW = "approval://show": Option<ApprovalId>;
    /// The rules changed; the whole book.
    RULES_CHANGED = "rules://changed": RuleBook;
    /// The ledger has a new entry, or one was settled.
    LEDGER_CHANGED = "ledger://changed": ();
    /// The profiles changed; the whole list.
    PROFILES_CHANGED = "profiles://changed": Vec<Profile>;
    /// The notices changed; the whole list, oldest first.
    NOTICES_CHANGED = "notices://changed": Vec<Notice>;
    /// The settings changed.
    SETTINGS_CHANGED = "settings://changed": Settings;
}

/// An answer that came after the question was settled, and did nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct LateAnswer {
    /// The question's name.
    pub name: String,
    /// The answer that was given.
    pub choice: ChoiceId,
    /// Where it was given.
    pub by: AnsweredFrom,
}
