/** Copy buttons in blocks of code, and the delegated clicks of a transcript: those buttons, and links. */
import { copy } from "../../lib/copy";

const CODE = ".code:not(.continued)";

/** An attachment that puts a copy button into a block of code. Made anew for each `html`, as the old one went with it. */
export function addCopyButtons(html: string): ((block: HTMLElement) => void) | undefined {
  if (!html.includes('class="code')) return undefined;
  return (block) => {
    for (const code of block.querySelectorAll(CODE)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy-code";
      button.textContent = "Copy";
      button.setAttribute("aria-label", "Copy code");
      code.append(button);
    }
  };
}

/** The text of the code in a block, with the pieces that continue it in the blocks after. */
export function codeText(blocks: readonly string[], at: number, index = 0): string {
  const parse = (html: string) => new DOMParser().parseFromString(html, "text/html");
  const text = (code: Element | null | undefined) => code?.querySelector("pre")?.textContent ?? "";
  let found = text(parse(blocks[at] ?? "").querySelectorAll(CODE)[index]);
  for (let next = at + 1; next < blocks.length; next++) {
    const piece = parse(blocks[next] ?? "").querySelector(".code.continued");
    if (!piece) break;
    found += text(piece);
  }
  return found.replace(/\n$/, "");
}

export interface Clicks {
  openLink: (url: string) => void;
  /** All blocks of a row, whether they are on the screen or not. */
  blocks: (row: string) => readonly string[];
}

/** Handles a click anywhere in rendered HTML. Links never navigate the window. */
export function handleClick(event: MouseEvent, clicks: Clicks): void {
  const target = event.target;
  if (!(target instanceof Element)) return;
  const button = target.closest<HTMLButtonElement>(".copy-code");
  if (button) {
    void copyCode(button, clicks);
    return;
  }
  const link = target.closest("a");
  if (!link) return;
  event.preventDefault();
  const url = link.getAttribute("href");
  if (url) clicks.openLink(url);
}

async function copyCode(button: HTMLButtonElement, { blocks }: Clicks): Promise<void> {
  const block = button.closest<HTMLElement>(".block");
  const row = button.closest<HTMLElement>("[data-key]");
  const code = button.parentElement;
  if (!block?.parentElement || !code) return;
  const at = Number(row?.dataset["from"] ?? 0) + [...block.parentElement.children].indexOf(block);
  const index = [...block.querySelectorAll(CODE)].indexOf(code);
  const text = row?.dataset["key"]
    ? codeText(blocks(row.dataset["key"]), at, index)
    : (code.querySelector("pre")?.textContent ?? "");
  const copied = await copy(text);
  button.textContent = copied ? "Copied" : "Not copied";
  button.dataset["copied"] = "";
  setTimeout(() => {
    button.textContent = "Copy";
    delete button.dataset["copied"];
  }, 1_500);
}
