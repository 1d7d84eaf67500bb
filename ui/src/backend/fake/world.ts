/** The play's state, and how it tells the window: events, and one watched transcript with acknowledgements. */
import type {
  Approval,
  ApprovalOutcome,
  CommandError,
  Earlier,
  ErrorCode,
  Events,
  LedgerEntry,
  Notice,
  Problem,
  Profile,
  RowHead,
  RowPatch,
  RuleBook,
  Session,
  Settings,
  TranscriptUpdate,
  Turn,
} from "../../contract";
import { entryOf } from "./ledger";

export interface FakeRow {
  key: string;
  ordinal: number;
  turn: string;
  at: number | null;
  head: RowHead;
  blocks: string[];
}

export interface Play {
  session: Session;
  rows: FakeRow[];
  turns: Turn[];
  /** Older rows that were not sent yet. */
  older: FakeRow[];
  loading: boolean;
  stop: (() => void) | null;
  steer: string[];
}

interface Watcher {
  session: string;
  send: (update: TranscriptUpdate) => void;
  seq: number;
  waiting: boolean;
  reset: boolean;
  rows: Set<string>;
  turns: Set<string>;
  sent: Map<string, string[]>;
  changed: boolean;
}

export const problem = (what: string, meaning = "", remedy = "", details: string | null = null): Problem => ({
  what,
  meaning,
  remedy,
  details,
});

export const failure = (code: ErrorCode, what: Problem, field: string | null = null): CommandError => ({
  code,
  problem: what,
  field,
});

export class World {
  home = "/home/mara";
  plays: Play[] = [];
  active: string | null = null;
  approvals: Approval[] = [];
  waiting = new Map<string, (outcome: ApprovalOutcome) => void>();
  profiles: Profile[] = [];
  notices: Notice[] = [];
  settings: Settings = { theme: "system", quietHours: null, ledgerDays: 365 };
  book: RuleBook = { rules: [], codex: [] };
  rulesBroken = false;
  /** Oldest first. */
  ledger: LedgerEntry[] = [];
  ledgerBroken = false;
  #listeners: { [K in keyof Events]?: Set<(payload: Events[K]) => void> } = {};
  #watcher: Watcher | null = null;
  #serial = 0;
  /** The entry of each open question. */
  #asked = new Map<string, number>();

  id(prefix: string): string {
    return `${prefix}-${++this.#serial}`;
  }

