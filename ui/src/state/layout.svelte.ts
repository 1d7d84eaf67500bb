/** How this window is laid out: panel sizes, remembered by the webview, and what follows from the window's width. */
import { MediaQuery } from "svelte/reactivity";

const KEY = "countersign.layout";
export const DESK = { least: 280, most: 560, usual: 384 };

export class Layout {
  deskWidth = $state(DESK.usual);
  /** The desk stays when nothing waits. */
  deskPinned = $state(false);
  /** In a narrow window: the desk lies over the transcript. */
  drawerOpen = $state(false);
  #narrow = new MediaQuery("(max-width: 1099.98px)", false);

  constructor() {
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "null");
      if (typeof kept === "object" && kept !== null) {
        if ("deskWidth" in kept && typeof kept.deskWidth === "number") this.resizeDesk(kept.deskWidth);
        if ("deskPinned" in kept && typeof kept.deskPinned === "boolean") this.deskPinned = kept.deskPinned;
      }
    } catch {
      // An unreadable layout is only a layout: start with the usual one.
    }
  }

  get narrow(): boolean {
    return this.#narrow.current;
  }

  resizeDesk(width: number): void {
    this.deskWidth = Math.round(Math.max(DESK.least, Math.min(DESK.most, width)));
  }

  keep(): void {
    try {
      localStorage.setItem(KEY, JSON.stringify({ deskWidth: this.deskWidth, deskPinned: this.deskPinned }));
    } catch {
      // A full or forbidden storage loses the layout, nothing else.
    }
  }
}
