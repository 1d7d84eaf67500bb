import { describe, expect, test } from "vitest";
import type { RowHead, RowPatch, TranscriptUpdate } from "../src/contract";
import { CHUNK, SEGMENT, steps, Transcript } from "../src/state/transcript.svelte";

const agent: RowHead = { kind: "agent", streaming: true };
const row = (
  key: string,
  ordinal: number,
  blocksHtml: string[] = [key],
  changes: Partial<RowPatch> = {},
): RowPatch => ({
  key,
  ordinal,
  turn: "t1",
  at: null,
  head: agent,
  keep: 0,
  blocksHtml,
  ...changes,
});
const update = (rows: RowPatch[], changes: Partial<TranscriptUpdate> = {}): TranscriptUpdate => ({
  seq: 1,
  reset: false,
  turns: [],
  rows,
  removed: [],
  earlier: "nothing",
  ...changes,
});
const begin = (rows: RowPatch[], changes: Partial<TranscriptUpdate> = {}) => {
  const transcript = new Transcript("s1");
  transcript.apply(update(rows, { reset: true, ...changes }));
  return transcript;
};
const keys = (transcript: Transcript) => transcript.rows.map((at) => at.key);
const shown = (transcript: Transcript) =>
  transcript.segments.map((segment) =>
    segment.rows.map((at) => at.key + (segment.chunk > 0 ? `#${segment.chunk}` : "")),
  );
const numbered = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => `b${from + at}`);

/** A small generator of numbers, so that a failure can be repeated. */
function random(seed: number) {
  return (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
}

describe("rows", () => {
  test("stand by ordinal, in whatever order they come", () => {
    const transcript = begin([row("c", 7), row("a", -3)]);
    transcript.apply(update([row("d", 9), row("b", 2)]));
    expect(keys(transcript)).toEqual(["a", "b", "c", "d"]);
    expect(shown(transcript).flat()).toEqual(["a", "b", "c", "d"]);
  });

  test("a patch keeps the first blocks and replaces the rest", () => {
    const transcript = begin([row("a", 0, ["1", "2", "3"])]);
    const first = transcript.row("a");
    transcript.apply(update([row("a", 0, ["2b", "3b", "4"], { keep: 1 })]));
    expect(transcript.row("a")).toBe(first);
    expect(first?.blocks).toEqual(["1", "2b", "3b", "4"]);
    transcript.apply(update([row("a", 0, [], { keep: 2 })]));
    expect(first?.blocks).toEqual(["1", "2b"]);
  });

  test("a patch that keeps everything changes the head only", () => {
    const transcript = begin([row("a", 0, ["1"])]);
    const chunk = transcript.row("a")?.chunks[0];
    const before = chunk?.blocks;
    transcript.apply(update([row("a", 0, [], { keep: 1, head: { kind: "agent", streaming: false } })]));
    expect(transcript.row("a")?.head).toEqual({ kind: "agent", streaming: false });
    expect(chunk?.blocks).toBe(before);
  });

  test("a patch that claims to keep more than there is takes what there is", () => {
    const transcript = begin([row("a", 0, ["1"])]);
    transcript.apply(update([row("a", 0, ["2"], { keep: 5 })]));
    expect(transcript.row("a")?.blocks).toEqual(["1", "2"]);
  });

  test("any sequence of patches gives the blocks that a plain list would have", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed);
      let model = numbered(0, next(100));
      const transcript = begin([row("a", 0, model)]);
      for (let step = 0; step < 30; step++) {
        const keep = next(model.length + 1);
        const tail = Array.from({ length: next(70) }, () => String(next(1_000)));
        model = [...model.slice(0, keep), ...tail];
        transcript.apply(update([row("a", 0, tail, { keep })]));
        expect(transcript.row("a")?.blocks, `seed ${seed}, step ${step}`).toEqual(model);
      }
    }
  });

  test("what is removed is gone, and reset forgets everything", () => {
    const transcript = begin([row("a", 0), row("b", 1)], {
      turns: [{ key: "t1", state: "running", startedAt: 1, durationMs: null }],
    });
    transcript.apply(update([], { removed: ["a", "unknown"] }));
    expect(keys(transcript)).toEqual(["b"]);
    const epoch = transcript.epoch;
    transcript.apply(update([row("z", 5)], { reset: true, earlier: "more" }));
    expect(keys(transcript)).toEqual(["z"]);
    expect(transcript.turn("t1")).toBeUndefined();
    expect(transcript.epoch).toBe(epoch + 1);
    expect(transcript.earlier).toBe("more");
  });

  test("rows that come at the end are counted; earlier pages and the first state are not", () => {
    const transcript = begin([row("a", 0), row("b", 1)], { earlier: "more" });
    expect(transcript.appended).toBe(0);
    transcript.apply(update([row("c", 2), row("y", -1)]));
    expect(transcript.appended).toBe(1);
  });
});

