import { fireEvent, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ARMING, arrange, CONFIRMING } from "../src/state/approvals.svelte";
import { approval, type Desk, openWindow, refusal, session, settle } from "./desk";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const region = () => screen.getByRole("region", { name: "Approvals" });
const groups = () => within(region()).getAllByRole("group");
const names = () => groups().map((group) => within(group).getByRole("heading", { hidden: true }).textContent);
const card = (name: string) => within(region()).getByRole("group", { name });
const button = (group: HTMLElement, name: string) => within(group).getByRole("button", { name });
const pass = async (ms: number) => {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
};
const answers = (desk: Desk) => desk.called("approval_answer");
const waiting = (...approvals: ReturnType<typeof approval>[]) => ({
  approvals,
  sessions: { sessions: [session("one", { state: "waitsForYou", waiting: approvals.length })], active: "one" },
});

test("arranging: oldest first, and held still under a hand", () => {
  expect(arrange(["b"], ["a", "b"], false)).toEqual(["a", "b"]);
  expect(arrange(["b", "gone"], ["a", "b"], true)).toEqual(["b", "gone", "a"]);
  expect(arrange(["b", "gone"], ["a", "b"], false)).toEqual(["a", "b"]);
});

describe("answering", () => {
  test("buttons do nothing until they are armed, and then answer once", async () => {
    const desk = await openWindow(waiting(approval("ls", 1)));
    const allow = button(card("Run ls"), "Allow once");
    expect(allow.getAttribute("aria-disabled")).toBe("true");
    await pass(ARMING - 1);
    await fireEvent.click(allow);
    expect(answers(desk)).toEqual([]);
    await pass(1);
    expect(allow.getAttribute("aria-disabled")).toBe("false");
    await fireEvent.click(allow);
    await fireEvent.click(allow);
    await settle();
    expect(answers(desk)).toEqual([{ approval: "ls", answer: { choice: "allowOnce", fields: [], reason: null } }]);
  });

  test("a card that moves is armed anew", async () => {
    const desk = await openWindow(waiting(approval("old", 5)));
    await pass(ARMING);
    await desk.emit("approval://requested", approval("older", 1));
    expect(names()).toEqual(["Run older", "Run old"]);
    await fireEvent.click(button(card("Run old"), "Allow once"));
    expect(answers(desk)).toEqual([]);
    await pass(ARMING);
    await fireEvent.click(button(card("Run old"), "Allow once"));
    expect(answers(desk)).toHaveLength(1);
  });

  test("a held key is no answer; there is no Enter for the whole window", async () => {
    const desk = await openWindow(waiting(approval("ls", 1)));
    await pass(ARMING);
    const deny = button(card("Run ls"), "Deny");
    const held = new KeyboardEvent("keydown", { key: "Enter", repeat: true, bubbles: true, cancelable: true });
    deny.dispatchEvent(held);
    expect(held.defaultPrevented).toBe(true);
    await fireEvent.keyDown(document.body, { key: "Enter" });
    await fireEvent.keyDown(card("Run ls"), { key: "Enter" });
    expect(answers(desk)).toEqual([]);
  });

  test("an answer that lasts takes a second click in time, and says what it does", async () => {
    const desk = await openWindow(waiting(approval("ls", 1)));
    await pass(ARMING);
    await fireEvent.click(button(card("Run ls"), "Always allow"));
    expect(answers(desk)).toEqual([]);
    const confirm = button(card("Run ls"), "Confirm: Always allow");
    await pass(CONFIRMING);
    expect(confirm.textContent).toBe("Always allow");
    await fireEvent.click(confirm);
    await fireEvent.click(button(card("Run ls"), "Confirm: Always allow"));
    expect(answers(desk), "a double click is no second decision").toEqual([]);
    await pass(ARMING);
    await fireEvent.click(button(card("Run ls"), "Confirm: Always allow"));
    expect(answers(desk)).toEqual([{ approval: "ls", answer: { choice: "allowByRule", fields: [], reason: null } }]);
  });

  test("exactly the offered answers are there, the default denial first, each with its effect", async () => {
    await openWindow(waiting(approval("ls", 1)));
    const choices = within(card("Run ls"))
      .getAllByRole("button")
      .filter((at) => at.dataset["choice"]);
    expect(choices.map((at) => at.textContent)).toEqual(["Deny", "Deny and stop", "Allow once", "Always allow"]);
    expect(within(card("Run ls")).getByRole("button", { name: "Deny", description: "Effect of Deny." })).toBeTruthy();
  });

  test("a stale answer is said to be late, and the card does not stay open", async () => {
    const desk = await openWindow(waiting(approval("ls", 1)), {
      approval_answer: () => {
        throw refusal("stale", "Settled before.");
      },
    });
    await pass(ARMING);
    await fireEvent.click(button(card("Run ls"), "Allow once"));
    await settle();
    expect(screen.getByText("Your answer came too late; nothing was done with it.")).toBeTruthy();
    expect(screen.queryByRole("region", { name: "Approvals" })).toBeNull();
    await desk.emit("approval://late", { name: "Run ls", choice: "allowOnce", by: "desk" });
    expect(screen.getAllByText("Your answer came too late; nothing was done with it.")).toHaveLength(1);
  });

  test("an answer that could not be given is said, and the card stays", async () => {
    await openWindow(waiting(approval("ls", 1)), {
      approval_answer: () => {
        throw refusal("unavailable", "Codex cannot be reached.");
      },
    });
    await pass(ARMING);
    await fireEvent.click(button(card("Run ls"), "Allow once"));
    await settle();
    expect(screen.getByText("Codex cannot be reached.")).toBeTruthy();
    expect(button(card("Run ls"), "Allow once").getAttribute("aria-disabled")).toBe("false");
  });
});

