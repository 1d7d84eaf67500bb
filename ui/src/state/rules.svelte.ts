/** The rules as Rust has them, and the last thing that was taken away, which can be brought back for a minute. */
import type { Backend } from "../backend/types";
import { BackendError } from "../backend/types";
import type { CodexRule, Rule, RuleBook, RuleSettings } from "../contract";
import { ruleName } from "../lib/rules";

/** For so long something that was taken away can be brought back. */
export const UNDO = 60_000;

export interface Undo {
  /** What was done, e.g. "Deleted “git status …”". */
  says: string;
  restore: () => Promise<unknown>;
}

export class Rules {
  /** `null`: not read yet. */
  book = $state.raw<RuleBook | null>(null);
  error = $state.raw<BackendError | null>(null);
  undo = $state.raw<Undo | null>(null);

  #backend: Backend;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  take(book: RuleBook): void {
    this.book = book;
    this.error = null;
  }

  async load(): Promise<void> {
    this.error = null;
    try {
      this.take(await this.#backend.call("rules_read", {}));
    } catch (thrown) {
      this.error = BackendError.from(thrown);
    }
  }

  async delete(rule: Rule): Promise<void> {
    await this.#backend.call("rule_delete", { rule: rule.id });
    this.#offer(`Deleted “${ruleName(rule)}”`, () => this.#backend.call("rule_restore", { rule }));
  }

  async update(rule: Rule, settings: RuleSettings): Promise<void> {
    await this.#backend.call("rule_update", { rule: rule.id, settings });
    this.#offer(`Changed “${ruleName(rule)}”`, () => this.#backend.call("rule_restore", { rule }));
  }

  async deleteCodex(profile: string, rule: CodexRule): Promise<void> {
    await this.#backend.call("codex_rule_delete", { profile, rule });
    this.#offer(`Took “${rule.prefix.join(" ") || rule.text}” out of Codex's rules`, () =>
      this.#backend.call("codex_rule_restore", { profile, rule }),
    );
  }

  async takeBack(): Promise<void> {
    const { undo } = this;
    if (!undo) return;
    await undo.restore();
    if (this.undo === undo) this.undo = null;
  }

  #offer(says: string, restore: () => Promise<unknown>): void {
    const undo = { says, restore };
    this.undo = undo;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.undo === undo) this.undo = null;
    }, UNDO);
  }
}