describe("segments", () => {
  test("text that streams in touches one chunk and no segment", () => {
    const transcript = begin([row("a", 0, numbered(0, CHUNK + 3))]);
    const { segments } = transcript;
    const [first, second] = transcript.row("a")?.chunks ?? [];
    const before = first?.blocks;
    transcript.apply(update([row("a", 0, ["new"], { keep: CHUNK + 3 })]));
    expect(transcript.segments).toBe(segments);
    expect(first?.blocks).toBe(before);
    expect(second?.blocks).toHaveLength(4);
  });

  test("a long answer is cut, and what follows stands behind it", () => {
    const transcript = begin([row("q", 0), row("a", 1, numbered(0, CHUNK * 2 + 1)), row("z", 2)]);
    expect(shown(transcript)).toEqual([["q", "a"], ["a#1"], ["a#2"], ["z"]]);
  });

  test("an answer that grows keeps the segments that are on the screen", () => {
    const transcript = begin([row("q", 0), row("a", 1, numbered(0, CHUNK))]);
    const [lead] = transcript.segments;
    transcript.apply(update([row("a", 1, ["more"], { keep: CHUNK })]));
    expect(transcript.segments[0]).toBe(lead);
    expect(shown(transcript)).toEqual([["q", "a"], ["a#1"]]);
  });

  test("hold no more than they may, one turn each, with one heading a turn", () => {
    const rows = Array.from({ length: 50 }, (_, at) => row(`r${at}`, at, ["x"], { turn: at < 40 ? "t1" : "t2" }));
    const transcript = begin(rows);
    expect(shown(transcript).flat()).toHaveLength(50);
    for (const segment of transcript.segments) {
      expect(segment.rows.length).toBeLessThanOrEqual(SEGMENT);
      expect(new Set(segment.rows.map((at) => at.turn)).size).toBe(1);
    }
    expect(transcript.segments.filter((segment) => segment.leads).map((segment) => segment.number)).toEqual([1, 2]);
  });

  test("an earlier page leaves the segments that are there alone", () => {
    const transcript = begin([row("a", 0), row("b", 1)], { earlier: "more" });
    const [there] = transcript.segments;
    expect(there?.number).toBeNull();
    transcript.apply(update([row("y", -2), row("z", -1)]));
    expect(shown(transcript)).toEqual([
      ["y", "z"],
      ["a", "b"],
    ]);
    expect(transcript.segments[1]).toBe(there);
    expect(there?.leads).toBe(false);
    expect(transcript.segments[0]?.number).toBe(1);
  });

  test("show every row once and in order after any sequence of updates", () => {
    for (let seed = 1; seed <= 60; seed++) {
      const next = random(seed);
      const transcript = begin([]);
      const ordinals = new Set<number>();
      for (let step = 0; step < 25; step++) {
        const rows = Array.from({ length: next(8) }, () => {
          const ordinal = next(200) - 100;
          ordinals.add(ordinal);
          const blocks = numbered(0, next(12) === 0 ? next(100) : 1);
          return row(`r${ordinal}`, ordinal, blocks, { turn: `t${Math.floor(ordinal / 20)}` });
        });
        const removed = [...ordinals].filter(() => next(15) === 0);
        for (const gone of removed) if (!rows.some((at) => at.ordinal === gone)) ordinals.delete(gone);
        transcript.apply(update(rows, { removed: removed.filter((at) => !ordinals.has(at)).map((at) => `r${at}`) }));
        const leads = transcript.segments.filter((segment) => segment.chunk === 0).flatMap((segment) => segment.rows);
        expect(
          leads.map((at) => at.ordinal),
          `seed ${seed}, step ${step}`,
        ).toEqual([...ordinals].sort((a, b) => a - b));
        expect(new Set(transcript.segments.map((segment) => segment.key)).size).toBe(transcript.segments.length);
        const blocks = transcript.segments.reduce(
          (sum, segment) =>
            sum + segment.rows.reduce((all, at) => all + (at.chunks[segment.chunk]?.blocks.length ?? 0), 0),
          0,
        );
        expect(blocks).toBe(transcript.rows.reduce((sum, at) => sum + at.blocks.length, 0));
      }
    }
  });

  test("the virtual list learns first what changed before the first common segment", () => {
    const transcript = begin([row("a", 0), row("b", 1, ["b"], { turn: "t2" })], { earlier: "more" });
    const old = transcript.segments;
    transcript.apply(update([row("z", -1, ["z"], { turn: "t0" }), row("c", 2, ["c"], { turn: "t3" })]));
    const next = transcript.segments;
    const { atStart, then } = steps(old, next);
    expect(atStart?.map((segment) => segment.rows[0]?.key)).toEqual(["z", "a", "b"]);
    expect(then).toBe(next);
    expect(steps(next, next).atStart).toBeNull();
    expect(steps([], next).atStart).toBeNull();
  });
});

test("a turn begins with its first segment and ends with its last", () => {
  const transcript = begin([
    row("a", 0),
    row("b", 1, numbered(0, CHUNK * 2)),
    row("c", 2, ["c"], { turn: "t2" }),
    row("d", 3, ["d"], { turn: "t2" }),
  ]);
  expect(transcript.segments.map(({ turn, leads, trails }) => [turn, leads, trails])).toEqual([
    ["t1", true, false],
    ["t1", false, true],
    ["t2", true, true],
  ]);
});
