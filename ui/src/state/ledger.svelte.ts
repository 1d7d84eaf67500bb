/**
 * The part of the ledger that is looked at: newest first, page by page. What is new is counted and fetched when asked for;
 * nothing that is being read moves. Entries that are there already change where they stand.
 */
import type { Backend } from "../backend/types";
import { BackendError } from "../backend/types";
import type { ExportFormat, LedgerEntry, LedgerQuery } from "../contract";

/** Entries a page. */
export const PAGE = 100;
/** Of changes that come in a burst the last one is looked at, so long after it. */
const CALM = 200;
/** No more than so many entries are looked at again for a change. */
const AGAIN = 300;

export const ANY: LedgerQuery = {
  text: "",
  subjects: [],
  ends: [],
  session: null,
  profile: null,
  from: null,
  to: null,
};

export class Ledger {
  query = $state.raw<LedgerQuery>(ANY);
  entries = $state.raw<readonly LedgerEntry[]>([]);
  total = $state(0);
  more = $state(false);
  /** Entries that came since and are not shown. */
  fresh = $state(0);
  loading = $state(true);
  /** Something was loaded for this query. */
  ready = $state(false);
  error = $state.raw<BackendError | null>(null);

  #backend: Backend;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts queries: what comes back for an older one is dropped. */
  #serial = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  get filtered(): boolean {
    return JSON.stringify({ ...this.query, text: this.query.text.trim() }) !== JSON.stringify(ANY);
  }

  ask(change: Partial<LedgerQuery>): void {
    this.query = { ...this.query, ...change };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.load(), CALM);
  }

  /** From the newest entry on. */
  async load(): Promise<void> {
    await this.#fetch(null, (page) => {
      this.entries = page;
      this.fresh = 0;
      this.ready = true;
    });
  }

  async older(): Promise<void> {
    const last = this.entries.at(-1);
    if (!last || !this.more || this.loading) return;
    await this.#fetch(last.id, (page) => (this.entries = [...this.entries, ...page]));
  }

  /** The ledger has changed. */
  changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#look(), CALM);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#serial++;
  }

  export(format: ExportFormat): Promise<string | null> {
    return this.#backend.call("ledger_export", { query: this.query, format });
  }

  async #fetch(before: number | null, take: (entries: LedgerEntry[]) => void): Promise<void> {
    const mine = ++this.#serial;
    this.loading = true;
    this.error = null;
    try {
      const page = await this.#backend.call("ledger_search", { query: this.query, before, limit: PAGE });
      if (mine !== this.#serial) return;
      take(page.entries);
      this.more = page.more;
      this.total = page.total;
    } catch (thrown) {
      if (mine === this.#serial) this.error = BackendError.from(thrown);
    } finally {
      if (mine === this.#serial) this.loading = false;
    }
  }

  /** Looks again at what is shown: takes changes in place, counts what is new. */
  async #look(): Promise<void> {
    if (!this.ready || this.loading) return this.load();
    const mine = this.#serial;
    const newest = this.entries[0]?.id ?? 0;
    const limit = Math.max(PAGE, Math.min(AGAIN, this.entries.length));
    try {
      const page = await this.#backend.call("ledger_search", { query: this.query, before: null, limit });
      if (mine !== this.#serial) return;
      const known = new Map(page.entries.map((entry) => [entry.id, entry]));
      this.entries = this.entries.map((entry) => known.get(entry.id) ?? entry);
      this.fresh = page.entries.filter((entry) => entry.id > newest).length;
      this.total = page.total;
    } catch {
      // What is shown stays; the next change looks again.
    }
  }
}
