/** The rules, with a matcher that is good enough for a play: words of a command, paths, hosts, tools. */
import type { Approval, Commands, LedgerEntry, Problem, Rule, RuleBook, RuleSettings } from "../../contract";
import { ruleSays } from "../../lib/rules";
import { failure, problem, type World } from "./world";

type Names =
  | "rules_read"
  | "rules_suggest"
  | "rule_preview"
  | "rule_create"
  | "rule_update"
  | "rule_delete"
  | "rule_restore"
  | "rules_import"
  | "rules_export"
  | "codex_rule_delete"
  | "codex_rule_restore";

const HOUR = 3_600_000;

export function someRules(world: World): void {
  const rule = (id: string, settings: Partial<RuleSettings>, changes: Partial<Rule> = {}): Rule => ({
    id,
    origin: { kind: "editor" },
    createdAt: Date.now() - 90 * HOUR,
    lastUsed: null,
    uses: 0,
    verdict: "allow",
    about: { kind: "commands", prefixes: [["git", "status"]] },
    scope: { kind: "everywhere" },
    expiresAt: null,
    enabled: true,
    note: "",
    ...settings,
    ...changes,
  });
  world.book = {
    rules: [
      rule(
        "rule-1",
        {
          about: { kind: "commands", prefixes: [["git", "push", "origin"]] },
          scope: { kind: "folder", folder: `${world.home}/code/docs` },
        },
        {
          uses: 41,
          lastUsed: Date.now() - 2 * HOUR,
          origin: { kind: "approval", name: "Run git push origin docs/retry", entry: 12 },
        },
      ),
      rule(
        "rule-2",
        { verdict: "deny", about: { kind: "host", host: "*.example.net" }, note: "Not from this machine." },
        { uses: 3, lastUsed: Date.now() - 50 * HOUR },
      ),
      rule("rule-3", {
        about: {
          kind: "commands",
          prefixes: [
            ["cargo", "test"],
            ["cargo", "check"],
            ["cargo", "clippy"],
          ],
        },
        scope: { kind: "profile", profile: "work" },
        expiresAt: Date.now() + 20 * HOUR,
      }),
      rule(
        "rule-4",
        { verdict: "ask", about: { kind: "tool", server: "tickets", tool: null }, enabled: false },
        { origin: { kind: "import", file: "team-rules.json" } },
      ),
    ],
    codex: [
      {
        profiles: ["work", "careful"],
        path: `${world.home}/.codex/rules/default.rules`,
        problem: null,
        rules: [
          {
            line: 1,
            text: 'prefix_rule(pattern=["git", "fetch"], decision="allow")',
            prefix: ["git", "fetch"],
            decision: "allow",
          },
          {
            line: 2,
            text: 'prefix_rule(pattern=["npm", ["test", "run"]], decision="allow")',
            prefix: ["npm", "test|run"],
            decision: "allow",
          },
          { line: 4, text: 'host_rule("registry.npmjs.org")', prefix: [], decision: "" },
        ],
      },
      {
        profiles: ["demo"],
        path: `${world.home}/.local/share/countersign/demo/rules/default.rules`,
        problem: null,
        rules: [],
      },
    ],
  };
}

const begins = (command: string, prefix: string[]) => {
  const words = command.split(/\s+/);
  return prefix.every((word, at) => words[at] === word);
};

function answers({ about }: RuleSettings, entry: LedgerEntry): boolean {
  switch (about.kind) {
    case "commands":
      return (
        entry.subject === "command" &&
        (about.prefixes.length === 0 || about.prefixes.some((at) => begins(entry.detail, at)))
      );
    case "files":
      return entry.subject === "files" && about.paths.some((path) => entry.detail.includes(path));
    case "host":
      return entry.detail.includes(about.host.replace("*.", "."));
    case "tool":
      return (
        entry.subject === "tool" &&
        entry.name.includes(about.server) &&
        (about.tool === null || entry.name.includes(about.tool))
      );
    case "permissions":
      return entry.subject === "permissions";
  }
}

function holds({ scope }: RuleSettings, entry: LedgerEntry): boolean {
  if (scope.kind === "session") return scope.session === entry.session;
  if (scope.kind === "folder") return entry.folder.startsWith(scope.folder);
  return scope.kind === "everywhere" || scope.profile === entry.profile;
}

