/**
 * Open questions, as Rust has them, and the rules that keep a person from answering by accident.
 *
 * While the pointer or the focus is in a list of cards ("held"), nothing in it moves: a settled card stays where it
 * was, with its outcome in place of its buttons, and new cards come at the end.
 */
import { SvelteSet } from "svelte/reactivity";
import type { Backend } from "../backend/types";
import { BackendError } from "../backend/types";
import type { Approval, ApprovalOutcome, ApprovalResolved, BatchResult, ChoiceId } from "../contract";
import { answersOf } from "../lib/answers";
import { isDenial } from "../lib/asked";
import { Answers } from "./answers.svelte";
import { DeskFilter, isWanted } from "./filter.svelte";

/** A card on the screen: an open question, or one that was settled under the person's hand. */
export interface Card {
  approval: Approval;
  outcome: ApprovalOutcome | null;
  /** Counts up when what the card says changed, and so perhaps its height. */
  revision: number;
}

/** What happens to the card order: `shown` as it stands, `open` as Rust has it, oldest first. Pure. */
export function arrange(shown: readonly string[], open: readonly string[], held: boolean): string[] {
  if (!held) return [...open];
  const stays = new Set(shown);
  return [...shown, ...open.filter((id) => !stays.has(id))];
}

/** Something that can hold the cards: a list of them, or a single one. */
export interface Holder {
  inTranscript: boolean;
}

export class Approvals {
  cards = $state.raw<readonly Card[]>([]);
  /** Questions whose answer is on its way. */
  answering = new SvelteSet<string>();
  /** The question whose card on the desk is to get the focus: on its first answer, or on the card as a whole. */
  wanted = $state.raw<{ id: string; on: "answer" | "card" } | null>(null);
  readonly answers = new Answers();
  readonly filter = new DeskFilter();
  open = $derived(this.cards.filter((card) => card.outcome === null));
  /** What the desk shows of the cards. A settled card under the hand stays, whatever is filtered. */
  shown = $derived(
    this.filter.active
      ? this.cards.filter((card) => card.outcome !== null || isWanted(card.approval, this.filter.wanted))
      : this.cards,
  );

  #backend: Backend;
  #onLate: (name: string, choice: ChoiceId) => void;
  #known = new Map<string, Card>();
  #holders = new SvelteSet<Holder>();

  constructor(backend: Backend, onLate: (name: string, choice: ChoiceId) => void) {
    this.#backend = backend;
    this.#onLate = onLate;
  }

  /** All open questions, at the start. */
  take(approvals: readonly Approval[]): void {
    this.#known.clear();
    for (const approval of approvals) this.#known.set(approval.id, { approval, outcome: null, revision: 0 });
    this.answers.only(new Set(approvals.map((approval) => approval.id)));
    this.#arrange();
  }

  requested(approval: Approval): void {
    const known = this.#known.get(approval.id);
    // A question that was settled is never opened again; ids are not reused.
    if (known?.outcome) return;
    this.#known.set(approval.id, { approval, outcome: null, revision: (known?.revision ?? -1) + 1 });
    this.#arrange();
  }

  resolved({ id, outcome }: ApprovalResolved): void {
    const known = this.#known.get(id);
    if (!known) return;
    this.#known.set(id, { ...known, outcome });
    this.answering.delete(id);
    this.answers.forget(id);
    this.#arrange();
  }

  /** The pointer or the focus is in a list of cards; `who` says later that it left. */
  hold(who: Holder): void {
    this.#holders.add(who);
  }

  release(who: Holder): void {
    if (this.#holders.delete(who) && this.#holders.size === 0) this.#arrange();
  }

  /** Whether the pointer or the focus is in a card of the transcript. */
  get heldInTranscript(): boolean {
    return [...this.#holders].some((holder) => holder.inTranscript);
  }

  get(id: string): Card | undefined {
    return this.#known.get(id);
  }

  /** The cards of a session's transcript. A settled one stays only for a hand that is in the transcript itself. */
  of(session: string): readonly Card[] {
    return this.cards.filter(
      (card) => card.approval.session === session && (card.outcome === null || this.heldInTranscript),
    );
  }

  /** Brings the focus to a question's card on the desk. False when the question is not open. */
  want(id: string, on: "answer" | "card"): boolean {
    const card = this.#known.get(id);
    if (!card || card.outcome) return false;
    if (!isWanted(card.approval, this.filter.wanted)) this.filter.clear();
    this.wanted = { id, on };
    return true;
  }

  /**
   * Gives an answer. The card closes when Rust says that it is settled, not before. What was filled in stays until then;
   * what is wrong with it is said beside its field.
   */
  async answer(id: string, choice: ChoiceId): Promise<void> {
    const card = this.#known.get(id);
    if (!card || card.outcome || this.answering.has(id)) return;
    const draft = this.answers.of(card.approval);
    if (choice === "submit" && draft.check() !== null) return;
    this.answering.add(id);
    try {
      const fields = choice === "submit" ? answersOf(draft.fields, (field) => draft.of(field)) : [];
      const reason = isDenial(choice) ? draft.reason?.trim() || null : null;
      await this.#backend.call("approval_answer", { approval: id, answer: { choice, fields, reason } });
      draft.wipe();
    } catch (thrown) {
      const error = BackendError.from(thrown);
      this.answering.delete(id);
      if (error.code === "invalid" && error.field !== null && draft.blame(error.field, error.line)) return;
      if (error.code !== "stale") throw error;
      this.#onLate(card.approval.name, choice);
      // Rust has said, or will say, how it was settled; until then the card must not look open.
      if (!this.#known.get(id)?.outcome)
        this.resolved({ id, session: card.approval.session, outcome: { kind: "elsewhere" } });
    }
  }

  /** Answers the questions that a person was shown, and no other. */
  answerMany(ids: readonly string[], choice: ChoiceId): Promise<BatchResult> {
    return this.#backend.call("approval_answer_many", { approvals: [...ids], choice });
  }

  #arrange(): void {
    const open = [...this.#known.values()]
      .filter((card) => card.outcome === null)
      .sort((a, b) => a.approval.askedAt - b.approval.askedAt)
      .map((card) => card.approval.id);
    const order = arrange(
      this.cards.map((card) => card.approval.id),
      open,
      this.#holders.size > 0,
    );
    const shown = new Set(order);
    for (const id of [...this.#known.keys()]) if (!shown.has(id)) this.#known.delete(id);
    this.cards = order.flatMap((id) => this.#known.get(id) ?? []);
  }
}

/** The time from a card's appearing, or moving, to its buttons answering. */
export const ARMING = 600;
/** The time in which a lasting answer wants its second click. */
export const CONFIRMING = 4_000;

/** Whether a card's buttons answer yet. */
export class Arming {
  armed = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The card appeared, or moved: whatever was about to be clicked was meant for something else. */
  restart(): void {
    this.armed = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.armed = true), ARMING);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
