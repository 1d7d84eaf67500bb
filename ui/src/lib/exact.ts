/**
 * Text that has to be read exactly: a command, a path, an address. What could make it read as another one is marked.
 * Rust has made invisible characters visible already, as ⟨U+202E⟩. Pure.
 */

export interface Piece {
  text: string;
  /**
   * `plain`, a character that is written as its code, one that is not of the ASCII alphabet, a line break, or so many
   * spaces that what comes after them could be taken for something else.
   */
  mark: "plain" | "code" | "foreign" | "break" | "spaces";
  /** For a tooltip. */
  title: string;
}

const SPECIAL = /⟨U\+[0-9A-F]{4,6}⟩|[^\p{ASCII}]|\n|(?<=\S) {8,}/gu;

const codes = (text: string): string =>
  [...text].map((char) => `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`).join(" ");

/** Cuts a text into pieces, so that their texts joined are the text. */
export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  const add = (text: string, mark: Piece["mark"], title = "") => {
    const last = out.at(-1);
    // A word in another alphabet is one mark, not a mark for each letter.
    if (last && last.mark === mark && (mark === "plain" || mark === "foreign")) {
      last.text += text;
      last.title = mark === "foreign" ? `Not ASCII: ${codes(last.text)}` : "";
    } else out.push({ text, mark, title });
  };
  let at = 0;
  for (const found of text.matchAll(SPECIAL)) {
    if (found.index > at) add(text.slice(at, found.index), "plain");
    const [char] = found;
    if (char === "\n") add(char, "break", "Line break");
    else if (char.startsWith(" ")) add(char, "spaces", `${char.length} spaces`);
    else if (char.startsWith("⟨U+"))
      add(char, "code", "A character that cannot be seen, or that changes how others read");
    else add(char, "foreign", `Not ASCII: ${codes(char)}`);
    at = found.index + char.length;
  }
  if (at < text.length) add(text.slice(at), "plain");
  return out;
}

/** More lines or characters than this are shown only when asked for. */
const MOST_LINES = 16;
const MOST_CHARS = 1_200;

/** What of a long text is shown at first: its beginning and its end, and how much is left out between. */
export interface Excerpt {
  head: string;
  tail: string;
  /** E.g. "226 lines" or "4,210 characters". */
  left: { lines: number; chars: number };
}

/** `null`: it is short enough to be shown whole. The end is always shown: what is hidden is never the last word. */
export function excerpt(text: string): Excerpt | null {
  const lines = text.split("\n");
  if (lines.length > MOST_LINES) {
    const [head, tail] = [lines.slice(0, 8).join("\n"), lines.slice(-4).join("\n")];
    if (head.length + tail.length <= MOST_CHARS) {
      return { head, tail, left: { lines: lines.length - 12, chars: text.length - head.length - tail.length } };
    }
  }
  if (text.length <= MOST_CHARS) return null;
  const [head, tail] = [text.slice(0, 600), text.slice(-300)];
  return { head, tail, left: { lines: 0, chars: text.length - 900 } };
}

/** Whether a text has to be opened before all of it was shown. */
export const isLong = (text: string): boolean => excerpt(text) !== null;
