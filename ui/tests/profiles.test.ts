import { fireEvent, screen, within } from "@testing-library/svelte";
import { expect, test } from "vitest";
import type { Profile, ProfileSettings } from "../src/contract";
import { faults, newDraft, toDraft, toSettings } from "../src/components/profiles/form";
import { openWindow, profile, refusal, settle } from "./desk";

function settingsOf(whole: Profile): ProfileSettings {
  const copy: Partial<Profile> = { ...whole };
  delete copy.id;
  delete copy.origin;
  return copy as ProfileSettings;
}

test("a draft and its settings say the same", () => {
  const settings = settingsOf(
    profile("p", {
      environment: { A: "1", B: "" },
      model: "m",
      developerInstructions: "  kept as typed ",
    }),
  );
  expect(toSettings(toDraft(settings))).toEqual(settings);
  expect(toSettings({ ...newDraft(), name: " x ", model: "  " })).toMatchObject({ name: "x", model: null });
});

test("faults are found before Rust is asked", () => {
  const draft = { ...newDraft(), name: "Work" };
  expect(faults(draft, [])).toEqual({});
  expect(faults({ ...draft, name: " " }, []).name).toBeTruthy();
  expect(faults(draft, [{ name: "work" }]).name).toContain("already");
  expect(faults({ ...draft, codexHome: "codex" }, []).codexHome).toBeTruthy();
  expect(faults({ ...draft, codexHome: "C:\\codex" }, [])).toEqual({});
  const variables = (...environment: { name: string; value: string }[]) =>
    faults({ ...draft, environment }, []).environment;
  expect(variables({ name: "", value: "" })).toBeUndefined();
  expect(variables({ name: "", value: "x" })).toBeTruthy();
  expect(variables({ name: "A=B", value: "x" })).toBeTruthy();
  expect(variables({ name: "A", value: "1" }, { name: "A ", value: "2" })).toContain("twice");
});

async function open(answers: Parameters<typeof openWindow>[1] = {}) {
  const desk = await openWindow(
    {
      profiles: [profile("p1", { name: "Work" }), profile("demo", { name: "Demo", origin: "demo", model: "scripted" })],
    },
    answers,
  );
  await fireEvent.click(screen.getByRole("button", { name: "Profiles" }));
  await settle();
  return { desk, dialog: screen.getByRole("dialog", { name: "Profiles" }) };
}
const field = (dialog: HTMLElement, name: string) => within(dialog).getByRole<HTMLInputElement>("textbox", { name });

test("an error of Rust stands beside its field, and nothing that was typed is lost", async () => {
  const { desk, dialog } = await open({
    profile_update: () => {
      throw refusal("invalid", "There is no program at this path.", "codexBinary");
    },
  });
  await fireEvent.input(field(dialog, "Codex program"), { target: { value: "/no/codex" } });
  await fireEvent.input(field(dialog, "Name"), { target: { value: "Work 2" } });
  await fireEvent.click(within(dialog).getByRole("button", { name: "Save changes" }));
  await settle();
  expect(desk.called("profile_update")).toHaveLength(1);
  const program = within(dialog).getByRole<HTMLInputElement>("textbox", {
    name: "Codex program",
    description: /^There is no program at this path\./,
  });
  expect(program.value).toBe("/no/codex");
  expect(program.getAttribute("aria-invalid")).toBe("true");
  expect(field(dialog, "Name").value).toBe("Work 2");
});

test("what is wrong at sight is not sent", async () => {
  const { desk, dialog } = await open();
  await fireEvent.click(within(dialog).getByRole("button", { name: "New profile" }));
  await settle();
  expect(document.activeElement).toBe(within(dialog).getByRole("textbox", { name: "Name" }));
  await fireEvent.click(within(dialog).getByRole("button", { name: "Create profile" }));
  await settle();
  expect(desk.called("profile_create")).toEqual([]);
  expect(within(dialog).getByText("Give the profile a name.")).toBeTruthy();
});

test("changes are not thrown away without asking", async () => {
  const { dialog } = await open();
  await fireEvent.input(field(dialog, "Name"), { target: { value: "Half" } });
  await fireEvent.click(within(dialog).getByRole("button", { name: /^Demo/ }));
  await settle();
  const question = screen.getByRole("alertdialog", { name: "Throw away your changes?" });
  await fireEvent.click(within(question).getByRole("button", { name: "Keep editing" }));
  await settle();
  expect(field(dialog, "Name").value).toBe("Half");
});

test("what belongs to Countersign in the demo cannot be edited, and why is said", async () => {
  const { dialog } = await open();
  await fireEvent.click(within(dialog).getByRole("button", { name: /^Demo/ }));
  await settle();
  for (const name of ["Codex home", "Model provider", "Model"]) {
    const input = within(dialog).getByRole<HTMLInputElement>("textbox", {
      name,
      description: /Belongs to Countersign/,
    });
    expect(input.disabled).toBe(true);
  }
  expect(field(dialog, "Name").disabled).toBe(false);
});
