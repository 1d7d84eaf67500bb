import { describe, expect, test } from "vitest";
import { dropIndex } from "../src/components/tabs/drag";
import { codeText } from "../src/components/transcript/code";
import { shortcut } from "../src/lib/keys";
import { fromHome, shorten, within } from "../src/lib/path";
import { counting, duration, relativeTime } from "../src/lib/time";
import { inRows } from "../src/lib/asked";
import { turnHeading } from "../src/lib/words";

describe("paths", () => {
  test("the home folder is ~, and only it", () => {
    expect(fromHome("/home/mara/code", "/home/mara")).toBe("~/code");
    expect(fromHome("/home/mara", "/home/mara/")).toBe("~");
    expect(fromHome("/home/marabel", "/home/mara")).toBe("/home/marabel");
    expect(fromHome("/srv", "")).toBe("/srv");
  });

  test("a path in a folder is relative to it", () => {
    expect(within("/a/b/c.rs", "/a/b")).toBe("c.rs");
    expect(within("/a/bc/c.rs", "/a/b")).toBe("/a/bc/c.rs");
  });

  test("the middle goes first; the ends tell paths apart", () => {
    expect(shorten("crates/a/b/c/d/e/lib.rs", 18)).toBe("crates/…/e/lib.rs");
    expect(shorten("short.rs", 18)).toBe("short.rs");
    const long = shorten(`src/${"x".repeat(80)}.rs`, 30);
    expect(long.length).toBeLessThanOrEqual(30);
    expect(long).toMatch(/^src\/x+…x+\.rs$/);
  });
});

test("durations and times", () => {
  expect(duration(812)).toBe("812 ms");
  expect(duration(4_212)).toBe("4.2 s");
  expect(duration(185_000)).toBe("3 min 5 s");
  expect(counting(59_999)).toBe("59 s");
  expect(counting(-5)).toBe("0 s");
  expect(relativeTime(0, 59_000)).toBe("just now");
  expect(relativeTime(0, 5 * 60_000)).toBe("5 min ago");
});

test("a turn's heading has a number only when the beginning is known", () => {
  const turn = { key: "t", state: "completed" as const, startedAt: 0, durationMs: 4_200 };
  expect(turnHeading(turn, 3, false)).toBe("Turn 3, completed in 4.2 s");
  expect(turnHeading(turn, 3, true)).toBe("Turn 3, continued");
  expect(turnHeading({ ...turn, state: "failed" }, 3, false)).toBe("Turn 3, failed after 4.2 s");
  expect(turnHeading(turn, null, false)).toMatch(/^Turn at .*, completed in 4\.2 s$/);
});

test("answers are focused denial first, and lasting ones last", () => {
  const choice = (id: "allowOnce" | "deny" | "denyAndStop" | "allowByRule", allows: boolean, lasting = false) => ({
    id,
    label: id,
    effect: "",
    allows,
    lasting,
  });
  const rows = inRows([
    choice("allowByRule", true, true),
    choice("allowOnce", true),
    choice("deny", false),
    choice("denyAndStop", false),
  ]);
  expect(rows.flat().map(({ id }) => id)).toEqual(["deny", "denyAndStop", "allowOnce", "allowByRule"]);
});

test("the keyboard's commands", () => {
  const key = (key: string, code = "", modifiers: Partial<KeyboardEvent> = {}) => ({
    key,
    code,
    ctrlKey: true,
    metaKey: false,
    shiftKey: false,
    altKey: false,
    ...modifiers,
  });
  expect(shortcut(key("Tab"))).toEqual({ do: "nextTab" });
  expect(shortcut(key("Tab", "", { shiftKey: true }))).toEqual({ do: "previousTab" });
  expect(shortcut(key("3", "Digit3"))).toEqual({ do: "tab", index: 2 });
  expect(shortcut(key("A", "KeyA", { shiftKey: true }))).toEqual({ do: "nextWaiting" });
  expect(shortcut(key("PageUp", "", { shiftKey: true }))).toEqual({ do: "moveTab", by: -1 });
  expect(shortcut(key("a", "KeyA"))).toBeNull();
  expect(shortcut(key("t", "KeyT", { ctrlKey: false }))).toBeNull();
  expect(shortcut(key("F2", "F2", { ctrlKey: false }))).toEqual({ do: "rename" });
});

test("a dragged tab lands among the others", () => {
  const tabs = [
    { id: "a", middle: 50 },
    { id: "b", middle: 150 },
    { id: "c", middle: 250 },
  ];
  expect(dropIndex(tabs, "a", 60)).toBe(0);
  expect(dropIndex(tabs, "a", 160)).toBe(1);
  expect(dropIndex(tabs, "c", 10)).toBe(0);
  expect(dropIndex(tabs, "b", 900)).toBe(2);
});

test("code that was cut into pieces is copied whole", () => {
  const code = (text: string, extra = "") => `<div class="code${extra}"><pre><code>${text}</code></pre></div>`;
  expect(codeText(["<p>x</p>", code("a\n"), code("b\n", " continued"), code("c\n")], 1)).toBe("a\nb");
  expect(codeText([code("a &lt; b\n")], 0)).toBe("a < b");
});
