/**
 * A session's transcript as the window holds it: rows in order, cut into segments for the virtual list.
 *
 * A row's blocks are kept in chunks, so that text streaming into a long answer touches one chunk, and a segment is a
 * piece of one turn that is small enough to be mounted as a whole. A row stays in the segment that it was given, and
 * rows that come before others never join theirs: what is on the screen is never mounted anew for a neighbour's sake.
 *
 * Not here: fetching, acknowledging (watch.svelte.ts) and scrolling (components/transcript/Transcript.svelte).
 */
import type { Earlier, RowHead, RowPatch, TranscriptUpdate, Turn } from "../contract";

/** Blocks a chunk, and rows a segment. Both bound what one virtual item puts into the document. */
export const CHUNK = 32;
export const SEGMENT = 16;

/** Some consecutive blocks of a row. */
export class Chunk {
  blocks = $state.raw<readonly string[]>([]);
}

export class Row {
  readonly key: string;
  readonly ordinal: number;
  readonly turn: string;
  at = $state.raw<number | null>(null);
  head = $state.raw() as RowHead;
  chunks = $state.raw<readonly Chunk[]>([]);
  /** What the person opened or closed by hand: the whole row under "", a file of it under its index. */
  opened = $state.raw<Readonly<Record<string, boolean>>>({});
  segment = 0;

  constructor(patch: RowPatch) {
    this.key = patch.key;
    this.ordinal = patch.ordinal;
    this.turn = patch.turn;
    this.apply(patch);
  }

  /** All blocks, for rows that are shown whole. */
  get blocks(): readonly string[] {
    return this.chunks.length === 1 ? (this.chunks[0]?.blocks ?? []) : this.chunks.flatMap((chunk) => chunk.blocks);
  }

  open(part: string, open: boolean): void {
    this.opened = { ...this.opened, [part]: open };
  }

  /** Takes a patch. True when the number of chunks changed. */
  apply(patch: RowPatch): boolean {
    this.at = patch.at;
    this.head = patch.head;
    const before = this.chunks.length;
    const have = before === 0 ? 0 : (before - 1) * CHUNK + (this.chunks[before - 1]?.blocks.length ?? 0);
    const keep = Math.min(patch.keep, have);
    if (keep === have && patch.blocksHtml.length === 0) return false;
    const first = Math.floor(keep / CHUNK);
    const tail = [...(this.chunks[first]?.blocks.slice(0, keep % CHUNK) ?? []), ...patch.blocksHtml];
    const count = first + Math.ceil(tail.length / CHUNK);
    const chunks = this.chunks.slice(0, count);
    for (let index = first; index < count; index++) {
      const chunk = chunks[index] ?? (chunks[index] = new Chunk());
      chunk.blocks = tail.slice((index - first) * CHUNK, (index - first + 1) * CHUNK);
    }
    if (count !== before) this.chunks = chunks;
    return count !== before;
  }
}

/** One item of the virtual list: rows of one turn, or one later chunk of a long answer. */
export class Segment {
  readonly key: string;
  readonly turn: string;
  rows = $state.raw<readonly Row[]>([]);
  /** Set when this is a later chunk of its only row. */
  readonly chunk: number;
  /** The first segment of its turn carries the turn's heading. */
  leads = $state(false);
  /** The last segment of its turn says how the turn ended. */
  trails = $state(false);
  /** The turn's place in the transcript, counted from one; `null` while its beginning is not loaded. */
  number = $state<number | null>(null);

  constructor(key: string, turn: string, chunk = 0) {
    this.key = key;
    this.turn = turn;
    this.chunk = chunk;
  }
}

/** How a new list of segments comes out of the old one, in the steps in which the virtual list can follow. */
export interface Steps {
  /** What changes before the first segment that both lists have. The position is kept from the end. */
  atStart: Segment[] | null;
  /** The list as it is to be. */
  then: Segment[];
}

export function steps(old: readonly Segment[], next: Segment[]): Steps {
  const places = new Map(next.map((segment, index) => [segment.key, index]));
  const oldHead = old.findIndex((segment) => places.has(segment.key));
  const newHead = oldHead < 0 ? -1 : (places.get(old[oldHead]?.key ?? "") ?? -1);
  if (oldHead < 0 || oldHead === newHead) return { atStart: null, then: next };
  return { atStart: [...next.slice(0, newHead), ...old.slice(oldHead)], then: next };
}

export class Transcript {
  readonly session: string;
  /** The first update has come. */
  ready = $state(false);
  earlier = $state<Earlier>("nothing");
  segments = $state.raw<Segment[]>([]);
  /** Counts up whenever all rows were replaced: scroll positions and measured sizes mean nothing then. */
  epoch = $state(0);
  /** Rows that came at the end since the transcript was opened. */
  appended = $state(0);

