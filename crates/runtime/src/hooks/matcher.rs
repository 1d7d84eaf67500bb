//! Which questions and events concern a hook.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::programs::{Programs, programs};
use super::{Hook, HookContext, HookFuture, Phase};
use crate::approval::{Elicitation, Subject};
use crate::command::plain;
use crate::item::{FileUpdateKind, ItemDetail};

/// What a hook is about. Everything that is set must hold; an empty one matches always.
///
/// What allows should be bound with [`Matcher::only_programs`] and [`Matcher::inside`], which hold for
/// the whole of what is asked and not when there is doubt; what blocks with
/// [`Matcher::any_program`] and [`Matcher::touches`], which hold for any part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    phases: Vec<Phase>,
    tools: Vec<String>,
    only_programs: Vec<String>,
    any_program: Vec<String>,
    inside: Option<PathBuf>,
    touches: Option<PathBuf>,
}

impl Matcher {
    /// In this phase, or another that is named.
    #[must_use]
    pub fn phase(mut self, phase: Phase) -> Self {
        self.phases.push(phase);
        self
    }

    /// For this tool, or another that is named: [`HookContext::tool`].
    #[must_use]
    pub fn tool(mut self, name: impl Into<String>) -> Self {
        self.tools.push(name.into());
        self
    }

    /// For a command that runs these programs and no other, and wants no extra permissions. The names
    /// are compared as they are written, so `ls` is not `./ls`. Never matches a line with
    /// redirections to or from files, substitutions, variables, patterns, programs that run others
    /// (`sudo`, `xargs`) or anything else that leaves doubt: [`crate::hooks::Programs::complete`].
    #[must_use]
    pub fn only_programs<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.only_programs.extend(names.into_iter().map(Into::into));
        self
    }

    /// For a command that runs one of these programs, by name or by path, also by way of another
    /// (`sh -c`, `xargs`, `$(...)`). A convenience, no wall: a program can be hidden from it (a
    /// variable, a script, an alias).
    #[must_use]
    pub fn any_program<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.any_program.extend(names.into_iter().map(Into::into));
        self
    }

    /// When all that is touched lies in this folder: the changed files, the paths that permissions are
    /// asked for, for a command the working folder. Does not match when that is not known, or when
    /// there is more to it than paths. Paths are compared by their parts; links are not followed.
    #[must_use]
    pub fn inside(mut self, folder: impl Into<PathBuf>) -> Self {
        self.inside = Some(folder.into());
        self
    }

    /// When something that is touched lies in this folder, or is it.
    #[must_use]
    pub fn touches(mut self, folder: impl Into<PathBuf>) -> Self {
        self.touches = Some(folder.into());
        self
    }

    /// Whether it matches.
    pub fn matches(&self, context: &HookContext) -> bool {
        let in_phase = self.phases.is_empty() || self.phases.contains(&context.phase);
        let of_tool = self.tools.is_empty()
            || context
                .tool()
                .is_some_and(|tool| self.tools.iter().any(|name| *name == tool));
        in_phase && of_tool && self.matches_programs(context) && self.matches_paths(context)
    }

    fn matches_programs(&self, context: &HookContext) -> bool {
        if self.only_programs.is_empty() && self.any_program.is_empty() {
            return true;
        }
        let Some(found) = context.programs() else {
            return false;
        };
        let only = self.only_programs.is_empty()
            || found.complete
                && !found.names.is_empty()
                && found
                    .names
                    .iter()
                    .all(|name| self.only_programs.contains(name));
        let any = self.any_program.is_empty()
            || found.names.iter().any(|name| {
                let base = name.rsplit('/').next().unwrap_or(name);
                self.any_program
                    .iter()
                    .any(|wanted| wanted == name || wanted == base)
            });
        only && any
    }

    fn matches_paths(&self, context: &HookContext) -> bool {
        if self.inside.is_none() && self.touches.is_none() {
            return true;
        }
        let touched = context.touched();
        let lies_in = |folder: &Path| {
            let folder = plain(folder);
            move |path: &PathBuf| path.starts_with(&folder)
        };
        let inside = self.inside.as_deref().is_none_or(|folder| {
            !context.touches_more() && !touched.is_empty() && touched.iter().all(lies_in(folder))
        });
        let touches = self
            .touches
            .as_deref()
            .is_none_or(|folder| touched.iter().any(lies_in(folder)));
        inside && touches
    }
}

