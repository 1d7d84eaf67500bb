/** The names that people, screen readers and the journeys in the real window share (DESIGN, section 8). */
import { fireEvent, screen, within } from "@testing-library/svelte";
import { expect, onTestFinished, test, vi } from "vitest";
import type { RowPatch } from "../src/contract";
import { fakeWorld } from "../src/backend/fake";
import { approval, openWindow, session, settle } from "./desk";

const four = [
  session("one", { title: "api", state: "waitsForYou", waiting: 2, unread: true }),
  session("two", { title: "docs", state: "running" }),
  session("three", { title: "scratch", state: "failed" }),
];

test("tabs are named by their title and described by their state", async () => {
  const desk = await openWindow({ sessions: { sessions: four, active: "two" } });
  const tabs = screen.getByRole("tablist", { name: "Sessions" });
  expect(
    within(tabs).getByRole("tab", { name: "api", description: "Waits for you, 2 questions, Unread, Profile p1" }),
  ).toBeTruthy();
  expect(within(tabs).getByRole("tab", { name: "docs", selected: true, description: /^Running/ })).toBeTruthy();
  expect(within(tabs).getByRole("tab", { name: "scratch", description: /^Failed/ })).toBeTruthy();
  await fireEvent.click(within(tabs).getByRole("tab", { name: "scratch" }));
  expect(desk.called("session_activate")).toEqual([{ session: "three" }]);
});

test("everything has its name", async () => {
  const desk = await openWindow({ sessions: { sessions: four, active: "one" }, approvals: [approval("ls", 1)] });
  await desk.transcript({});
  expect(screen.getByRole("button", { name: "New session" })).toBeTruthy();
  expect(screen.getByRole("log", { name: "Transcript" })).toBeTruthy();
  expect(screen.getByRole("textbox", { name: "Message" })).toBeTruthy();
  expect(screen.getByRole("button", { name: "Send" })).toBeTruthy();
  expect(screen.getByRole("button", { name: "Stop" })).toBeTruthy();
  const region = screen.getByRole("region", { name: "Approvals" });
  expect(within(region).getByRole("group", { name: "Run ls" })).toBeTruthy();
  expect(screen.getByRole("status", { name: "Connection" }).textContent).toBe("Codex waits for your answer");
});

test.each([
  ["Profiles", "Profiles"],
  ["Settings", "Settings"],
  ["New session", "New session"],
])("the button %s opens the dialog %s", async (button, dialog) => {
  await openWindow();
  await fireEvent.click(screen.getByRole("button", { name: button }));
  await settle();
  expect(screen.getByRole("dialog", { name: dialog })).toBeTruthy();
});

test("Ctrl+K opens the command palette", async () => {
  await openWindow();
  await fireEvent.keyDown(document.body, { key: "k", ctrlKey: true });
  await settle();
  expect(screen.getByRole("dialog", { name: "Command palette" })).toBeTruthy();
});

