/** Rules in words, and as they are edited. Pure. Rust says with each preview what is wrong with one. */
import type { RuleAbout, RuleScope, RuleSettings, Verdict } from "../contract";
import type { Look } from "./words";

export const verdictLook: Record<Verdict, Look> = {
  allow: { word: "Allow", shape: "check", tone: "good" },
  ask: { word: "Ask", shape: "unknown", tone: "waiting" },
  deny: { word: "Deny", shape: "bar", tone: "bad" },
};
export const verdictHelp: Record<Verdict, string> = {
  allow: "Without asking, once each time. Never what is dangerous, unless the rule names exactly that.",
  ask: "Whatever a rule that allows it says.",
  deny: "Without asking.",
};

export const aboutWords: Record<RuleAbout["kind"], string> = {
  commands: "Commands",
  files: "File changes",
  host: "A host",
  tool: "A tool",
  permissions: "Permissions",
};

/** Words as they would be typed: those with a space or a quote in them stand in quotes. */
export const showWords = (words: readonly string[]): string =>
  words.map((word) => (word === "" || /[\s"'\\]/.test(word) ? `'${word.replaceAll("'", "'\\''")}'` : word)).join(" ");

/** The words of a line: quotes keep spaces together, a backslash takes the next character as it is. */
export function readWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const char = line[at] ?? "";
    if (quote !== "") {
      if (char === quote) quote = "";
      else word = (word ?? "") + char;
    } else if (char === "'" || char === '"') {
      quote = char;
      word ??= "";
    } else if (char === "\\" && at + 1 < line.length) {
      word = (word ?? "") + (line[++at] ?? "");
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? "") + char;
  }
  if (word !== null) words.push(word);
  return words;
}

const either = (texts: readonly string[]): string =>
  texts.length < 3 ? texts.join(" or ") : `${texts.slice(0, -1).join(", ")} or ${texts.at(-1) ?? ""}`;

/** What a rule matches, in a few words. */
export function aboutText(about: RuleAbout, path: (path: string) => string = String): string {
  switch (about.kind) {
    case "commands":
      return about.prefixes.length === 0
        ? "every command"
        : `commands that begin with ${either(about.prefixes.map((words) => `“${showWords(words)}”`))}`;
    case "files":
      return about.paths.length === 0 ? "every change of files" : `changes in ${either(about.paths.map(path))}`;
    case "host":
      return `reaching ${about.host}`;
    case "tool":
      return about.tool === null ? `every tool of ${about.server}` : `the tool ${about.tool} of ${about.server}`;
    case "permissions":
      return "being given permissions";
  }
}

/** The names of what a scope can name. */
export interface Names {
  session: (id: string) => string | undefined;
  profile: (id: string) => string | undefined;
  path: (path: string) => string;
}

export function scopeText(scope: RuleScope, names: Names): string {
  switch (scope.kind) {
    case "session":
      return `the session ${names.session(scope.session) ?? "that is closed now"}`;
    case "folder":
      return `the folder ${names.path(scope.folder)}`;
    case "profile":
      return `the profile ${names.profile(scope.profile) ?? "that was deleted"}`;
    case "everywhere":
      return "all sessions";
  }
}

/** A whole rule in one sentence. */
export const ruleSays = (settings: RuleSettings, names: Names): string =>
  `${verdictLook[settings.verdict].word} ${aboutText(settings.about, names.path)}, in ${scopeText(settings.scope, names)}`;

/** A rule's name where there is little room. */
export const ruleName = (settings: RuleSettings): string =>
  `${verdictLook[settings.verdict].word} ${aboutText(settings.about)}`;

/** A rule as it is edited: every text as typed, also of kinds that are not chosen. */
export interface RuleDraft {
  verdict: Verdict;
  kind: RuleAbout["kind"];
  /** One command a line. */
  prefixes: string;
  /** One path a line. */
  paths: string;
  host: string;
  server: string;
  tool: string;
  scope: RuleScope["kind"];
  session: string;
  folder: string;
  profile: string;
  expiresAt: number | null;
  enabled: boolean;
  note: string;
}

const lines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

export function toDraft(settings: RuleSettings, here: { session: string; folder: string; profile: string }): RuleDraft {
  const { about, scope, verdict, expiresAt, enabled, note } = settings;
  return {
    verdict,
    kind: about.kind,
    prefixes: about.kind === "commands" ? about.prefixes.map(showWords).join("\n") : "",
    paths: about.kind === "files" ? about.paths.join("\n") : "",
    host: about.kind === "host" ? about.host : "",
    server: about.kind === "tool" ? about.server : "",
    tool: about.kind === "tool" ? (about.tool ?? "") : "",
    scope: scope.kind,
    session: scope.kind === "session" ? scope.session : here.session,
    folder: scope.kind === "folder" ? scope.folder : here.folder,
    profile: scope.kind === "profile" ? scope.profile : here.profile,
    expiresAt,
    enabled,
    note,
  };
}

export function toSettings(draft: RuleDraft): RuleSettings {
  const { verdict, expiresAt, enabled } = draft;
  return { verdict, about: aboutOf(draft), scope: scopeOf(draft), expiresAt, enabled, note: draft.note.trim() };
}

function aboutOf(draft: RuleDraft): RuleAbout {
  switch (draft.kind) {
    case "commands":
      return { kind: "commands", prefixes: lines(draft.prefixes).map(readWords) };
    case "files":
      return { kind: "files", paths: lines(draft.paths) };
    case "host":
      return { kind: "host", host: draft.host.trim() };
    case "tool":
      return { kind: "tool", server: draft.server.trim(), tool: draft.tool.trim() || null };
    case "permissions":
      return { kind: "permissions" };
  }
}

function scopeOf(draft: RuleDraft): RuleScope {
  switch (draft.scope) {
    case "session":
      return { kind: "session", session: draft.session };
    case "folder":
      return { kind: "folder", folder: draft.folder.trim() };
    case "profile":
      return { kind: "profile", profile: draft.profile };
    case "everywhere":
      return { kind: "everywhere" };
  }
}

export const newSettings: RuleSettings = {
  verdict: "ask",
  about: { kind: "commands", prefixes: [] },
  scope: { kind: "everywhere" },
  expiresAt: null,
  enabled: true,
  note: "",
};