impl HookContext {
    /// The tool: `command`, `terminal` (input to a command that runs), `file_change`, `permissions`,
    /// `user_input`, `elicitation` (a form or page of an MCP server), `SERVER/TOOL` of an MCP server,
    /// `client_tool`. `None` in phases that are about no tool.
    pub fn tool(&self) -> Option<Cow<'static, str>> {
        if let Some(request) = &self.request {
            if let Subject::Elicitation(Elicitation::Tool(tool)) = &request.subject {
                return Some(Cow::Owned(format!("{}/{}", tool.server, tool.tool)));
            }
            return Some(Cow::Borrowed(match &request.subject {
                Subject::Command(command) if command.to_terminal => "terminal",
                Subject::Command(_) => "command",
                Subject::FileChange { .. } => "file_change",
                Subject::Permissions(_) => "permissions",
                Subject::UserInput(_) => "user_input",
                Subject::Elicitation(_) => "elicitation",
                Subject::DynamicTool => "client_tool",
                Subject::Unknown => return None,
            }));
        }
        match &self.item.as_ref()?.detail {
            ItemDetail::Command(_) => Some(Cow::Borrowed("command")),
            ItemDetail::FileChange { .. } => Some(Cow::Borrowed("file_change")),
            ItemDetail::Tool(tool) => Some(Cow::Owned(format!("{}/{}", tool.server, tool.tool))),
            _ => None,
        }
    }

    /// The command, without the shell that wraps it.
    pub fn command(&self) -> Option<&str> {
        if let Some(request) = &self.request {
            return match &request.subject {
                Subject::Command(command) => Some(&command.command),
                _ => None,
            };
        }
        match &self.item.as_ref()?.detail {
            ItemDetail::Command(command) => Some(&command.command),
            _ => None,
        }
    }

    /// The programs that the command runs.
    pub fn programs(&self) -> Option<Programs> {
        let mut found = programs(self.command()?);
        if let Some(request) = &self.request
            && let Subject::Command(command) = &request.subject
            && (command.to_terminal
                || command.network.is_some()
                || !command.extra_permissions.is_empty())
        {
            // There is more to allow than running a program.
            found.complete = false;
        }
        Some(found)
    }

    /// The paths that it is about, without `.` and `..`: the files of a change, those that permissions
    /// are asked for, else the working folder. Empty when it is not known.
    pub fn touched(&self) -> Vec<PathBuf> {
        let cwd = self.cwd.clone().unwrap_or_default();
        if let Some(request) = &self.request {
            match &request.subject {
                Subject::Permissions(asked) => {
                    let paths = asked.read.iter().chain(&asked.write);
                    return paths.map(|path| plain(&cwd.join(path))).collect();
                }
                Subject::Elicitation(_) | Subject::UserInput(_) => return Vec::new(),
                _ => {}
            }
        }
        let is_change = self.tool().is_some_and(|tool| tool == "file_change");
        if !is_change {
            return self.cwd.iter().map(|cwd| plain(cwd)).collect();
        }
        let Some(ItemDetail::FileChange { changes, .. }) =
            self.item.as_ref().map(|item| &item.detail)
        else {
            return Vec::new();
        };
        changes
            .iter()
            .flat_map(|change| {
                let moved = match &change.kind {
                    FileUpdateKind::Update { move_path } => move_path.as_ref(),
                    _ => None,
                };
                [Some(&change.path), moved].into_iter().flatten()
            })
            .map(|path| plain(&cwd.join(path)))
            .collect()
    }
}

impl HookContext {
    /// It is about more than [`HookContext::touched`] can say.
    fn touches_more(&self) -> bool {
        self.request
            .as_ref()
            .is_some_and(|request| match &request.subject {
                Subject::Permissions(asked) => asked.network || !asked.other.is_empty(),
                Subject::Command(command) => {
                    command.network.is_some() || !command.extra_permissions.is_empty()
                }
                _ => false,
            })
    }
}

/// A hook that is asked only about what a matcher picks: [`Hook::when`].
pub struct When<H> {
    pub(super) hook: H,
    pub(super) matcher: Matcher,
}

impl<H: Hook> Hook for When<H> {
    fn name(&self) -> &str {
        self.hook.name()
    }

    fn phases(&self) -> &[Phase] {
        self.hook.phases()
    }

    fn matches(&self, context: &HookContext) -> bool {
        self.matcher.matches(context) && self.hook.matches(context)
    }