  listen<K extends keyof Events>(name: K, handler: (payload: Events[K]) => void): () => void {
    const handlers = (this.#listeners[name] ??= new Set() as never) as Set<(payload: Events[K]) => void>;
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  emit<K extends keyof Events>(name: K, payload: Events[K]): void {
    const copy = structuredClone(payload);
    for (const handler of this.#listeners[name] ?? []) (handler as (payload: Events[K]) => void)(copy);
  }

  play(session: string): Play {
    const found = this.plays.find((play) => play.session.id === session);
    if (!found) throw failure("notFound", problem("This session is not open any more."));
    return found;
  }

  get sessionList(): Events["sessions://changed"] {
    return { sessions: this.plays.map((play) => play.session), active: this.active };
  }

  /** Tells the tabs. */
  tabs(): void {
    this.emit("sessions://changed", this.sessionList);
  }

  notice(level: Notice["level"], what: Problem, session: string | null = null): void {
    this.notices = [...this.notices, { id: this.id("notice"), level, session, problem: what, at: Date.now() }];
    this.emit("notices://changed", this.notices);
  }

  /** Opens a question; resolves to how it was settled. */
  ask(approval: Approval): Promise<ApprovalOutcome> {
    const { session } = this.play(approval.session);
    this.approvals.push(approval);
    this.#asked.set(approval.id, this.ledger.length + 1);
    this.ledger.push(entryOf(this, approval, this.ledger.length + 1));
    this.emit("ledger://changed", null);
    session.waiting += 1;
    session.state = "waitsForYou";
    this.emit("approval://requested", approval);
    this.tabs();
    return new Promise((resolve) => this.waiting.set(approval.id, resolve));
  }

  settle(id: string, outcome: ApprovalOutcome, reason: string | null = null): void {
    const approval = this.approvals.find((at) => at.id === id);
    if (!approval) return;
    this.approvals = this.approvals.filter((at) => at !== approval);
    const play = this.plays.find((at) => at.session.id === approval.session);
    if (play) {
      play.session.waiting -= 1;
      if (play.session.waiting === 0 && play.session.state === "waitsForYou") play.session.state = "running";
    }
    const entry = this.#asked.get(id);
    this.ledger = this.ledger.map((at) =>
      at.id === entry ? { ...at, settled: { outcome, at: Date.now(), reason } } : at,
    );
    this.emit("ledger://changed", null);
    this.emit("approval://resolved", { id, session: approval.session, outcome });
    this.tabs();
    this.waiting.get(id)?.(outcome);
    this.waiting.delete(id);
  }

  turn(play: Play, turn: Turn): void {
    const at = play.turns.findIndex((known) => known.key === turn.key);
    if (at < 0) play.turns.push(turn);
    else play.turns[at] = turn;
    this.#touch(play, "turns", turn.key);
  }

  /** Adds a row, or changes the one of that key. */
  row(play: Play, row: FakeRow): FakeRow {
    const at = play.rows.findIndex((known) => known.key === row.key);
    if (at < 0) play.rows.push(row);
    else play.rows[at] = row;
    this.#touch(play, "rows", row.key);
    if (play.session.id !== this.active && !play.session.unread) {
      play.session.unread = true;
      this.tabs();
    }
    return row;
  }

  watch(session: string, send: (update: TranscriptUpdate) => void): void {
    this.play(session);
    this.#watcher = {
      session,
      send,
      seq: 0,
      waiting: false,
      reset: true,
      rows: new Set(),
      turns: new Set(),
      sent: new Map(),
      changed: true,
    };
    this.#flush();
  }

  ack(session: string, seq: number): void {
    const watcher = this.#watcher;
    if (!watcher || watcher.session !== session || seq !== watcher.seq) return;
    watcher.waiting = false;
    this.#flush();
  }

  earlier(play: Play): void {
    if (play.older.length === 0 || play.loading) return;
    play.loading = true;
    this.#change(play);
    setTimeout(() => {
      const page = play.older.splice(-30);
      play.loading = false;
      play.rows.unshift(...page);
      for (const row of page) this.#watcher?.rows.add(row.key);
      for (const row of page) this.#watcher?.turns.add(row.turn);
      this.#change(play);
    }, 250);
  }

  #touch(play: Play, what: "rows" | "turns", key: string): void {
    if (this.#watcher?.session === play.session.id) this.#watcher[what].add(key);
    this.#change(play);
  }

  #change(play: Play): void {
    if (this.#watcher?.session !== play.session.id) return;
    this.#watcher.changed = true;
    this.#flush();
  }

  /** Sends what changed, unless the last update is not acknowledged yet. */
  #flush(): void {
    const watcher = this.#watcher;
    if (!watcher || watcher.waiting || !watcher.changed) return;
    const play = this.plays.find((at) => at.session.id === watcher.session);
    if (!play) return;
    const reset = watcher.reset;
    const rows = play.rows.filter((row) => reset || watcher.rows.has(row.key));
    const turns = play.turns.filter((turn) => reset || watcher.turns.has(turn.key));
    const earlier: Earlier = play.loading ? "loading" : play.older.length > 0 ? "more" : "nothing";
    const update: TranscriptUpdate = {
      seq: ++watcher.seq,
      reset,
      turns: structuredClone(turns),
      rows: rows.map((row) => this.#patch(watcher, row)),
      removed: [],
      earlier,
    };
    watcher.waiting = true;
    watcher.reset = watcher.changed = false;
    watcher.rows.clear();
    watcher.turns.clear();
    setTimeout(() => watcher.send(update), 0);
  }

  #patch(watcher: Watcher, row: FakeRow): RowPatch {
    const before = watcher.sent.get(row.key) ?? [];
    let keep = 0;
    while (keep < before.length && keep < row.blocks.length && before[keep] === row.blocks[keep]) keep++;
    watcher.sent.set(row.key, [...row.blocks]);
    const { key, ordinal, turn, at, head } = row;
    return { key, ordinal, turn, at, head: structuredClone(head), keep, blocksHtml: row.blocks.slice(keep) };
  }
}
