/** Notices from Rust, and what this window itself has to say ("toasts"). Both are shown the same way. */
import type { Backend } from "../backend/types";
import { BackendError } from "../backend/types";
import type { Notice, NoticeLevel, Problem } from "../contract";

export interface Toast {
  /** Saying the same thing again replaces what was said. */
  key: string;
  level: NoticeLevel;
  problem: Problem;
  at: number;
}

export class Notices {
  list = $state.raw<readonly Notice[]>([]);
  toasts = $state.raw<readonly Toast[]>([]);

  #backend: Backend;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  say(key: string, level: NoticeLevel, problem: Problem): void {
    const others = this.toasts.filter((toast) => toast.key !== key);
    this.toasts = [...others, { key, level, problem, at: Date.now() }];
  }

  fail(thrown: unknown): void {
    const error = BackendError.from(thrown);
    this.say(`error:${error.problem.what}`, "error", error.problem);
  }

  dismissToast(key: string): void {
    this.toasts = this.toasts.filter((toast) => toast.key !== key);
  }

  async dismiss(notice: string): Promise<void> {
    await this.#backend.call("notice_dismiss", { notice });
  }
}
