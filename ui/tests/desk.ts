/** A window over a backend that does what a test says. */
import { render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import App from "../src/App.svelte";
import { fakeWorld } from "../src/backend/fake";
import { type Backend, BackendError } from "../src/backend/types";
import type {
  Approval,
  AppState,
  Choice,
  Commands,
  ErrorCode,
  Events,
  Profile,
  Session,
  TranscriptUpdate,
} from "../src/contract";

export const session = (id: string, changes: Partial<Session> = {}): Session => ({
  id,
  title: id,
  profile: "p1",
  folder: `/home/mara/${id}`,
  state: "idle",
  unread: false,
  waiting: 0,
  model: "m",
  policy: "Workspace write · asks on request",
  policyWarning: null,
  problem: null,
  runningSince: null,
  draft: "",
  context: null,
  ...changes,
});

export const profile = (id: string, changes: Partial<Profile> = {}): Profile => ({
  id,
  origin: "user",
  name: id,
  color: "blue",
  codexBinary: null,
  codexHome: null,
  environment: {},
  modelProvider: null,
  model: null,
  effort: null,
  sandbox: "workspaceWrite",
  approval: "onRequest",
  developerInstructions: "",
  dialogs: "always",
  notifications: "whenUnfocused",
  sound: false,
  ...changes,
});

export const choice = (id: Choice["id"], label: string, changes: Partial<Choice> = {}): Choice => ({
  id,
  label,
  effect: `Effect of ${label}.`,
  allows: id.startsWith("allow"),
  lasting: false,
  ...changes,
});

export const approval = (id: string, askedAt: number, changes: Partial<Approval> = {}): Approval => ({
  id,
  session: "one",
  sessionTitle: "one",
  profile: "p1",
  folder: "/home/mara/one",
  askedAt,
  name: `Run ${id}`,
  subject: { kind: "command", command: id, cwd: "/home/mara/one", extras: [], parts: [] },
  risk: { level: "elevated", reasons: ["Runs outside the sandbox."] },
  before: null,
  reason: null,
  consequences: ["Runs outside the sandbox."],
  choices: [
    choice("allowOnce", "Allow once"),
    choice("allowByRule", "Always allow", { lasting: true }),
    choice("deny", "Deny"),
    choice("denyAndStop", "Deny and stop"),
  ],
  row: null,
  raw: { id },
  ...changes,
});

export const refusal = (code: ErrorCode, what: string, field: string | null = null): BackendError =>
  new BackendError({ code, field, problem: { what, meaning: "", remedy: "", details: null } });

type Answers = { [K in keyof Commands]?: (args: Commands[K]["args"]) => unknown };

export interface Desk {
  calls: { name: string; args: unknown }[];
  called: (name: keyof Commands) => unknown[];
  emit: <K extends keyof Events>(name: K, payload: Events[K]) => Promise<void>;
  transcript: (update: Partial<TranscriptUpdate>) => Promise<void>;
}

/** Opens the window; resolves when its first state is drawn. */
export async function openWindow(state: Partial<AppState> = {}, answers: Answers = {}): Promise<Desk> {
  const listeners = new Map<string, ((payload: never) => void)[]>();
  const calls: Desk["calls"] = [];
  let send: ((update: TranscriptUpdate) => void) | null = null;
  let seq = 0;
  const first: AppState = {
    version: "0.0.0",
    sessions: { sessions: [session("one"), session("two")], active: "one" },
    approvals: [],
    profiles: [profile("p1")],
    notices: [],
    settings: { theme: "light", quietHours: null, ledgerDays: null },
    home: "/home/mara",
    ...state,
  };
  const backend: Backend = {
    async call(name, args) {
      calls.push({ name, args });
      const answer = answers[name] as ((args: unknown) => unknown) | undefined;
      return (await (answer ? answer(args) : name === "app_read" ? first : null)) as never;
    },
    on(name, handler) {
      listeners.set(name, [...(listeners.get(name) ?? []), handler as (payload: never) => void]);
      return Promise.resolve(() => undefined);
    },
    watch(_session, onUpdate) {
      send = onUpdate;
      return Promise.resolve();
    },
  };
  const desk: Desk = {
    calls,
    called: (name) => calls.filter((call) => call.name === name).map((call) => call.args),
    async emit(name, payload) {
      for (const listener of listeners.get(name) ?? []) listener(payload as never);
      await settle();
    },
    async transcript(update) {
      send?.({ seq: ++seq, reset: seq === 1, turns: [], rows: [], removed: [], earlier: "nothing", ...update });
      await settle();
    },
  };
  render(App, { backend });
  await settle();
  return desk;
}

/** Opens the window over the play. Its events come by themselves; wait for what they show. */
export async function openPlay(scene: string) {
  const { backend, world } = fakeWorld(scene, 0);
  const calls: { name: string; args: unknown }[] = [];
  const call = backend.call;
  backend.call = (name, args) => {
    calls.push({ name, args });
    return call(name, args);
  };
  render(App, { backend });
  await screen.findByRole("tablist", { name: "Sessions" });
  return { world, calls, called: (name: string) => calls.filter((at) => at.name === name).map((at) => at.args) };
}

/** Lets every promise that is due run, and draws what they changed. */
export async function settle(): Promise<void> {
  for (let at = 0; at < 12; at++) await Promise.resolve();
  await tick();
  for (let at = 0; at < 4; at++) await Promise.resolve();
  await tick();
}
