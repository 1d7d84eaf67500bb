/** LOOK: 4.5:1 for text, 3:1 for marks, in every theme. The colours are read from the stylesheet itself. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

type Tokens = Map<string, string>;
const css = readFileSync("src/styles/tokens.css", "utf8");

function tokens(block: string): Tokens {
  return new Map([...block.matchAll(/--([\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name ?? "", value ?? ""]));
}
const blockAfter = (from: string, start = 0): string => {
  const at = css.indexOf(from, start);
  expect(at, `${from} is in tokens.css`).toBeGreaterThanOrEqual(0);
  const open = css.indexOf("{", at);
  return css.slice(open, css.indexOf("}", open));
};

/** Relative luminance of an opaque oklch colour, through Oklab and linear sRGB. */
function luminance(color: string): number {
  const found = /^oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)$/.exec(color.trim());
  if (!found) throw new Error(`not an opaque oklch colour: ${color}`);
  const [l, c, h] = found.slice(1).map(Number) as [number, number, number];
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const L = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const M = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const S = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clamp = (value: number) => Math.min(1, Math.max(0, value));
  const red = clamp(4.0767416621 * L - 3.3077115913 * M + 0.2309699292 * S);
  const green = clamp(-1.2684380046 * L + 2.6097574011 * M - 0.3413193965 * S);
  const blue = clamp(-0.0041960863 * L - 0.7034186147 * M + 1.707614701 * S);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(theme: Tokens, over: string, under: string): number {
  const value = (name: string) => theme.get(name) ?? `missing ${name}`;
  const [high, low] = [luminance(value(over)), luminance(value(under))].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

const light = tokens(blockAfter(':root,\n:root[data-theme="light"]'));
const dark = new Map([...light, ...tokens(blockAfter(':root[data-theme="dark"]'))]);
const more = css.indexOf("prefers-contrast");
const themes: Record<string, Tokens> = {
  light,
  dark,
  "light, more contrast": new Map([...light, ...tokens(blockAfter(':root[data-theme="light"]', more))]),
  "dark, more contrast": new Map([...dark, ...tokens(blockAfter(':root[data-theme="dark"]', more))]),
};

const surfaces = ["surface-0", "surface-1", "surface-2"];
const text = ["text-0", "text-1", "text-2", "accent", "waiting", "good", "bad", "info"];
const marks = [
  "edge",
  "waiting-mark",
  ...["gray", "violet", "blue", "teal", "green", "orange", "pink"].map((at) => `mark-${at}`),
];

describe.each(Object.entries(themes))("%s", (_name, theme) => {
  test.each(text.flatMap((over) => surfaces.map((under) => [over, under] as const)))("text %s on %s", (over, under) => {
    expect(contrast(theme, over, under)).toBeGreaterThanOrEqual(4.5);
  });
  test.each([
    ["on-accent", "accent-fill"],
    ["text-1", "bad-soft"],
    ["text-1", "waiting-soft"],
    ["text-0", "good-soft"],
    ["text-2", "surface-1"],
    ["bad", "bad-soft"],
    ["text-0", "waiting-soft"],
    ["text-2", "waiting-soft"],
    ["accent", "accent-soft"],
  ] as const)("text %s on %s", (over, under) => {
    expect(contrast(theme, over, under)).toBeGreaterThanOrEqual(4.5);
  });
  test.each(marks.flatMap((over) => ["surface-0", "surface-1"].map((under) => [over, under] as const)))(
    "mark %s on %s",
    (over, under) => {
      expect(contrast(theme, over, under)).toBeGreaterThanOrEqual(3);
    },
  );
});