  #rows = new Map<string, Row>();
  #ordered: Row[] = [];
  #turns = $state.raw<ReadonlyMap<string, Turn>>(new Map());
  #segments = new Map<string, Segment>();
  #lastSegment = 0;

  constructor(session: string) {
    this.session = session;
  }

  turn(key: string): Turn | undefined {
    return this.#turns.get(key);
  }

  get turns(): ReadonlyMap<string, Turn> {
    return this.#turns;
  }

  row(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** The rows in order. */
  get rows(): readonly Row[] {
    return this.#ordered;
  }

  /** The place of a row's segment in the list, or -1. */
  indexOf(row: string): number {
    return this.segments.findIndex((segment) => segment.chunk === 0 && segment.rows.some((at) => at.key === row));
  }

  apply(update: TranscriptUpdate): void {
    if (update.reset) this.#clear();
    if (update.turns.length > 0) {
      const turns = new Map(this.#turns);
      for (const turn of update.turns) turns.set(turn.key, turn);
      this.#turns = turns;
    }
    const reshaped = this.#remove(update.removed);
    const patched = this.#patch(update.rows, update.reset);
    if (update.reset || reshaped || patched || update.earlier !== this.earlier) {
      this.earlier = update.earlier;
      this.segments = this.#cut();
    }
    this.ready = true;
  }

  #clear(): void {
    this.#rows.clear();
    this.#ordered = [];
    this.#turns = new Map();
    this.#segments.clear();
    this.appended = 0;
    this.epoch += 1;
  }

  #remove(keys: string[]): boolean {
    const gone = new Set(keys.filter((key) => this.#rows.delete(key)));
    if (gone.size > 0) this.#ordered = this.#ordered.filter((row) => !gone.has(row.key));
    return gone.size > 0;
  }

  #patch(patches: RowPatch[], quiet: boolean): boolean {
    let reshaped = false;
    const last = this.#ordered.at(-1)?.ordinal ?? -Infinity;
    const added: Row[] = [];
    for (const patch of patches) {
      const row = this.#rows.get(patch.key);
      if (row) {
        reshaped = row.apply(patch) || reshaped;
        continue;
      }
      const fresh = new Row(patch);
      this.#rows.set(fresh.key, fresh);
      added.push(fresh);
    }
    if (added.length === 0) return reshaped;
    if (!quiet) this.appended += added.filter((row) => row.ordinal > last).length;
    this.#ordered = [...this.#ordered, ...added].sort((a, b) => a.ordinal - b.ordinal);
    return true;
  }

  /** Cuts the ordered rows into segments, each row staying where it was as far as that holds together. */
  #cut(): Segment[] {
    const cut: { segment: Segment; rows: Row[] }[] = [];
    const used = new Set<number>();
    let open: { id: number; turn: string; rows: Row[] } | null = null;
    for (const row of this.#ordered) {
      const fits: boolean = open !== null && open.turn === row.turn && open.rows.length < SEGMENT;
      if (open && fits && (row.segment === 0 || row.segment === open.id)) {
        row.segment = open.id;
        open.rows.push(row);
      } else {
        if (row.segment === 0 || used.has(row.segment)) row.segment = ++this.#lastSegment;
        used.add(row.segment);
        open = { id: row.segment, turn: row.turn, rows: [row] };
        cut.push({ segment: this.#segment(`s${row.segment}`, row.turn, 0), rows: open.rows });
      }
      // Only the agent's text is shown without a box of its own that scrolls.
      if (row.head.kind === "agent" && row.chunks.length > 1) {
        for (let chunk = 1; chunk < row.chunks.length; chunk++) {
          cut.push({ segment: this.#segment(`${row.key}#${chunk}`, row.turn, chunk), rows: [row] });
        }
        open = null;
      }
    }
    return this.#publish(cut);
  }

  #segment(key: string, turn: string, chunk: number): Segment {
    const known = this.#segments.get(key);
    if (known && known.turn === turn) return known;
    const segment = new Segment(key, turn, chunk);
    this.#segments.set(key, segment);
    return segment;
  }

  #publish(cut: { segment: Segment; rows: Row[] }[]): Segment[] {
    const kept = new Set<string>();
    const numbers = new Map<string, number>();
    for (const [index, { segment, rows }] of cut.entries()) {
      kept.add(segment.key);
      if (!sameRows(segment.rows, rows)) segment.rows = rows;
      segment.leads = !numbers.has(segment.turn);
      if (segment.leads) numbers.set(segment.turn, numbers.size + 1);
      segment.trails = cut[index + 1]?.segment.turn !== segment.turn;
      segment.number = this.earlier === "nothing" ? (numbers.get(segment.turn) ?? null) : null;
    }
    for (const key of this.#segments.keys()) if (!kept.has(key)) this.#segments.delete(key);
    return cut.map(({ segment }) => segment);
  }
}

const sameRows = (a: readonly Row[], b: readonly Row[]): boolean =>
  a.length === b.length && a.every((row, index) => row === b[index]);
