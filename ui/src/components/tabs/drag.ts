/** The index at which a dragged tab lands when the pointer is at `x`. Pure; `tabs` are in order, with their middles. */
export function dropIndex(tabs: readonly { id: string; middle: number }[], dragged: string, x: number): number {
  return tabs.filter((tab) => tab.id !== dragged && tab.middle < x).length;
}
