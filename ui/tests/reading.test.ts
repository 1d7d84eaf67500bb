/** The pure parts of the desk: exact text, fields, words of rules. */
import { describe, expect, test } from "vitest";
import type { Field, FieldInput } from "../src/contract";
import { ATTACKS } from "../src/backend/fake/asks";
import { answersOf, fault, hint, initial } from "../src/lib/answers";
import { beforeWords, outcomeAllows } from "../src/lib/asked";
import { excerpt, isLong, pieces } from "../src/lib/exact";
import { readWords, ruleSays, showWords, toDraft, toSettings } from "../src/lib/rules";
import { fromClock, toClock } from "../src/lib/time";
import { isWanted } from "../src/state/filter.svelte";
import { approval } from "./desk";

describe("exact text", () => {
  test("the pieces joined are the text, whatever it is", () => {
    for (const text of [...ATTACKS, "", "a\n\nb", " x"]) {
      expect(
        pieces(text)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
    }
  });

  test("what could make it read as another one is marked", () => {
    const marks = (text: string) => pieces(text).map(({ text, mark }) => [mark, text]);
    expect(marks("ls⟨U+202E⟩ x")).toEqual([
      ["plain", "ls"],
      ["code", "⟨U+202E⟩"],
      ["plain", " x"],
    ]);
    expect(marks("сurl é")).toEqual([
      ["foreign", "с"],
      ["plain", "url "],
      ["foreign", "é"],
    ]);
    expect(pieces("с")[0]?.title).toBe("Not ASCII: U+0441");
    expect(marks("a\nb").map(([mark]) => mark)).toEqual(["plain", "break", "plain"]);
    expect(marks(`ls${" ".repeat(9)}; rm`).map(([mark]) => mark)).toEqual(["plain", "spaces", "plain"]);
    expect(marks(`        indented`)).toHaveLength(1);
  });

  test("a long text shows its beginning and its end, and how much is between", () => {
    expect(isLong("x".repeat(1_200))).toBe(false);
    const lines = `git status${"\n".repeat(60)}rm -rf ~`;
    const cut = excerpt(lines);
    expect(cut?.head.startsWith("git status")).toBe(true);
    expect(cut?.tail.endsWith("rm -rf ~")).toBe(true);
    expect(cut?.left.lines).toBe(49);
    const long = excerpt(`echo ${"a".repeat(5_000)} && rm -rf ~`);
    expect(long?.tail.endsWith("&& rm -rf ~")).toBe(true);
    expect(long?.left).toMatchObject({ lines: 0 });
    expect(excerpt(`${"b".repeat(3_000)}\n`.repeat(40))?.left.chars).toBeGreaterThan(100_000);
  });
});

const field = (input: FieldInput, changes: Partial<Field> = {}): Field => ({
  id: "f",
  title: "Field",
  text: "",
  required: false,
  input,
  initial: [],
  ...changes,
});
const text = (changes: Partial<Extract<FieldInput, { kind: "text" }>> = {}): FieldInput => ({
  kind: "text",
  secret: false,
  format: "plain",
  minLength: null,
  maxLength: null,
  ...changes,
});
const typed = (value: string) => ({ values: [value], other: false, otherText: "" });

describe("fields", () => {
  test("what is wrong is found, and what is right is sent as it is", () => {
    const wrong = (input: FieldInput, value: string, required = false) =>
      fault(field(input, { required }), typed(value)) !== null;
    expect(wrong(text(), "")).toBe(false);
    expect(wrong(text(), " ", true)).toBe(true);
    expect(wrong(text({ minLength: 3 }), "ab")).toBe(true);
    expect(wrong(text({ maxLength: 3 }), "äöü")).toBe(false);
    expect(wrong(text({ format: "email" }), "mara")).toBe(true);
    expect(wrong(text({ format: "email" }), "mara@example.com")).toBe(false);
    expect(wrong(text({ format: "uri" }), "example")).toBe(true);
    expect(wrong(text({ format: "date" }), "2026-11-22")).toBe(false);
    expect(wrong(text({ format: "dateTime" }), "soon")).toBe(true);
    const number: FieldInput = { kind: "number", integer: true, min: 1, max: 13 };
    expect(["0", "14", "1.5", "x"].every((value) => wrong(number, value))).toBe(true);
    expect(wrong(number, "13")).toBe(false);
    expect(hint(number)).toBe("A whole number from 1 to 13");
    const some: FieldInput = { kind: "some", options: [], min: 1, max: 2 };
    expect(fault(field(some), { values: ["a", "b", "c"], other: false, otherText: "" })).toContain("1 to 2 of these");
    expect(fault(field({ kind: "unsupported" }, { required: true }), typed(""))).toContain("only be denied");
  });

  test("a number is sent with a point, a secret untouched, nothing as nothing", () => {
    const fields = [
      field({ kind: "number", integer: false, min: null, max: null }, { id: "n" }),
      field(text({ secret: true }), { id: "s" }),
      field(text(), { id: "e" }),
    ];
    const filled = { n: typed(" 1,5 "), s: typed(" a b "), e: typed("  ") };
    expect(answersOf(fields, (id) => filled[id as keyof typeof filled])).toEqual([
      { id: "n", values: ["1.5"] },
      { id: "s", values: [" a b "] },
      { id: "e", values: [] },
    ]);
  });

  test("what stands there at first, also when it is none of the options", () => {
    const one: FieldInput = {
      kind: "one",
      options: [{ value: "a", label: "A", text: "" }],
      other: true,
      secret: false,
    };
    expect(initial(field(one, { initial: ["a"] }))).toMatchObject({ values: ["a"], other: false });
    expect(initial(field(one, { initial: ["z"] }))).toMatchObject({ values: [], other: true, otherText: "z" });
    expect(initial(field({ kind: "toggle" })).values).toEqual(["false"]);
  });
});

describe("rules", () => {
  test("words are read as they are shown", () => {
    for (const words of [["git", "status"], ["git", "commit", "-m", "it's a b"], [""], ["a\\b", '"']]) {
      expect(readWords(showWords(words))).toEqual(words);
    }
    expect(readWords("  a  'b c'd ")).toEqual(["a", "b cd"]);
  });

  test("a draft and its settings say the same", () => {
    const here = { session: "one", folder: "/f", profile: "p1" };
    const settings = {
      verdict: "allow" as const,
      about: {
        kind: "commands" as const,
        prefixes: [
          ["git", "log"],
          ["echo", "a b"],
        ],
      },
      scope: { kind: "folder" as const, folder: "/home/mara/one" },
      expiresAt: 7,
      enabled: false,
      note: "why",
    };
    expect(toSettings(toDraft(settings, here))).toEqual(settings);
    const tool = { ...settings, about: { kind: "tool" as const, server: "s", tool: null } };
    expect(toSettings(toDraft(tool, here))).toEqual(tool);
    const names = { session: () => undefined, profile: () => undefined, path: String };
    expect(ruleSays(settings, names)).toBe(
      "Allow commands that begin with “git log” or “echo 'a b'”, in the folder /home/mara/one",
    );
  });
});

test("what was asked before, in a sentence", () => {
  const last = { kind: "answered", choice: "allowOnce", by: "desk" } as const;
  const at = (minutes: number) => minutes * 60_000;
  expect(beforeWords({ times: 3, lastAt: at(0), last }, at(2))).toBe(
    "Asked 3 times before in this session, last allowed once, 2 min ago",
  );
  expect(beforeWords({ times: 1, lastAt: at(0), last: null }, at(2))).toBe(
    "Asked once before in this session; the last one, 2 min ago, is still open",
  );
});

test("an answer that was sent, or a rule that allows, lets the agent go on", () => {
  expect(outcomeAllows({ kind: "answered", choice: "submit", by: "desk" })).toBe(true);
  expect(outcomeAllows({ kind: "rule", rule: "r", name: "n", allowed: false })).toBe(false);
  expect(outcomeAllows({ kind: "serverDied" })).toBe(false);
});

test("a filter takes all words, anywhere in the card", () => {
  const push = approval("git push origin", 1);
  const any = { text: "", session: "", kind: "", risk: "" } as const;
  expect(isWanted(push, { ...any, text: "ORIGIN git" })).toBe(true);
  expect(isWanted(push, { ...any, text: "git pull" })).toBe(false);
  expect(isWanted(push, { ...any, risk: "low" })).toBe(false);
  expect(isWanted(push, { ...any, kind: "command", session: "one" })).toBe(true);
});

test("minutes after midnight and the clock", () => {
  expect(toClock(22 * 60 + 5)).toBe("22:05");
  expect(fromClock("07:30")).toBe(450);
  expect(fromClock("")).toBeNull();
});
