/** A few lines that make the kind of HTML that crates/markup makes. */
import type { ChangeKind, FileChange } from "../../contract";

export const escape = (text: string): string => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

const inline = (text: string): string =>
  escape(text)
    .replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\*\*([^*]+)\*\*/g, "<strong>$1</strong>")
    .replace(
      /\[([^\]]+)\]\((https?:[^)\s]+)\)/g,
      '<a href="$2" title="$2" target="_blank" rel="noreferrer noopener">$1</a>',
    );

const WORDS: [RegExp, string][] = [
  [/\b(fn|let|pub|impl|match|for|in|if|else|return|use|struct|const|async|await)\b/g, "keyword"],
  [/\b(\d+)\b/g, "number"],
];

function highlight(code: string): string {
  return code
    .split("\n")
    .map((line) => {
      const comment = line.indexOf("//");
      const body = comment < 0 ? line : line.slice(0, comment);
      let html = escape(body).replace(/&#(\d+);/g, "\u0001$1\u0002");
      for (const [word, name] of WORDS) {
        html = html.replace(word, (found, _group, at: number) =>
          html[at - 1] === "\u0001" ? found : `<span class="hl-${name}">${found}</span>`,
        );
      }
      html = html.split("\u0001").join("&#").split("\u0002").join(";");
      return comment < 0 ? html : `${html}<span class="hl-comment">${escape(line.slice(comment))}</span>`;
    })
    .join("\n");
}

/** The paragraphs of a text; a fence is one, whatever is in it. */
function paragraphs(text: string): string[] {
  const parts: string[] = [];
  for (const piece of text.split("\n\n")) {
    const open = parts.at(-1);
    if (open?.startsWith("```") && !open.endsWith("\n```")) parts[parts.length - 1] = `${open}\n\n${piece}`;
    else if (piece.trim() !== "") parts.push(piece);
  }
  return parts;
}

const rendered = new Map<string, string>();

/** Markdown, roughly: one block of HTML per paragraph, list, heading or fence. */
export function markdown(text: string): string[] {
  return paragraphs(text).map((part) => {
    const html = rendered.get(part) ?? block(part);
    if (rendered.size > 5_000) rendered.clear();
    rendered.set(part, html);
    return html;
  });
}

function block(part: string): string {
  const fence = /^```(\w*)\n([\s\S]*?)(?:\n```)?$/.exec(part);
  if (fence) {
    return `<div class="code" data-language="${fence[1] ?? ""}"><pre><code>${highlight(fence[2] ?? "")}</code></pre></div>`;
  }
  const heading = /^(#{1,3}) (.*)$/.exec(part);
  if (heading) {
    const level = heading[1]?.length ?? 1;
    return `<h${level}>${inline(heading[2] ?? "")}</h${level}>`;
  }
  const items = (separator: RegExp) =>
    part
      .split(separator)
      .filter((item) => item !== "")
      .map((item) => `<li>${inline(item)}</li>`)
      .join("");
  if (/^- /.test(part)) return `<ul>${items(/(?:^|\n)- /)}</ul>`;
  if (/^\d\. /.test(part)) return `<ol>${items(/(?:^|\n)\d\. /)}</ol>`;
  return `<p>${inline(part)}</p>`;
}

export const plain = (text: string): string[] => [`<p class="plain">${escape(text)}</p>`];

/** Terminal output, 64 lines a block. `{green:…}` and the like stand for colours. */
export function output(text: string): string[] {
  const lines = text.split("\n");
  const blocks = [];
  for (let at = 0; at < lines.length; at += 64) {
    const html = escape(lines.slice(at, at + 64).join("\n")).replace(
      /\{(green|red|yellow|cyan):([^}]*)\}/g,
      '<span class="a-$1">$2</span>',
    );
    blocks.push(`<pre class="output"><samp>${html}</samp></pre>`);
  }
  return blocks;
}

export function diff(lines: string[]): string {
  let [before, after] = [12, 12];
  const rows = lines.map((line) => {
    const text = escape(line.slice(1));
    if (line.startsWith("@")) return `<tr class="hunk"><td colspan="4">${escape(line)}</td></tr>`;
    const kind = line.startsWith("+") ? "add" : line.startsWith("-") ? "del" : "ctx";
    const numbers = [kind === "add" ? "" : before++, kind === "del" ? "" : after++];
    const cells = numbers.map((number) => `<td class="number">${number}</td>`).join("");
    const sign = { add: "+", del: "−", ctx: " " }[kind];
    return `<tr class="${kind}">${cells}<td class="sign">${sign}</td><td class="line">${text}</td></tr>`;
  });
  return `<table class="diff"><tbody>${rows.join("")}</tbody></table>`;
}

export function fileChange(path: string, change: ChangeKind, lines: string[]): FileChange {
  return {
    path,
    movedTo: null,
    change,
    added: lines.filter((line) => line.startsWith("+")).length,
    removed: lines.filter((line) => line.startsWith("-")).length,
    diffHtml: diff(lines),
  };
}