    fn call<'a>(&'a self, context: &'a HookContext) -> HookFuture<'a> {
        self.hook.call(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::approval::Request;
    use crate::protocol;

    fn asked(method: &str, params: serde_json::Value) -> HookContext {
        let raw = serde_json::value::to_raw_value(&params).unwrap();
        let request = Request::read(method, &raw);
        HookContext {
            request: Some(Arc::new(request)),
            cwd: Some("/work/main".into()),
            ..HookContext::new(Phase::PreToolUse)
        }
    }

    fn command(line: &str) -> HookContext {
        asked(
            "item/commandExecution/requestApproval",
            json!({"threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1, "cwd": "/work/main",
                "command": format!("/bin/bash -lc {}", shlex::try_quote(line).unwrap())}),
        )
    }

    fn change(paths: &[&str]) -> HookContext {
        let changes: Vec<_> = paths
            .iter()
            .map(|path| json!({"path": path, "kind": {"type": "add"}, "diff": ""}))
            .collect();
        let item =
            json!({"type": "fileChange", "id": "I", "status": "inProgress", "changes": changes});
        let raw = serde_json::value::to_raw_value(&item).unwrap();
        let params = json!({"threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1});
        HookContext {
            item: Some(Arc::new(protocol::item(&raw))),
            ..asked("item/fileChange/requestApproval", params)
        }
    }

    #[track_caller]
    fn check(matcher: &Matcher, context: &HookContext, wanted: bool) {
        assert_eq!(
            matcher.matches(context),
            wanted,
            "{matcher:?} for {:?} {:?}",
            context.command(),
            context.touched()
        );
    }

    #[test]
    fn an_empty_matcher_matches_and_phases_and_tools_narrow_it() {
        check(&Matcher::default(), &command("ls"), true);
        check(&Matcher::default(), &HookContext::new(Phase::PreRun), true);
        check(
            &Matcher::default().phase(Phase::PreRun),
            &command("ls"),
            false,
        );
        let either = Matcher::default().tool("command").tool("docs/search");
        check(&either, &command("ls"), true);
        check(&either, &change(&["/a"]), false);
        check(
            &Matcher::default().tool("command"),
            &HookContext::new(Phase::PreRun),
            false,
        );
    }

    #[test]
    fn programs_are_those_of_the_command_and_not_its_shell() {
        let only = Matcher::default().only_programs(["ls", "wc"]);
        check(&only, &command("ls -l | wc"), true);
        check(&only, &command("ls; rm -rf x"), false);
        check(&only, &command("ls > x"), false);
        check(&only, &command("./ls"), false);
        check(&only, &change(&["/a"]), false);
        let any = Matcher::default().any_program(["rm"]);
        check(&any, &command("ls && /bin/rm x"), true);
        check(&any, &command("ls rm"), false);
        check(&any, &command("echo $(rm x)"), true);
        check(
            &Matcher::default().any_program(["bash"]),
            &command("ls"),
            false,
        );
    }

    #[test]
    fn what_wants_more_than_to_run_is_not_only_its_programs() {
        let params = json!({"threadId": "T", "turnId": "U", "itemId": "I", "startedAtMs": 1, "command": "ls",
            "additionalPermissions": {"network": {"enabled": true}}});
        let context = asked("item/commandExecution/requestApproval", params);
        check(&Matcher::default().only_programs(["ls"]), &context, false);
        check(&Matcher::default().any_program(["ls"]), &context, true);
    }

    #[test]
    fn permissions_are_about_their_own_paths_and_tools_about_unknown_ones() {
        let permissions = |profile: serde_json::Value| {
            asked(
                "item/permissions/requestApproval",
                json!({"threadId": "T", "turnId": "U", "permissions": profile}),
            )
        };
        let inside = Matcher::default().inside("/work/main");
        let write = |path: &str| json!({"fileSystem": {"write": [path]}});
        check(&inside, &permissions(write("/work/main/a")), true);
        check(&inside, &permissions(write("/etc")), false);
        let more = json!({"network": {"enabled": true}, "fileSystem": {"write": ["/work/main/a"]}});
        check(&inside, &permissions(more), false);
        let touches = Matcher::default().touches("/etc");
        check(&touches, &permissions(write("/etc/x")), true);
        let tool = asked(
            "mcpServer/elicitation/request",
            json!({"threadId": "T", "serverName": "tiny", "mode": "form", "message": "",
            "requestedSchema": {"type": "object", "properties": {}},
            "_meta": {"codex_approval_kind": "mcp_tool_call", "tool_name": "write_note"}}),
        );
        check(&inside, &tool, false);
        check(&Matcher::default().tool("tiny/write_note"), &tool, true);
    }

    #[test]
    fn folders_are_compared_by_their_parts() {
        let inside = Matcher::default().inside("/work/main/");
        check(&inside, &command("ls"), true);
        check(&inside, &change(&["src/a", "/work/main/b"]), true);
        check(&inside, &change(&["/work/main/a", "/work/mainly/b"]), false);
        check(&inside, &change(&["/work/main/../other"]), false);
        check(&inside, &change(&[]), false);
        let touches = Matcher::default().touches("/work/main/.git");
        check(&touches, &change(&["a", "./x/../.git/config"]), true);
        check(&touches, &change(&["/work/main/.github/x"]), false);
        let unknown = HookContext {
            item: None,
            ..change(&["/work/main/a"])
        };
        check(&inside, &unknown, false);
    }
}
