import { fireEvent, screen } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openWindow, refusal, session, settle } from "./desk";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const box = () => screen.getByRole<HTMLTextAreaElement>("textbox", { name: "Message" });
const type = (text: string) => fireEvent.input(box(), { target: { value: text } });
const key = (init: KeyboardEventInit) => fireEvent.keyDown(box(), { key: "Enter", ...init });
const state = (changes: Parameters<typeof session>[1]) => ({
  sessions: { sessions: [session("one", changes), session("two", { draft: "kept" })], active: "one" },
});

test("a message that could not be sent stays, and why is said", async () => {
  await openWindow(state({}), {
    session_send: () => {
      throw refusal("unavailable", "Codex cannot take it now.");
    },
  });
  await type("hello");
  await key({});
  await settle();
  expect(box().value).toBe("hello");
  expect(screen.getByRole("alert").textContent).toContain("Codex cannot take it now.");
});

test("the text goes only once it was taken, and what was typed meanwhile stays", async () => {
  let taken: () => void = () => undefined;
  const desk = await openWindow(state({}), { session_send: () => new Promise<void>((resolve) => (taken = resolve)) });
  await type("first");
  await key({});
  expect(box().value).toBe("first");
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Stop" }).disabled).toBe(false);
  await type("first and second");
  taken();
  await settle();
  expect(box().value).toBe("and second");
  expect(desk.called("session_send")).toEqual([{ session: "one", text: "first" }]);
});

test("Enter sends, Shift+Enter does not, nor does one that belongs to an input method or is held", async () => {
  const desk = await openWindow(state({}));
  await type("こんにちは");
  await key({ shiftKey: true });
  await key({ isComposing: true });
  await key({ keyCode: 229 });
  await key({ repeat: true });
  expect(desk.called("session_send")).toEqual([]);
  await key({});
  await settle();
  expect(desk.called("session_send")).toHaveLength(1);
  expect(box().value).toBe("");
});

test("nothing but spaces is not sent", async () => {
  const desk = await openWindow(state({}));
  await type("  \n ");
  await key({});
  expect(desk.called("session_send")).toEqual([]);
});

test("drafts are per session, saved after a pause and on leaving, and restored", async () => {
  const desk = await openWindow(state({}));
  await type("half a th");
  await vi.advanceTimersByTimeAsync(299);
  expect(desk.called("session_draft")).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(desk.called("session_draft")).toEqual([{ session: "one", text: "half a th" }]);
  await type("half a thought");
  await desk.emit("sessions://changed", { sessions: state({}).sessions.sessions, active: "two" });
  expect(desk.called("session_draft").at(-1)).toEqual({ session: "one", text: "half a thought" });
  expect(box().value).toBe("kept");
  await desk.emit("sessions://changed", { sessions: state({ draft: "stale" }).sessions.sessions, active: "one" });
  expect(box().value).toBe("half a thought");
});

test("while a turn runs a message joins it, and Stop stops it", async () => {
  const desk = await openWindow(state({ state: "running", runningSince: 0 }));
  expect(box().placeholder).toContain("joins the running turn");
  await fireEvent.click(screen.getByRole("button", { name: "Stop" }));
  expect(desk.called("session_stop")).toEqual([{ session: "one" }]);
  expect(screen.getByText("Stopping…")).toBeTruthy();
});
