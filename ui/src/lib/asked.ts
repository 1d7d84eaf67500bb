/** The words of the approval desk: what is asked, how risky it is, and how it ended. Pure. */
import type {
  Approval,
  ApprovalOutcome,
  AskedBefore,
  Choice,
  ChoiceId,
  Effect,
  LedgerEnd,
  RiskLevel,
  Subject,
  SubjectKind,
} from "../contract";
import { relativeTime } from "./time";
import { type Look, plural } from "./words";

export const riskLook: Record<RiskLevel, Look> = {
  low: { word: "Low risk", shape: "ring", tone: "plain" },
  elevated: { word: "Elevated risk", shape: "diamond", tone: "waiting" },
  dangerous: { word: "Dangerous", shape: "triangle", tone: "bad" },
};

export const effectLook: Record<Effect, Look> = {
  reads: { word: "Reads", shape: "eye", tone: "plain" },
  writes: { word: "Writes", shape: "pen", tone: "accent" },
  deletes: { word: "Deletes", shape: "cross", tone: "bad" },
  network: { word: "Network", shape: "globe", tone: "info" },
  privileged: { word: "Privileged", shape: "key", tone: "bad" },
  unknown: { word: "Unknown", shape: "unknown", tone: "waiting" },
};

export const kindWords: Record<SubjectKind, { one: string; many: string }> = {
  command: { one: "Command", many: "Commands" },
  files: { one: "File change", many: "File changes" },
  permissions: { one: "Permission", many: "Permissions" },
  questions: { one: "Question of the agent", many: "Questions of the agent" },
  form: { one: "Form", many: "Forms" },
  link: { one: "Page to visit", many: "Pages to visit" },
  tool: { one: "Tool", many: "Tools" },
  other: { one: "Other", many: "Others" },
};

export const endLook: Record<LedgerEnd, Look> = {
  open: { word: "Open", shape: "disc", tone: "waiting" },
  allowed: { word: "Allowed", shape: "check", tone: "good" },
  denied: { word: "Denied", shape: "bar", tone: "plain" },
  unanswered: { word: "Not answered", shape: "square", tone: "plain" },
};

const answered: Record<ChoiceId, string> = {
  allowOnce: "Allowed once",
  allowForSession: "Allowed for this session",
  allowAlways: "Allowed always",
  allowByRule: "Allowed, and a rule was written",
  allowHost: "Host allowed by a rule",
  denyHost: "Host denied by a rule",
  submit: "Answered",
  dismiss: "Closed without an answer",
  deny: "Denied",
  denyAndStop: "Denied, and the turn was stopped",
};

/** What a settled card says in place of its buttons. */
export function outcomeWords(outcome: ApprovalOutcome): string {
  switch (outcome.kind) {
    case "answered":
      return answered[outcome.choice] + (outcome.by === "dialog" ? " in the dialog" : "");
    case "hook":
      return `${outcome.allowed ? "Allowed" : "Denied"} by the hook ${outcome.name}`;
    case "rule":
      return `${outcome.allowed ? "Allowed" : "Denied"} by the rule “${outcome.name}”`;
    case "elsewhere":
      return "Settled elsewhere";
    case "turnEnded":
      return "Its turn ended; nothing was done";
    case "sessionClosed":
      return "Its session was closed; nothing was done";
    case "serverDied":
      return "Codex stopped; nothing was done";
  }
}

/** Whether an outcome let the agent go on with what it asked for. */
export function outcomeAllows(outcome: ApprovalOutcome): boolean {
  if (outcome.kind === "hook" || outcome.kind === "rule") return outcome.allowed;
  return outcome.kind === "answered" && (outcome.choice.startsWith("allow") || outcome.choice === "submit");
}

/** The end of a question in one word; `null` outcome: it is open, or was never settled. */
export function endOf(outcome: ApprovalOutcome | null): LedgerEnd {
  if (outcome === null) return "open";
  if (outcomeAllows(outcome)) return "allowed";
  return outcome.kind === "answered" || outcome.kind === "hook" || outcome.kind === "rule" ? "denied" : "unanswered";
}

/** "Asked 3 times before in this session, last allowed once, 2 min ago". */
export function beforeWords(before: AskedBefore, now: number): string {
  const asked = `Asked ${before.times === 1 ? "once" : plural(before.times, "time")} before in this session`;
  const when = relativeTime(before.lastAt, now);
  if (!before.last) return `${asked}; the last one, ${when}, is still open`;
  return `${asked}, last ${outcomeWords(before.last).replace(/^./, (first) => first.toLowerCase())}, ${when}`;
}

/** A choice's words where only its id is known. */
export const choiceWords: Record<ChoiceId, string> = {
  allowOnce: "Allow once",
  allowForSession: "Allow for this session",
  allowAlways: "Allow always",
  allowByRule: "Allow always",
  allowHost: "Allow this host always",
  denyHost: "Deny this host always",
  submit: "Send the answers",
  dismiss: "Close it",
  deny: "Deny",
  denyAndStop: "Deny and stop",
};

/** A denial that can carry words to the agent. */
export const isDenial = (choice: ChoiceId): boolean => choice === "deny" || choice === "denyAndStop";

/**
 * The answers in the order of focus, in rows: what denies, with the default first; what allows; what lasts. Within a row
 * they stand as they were offered.
 */
export function inRows(choices: Approval["choices"]): Choice[][] {
  const rows = [
    choices.filter((choice) => !choice.allows && !choice.lasting),
    choices.filter((choice) => choice.allows && !choice.lasting),
    choices.filter((choice) => choice.lasting),
  ];
  return rows.filter((row) => row.length > 0);
}

/** The fields of what is asked, if it asks for any. */
export const fieldsOf = (subject: Subject) =>
  subject.kind === "questions" || subject.kind === "form" ? subject.fields : [];

/** What is asked as one text: for filters, and for previews. */
export function exactText(subject: Subject): string {
  switch (subject.kind) {
    case "command":
      return subject.command;
    case "files":
      return subject.files.map((file) => `${file.path} +${file.added} −${file.removed}`).join("\n");
    case "permissions":
      return subject.wants.join("\n");
    case "questions":
      return subject.fields.map((field) => field.text || field.title).join("\n");
    case "form":
      return `${subject.server}: ${subject.message}`;
    case "link":
      return `${subject.server}: ${subject.url}`;
    case "tool":
      return `${subject.server} › ${subject.tool}\n${subject.arguments}`;
  }
}
