/** The tabs, as Rust has them. Every change is asked for; what is shown is what `sessions://changed` says. */
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

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  take(list: SessionList): void {
    this.list = list.sessions;
    this.activeId = list.active;
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
    if (id !== this.activeId) await this.#backend.call("session_activate", { session: id });
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
