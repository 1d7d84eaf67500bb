/** Cards of every kind, and what a person fills in. */
import { fireEvent, screen, within } from "@testing-library/svelte";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Approval, Subject } from "../src/contract";
import { commandParts, SUBJECTS } from "../src/backend/fake/asks";
import { ARMING } from "../src/state/approvals.svelte";
import { approval, choice, type Desk, openWindow, refusal, session, settle } from "./desk";

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  sessionStorage.clear();
});
afterEach(() => vi.useRealTimers());

const region = () => screen.getByRole("region", { name: "Approvals" });
const card = (name: string) => within(region()).getByRole("group", { name });
const armed = async () => {
  await vi.advanceTimersByTimeAsync(ARMING);
  await settle();
};
const answers = (desk: Desk) => desk.called("approval_answer");

const asks = (subject: Subject, name: string, changes: Partial<Approval> = {}): Approval =>
  approval(name, 1, {
    name,
    subject,
    choices:
      subject.kind === "questions" || subject.kind === "form"
        ? [choice("deny", "Deny"), choice("submit", "Send the form", { allows: true })]
        : [choice("deny", "Deny"), choice("denyAndStop", "Deny and stop"), choice("allowOnce", "Allow once")],
    ...changes,
  });
const opened = (...approvals: Approval[]) => ({
  approvals,
  sessions: {
    sessions: [session("one", { state: "waitsForYou" as const, waiting: approvals.length }), session("two")],
    active: "one",
  },
});

describe("what is asked", () => {
  test("a command: exactly as written, then its parts with what they do", async () => {
    const command = "rg -l old src | xargs rm /etc/x && curl https://example.com/a";
    await openWindow(
      opened(
        asks({ kind: "command", command, cwd: "/home/mara/one", extras: [], parts: commandParts(command) }, "Run it", {
          before: { times: 3, lastAt: 0, last: { kind: "answered", choice: "allowOnce", by: "desk" } },
          reason: "I need it.",
        }),
      ),
    );
    const group = card("Run it");
    expect(group.querySelector("pre")?.textContent).toBe(command);
    const parts = within(within(group).getByRole("list", { name: "Parts of the command" })).getAllByRole("listitem");
    expect(parts).toHaveLength(3);
    expect(parts[0]?.textContent).toContain("Reads");
    expect(parts[1]?.textContent).toContain("with its output");
    expect(parts[1]?.textContent).toContain("Outside the folder: /etc/x");
    expect(parts[2]?.textContent).toContain("then, if that worked");
    expect(parts[2]?.textContent).toContain("Host: example.com");
    expect(within(group).getByText("Elevated risk")).toBeTruthy();
    expect(within(group).getByText(/Asked 3 times before in this session, last allowed once/)).toBeTruthy();
    expect(group.textContent).toContain("The agent says: “I need it.”");
  });

  test("nothing is allowed from a card that was not shown whole", async () => {
    const command = `git status${"\n".repeat(60)}rm -rf ~`;
    const desk = await openWindow(
      opened(asks({ kind: "command", command, cwd: "/home/mara/one", extras: [], parts: [] }, "Run it")),
    );
    await armed();
    const allow = () => within(card("Run it")).getByRole("button", { name: "Allow once" });
    expect(allow().getAttribute("aria-disabled")).toBe("true");
    await fireEvent.click(allow());
    expect(answers(desk)).toEqual([]);
    await fireEvent.click(within(card("Run it")).getByRole("button", { name: /Show the whole\s+command/ }));
    await armed();
    expect(card("Run it").querySelector("pre")?.textContent).toBe(command);
    await fireEvent.click(allow());
    expect(answers(desk)).toHaveLength(1);
  });

  test("a page: its whole address, opened by a click only, then answered", async () => {
    const desk = await openWindow(
      opened(asks(SUBJECTS.link, "Visit", { choices: [choice("allowOnce", "I have done it")] })),
    );
    expect(card("Visit").textContent).toContain(SUBJECTS.link.url);
    expect(desk.called("link_open")).toEqual([]);
    await fireEvent.click(within(card("Visit")).getByRole("button", { name: "Open the page in your browser" }));
    expect(desk.called("link_open")).toEqual([{ url: SUBJECTS.link.url }]);
    expect(answers(desk)).toEqual([]);
    await armed();
    await fireEvent.click(within(card("Visit")).getByRole("button", { name: "I have done it" }));
    expect(answers(desk)).toHaveLength(1);
  });

  test("what a server says twice is shown twice, and the card stays whole", async () => {
    const twice = ["same", "same"];
    const option = { value: "a", label: "A", text: "" };
    const fields = [0, 1].map(() => ({
      id: "f",
      title: "F",
      text: "",
      required: false,
      initial: [],
      input: { kind: "one" as const, options: [option, option], other: false, secret: false },
    }));
    await openWindow(
      opened(
        asks({ kind: "permissions", wants: twice }, "Give", {
          consequences: twice,
          risk: { level: "elevated", reasons: twice },
        }),
        asks({ kind: "form", server: "s", message: "", fields }, "Fill in"),
      ),
    );
    expect(within(card("Give")).getAllByText("same")).toHaveLength(6);
    expect(within(card("Fill in")).getAllByRole("radio")).toHaveLength(4);
  });

  test("what is dangerous says so, and nothing of it is offered as the obvious thing", async () => {
    await openWindow(
      opened(
        approval("rm", 1, { risk: { level: "dangerous", reasons: ["Deletes files."] } }),
        approval("ls", 2, { risk: { level: "low", reasons: [] } }),
      ),
    );
    expect(
      within(region()).getByRole("group", { name: "Run rm", description: "Dangerous Deletes files." }),
    ).toBeTruthy();
    const allow = (name: string) => within(card(name)).getByRole("button", { name: "Allow once" });
    expect(allow("Run rm").classList.contains("primary")).toBe(false);
    expect(allow("Run ls").classList.contains("primary")).toBe(true);
  });

  test("a tool, and permissions", async () => {
    await openWindow(opened(asks(SUBJECTS.tool, "Use it"), asks(SUBJECTS.permissions, "Give")));
    expect(card("Use it").textContent).toContain("close_ticket");
    expect(card("Use it").querySelector("pre")?.textContent).toBe(SUBJECTS.tool.arguments);
    expect(within(card("Use it")).getByText("cannot be undone")).toBeTruthy();
    expect(within(card("Give")).getByText("to write in /srv/data")).toBeTruthy();
  });
});