function wrong({ verdict, about, scope }: RuleSettings): Problem | null {
  const empty =
    (about.kind === "commands" && about.prefixes.length === 0) ||
    (about.kind === "files" && about.paths.length === 0) ||
    (about.kind === "tool" && about.tool === null);
  if (about.kind === "host" && about.host === "") return problem("Name the host.");
  if (about.kind === "tool" && about.server === "") return problem("Name the tool server.");
  if (scope.kind === "folder" && !scope.folder.startsWith("/")) return problem("Give the whole path of the folder.");
  if (verdict === "allow" && empty) {
    return problem(
      "A rule for everything cannot allow.",
      "It would answer questions that nobody has seen.",
      "Say what it matches.",
    );
  }
  return null;
}

export function rules(world: World): { [N in Names]: (args: Commands[N]["args"]) => unknown } {
  const changed = () => world.emit("rules://changed", world.book);
  const put = (book: Partial<RuleBook>) => {
    world.book = { ...world.book, ...book };
    changed();
  };
  const codex = (
    profile: string,
    change: (rules: RuleBook["codex"][number]["rules"]) => RuleBook["codex"][number]["rules"],
  ) =>
    put({
      codex: world.book.codex.map((at) => (at.profiles.includes(profile) ? { ...at, rules: change(at.rules) } : at)),
    });
  const names = {
    session: (id: string) => world.plays.find((play) => play.session.id === id)?.session.title,
    profile: (id: string) => world.profiles.find((profile) => profile.id === id)?.name,
    path: String,
  };
  const check = (settings: RuleSettings) => {
    const found = wrong(settings);
    if (found) throw failure("invalid", found, "about");
  };
  return {
    rules_read: () => {
      if (world.rulesBroken) {
        throw failure(
          "storage",
          problem("The rules could not be read.", "Every question is asked, as if there were none.", "Try again."),
        );
      }
      return world.book;
    },
    rules_suggest: ({ approval: id }) => {
      const approval = world.approvals.find((at) => at.id === id);
      return approval ? suggestions(approval) : [];
    },
    rule_preview: ({ settings }) => {
      const newest = [...world.ledger].reverse().slice(0, 200);
      const found = wrong(settings) ? [] : newest.filter((entry) => answers(settings, entry) && holds(settings, entry));
      return {
        says: `${ruleSays(settings, names)}.`,
        problem: wrong(settings),
        matched: found.length,
        of: newest.length,
        entries: found,
      };
    },
    rule_create: ({ settings, origin }) => {
      check(settings);
      const rule: Rule = { id: world.id("rule"), origin, createdAt: Date.now(), lastUsed: null, uses: 0, ...settings };
      put({ rules: [rule, ...world.book.rules] });
      return rule;
    },
    rule_update: ({ rule: id, settings }) => {
      check(settings);
      const known = world.book.rules.find((at) => at.id === id);
      if (!known) throw failure("notFound", problem("This rule does not exist any more."));
      const rule = { ...known, ...settings };
      put({ rules: world.book.rules.map((at) => (at.id === id ? rule : at)) });
      return rule;
    },
    rule_delete: ({ rule }) => put({ rules: world.book.rules.filter((at) => at.id !== rule) }),
    rule_restore: ({ rule }) => put({ rules: [rule, ...world.book.rules.filter((at) => at.id !== rule.id)] }),
    rules_import: () => ({ added: 2, known: 1, refused: ["Line 7: “allow *” would allow everything."] }),
    rules_export: () => `${world.home}/countersign-rules.json`,
    codex_rule_delete: ({ profile, rule }) => codex(profile, (all) => all.filter((at) => at.line !== rule.line)),
    codex_rule_restore: ({ profile, rule }) => codex(profile, (all) => [...all, rule].sort((a, b) => a.line - b.line)),
  };
}

function suggestions({ subject, session, folder, profile }: Approval): RuleSettings[] {
  const base = { verdict: "allow" as const, expiresAt: null, enabled: true, note: "" };
  const here = { kind: "session" as const, session };
  if (subject.kind === "command") {
    const words = subject.command.split(/\s+/);
    const about = (length: number) => ({ kind: "commands" as const, prefixes: [words.slice(0, length)] });
    return [
      { ...base, about: about(words.length), scope: here },
      { ...base, about: about(2), scope: { kind: "folder", folder } },
      { ...base, about: about(2), scope: { kind: "profile", profile } },
    ];
  }
  if (subject.kind === "files") {
    const about = { kind: "files" as const, paths: subject.files.map((file) => file.path) };
    return [
      { ...base, about, scope: here },
      { ...base, about, scope: { kind: "profile", profile } },
    ];
  }
  if (subject.kind === "tool") {
    const about = { kind: "tool" as const, server: subject.server, tool: subject.tool };
    return [
      { ...base, about, scope: here },
      { ...base, about, scope: { kind: "profile", profile } },
    ];
  }
  return [{ ...base, verdict: "ask", about: { kind: "permissions" }, scope: here }];
}
