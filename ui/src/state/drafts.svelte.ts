/**
 * What the person typed and did not send, per session. The text here is the truth; Rust gets a copy soon after each
 * change and at once when the person goes elsewhere, so that it survives the window.
 */
import type { Backend } from "../backend/types";
import { BackendError } from "../backend/types";
import type { Session } from "../contract";

const DELAY = 300;

export class Draft {
  text = $state("");
  /** Being sent now: its text is still here. */
  sending = $state(false);
  /** The turn that a sent message sets off has not shown itself yet. */
  expectsTurn = $state(false);
  /** Why the last send did not work. */
  error = $state.raw<BackendError | null>(null);
  saved = "";
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Drafts {
  #backend: Backend;
  #drafts = new Map<string, Draft>();

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Takes up what Rust kept for sessions that this window has not seen before, and forgets closed ones. */
  take(sessions: readonly Session[]): void {
    const open = new Set(sessions.map((session) => session.id));
    for (const [id, draft] of this.#drafts) {
      if (open.has(id)) continue;
      clearTimeout(draft.timer);
      this.#drafts.delete(id);
    }
    for (const session of sessions) {
      const known = this.#drafts.get(session.id);
      if (!known) {
        const draft = new Draft();
        draft.text = draft.saved = session.draft;
        this.#drafts.set(session.id, draft);
      } else if (!known.sending) {
        known.expectsTurn = false;
      }
    }
  }

  of(session: string): Draft {
    let draft = this.#drafts.get(session);
    if (!draft) {
      draft = new Draft();
      this.#drafts.set(session, draft);
    }
    return draft;
  }

  edit(session: string, text: string): void {
    const draft = this.of(session);
    draft.text = text;
    clearTimeout(draft.timer);
    draft.timer = setTimeout(() => this.flush(session), DELAY);
  }

  /** Hands the text of one session, or of all, to Rust now. */
  flush(session?: string): void {
    for (const [id, draft] of session === undefined ? this.#drafts : [[session, this.of(session)] as const]) {
      clearTimeout(draft.timer);
      if (draft.text === draft.saved) continue;
      const text = draft.text;
      draft.saved = text;
      this.#backend.call("session_draft", { session: id, text }).catch(() => {
        // Still here; the next change tries again.
        draft.saved = "";
      });
    }
  }

  /** Sends the text. It is taken out only once Rust has it; what was typed meanwhile stays. */
  async send(session: string): Promise<void> {
    const draft = this.of(session);
    const text = draft.text;
    if (draft.sending || text.trim() === "") return;
    draft.sending = draft.expectsTurn = true;
    draft.error = null;
    try {
      await this.#backend.call("session_send", { session, text });
      if (draft.text.startsWith(text)) this.edit(session, draft.text.slice(text.length).trimStart());
      this.flush(session);
    } catch (thrown) {
      draft.expectsTurn = false;
      draft.error = BackendError.from(thrown);
    } finally {
      draft.sending = false;
    }
  }
}
