/**
 * The tabs, as Rust has them. Every change is asked for; what is shown is what `sessions://changed` says. Only the tab in
 * front is shown at once.
 */
import type { Backend } from "../backend/types";
import type { Session, SessionList } from "../contract";

export class Sessions {
  list = $state.raw<readonly Session[]>([]);
  activeId = $state.raw<string | null>(null);
  active = $derived(this.list.find((session) => session.id === this.activeId) ?? null);
  /** Questions that wait, over all sessions. */
  waiting = $derived(this.list.reduce((sum, session) => sum + session.waiting, 0));
  /** Sessions that were told to stop and still run. */
  stopping = $state.raw<ReadonlySet<string>>(new Set());

  #backend: Backend;
  /** Where the person went, until Rust says so too: what is typed at once must not land in the tab before. */
  #going: string | null = null;
  /** Calls that bring a tab to the front and are not answered. */
  #calls = 0;
  /** The tab in front as Rust said last. */
  #said: string | null = null;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  take(list: SessionList): void {
    this.list = list.sessions;
    const news = list.active !== this.#said;
    this.#said = list.active;
    // A list that says nothing new of it may be older than the click.
    const stays = this.#going !== null && (this.#calls > 0 || !news) && this.get(this.#going) !== undefined;
    if (!stays || list.active === this.#going) this.#going = null;
    this.activeId = this.#going ?? list.active;
    const running = (id: string) => list.sessions.some((session) => session.id === id && isBusy(session));
    if ([...this.stopping].some((id) => !running(id))) this.stopping = new Set([...this.stopping].filter(running));
  }

  get(id: string): Session | undefined {
    return this.list.find((session) => session.id === id);
  }

  open(profile: string, folder: string): Promise<string> {
    return this.#backend.call("session_open", { profile, folder });
  }

  async activate(id: string): Promise<void> {
    if (id === this.activeId) return;
    this.#going = id;
    this.activeId = id;
    this.#calls += 1;
    try {
      await this.#backend.call("session_activate", { session: id });
    } catch (thrown) {
      if (this.#going === id) {
        this.#going = null;
        this.activeId = this.#said;
      }
      throw thrown;
    } finally {
      this.#calls -= 1;
    }
  }

  /** Goes to the tab that stands `by` places further, round the end. */
  async step(by: number): Promise<void> {
    const at = this.list.findIndex((session) => session.id === this.activeId);
    const next = this.list[(at + by + this.list.length) % this.list.length];
    if (next) await this.activate(next.id);
  }

  async rename(id: string, title: string): Promise<void> {
    await this.#backend.call("session_rename", { session: id, title: title.trim() });
  }

  async move(id: string, to: number): Promise<void> {
    const from = this.list.findIndex((session) => session.id === id);
    const target = Math.max(0, Math.min(this.list.length - 1, to));
    if (from >= 0 && from !== target) await this.#backend.call("session_move", { session: id, to: target });
  }

  async close(id: string): Promise<void> {
    await this.#backend.call("session_close", { session: id });
  }

  async retry(id: string): Promise<void> {
    await this.#backend.call("session_retry", { session: id });
  }

  async stop(id: string): Promise<void> {
    this.stopping = new Set([...this.stopping, id]);
    try {
      await this.#backend.call("session_stop", { session: id });
    } catch (thrown) {
      this.stopping = new Set([...this.stopping].filter((at) => at !== id));
      throw thrown;
    }
  }
}

/** A turn runs in it. */
export const isBusy = (session: Session): boolean => session.state === "running" || session.state === "waitsForYou";
