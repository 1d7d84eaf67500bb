/** The dialogs "Rules" and "Ledger", and what Settings gained. */
import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { LedgerEntry, LedgerPage } from "../src/contract";
import { Ledger } from "../src/state/ledger.svelte";
import { openPlay, openWindow, settle } from "./desk";

const click = (within_: HTMLElement, name: string | RegExp) =>
  fireEvent.click(within(within_).getByRole("button", { name }));
const region = () => screen.getByRole("region", { name: "Approvals" });
const fromPalette = async (name: string) => {
  await fireEvent.keyDown(document.body, { key: "k", ctrlKey: true });
  await settle();
  await fireEvent.click(await screen.findByRole("option", { name: new RegExp(`^${name}`) }));
  return screen.findByRole("dialog", { name });
};

describe("rules", () => {
  test("ours and Codex's own, each with what it says", async () => {
    await openPlay("desk");
    await click(region(), "Rules");
    const dialog = await screen.findByRole("dialog", { name: "Rules" });
    const ours = await within(dialog).findByRole("list", { name: "Your rules" });
    expect(
      within(ours).getByText("Allow commands that begin with “git push origin”, in the folder ~/code/docs"),
    ).toBeTruthy();
    expect(ours.textContent).toContain("Used 41 times, last 2 h ago");
    expect(ours.textContent).toContain("Made from “Run git push origin docs/retry”");
    expect(within(ours).getAllByRole("listitem")).toHaveLength(4);
    expect(within(dialog).getByRole("list", { name: "Codex's rules of Work, Careful: 3 rules" })).toBeTruthy();
  });

  test("a rule is switched off, deleted, and brought back", async () => {
    const play = await openPlay("quiet");
    const dialog = await fromPalette("Rules");
    const ours = await within(dialog).findByRole("list", { name: "Your rules" });
    const name = "Deny reaching *.example.net";
    await fireEvent.click(within(ours).getByRole("switch", { name }));
    await waitFor(() => expect(play.called("rule_update")).toHaveLength(1));
    await click(dialog, `Delete ${name}`);
    await waitFor(() => expect(within(ours).getAllByRole("listitem")).toHaveLength(3));
    await click(within(dialog).getByRole("status", { name: "Undo" }), "Undo");
    await waitFor(() => expect(within(ours).getAllByRole("listitem")).toHaveLength(4));

    await click(dialog, "Take out git fetch");
    await waitFor(() => expect(play.called("codex_rule_delete")).toMatchObject([{ profile: "work" }]));
    await click(within(dialog).getByRole("status", { name: "Undo" }), "Undo");
    await within(dialog).findByRole("button", { name: "Take out git fetch" });
  });

  test("a rule is made from a question, with a preview of what it would have answered", async () => {
    const play = await openPlay("desk");
    const group = within(region()).getByRole("group", { name: /^Run git push/ });
    await click(group, "Make a rule…");
    const form = await screen.findByRole("form", { name: "New rule" });
    const suggestions = within(within(form).getByRole("radiogroup", { name: "Suggestions" })).getAllByRole("radio");
    expect(suggestions).toHaveLength(3);
    await fireEvent.click(suggestions[1] as HTMLElement);
    const preview = within(form).getByRole("region", { name: "Preview" });
    await waitFor(() => expect(preview.textContent).toContain("in the folder"));
    expect(preview.textContent).toMatch(/Would have matched \d+ of your last 200 questions/);
    expect(
      within(within(preview).getByRole("list", { name: "Would have matched" })).getAllByRole("listitem").length,
    ).toBeGreaterThan(0);
    await click(form, "Make the rule");
    await waitFor(() =>
      expect(play.called("rule_create")).toMatchObject([
        { settings: { scope: { kind: "folder" } }, origin: { kind: "approval" } },
      ]),
    );
    expect(play.called("approval_answer"), "a rule answers nothing that is open").toEqual([]);
  });

  test("what is wrong with a rule is said, and it cannot be made", async () => {
    await openPlay("quiet");
    const dialog = await fromPalette("Rules");
    await click(dialog, "New rule");
    const form = await within(dialog).findByRole("form", { name: "New rule" });
    await fireEvent.click(within(form).getByRole("radio", { name: /^Allow/ }));
    await within(form).findByText("A rule for everything cannot allow.");
    const make = within(form).getByRole<HTMLButtonElement>("button", { name: "Make the rule" });
    expect(make.disabled).toBe(true);
    await fireEvent.input(within(form).getByRole("textbox", { name: "Commands that begin with" }), {
      target: { value: "cargo test" },
    });
    await waitFor(() => expect(make.disabled).toBe(false));
  });

  test("empty, and not readable", async () => {
    await openPlay("fresh");
    expect((await fromPalette("Rules")).textContent).toContain("Rules");
    await screen.findByText(/^No rules yet\./);
  });

  test("an error is said with a way on", async () => {
    const play = await openPlay("broken");
    const dialog = await fromPalette("Rules");
    await within(dialog).findByText("The rules could not be read.");
    play.world.rulesBroken = false;
    await click(dialog, "Try again");
    await within(dialog).findByRole("list", { name: "Your rules" });
  });
});

const entry = (id: number, changes: Partial<LedgerEntry> = {}): LedgerEntry => ({
  id,
  askedAt: id * 1_000,
  session: "one",
  sessionTitle: "one",
  profile: "p1",
  profileName: "p1",
  folder: "/f",
  subject: "command",
  name: `Run ${id}`,
  detail: `cmd ${id}`,
  reason: null,
  risk: "low",
  settled: null,
  result: null,
  raw: {},
  ...changes,
});

