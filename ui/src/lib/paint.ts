/** Runs `then` once what is in the document now has been painted, or soon when the window is hidden and paints nothing. */
export function afterPaint(then: () => void): void {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    then();
  };
  // A hidden webview calls no animation frames; without this the transcript's flow would stop there.
  const timer = setTimeout(once, document.hidden ? 50 : 500);
  if (!document.hidden) requestAnimationFrame(() => setTimeout(once, 0));
}
