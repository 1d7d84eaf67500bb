/**
 * What a person has begun to answer, per question: fields and the reason of a denial. It belongs to the question, not to
 * a card: it stays when a card is drawn anew, filtered away or shown in another place, and over a reload of the webview.
 * Secrets are never written anywhere, and are forgotten with the answer.
 */
import { SvelteMap } from "svelte/reactivity";
import type { Approval, Field } from "../contract";
import { fault, type Filled, initial, isSecret } from "../lib/answers";
import { fieldsOf } from "../lib/asked";

const KEY = "countersign.answers";

interface Kept {
  filled: Record<string, Filled>;
  reason: string;
}

export class Answering {
  readonly fields: readonly Field[];
  /** What is to be told to the agent with a denial. `null`: nothing. */
  reason = $state<string | null>(null);
  #filled = new SvelteMap<string, Filled>();
  #faults = new SvelteMap<string, string>();
  #changed: () => void;

  constructor(approval: Approval, kept: Kept | undefined, changed: () => void) {
    this.fields = fieldsOf(approval.subject);
    this.#changed = changed;
    this.reason = kept?.reason ? kept.reason : null;
    for (const field of this.fields) {
      this.#filled.set(field.id, (isSecret(field) ? undefined : kept?.filled[field.id]) ?? initial(field));
    }
  }

  of(id: string): Filled {
    return this.#filled.get(id) ?? { values: [], other: false, otherText: "" };
  }

  fault(id: string): string | undefined {
    return this.#faults.get(id);
  }

  get faulty(): boolean {
    return this.#faults.size > 0;
  }

  fill(id: string, filled: Filled): void {
    this.#filled.set(id, filled);
    this.#faults.delete(id);
    this.#changed();
  }

  say(reason: string | null): void {
    this.reason = reason;
    this.#changed();
  }

  /** Puts what Rust says beside its field. False when the question has no such field. */
  blame(id: string, line: string): boolean {
    if (!this.fields.some((field) => field.id === id)) return false;
    this.#faults.set(id, line);
    return true;
  }

  /** Looks for what is wrong. The id of the first field at fault; `null`: nothing is. */
  check(): string | null {
    this.#faults.clear();
    for (const field of this.fields) {
      const found = fault(field, this.of(field.id));
      if (found !== null) this.#faults.set(field.id, found);
    }
    return this.fields.find((field) => this.#faults.has(field.id))?.id ?? null;
  }

  /** Forgets the secrets: they were sent, or nobody will send them. */
  wipe(): void {
    for (const field of this.fields) if (isSecret(field)) this.#filled.set(field.id, initial(field));
  }

  /** All that may be kept over a reload. `null`: nothing. */
  get kept(): Kept | null {
    const plain = this.fields.filter((field) => !isSecret(field));
    const touched = plain.some((field) => JSON.stringify(this.of(field.id)) !== JSON.stringify(initial(field)));
    if (!touched && !this.reason) return null;
    return {
      filled: Object.fromEntries(plain.map((field) => [field.id, this.of(field.id)])),
      reason: this.reason ?? "",
    };
  }
}

export class Answers {
  #known = new Map<string, Answering>();
  #kept = new Map<string, Kept>();

  constructor() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Record<string, Kept>;
      this.#kept = new Map(Object.entries(kept));
    } catch {
      // What cannot be read is as good as what was never typed.
    }
  }

  of(approval: Approval): Answering {
    const known = this.#known.get(approval.id);
    if (known) return known;
    const made = new Answering(approval, this.#kept.get(approval.id), () => this.#keep(approval.id));
    this.#known.set(approval.id, made);
    return made;
  }

  /** The question is settled: what was typed for it, secrets above all, is gone. */
  forget(id: string): void {
    this.#known.get(id)?.wipe();
    this.#known.delete(id);
    if (this.#kept.delete(id)) this.#write();
  }

  /** Forgets every question that is not open any more. */
  only(open: ReadonlySet<string>): void {
    for (const id of [...this.#known.keys(), ...this.#kept.keys()]) if (!open.has(id)) this.forget(id);
  }

  #keep(id: string): void {
    const kept = this.#known.get(id)?.kept;
    if (kept) this.#kept.set(id, kept);
    else this.#kept.delete(id);
    this.#write();
  }

  #write(): void {
    try {
      if (this.#kept.size === 0) sessionStorage.removeItem(KEY);
      else sessionStorage.setItem(KEY, JSON.stringify(Object.fromEntries(this.#kept)));
    } catch {
      // A full or forbidden storage loses what a reload would lose anyway.
    }
  }
}