describe("under the hand", () => {
  test("nothing moves: a settled card stays with its outcome, a new one comes last", async () => {
    const desk = await openWindow(waiting(approval("a", 2), approval("b", 3)));
    await fireEvent.pointerEnter(card("Run b"));
    await desk.emit("approval://resolved", { id: "a", session: "one", outcome: { kind: "elsewhere" } });
    await desk.emit("approval://requested", approval("older", 1));
    expect(names()).toEqual(["Run a", "Run b", "Run older"]);
    expect(within(card("Run a")).getByText("Settled elsewhere")).toBeTruthy();
    expect(within(card("Run a")).queryByRole("button", { name: "Allow once" })).toBeNull();
    await fireEvent.pointerLeave(card("Run b"));
    await settle();
    expect(names()).toEqual(["Run older", "Run b"]);
  });

  test("the keyboard holds as the pointer does, and keeps its place after an answer", async () => {
    const desk = await openWindow(waiting(approval("a", 1), approval("b", 2)));
    await pass(ARMING);
    const deny = button(card("Run a"), "Deny");
    deny.focus();
    await fireEvent.click(deny);
    await desk.emit("approval://resolved", {
      id: "a",
      session: "one",
      outcome: { kind: "answered", choice: "deny", by: "desk" },
    });
    expect(names()).toEqual(["Run a", "Run b"]);
    expect(document.activeElement).toBe(card("Run a"));
    screen.getByRole("textbox", { name: "Message" }).focus();
    await settle();
    expect(names()).toEqual(["Run b"]);
  });

  test("a settled question is never opened again", async () => {
    const desk = await openWindow(waiting(approval("a", 1)));
    await fireEvent.pointerEnter(card("Run a"));
    await desk.emit("approval://resolved", { id: "a", session: "one", outcome: { kind: "serverDied" } });
    await desk.emit("approval://requested", approval("a", 1));
    expect(within(card("Run a")).queryByRole("button", { name: "Allow once" })).toBeNull();
  });
});

test("Ctrl+Shift+A goes to the oldest question's denial; the same card stands in the transcript", async () => {
  const desk = await openWindow(waiting(approval("new", 9), approval("old", 1)));
  await desk.transcript({});
  await fireEvent.keyDown(document.body, { key: "A", ctrlKey: true, shiftKey: true });
  await settle();
  expect(document.activeElement).toBe(button(card("Run old"), "Deny"));
  const log = screen.getByRole("log", { name: "Transcript" });
  expect(within(log).getAllByRole("group").length).toBe(2);
});

test("a card settled from the desk leaves the transcript at once, and stays on the desk under the pointer", async () => {
  const desk = await openWindow({ approvals: [approval("a", 1)] });
  await desk.transcript({});
  const region = screen.getByRole("region", { name: "Approvals" });
  const transcript = screen.getByRole("log", { name: "Transcript" });
  expect(within(transcript).queryByRole("group", { name: "Run a" })).not.toBeNull();
  await fireEvent.pointerEnter(region);
  await desk.emit("approval://resolved", { id: "a", session: "one", outcome: { kind: "elsewhere" } });
  expect(within(region).queryByRole("group", { name: "Run a" })).not.toBeNull();
  expect(within(transcript).queryByRole("group", { name: "Run a" })).toBeNull();
});