describe("denying with a reason", () => {
  test("the words go with the denial, and with nothing else", async () => {
    const desk = await openWindow(opened(approval("a", 1), approval("b", 2)));
    for (const name of ["Run a", "Run b"]) {
      await fireEvent.click(within(card(name)).getByRole("button", { name: "Deny with a reason…" }));
      await settle();
      await fireEvent.input(within(card(name)).getByRole("textbox", { name: "Tell the agent why" }), {
        target: { value: "Use staging. " },
      });
    }
    await armed();
    await fireEvent.click(within(card("Run a")).getByRole("button", { name: "Deny and stop" }));
    await fireEvent.click(within(card("Run b")).getByRole("button", { name: "Allow once" }));
    expect(answers(desk)).toEqual([
      { approval: "a", answer: { choice: "denyAndStop", fields: [], reason: "Use staging." } },
      { approval: "b", answer: { choice: "allowOnce", fields: [], reason: null } },
    ]);
  });
});

describe("filling in", () => {
  const form = () => card("Fill in");
  const box = (name: string) => within(form()).getByRole<HTMLInputElement>("textbox", { name });

  test("every kind of field has its name, and all of it is sent", async () => {
    const desk = await openWindow(opened(asks(SUBJECTS.form, "Fill in")));
    const user = userEvent.setup({ advanceTimers: vi.advanceTimersByTime });
    expect(box("Title").value).toBe("The fetch tests fail");
    await user.type(box("Points"), "5");
    await user.click(within(form()).getByRole("checkbox", { name: "CI" }));
    await user.click(within(form()).getByRole("checkbox", { name: "bug" }));
    await user.click(within(form()).getByRole("checkbox", { name: "Private" }));
    expect(within(form()).getByRole("group", { name: "Labels" })).toBeTruthy();
    await armed();
    await fireEvent.click(within(form()).getByRole("button", { name: "Send the form" }));
    expect(answers(desk)).toEqual([
      {
        approval: "Fill in",
        answer: {
          choice: "submit",
          reason: null,
          fields: [
            { id: "title", values: ["The fetch tests fail"] },
            { id: "mail", values: [] },
            { id: "points", values: ["5"] },
            { id: "due", values: [] },
            { id: "labels", values: ["bug", "ci"] },
            { id: "private", values: ["true"] },
            { id: "shape", values: [] },
          ],
        },
      },
    ]);
  });

  test("what is wrong is said at its field, not sent, and nothing is lost", async () => {
    const desk = await openWindow(opened(asks(SUBJECTS.form, "Fill in")));
    await fireEvent.input(box("Reporter"), { target: { value: "mara" } });
    await armed();
    await fireEvent.click(within(form()).getByRole("button", { name: "Send the form" }));
    await settle();
    expect(answers(desk)).toEqual([]);
    const reporter = within(form()).getByRole("textbox", { name: "Reporter", description: /^An e-mail address\./ });
    expect(reporter.getAttribute("aria-invalid")).toBe("true");
    expect(document.activeElement).toBe(reporter);
    expect(box("Reporter").value).toBe("mara");
  });

  test("a refusal of Rust stands at its field, and the question stays open", async () => {
    await openWindow(opened(asks(SUBJECTS.form, "Fill in")), {
      approval_answer: () => {
        throw refusal("invalid", "There is such a ticket already.", "title");
      },
    });
    await fireEvent.input(box("Points"), { target: { value: "3" } });
    await fireEvent.click(within(form()).getByRole("checkbox", { name: "docs" }));
    await armed();
    await fireEvent.click(within(form()).getByRole("button", { name: "Send the form" }));
    await settle();
    expect(
      within(form()).getByRole("textbox", { name: "Title", description: /^There is such a ticket already\./ }),
    ).toBeTruthy();
    expect(box("Points").value).toBe("3");
    expect(screen.queryByRole("alert")).toBeNull();
  });

  test("it stays when the card is drawn anew, filtered away, or the webview reloads; secrets do not", async () => {
    const desk = await openWindow(opened(asks(SUBJECTS.questions, "Fill in"), approval("ls", 2)));
    const secret = () => within(form()).getByLabelText<HTMLInputElement>("Registry token");
    await fireEvent.input(box("Naming"), { target: { value: "transport" } });
    await fireEvent.click(within(form()).getByRole("radio", { name: "Something else" }));
    await settle();
    await fireEvent.input(box("Something else"), { target: { value: "Redis" } });
    expect(secret().type).toBe("password");
    await fireEvent.input(secret(), { target: { value: "hunter2" } });
    expect(JSON.stringify({ ...sessionStorage })).not.toContain("hunter2");

    await fireEvent.click(within(region()).getByRole("button", { name: "Filter" }));
    await settle();
    await fireEvent.input(within(region()).getByRole("searchbox", { name: "Filter by text" }), {
      target: { value: "ls" },
    });
    await settle();
    expect(within(region()).queryByRole("group", { name: "Fill in" })).toBeNull();
    await fireEvent.click(within(region()).getByRole("button", { name: "Show all" }));
    await desk.emit("approval://requested", asks(SUBJECTS.questions, "Fill in", { row: "r1" }));
    expect([box("Naming").value, box("Something else").value, secret().value]).toEqual([
      "transport",
      "Redis",
      "hunter2",
    ]);

    document.body.innerHTML = "";
    await openWindow(opened(asks(SUBJECTS.questions, "Fill in")));
    expect([box("Naming").value, box("Something else").value, secret().value]).toEqual(["transport", "Redis", ""]);
  });

  test("with the answer what was typed is gone", async () => {
    const desk = await openWindow(opened(asks(SUBJECTS.questions, "Fill in")));
    await fireEvent.pointerEnter(region());
    await fireEvent.click(within(form()).getByRole("radio", { name: "SQLite" }));
    await fireEvent.input(box("Naming"), { target: { value: "transport" } });
    const secret = within(form()).getByLabelText<HTMLInputElement>("Registry token");
    await fireEvent.input(secret, { target: { value: "hunter2" } });
    await armed();
    await fireEvent.click(within(form()).getByRole("button", { name: "Send the form" }));
    await settle();
    expect(JSON.stringify(answers(desk))).toContain("hunter2");
    expect(secret.value).toBe("");
    await desk.emit("approval://resolved", {
      id: "Fill in",
      session: "one",
      outcome: { kind: "answered", choice: "submit", by: "desk" },
    });
    expect(sessionStorage.length).toBe(0);
    expect(within(form()).queryByRole("textbox")).toBeNull();
  });
});
