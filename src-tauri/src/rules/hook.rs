//! The rules as a pre-tool-use hook. It goes before the one that asks the person.

use std::path::PathBuf;
use std::time::Duration;

use countersign_contract::{RuleId, Verdict as Says};
use countersign_runtime::approval::Decision;
use countersign_runtime::event::ThreadId;
use countersign_runtime::hooks::{Hook, HookContext, HookError, HookFuture, Phase, Verdict};

use super::asked::{Asked, Whence, Wish};
use super::judge::{Ground, judge};
use super::store::RuleStore;
use crate::clock::now_ms;
use crate::home::home;

/// How long a judgement may take. Only a file system that hangs makes it last.
const JUDGED_WITHIN: Duration = Duration::from_secs(2);
const PREFIX: &str = "rule:";

/// Answers questions by rules. Fails closed: whatever goes wrong, the question goes on to the next hook.
pub struct RulesHook<W> {
    rules: RuleStore,
    whence: W,
    home: Option<PathBuf>,
}

impl<W> RulesHook<W>
where
    W: Fn(&ThreadId) -> Option<Whence> + Send + Sync + 'static,
{
    /// `whence` says whose a thread is; without an answer no rule is asked.
    pub fn new(rules: RuleStore, whence: W) -> Self {
        Self {
            rules,
            whence,
            home: home(),
        }
    }

    async fn decide(&self, context: &HookContext) -> Result<Verdict, HookError> {
        let Some(request) = &context.request else {
            return Ok(Verdict::Pass);
        };
        let thread = context.session.as_ref().unwrap_or(&request.thread);
        let Some(whence) = (self.whence)(thread) else {
            return Ok(Verdict::Pass);
        };
        let asked = Asked::of_request(whence, request, context.item.as_deref());
        let rules = self.rules.list();
        if asked.wish == Wish::Other || rules.is_empty() {
            return Ok(Verdict::Pass);
        }
        let home = self.home.clone();
        let judging = tokio::task::spawn_blocking(move || {
            judge(&rules, now_ms(), &asked, Ground::here(home.as_deref())).cloned()
        });
        let rule = match tokio::time::timeout(JUDGED_WITHIN, judging).await {
            Ok(Ok(rule)) => rule,
            Ok(Err(error)) => return Err(HookError(format!("the rules were not judged: {error}"))),
            Err(_) => return Err(HookError("the rules took too long to judge".to_owned())),
        };
        let Some(rule) = rule else {
            return Ok(Verdict::Pass);
        };
        self.rules.used(&rule.id);
        let decision = match rule.settings.verdict {
            Says::Ask => return Ok(Verdict::AskPerson),
            Says::Allow => Decision::Allow,
            Says::Deny => Decision::Deny,
        };
        Ok(Verdict::DecideAs {
            decision,
            name: format!("{PREFIX}{}", rule.id),
        })
    }
}

impl<W> Hook for RulesHook<W>
where
    W: Fn(&ThreadId) -> Option<Whence> + Send + Sync + 'static,
{
    fn name(&self) -> &str {
        "rules"
    }

    fn phases(&self) -> &[Phase] {
        &[Phase::PreToolUse]
    }

    fn call<'a>(&'a self, context: &'a HookContext) -> HookFuture<'a> {
        Box::pin(self.decide(context))
    }
}

/// The rule in whose name a hook answered.
pub fn rule_of(hook_name: &str) -> Option<RuleId> {
    hook_name.strip_prefix(PREFIX).map(str::to_owned)
}
