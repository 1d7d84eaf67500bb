/** The desk as a whole: filter, keyboard, several at once, and being called from outside. */
import { fireEvent, screen, within } from "@testing-library/svelte";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Approval } from "../src/contract";
import { SUBJECTS } from "../src/backend/fake/asks";
import { ARMING } from "../src/state/approvals.svelte";
import { approval, type Desk, openWindow, session, settle } from "./desk";

beforeEach(() => vi.useFakeTimers({ shouldAdvanceTime: true }));
afterEach(() => vi.useRealTimers());

const region = () => screen.getByRole("region", { name: "Approvals" });
const names = () =>
  within(region())
    .queryAllByRole("group")
    .map((group) => within(group).getByRole("heading", { hidden: true }).textContent?.trim());
const armed = async () => {
  await vi.advanceTimersByTimeAsync(ARMING);
  await settle();
};
const low = { level: "low" as const, reasons: [] };
const dangerous = { level: "dangerous" as const, reasons: ["Deletes."] };
const of = (two: string, id: string, at: number, changes: Partial<Approval> = {}) =>
  approval(id, at, { session: two, sessionTitle: two, ...changes });
const state = (...approvals: Approval[]) => ({
  approvals,
  sessions: { sessions: [session("one"), session("two")], active: "one" },
});
const press = (key: string) => fireEvent.keyDown(document.activeElement ?? document.body, { key });

describe("the filter", () => {
  test("narrows by text, session, kind and risk, and always says how many there are", async () => {
    await openWindow(
      state(
        of("one", "git push", 1),
        of("two", "ls", 2, { risk: low }),
        of("two", "fetch", 3, { subject: SUBJECTS.tool }),
      ),
    );
    await fireEvent.click(within(region()).getByRole("button", { name: "Filter" }));
    await settle();
    const search = within(region()).getByRole("search", { name: "Filter approvals" });
    expect(document.activeElement).toBe(within(search).getByRole("searchbox", { name: "Filter by text" }));
    const choose = (name: string, value: string) =>
      fireEvent.change(within(search).getByRole("combobox", { name }), { target: { value } });
    await choose("Session", "two");
    expect(names()).toEqual(["Run ls", "Run fetch"]);
    expect(within(region()).getByRole("heading", { level: 2 }).textContent?.replace(/\s+/g, " ").trim()).toBe(
      "Approvals 2 of 3",
    );
    expect(within(region()).getByText(/1 other question\s+waits outside this filter/)).toBeTruthy();
    await choose("Kind", "tool");
    expect(names()).toEqual(["Run fetch"]);
    await choose("Kind", "");
    await choose("Risk", "low");
    expect(names()).toEqual(["Run ls"]);
    await fireEvent.click(within(region()).getByRole("button", { name: "Show all" }));
    expect(names()).toHaveLength(3);
  });

  test("a question that is wanted by name comes out from behind it", async () => {
    const desk = await openWindow(state(of("one", "git push", 1), of("two", "ls", 2)));
    await fireEvent.click(within(region()).getByRole("button", { name: "Filter" }));
    await settle();
    await fireEvent.input(within(region()).getByRole("searchbox"), { target: { value: "git" } });
    expect(names()).toEqual(["Run git push"]);
    await armed();
    await desk.emit("approval://show", "ls");
    const wanted = within(region()).getByRole("group", { name: "Run ls" });
    expect(document.activeElement).toBe(wanted);
    expect(within(wanted).getByRole("button", { name: "Allow once" }).getAttribute("aria-disabled")).toBe("true");
    expect(desk.called("session_activate")).toEqual([{ session: "two" }]);
    expect(desk.called("approval_answer")).toEqual([]);
  });
});

test("keys move between cards and answer nothing", async () => {
  const desk = await openWindow(state(of("one", "a", 1), of("two", "b", 2), of("one", "c", 3)));
  await armed();
  const focused = () => document.activeElement?.getAttribute("data-approval");
  within(region()).getByRole("group", { name: "Run a" }).focus();
  await press("j");
  expect(focused()).toBe("b");
  await press("ArrowDown");
  await press("ArrowDown");
  expect(focused()).toBe("c");
  await press("k");
  expect(focused()).toBe("b");
  await press("Home");
  expect(focused()).toBe("a");
  for (const key of ["Enter", " ", "y", "a"]) await press(key);
  expect(desk.called("approval_answer")).toEqual([]);
  await press("/");
  await settle();
  const search = within(region()).getByRole("searchbox");
  expect(document.activeElement).toBe(search);
  await press("j");
  expect(document.activeElement).toBe(search);
});

