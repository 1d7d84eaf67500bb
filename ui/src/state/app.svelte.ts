/** The window's state: mirrors of what Rust owns, and what only this window knows (which dialog is open, panel widths). */
import { createContext } from "svelte";
import type { Backend } from "../backend/types";
import { BackendError } from "../backend/types";
import type { Approval, AppState, ChoiceId, Profile, Settings } from "../contract";
import { fromHome, shorten } from "../lib/path";
import { choiceWords } from "../lib/asked";
import { Approvals } from "./approvals.svelte";
import type { Batch } from "./batch.svelte";
import { Drafts } from "./drafts.svelte";
import { Layout } from "./layout.svelte";
import { Notices } from "./notices.svelte";
import { Rules } from "./rules.svelte";
import { Sessions } from "./sessions.svelte";
import { Watch } from "./watch.svelte";

export type Dialog =
  | { kind: "newSession" }
  | { kind: "profiles"; profile?: string }
  | { kind: "settings" }
  | { kind: "palette" }
  | { kind: "closeSession"; session: string }
  | { kind: "several"; batch: Batch }
  | { kind: "rules"; from?: Approval }
  | { kind: "ledger" };

export class App {
  readonly backend: Backend;
  readonly sessions: Sessions;
  readonly drafts: Drafts;
  readonly approvals: Approvals;
  readonly notices: Notices;
  readonly watch: Watch;
  readonly rules: Rules;
  readonly layout = new Layout();
  profiles = $state.raw<readonly Profile[]>([]);
  settings = $state.raw<Settings>({ theme: "system", quietHours: null, ledgerDays: null });
  version = $state("");
  home = $state("");
  /** The first state has come. */
  ready = $state(false);
  /** The start itself failed. */
  broken = $state.raw<BackendError | null>(null);
  dialog = $state.raw<Dialog | null>(null);
  /** The tab whose title is being edited. */
  renaming = $state<string | null>(null);
  /** The row that the transcript is to show, in which session. */
  sought = $state.raw<{ session: string; row: string } | null>(null);

  /** Where the person was reading in sessions that they left. */
  readonly places = new Map<string, { row: string; chunk: number; offset: number }>();

  #ends: (() => void)[] = [];

  constructor(backend: Backend) {
    this.backend = backend;
    this.sessions = new Sessions(backend);
    this.drafts = new Drafts(backend);
    this.notices = new Notices(backend);
    this.watch = new Watch(backend);
    this.rules = new Rules(backend);
    this.approvals = new Approvals(backend, (name, choice) => this.#late(name, choice));
  }

  /** Listens, then reads: nothing that happens in between is missed. */
  async start(): Promise<void> {
    this.broken = null;
    this.stop();
    try {
      this.#ends = await Promise.all([
        this.backend.on("sessions://changed", (list) => this.#sessions(list)),
        this.backend.on("approval://requested", (approval) => this.approvals.requested(approval)),
        this.backend.on("approval://resolved", (resolved) => this.approvals.resolved(resolved)),
        this.backend.on("approval://late", (late) => this.#late(late.name, late.choice)),
        this.backend.on("approval://show", (id) => {
          if (id !== null) this.showQuestion(id);
        }),
        this.backend.on("rules://changed", (book) => this.rules.take(book)),
        this.backend.on("profiles://changed", (profiles) => (this.profiles = profiles)),
        this.backend.on("notices://changed", (notices) => (this.notices.list = notices)),
        this.backend.on("settings://changed", (settings) => (this.settings = settings)),
      ]);
      this.#take(await this.backend.call("app_read", {}));
    } catch (thrown) {
      this.broken = BackendError.from(thrown);
    }
  }

  stop(): void {
    for (const end of this.#ends) end();
    this.#ends = [];
    this.drafts.flush();
  }

  profile(id: string): Profile | undefined {
    return this.profiles.find((profile) => profile.id === id);
  }

  /** Does something that a person asked for; its failure is said in a notice. */
  attempt(work: Promise<unknown>): void {
    work.catch((thrown: unknown) => this.notices.fail(thrown));
  }

  /** Brings a question to the eye: its session to the front, its card on the desk into view. Answers nothing. */
  showQuestion(id: string): void {
    const card = this.approvals.get(id);
    if (!card || !this.approvals.want(id, "card")) {
      this.notices.say(`settled:${id}`, "info", {
        what: card ? `“${card.approval.name}” was settled already.` : "That question was settled already.",
        meaning: "",
        remedy: "",
        details: null,
      });
      return;
    }
    this.dialog = null;
    this.openDesk();
    this.attempt(this.sessions.activate(card.approval.session));
  }

  /** In a narrow window the desk lies over the transcript, and is opened when something on it is to be seen. */
  openDesk(): void {
    if (this.layout.narrow) this.layout.drawerOpen = true;
  }

  /** Goes to the session and row that a question belongs to. */
  showInTranscript(session: string, row: string | null): void {
    this.sought = row === null ? null : { session, row };
    this.attempt(this.sessions.activate(session));
  }

  /** Closes a tab, after asking when that would end something. */
  closeSession(id: string): void {
    const session = this.sessions.get(id);
    if (!session) return;
    const idle = session.state === "idle" || session.state === "failed";
    if (idle && session.waiting === 0) this.attempt(this.sessions.close(id));
    else this.dialog = { kind: "closeSession", session: id };
  }

  set(change: Partial<Settings>): void {
    this.attempt(this.backend.call("settings_update", { settings: { ...this.settings, ...change } }));
  }

  openLink(url: string): void {
    this.attempt(this.backend.call("link_open", { url }));
  }

  /** What a rule's scope is called. */
  readonly ruleNames = {
    session: (id: string) => this.sessions.get(id)?.title,
    profile: (id: string) => this.profile(id)?.name,
    path: (path: string) => this.path(path, 60),
  };

  /** A path for a line of the given length. */
  path(path: string, limit = 48): string {
    return shorten(fromHome(path, this.home), limit);
  }

  #take(state: AppState): void {
    this.version = state.version;
    this.home = state.home;
    this.profiles = state.profiles;
    this.settings = state.settings;
    this.notices.list = state.notices;
    this.approvals.take(state.approvals);
    this.#sessions(state.sessions);
    this.ready = true;
  }

  #sessions(list: AppState["sessions"]): void {
    const before = this.sessions.activeId;
    if (before !== null && before !== list.active) this.drafts.flush(before);
    this.sessions.take(list);
    this.drafts.take(list.sessions);
    this.watch.follow(list.active);
  }

  #late(name: string, choice: ChoiceId): void {
    this.notices.say(`late:${name}`, "warning", {
      what: "Your answer came too late; nothing was done with it.",
      meaning: `“${name}” was settled before “${choiceWords[choice]}” arrived.`,
      remedy: "",
      details: null,
    });
  }
}

/** The state for every component below the one that sets it. */
export const [getApp, setApp] = createContext<App>();