describe("ledger", () => {
  function keyset(count: number) {
    let all = Array.from({ length: count }, (_, at) => entry(count - at));
    const asked: { before: number | null; limit: number }[] = [];
    const backend = {
      call: (_name: string, { before, limit }: { before: number | null; limit: number }) => {
        asked.push({ before, limit });
        const from = all.filter((at) => before === null || at.id < before);
        return Promise.resolve({ entries: from.slice(0, limit), more: from.length > limit, total: all.length });
      },
    };
    const put = (next: LedgerEntry[]) => (all = next);
    return { ledger: new Ledger(backend as never), asked, put, all: () => all };
  }

  test("pages hang together by the last entry's id", async () => {
    const { ledger, asked } = keyset(250);
    await ledger.load();
    await ledger.older();
    await ledger.older();
    await ledger.older();
    expect(asked.map((at) => at.before)).toEqual([null, 151, 51]);
    expect(ledger.entries.map((at) => at.id)).toEqual(Array.from({ length: 250 }, (_, at) => 250 - at));
  });

  test("what is new is counted and moves nothing; what changes, changes in its place", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { ledger, put, all } = keyset(3);
    await ledger.load();
    const settled = { outcome: { kind: "elsewhere" as const }, at: 9, reason: null };
    put([entry(5), entry(4), ...all().map((at) => (at.id === 2 ? { ...at, settled } : at))]);
    ledger.changed();
    ledger.changed();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ledger.entries.map((at) => at.id)).toEqual([3, 2, 1]);
    expect(ledger.entries[1]?.settled).toEqual(settled);
    expect(ledger.fresh).toBe(2);
    await ledger.load();
    expect(ledger.entries.map((at) => at.id)).toEqual([5, 4, 3, 2, 1]);
    expect(ledger.fresh).toBe(0);
  });

  test("an answer to an older query is dropped", async () => {
    const waiting: ((page: LedgerPage) => void)[] = [];
    const backend = { call: () => new Promise<LedgerPage>((resolve) => waiting.push(resolve)) };
    const ledger = new Ledger(backend as never);
    const [first, second] = [ledger.load(), ledger.load()];
    waiting[1]?.({ entries: [entry(2)], more: false, total: 1 });
    waiting[0]?.({ entries: [entry(1)], more: false, total: 1 });
    await Promise.all([first, second]);
    expect(ledger.entries.map((at) => at.id)).toEqual([2]);
  });

  test("the dialog searches, exports, and says when nothing fits", async () => {
    const play = await openPlay("quiet");
    const dialog = await fromPalette("Ledger");
    await within(dialog).findByText("640 questions");
    await click(dialog, "Export as CSV…");
    await within(dialog).findByText("Written to /home/mara/countersign-ledger.csv.");
    expect(play.called("ledger_export")).toMatchObject([{ format: "csv" }]);
    await fireEvent.change(within(dialog).getByRole("combobox", { name: "End" }), { target: { value: "denied" } });
    await fireEvent.input(within(dialog).getByRole("searchbox", { name: "Search" }), { target: { value: "zzz" } });
    await within(dialog).findByText("Nothing was asked that fits.");
    expect(play.called("ledger_search").at(-1)).toMatchObject({
      query: { text: "zzz", ends: ["denied"] },
      before: null,
    });
    await click(dialog, "Show everything");
    await waitFor(() => expect(within(dialog).queryByText("Nothing was asked that fits.")).toBeNull());
  });

  test("an error is said with a way on", async () => {
    const play = await openPlay("broken");
    const dialog = await fromPalette("Ledger");
    await within(dialog).findByText("The ledger could not be read.");
    play.world.ledgerBroken = false;
    await click(dialog, "Try again");
    await within(dialog).findByText("640 questions");
  });
});

test("quiet hours and how long the ledger keeps", async () => {
  const desk = await openWindow();
  await fireEvent.keyDown(document.body, { key: ",", ctrlKey: true });
  await settle();
  const dialog = screen.getByRole("dialog", { name: "Settings" });
  await fireEvent.click(within(dialog).getByRole("checkbox", { name: "Show nothing outside the window" }));
  const settings = { theme: "light" as const, quietHours: { from: 1320, to: 420 }, ledgerDays: null };
  expect(desk.called("settings_update")).toEqual([{ settings }]);
  await desk.emit("settings://changed", settings);
  await fireEvent.change(within(dialog).getByLabelText("Quiet from"), { target: { value: "23:30" } });
  expect(desk.called("settings_update").at(-1)).toMatchObject({ settings: { quietHours: { from: 1410, to: 420 } } });
  await fireEvent.change(within(dialog).getByRole("combobox", { name: "Keep answered questions" }), {
    target: { value: "90" },
  });
  expect(desk.called("settings_update").at(-1)).toMatchObject({ settings: { ledgerDays: 90 } });
  await click(dialog, "Open the ledger");
  await settle();
  expect(screen.getByRole("dialog", { name: "Ledger" })).toBeTruthy();
});

test("notifications and sound belong to a profile", async () => {
  const desk = await openWindow();
  await fireEvent.click(screen.getByRole("button", { name: "Profiles" }));
  await settle();
  const dialog = screen.getByRole("dialog", { name: "Profiles" });
  expect(within(dialog).getByRole("combobox", { name: /^Notifications/ })).toBeTruthy();
  await fireEvent.click(within(dialog).getByRole("checkbox", { name: "Sound" }));
  await click(dialog, "Save changes");
  await settle();
  expect(desk.called("profile_update")).toMatchObject([{ settings: { sound: true, notifications: "whenUnfocused" } }]);
});