test("a card leads to its row, and the card in the transcript leads back", async () => {
  const desk = await openWindow(state(of("one", "a", 1, { row: "r" })));
  await desk.transcript({});
  const log = screen.getByRole("log", { name: "Transcript" });
  await fireEvent.click(within(region()).getByRole("button", { name: "Show in transcript" }));
  await fireEvent.click(within(log).getByRole("button", { name: "Show in approvals" }));
  await settle();
  expect(document.activeElement).toBe(within(region()).getByRole("group", { name: "Run a" }));
});

describe("several at once", () => {
  const many = () =>
    state(
      of("one", "a", 1),
      of("two", "b", 2),
      of("one", "rm", 3, { risk: dangerous }),
      of("one", "form", 4, { name: "Fill in", subject: SUBJECTS.form }),
      of("two", "long", 5, {
        subject: { kind: "command", command: "x".repeat(9_000), cwd: "/", extras: [], parts: [] },
      }),
    );
  const open = async (desk: Promise<Desk>, item: string | RegExp) => {
    const opened = await desk;
    const trigger = within(region()).getByRole("button", { name: "Answer several" });
    await fireEvent.pointerDown(trigger, { button: 0 });
    await fireEvent.click(trigger);
    await settle();
    await fireEvent.pointerUp(screen.getByRole("menuitem", { name: item }));
    await fireEvent.click(screen.getByRole("menuitem", { name: item }));
    await settle();
    return opened;
  };

  test("allowing all of a kind shows exactly which, leaves out what has to be looked at, and answers no other", async () => {
    const desk = await open(
      openWindow(many(), { approval_answer_many: () => ({ answered: ["a"], notAnswered: ["b"] }) }),
      /^Allow all shown commands…/,
    );
    const dialog = screen.getByRole("dialog", { name: "Allow all shown commands" });
    const items = () => within(within(dialog).getByRole("list", { name: "To be allowed" })).getAllByRole("listitem");
    expect(items().map((item) => item.querySelector("pre")?.textContent)).toEqual(["a", "b"]);
    const left = within(dialog).getByRole("list", { name: "Not included" });
    expect(left.textContent).toContain("It is dangerous");
    expect(left.textContent).toContain("too long");
    await desk.emit("approval://requested", of("two", "later", 9));
    expect(items()).toHaveLength(2);
    expect(within(dialog).getByText(/1 question\s+came since you opened this; not included/)).toBeTruthy();

    const allow = () => within(dialog).getByRole("button", { name: "Allow these 2 once" });
    await fireEvent.click(allow());
    expect(desk.called("approval_answer_many"), "not armed yet").toEqual([]);
    await armed();
    await fireEvent.click(allow());
    await settle();
    expect(desk.called("approval_answer_many")).toEqual([{ approvals: ["a", "b"], choice: "allowOnce" }]);
    expect(within(dialog).getByRole("status").textContent?.replace(/\s+/g, " ")).toContain(
      "1 question was allowed once. 1 other was not",
    );
    expect(within(within(dialog).getByRole("list", { name: "Not answered" })).getByText("Run b (two)")).toBeTruthy();
  });

  test("what is settled meanwhile drops out, and the button is armed anew", async () => {
    const desk = await open(openWindow(many()), /^Allow all shown commands…/);
    await armed();
    await desk.emit("approval://resolved", { id: "b", session: "two", outcome: { kind: "elsewhere" } });
    const allow = screen.getByRole("button", { name: "Allow this 1 once" });
    await fireEvent.click(allow);
    expect(desk.called("approval_answer_many")).toEqual([]);
    expect(screen.getByText(/1 question\s+settled since you opened this/)).toBeTruthy();
  });

  test("denying all of a session takes the dangerous ones and the forms too", async () => {
    const desk = await open(
      openWindow(many(), { approval_answer_many: () => ({ answered: ["a", "rm", "form"], notAnswered: [] }) }),
      /^Deny all of one…/,
    );
    await armed();
    await fireEvent.click(screen.getByRole("button", { name: "Deny these 3" }));
    await settle();
    expect(desk.called("approval_answer_many")).toEqual([{ approvals: ["a", "rm", "form"], choice: "deny" }]);
  });
});

test("news of one question leaves the cards of the others untouched", async () => {
  const desk = await openWindow(state(...Array.from({ length: 12 }, (_, at) => of("one", `q${at}`, at + 1))));
  await armed();
  const touched = new Set<string>();
  const observer = new MutationObserver((mutations) => {
    for (const { target } of mutations) {
      const element = target instanceof Element ? target : target.parentElement;
      const id = element?.closest("[data-approval]")?.getAttribute("data-approval");
      if (id) touched.add(id);
    }
  });
  observer.observe(region(), { subtree: true, childList: true, attributes: true, characterData: true });
  await desk.emit("approval://requested", of("one", "q11", 12, { reason: "Now I know why." }));
  await desk.emit("approval://requested", of("two", "new", 99));
  observer.disconnect();
  expect([...touched]).toEqual(["q11"]);
});
