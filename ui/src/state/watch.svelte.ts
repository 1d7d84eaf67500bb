/** Keeps the transcript of the session in front: watches it, applies its updates, acknowledges them. */
import { flushSync } from "svelte";
import type { Backend } from "../backend/types";
import { BackendError } from "../backend/types";
import { afterPaint } from "../lib/paint";
import { Transcript } from "./transcript.svelte";

export class Watch {
  transcript = $state.raw<Transcript | null>(null);
  /** The watch itself failed. */
  error = $state.raw<BackendError | null>(null);

  #backend: Backend;
  #generation = 0;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** Follows a session, or none. Following the one that is followed already changes nothing. */
  follow(session: string | null): void {
    if ((this.transcript?.session ?? null) === session) return;
    this.#start(session);
  }

  /** Watches the same session anew. */
  again(): void {
    this.#start(this.transcript?.session ?? null);
  }

  #start(session: string | null): void {
    const generation = ++this.#generation;
    this.error = null;
    if (session === null) {
      this.transcript = null;
      return;
    }
    const transcript = new Transcript(session);
    this.transcript = transcript;
    this.#backend
      .watch(session, (update) => {
        if (generation !== this.#generation) return;
        // In one go, so that the frame that is acknowledged is one that shows it.
        flushSync(() => transcript.apply(update));
        afterPaint(() => {
          if (generation !== this.#generation) return;
          // An acknowledgement that fails means that the watch ended; whoever ended it says so.
          this.#backend.call("session_ack", { session, seq: update.seq }).catch(() => undefined);
        });
      })
      .catch((thrown: unknown) => {
        if (generation === this.#generation) this.error = BackendError.from(thrown);
      });
  }
}
