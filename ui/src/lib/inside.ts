/**
 * Says when the pointer comes into an element and when it leaves.
 *
 * `pointerleave` alone is not enough: WebKit does not send it when what was under the pointer was taken out of the
 * document, as the buttons of an answered card are. So while the pointer is inside, every move and press of it is looked at.
 */
import type { Attachment } from "svelte/attachments";

export function pointerInside(changed: (inside: boolean) => void): Attachment<HTMLElement> {
  return (element) => {
    let inside = false;
    const set = (now: boolean) => {
      if (now === inside) return;
      inside = now;
      for (const type of ["pointermove", "pointerdown"] as const) {
        if (inside) document.addEventListener(type, moved, { capture: true, passive: true });
        else document.removeEventListener(type, moved, { capture: true });
      }
      changed(inside);
    };
    const moved = (event: PointerEvent) => set(event.target instanceof Node && element.contains(event.target));
    const entered = () => set(true);
    const left = () => set(false);
    element.addEventListener("pointerenter", entered);
    element.addEventListener("pointerleave", left);
    return () => {
      set(false);
      element.removeEventListener("pointerenter", entered);
      element.removeEventListener("pointerleave", left);
    };
  };
}