/** jsdom lays nothing out: gives everything a size, so that the virtual list has something to fill. */
function layOut() {
  const view = document.defaultView as unknown as { ResizeObserver: typeof ResizeObserver };
  const before = view.ResizeObserver;
  onTestFinished(() => {
    view.ResizeObserver = before;
  });
  view.ResizeObserver = class {
    #callback: ResizeObserverCallback;
    constructor(callback: ResizeObserverCallback) {
      this.#callback = callback;
    }
    observe(target: Element) {
      const entry = { target, contentRect: { width: 800, height: 600 } } as unknown as ResizeObserverEntry;
      queueMicrotask(() => this.#callback([entry], this));
    }
    unobserve() {}
    disconnect() {}
  };
  vi.spyOn(HTMLElement.prototype, "offsetParent", "get").mockReturnValue(document.body);
}

test("a turn is an article with a heading, and a row that cannot be drawn leaves the rest", async () => {
  vi.spyOn(console, "error").mockReturnValue(undefined);
  layOut();
  const desk = await openWindow();
  const row = (key: string, ordinal: number, head: RowPatch["head"], blocksHtml: string[]): RowPatch => ({
    key,
    ordinal,
    turn: "t",
    at: null,
    head,
    keep: 0,
    blocksHtml,
  });
  await desk.transcript({
    turns: [{ key: "t", state: "completed", startedAt: 0, durationMs: 4_200 }],
    rows: [
      row("a", 0, { kind: "user", pending: false }, ["<p>Question</p>"]),
      row("b", 1, { kind: "plan", explanation: null, steps: null as never }, []),
      row("c", 2, { kind: "agent", streaming: false }, ["<p>Answer</p>"]),
    ],
  });
  await settle();
  const article = await screen.findByRole("article", { name: "Turn 1, completed in 4.2 s" });
  expect(within(article).getByText("Question")).toBeTruthy();
  expect(within(article).getByText("Answer")).toBeTruthy();
  expect(within(article).getByText("This part of the transcript could not be shown.")).toBeTruthy();
});

test("an update is acknowledged after it was applied", async () => {
  const desk = await openWindow();
  await desk.transcript({});
  await vi.waitFor(() => expect(desk.called("session_ack")).toEqual([{ session: "one", seq: 1 }]));
});

test("closing asks first when something runs or waits", async () => {
  const desk = await openWindow({ sessions: { sessions: four, active: "one" } });
  await fireEvent.keyDown(document.body, { key: "w", ctrlKey: true });
  await settle();
  const question = screen.getByRole("alertdialog", { name: "Close “api”?" });
  expect(desk.called("session_close")).toEqual([]);
  await fireEvent.click(within(question).getByRole("button", { name: "Close session" }));
  await settle();
  expect(desk.called("session_close")).toEqual([{ session: "one" }]);
});

test("renaming: F2, Enter keeps, Escape does not", async () => {
  const desk = await openWindow();
  await fireEvent.keyDown(document.body, { key: "F2" });
  await settle();
  const input = screen.getByRole("textbox", { name: "Session title" });
  await fireEvent.input(input, { target: { value: "Better" } });
  await fireEvent.keyDown(input, { key: "Enter" });
  await settle();
  expect(desk.called("session_rename")).toEqual([{ session: "one", title: "Better" }]);
  await fireEvent.keyDown(document.body, { key: "F2" });
  await settle();
  await fireEvent.input(screen.getByRole("textbox", { name: "Session title" }), { target: { value: "Worse" } });
  await fireEvent.keyDown(screen.getByRole("textbox", { name: "Session title" }), { key: "Escape" });
  await settle();
  expect(desk.called("session_rename")).toHaveLength(1);
});

test("a window without sessions says what to do first", async () => {
  await openWindow({ sessions: { sessions: [], active: null } });
  expect(screen.getByRole("heading", { name: "No session yet" })).toBeTruthy();
  await fireEvent.click(screen.getByRole("button", { name: "Open a session" }));
  await settle();
  expect(screen.getByRole("dialog", { name: "New session" })).toBeTruthy();
});

test("a folder that cannot be used is said beside the field", async () => {
  const { backend } = fakeWorld("quiet", 0);
  await openWindow({}, { session_open: (args) => backend.call("session_open", { ...args, profile: "work" }) });
  await fireEvent.keyDown(document.body, { key: "t", ctrlKey: true });
  await settle();
  const folder = screen.getByRole<HTMLInputElement>("textbox", { name: "Folder" });
  expect(folder.value).toBe("/home/mara/one");
  await fireEvent.input(folder, { target: { value: "/missing" } });
  await fireEvent.click(screen.getByRole("button", { name: "Open session" }));
  expect(await screen.findByText("There is no such folder. Choose one that exists.")).toBeTruthy();
  expect(folder.value).toBe("/missing");
});

test("Ctrl+A selects in text fields only", async () => {
  await openWindow();
  expect(await fireEvent.keyDown(document.body, { key: "a", code: "KeyA", ctrlKey: true })).toBe(false);
  expect(
    await fireEvent.keyDown(screen.getByRole("textbox", { name: "Message" }), {
      key: "a",
      code: "KeyA",
      ctrlKey: true,
    }),
  ).toBe(true);
});
