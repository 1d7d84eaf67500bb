/** The words for what the contract names by codes: the one place where a state, a policy or an outcome gets its text. */
import type {
  ApprovalPolicy,
  ChangeKind,
  ShowWhen,
  Profile,
  ProfileColor,
  SandboxMode,
  Session,
  SessionState,
  StepStatus,
  Theme,
  Turn,
  WorkStatus,
} from "../contract";
import { clockTime, duration } from "./time";

/** The shapes that states are drawn with; see StateMark.svelte. */
export type Shape =
  | "disc"
  | "half"
  | "ring"
  | "triangle"
  | "again"
  | "dot"
  | "check"
  | "cross"
  | "bar"
  | "square"
  | "diamond"
  | "eye"
  | "pen"
  | "globe"
  | "key"
  | "unknown";
/** The meanings that have a colour. */
export type Tone = "plain" | "accent" | "waiting" | "good" | "bad" | "info";
export interface Look {
  word: string;
  shape: Shape;
  tone: Tone;
}

export const sessionLook: Record<SessionState, Look> = {
  starting: { word: "Starting", shape: "again", tone: "plain" },
  idle: { word: "Idle", shape: "ring", tone: "plain" },
  running: { word: "Running", shape: "half", tone: "accent" },
  waitsForYou: { word: "Waits for you", shape: "disc", tone: "waiting" },
  restarting: { word: "Restarting", shape: "again", tone: "waiting" },
  failed: { word: "Failed", shape: "triangle", tone: "bad" },
};

export const workLook: Record<WorkStatus, Look> = {
  running: { word: "Running", shape: "half", tone: "accent" },
  waitsForYou: { word: "Waits for you", shape: "disc", tone: "waiting" },
  done: { word: "Done", shape: "check", tone: "good" },
  failed: { word: "Failed", shape: "triangle", tone: "bad" },
  declined: { word: "Declined", shape: "bar", tone: "plain" },
  stopped: { word: "Stopped", shape: "square", tone: "plain" },
};

export const stepLook: Record<StepStatus, Look> = {
  pending: { word: "To do", shape: "ring", tone: "plain" },
  inProgress: { word: "In progress", shape: "half", tone: "accent" },
  completed: { word: "Done", shape: "check", tone: "good" },
};

/** What a screen reader hears of a tab after its title. */
export function tabDescription(session: Session, profile: Profile | undefined): string {
  const parts = [sessionLook[session.state].word];
  if (session.waiting > 0) parts.push(session.waiting === 1 ? "1 question" : `${session.waiting} questions`);
  if (session.unread) parts.push("Unread");
  if (profile) parts.push(`Profile ${profile.name}`);
  return parts.join(", ");
}

/** The heading of a turn. It has a number only when the beginning of the transcript is known. */
export function turnHeading(turn: Turn | undefined, number: number | null, continued: boolean): string {
  let name = number !== null ? `Turn ${number}` : "Turn";
  if (number === null && turn?.startedAt !== null && turn?.startedAt !== undefined) {
    name += ` at ${clockTime(turn.startedAt)}`;
  }
  if (continued) return `${name}, continued`;
  if (!turn) return name;
  const took =
    turn.durationMs === null ? "" : ` ${turn.state === "completed" ? "in" : "after"} ${duration(turn.durationMs)}`;
  return `${name}, ${turn.state}${took}`;
}

export const sandboxWords: Record<SandboxMode, string> = {
  readOnly: "Read only",
  workspaceWrite: "Workspace write",
  fullAccess: "Full access",
};
export const sandboxHelp: Record<SandboxMode, string> = {
  readOnly: "Reads everything, changes nothing.",
  workspaceWrite: "Changes files in the session's folder and in temporary folders.",
  fullAccess: "Everything, without a sandbox. Only for machines that you can lose.",
};
export const approvalWords: Record<ApprovalPolicy, string> = {
  untrusted: "asks before every command",
  onRequest: "asks on request",
  never: "never asks",
};
export const approvalHelp: Record<ApprovalPolicy, string> = {
  untrusted: "Before every command.",
  onRequest: "When it wants to leave the sandbox.",
  never: "Never: what the sandbox forbids simply fails.",
};
export const showWhenWords: Record<ShowWhen, string> = {
  always: "For every question",
  whenUnfocused: "Only while Countersign is in the background",
  never: "Never",
};
export const colorWords: Record<ProfileColor, string> = {
  gray: "Grey",
  violet: "Violet",
  blue: "Blue",
  teal: "Teal",
  green: "Green",
  orange: "Orange",
  pink: "Pink",
};
export const themeWords: Record<Theme, string> = { system: "As the system", light: "Light", dark: "Dark" };

/** A profile's policy in one line. */
export const policyLine = (profile: Pick<Profile, "sandbox" | "approval">): string =>
  `${sandboxWords[profile.sandbox]} · ${approvalWords[profile.approval]}`;

export const changeWords: Record<ChangeKind, string> = { add: "New", delete: "Deleted", update: "Changed" };

/** The state of a session's app-server, for the status line. */
export function connectionWords(session: Session): string {
  switch (session.state) {
    case "starting":
      return "Starting Codex";
    case "restarting":
      return "Codex stopped; restarting it";
    case "failed":
      return session.problem?.what ?? "Codex is ready; its last turn failed";
    case "running":
      return "Codex is working";
    case "waitsForYou":
      return "Codex waits for your answer";
    case "idle":
      return "Codex is ready";
  }
}

const whole = new Intl.NumberFormat(undefined);
/** A whole number with the digits grouped. */
export const count = (value: number): string => whole.format(value);
/** "1 row", "2 rows". */
export const plural = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;
/** Bytes in words. */
export function bytes(value: number): string {
  if (value < 1_024) return plural(value, "byte");
  if (value < 1_024 * 1_024) return `${(value / 1_024).toFixed(value < 10_240 ? 1 : 0)} KiB`;
  return `${(value / 1_024 / 1_024).toFixed(1)} MiB`;
}
