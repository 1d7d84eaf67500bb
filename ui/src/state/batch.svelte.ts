/**
 * One answer to several questions: what it would be given to, fixed at the moment at which it was asked for. What comes
 * later is not part of it, and what is settled or changed meanwhile is seen before anything is sent.
 */
import type { Approval, BatchResult, SubjectKind } from "../contract";
import { exactText } from "../lib/asked";
import { isLong } from "../lib/exact";
import type { Approvals, Card } from "./approvals.svelte";

export type BatchKind = { answer: "deny"; session: string; title: string } | { answer: "allow"; kind: SubjectKind };

/** Why a question is left out of an answer to several. `null`: it is not. */
export function leftOut(approval: Approval, answer: BatchKind["answer"]): string | null {
  const choice = answer === "deny" ? "deny" : "allowOnce";
  if (!approval.choices.some((at) => at.id === choice)) {
    return answer === "deny" ? "It cannot be denied without stopping its turn" : "It cannot be allowed once";
  }
  if (answer === "deny") return null;
  const { subject, risk } = approval;
  if (subject.kind === "questions" || subject.kind === "form") return "It has a form to fill in";
  if (subject.kind === "link") return "A page has to be visited first";
  if (risk.level === "dangerous") return "It is dangerous";
  if (subject.kind === "files" && subject.files.length === 0) return "Its changes are not known yet";
  return isLong(exactText(subject)) ? "It is too long to be judged among others" : null;
}

export class Batch {
  readonly what: BatchKind;
  readonly #ids: readonly string[];
  readonly #approvals: Approvals;
  /** As it is: those that were shown at first, still open, and can be answered so. */
  included = $derived.by(() => this.#cards.filter((card) => !card.outcome && this.reason(card) === null));
  leftOut = $derived.by(() => this.#cards.filter((card) => !card.outcome && this.reason(card) !== null));
  /** Settled since it was opened. */
  gone = $derived.by(() => this.#ids.length - this.#cards.filter((card) => !card.outcome).length);
  /** Open questions that came since and would belong to it. */
  later = $derived.by(
    () => candidates(this.#approvals, this.what).filter((card) => !this.#ids.includes(card.approval.id)).length,
  );
  result = $state.raw<BatchResult | null>(null);
  sending = $state(false);
  #names: ReadonlyMap<string, string>;

  constructor(approvals: Approvals, what: BatchKind) {
    const cards = candidates(approvals, what);
    this.what = what;
    this.#approvals = approvals;
    this.#ids = cards.map((card) => card.approval.id);
    this.#names = new Map(cards.map(({ approval }) => [approval.id, `${approval.name} (${approval.sessionTitle})`]));
  }

  /** What is shown, as a text: when it changes, whatever was about to be clicked was meant for something else. */
  get face(): string {
    return this.included.map((card) => `${card.approval.id}.${card.revision}`).join(" ");
  }

  reason(card: Card): string | null {
    return leftOut(card.approval, this.what.answer);
  }

  name(id: string): string {
    return this.#names.get(id) ?? id;
  }

  async send(): Promise<void> {
    if (this.sending || this.result) return;
    this.sending = true;
    try {
      const ids = this.included.map((card) => card.approval.id);
      this.result = await this.#approvals.answerMany(ids, this.what.answer === "deny" ? "deny" : "allowOnce");
    } finally {
      this.sending = false;
    }
  }

  get #cards(): Card[] {
    return this.#ids.flatMap((id) => this.#approvals.cards.find((card) => card.approval.id === id) ?? []);
  }
}

/** The open questions that an answer to several is about: of a session, or of a kind among what the desk shows. */
function candidates(approvals: Approvals, what: BatchKind): Card[] {
  const of = what.answer === "deny" ? approvals.open : approvals.shown.filter((card) => card.outcome === null);
  return of.filter(({ approval }) =>
    what.answer === "deny" ? approval.session === what.session : approval.subject.kind === what.kind,
  );
}

/** What can be answered together now: two questions or more. */
export function batches(approvals: Approvals): { what: BatchKind; count: number }[] {
  const sessions = new Map(approvals.open.map(({ approval }) => [approval.session, approval.sessionTitle]));
  const kinds = new Set(approvals.shown.map(({ approval }) => approval.subject.kind));
  const all: BatchKind[] = [
    ...[...kinds].map((kind): BatchKind => ({ answer: "allow", kind })),
    ...[...sessions].map(([session, title]): BatchKind => ({ answer: "deny", session, title })),
  ];
  return all
    .map((what) => {
      const cards = candidates(approvals, what);
      const any = cards.some((card) => leftOut(card.approval, what.answer) === null);
      return { what, count: any ? cards.length : 0 };
    })
    .filter(({ count }) => count > 1);
}
