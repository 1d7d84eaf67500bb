/** A profile as it is edited: text as typed, and what is wrong with it. Pure. Rust checks again and has the last word. */
import type { Profile, ProfileSettings } from "../../contract";

export interface Variable {
  name: string;
  value: string;
}

/** The settings with every optional text as a text, and the environment as rows in the order of typing. */
export type ProfileDraft = Omit<
  ProfileSettings,
  "environment" | "codexBinary" | "codexHome" | "modelProvider" | "model" | "effort"
> & {
  codexBinary: string;
  codexHome: string;
  modelProvider: string;
  model: string;
  effort: string;
  environment: Variable[];
};

/** What is wrong, by the contract's field names. */
export type Faults = Partial<Record<keyof ProfileSettings, string>>;

/** What belongs to Countersign in the demo's profile. */
export const DEMO_LOCKED: ReadonlySet<keyof ProfileSettings> = new Set(["codexHome", "modelProvider", "model"]);

export function newDraft(): ProfileDraft {
  return {
    name: "",
    color: "blue",
    codexBinary: "",
    codexHome: "",
    environment: [],
    modelProvider: "",
    model: "",
    effort: "",
    sandbox: "workspaceWrite",
    approval: "onRequest",
    developerInstructions: "",
    dialogs: "always",
    notifications: "whenUnfocused",
    sound: false,
  };
}

export function toDraft(settings: ProfileSettings): ProfileDraft {
  return {
    name: settings.name,
    color: settings.color,
    codexBinary: settings.codexBinary ?? "",
    codexHome: settings.codexHome ?? "",
    environment: Object.entries(settings.environment).map(([name, value]) => ({ name, value })),
    modelProvider: settings.modelProvider ?? "",
    model: settings.model ?? "",
    effort: settings.effort ?? "",
    sandbox: settings.sandbox,
    approval: settings.approval,
    developerInstructions: settings.developerInstructions,
    dialogs: settings.dialogs,
    notifications: settings.notifications,
    sound: settings.sound,
  };
}

export function toSettings(draft: ProfileDraft): ProfileSettings {
  const orNone = (text: string) => (text.trim() === "" ? null : text.trim());
  return {
    name: draft.name.trim(),
    color: draft.color,
    codexBinary: orNone(draft.codexBinary),
    codexHome: orNone(draft.codexHome),
    environment: Object.fromEntries(
      draft.environment.filter(({ name }) => name.trim() !== "").map(({ name, value }) => [name.trim(), value]),
    ),
    modelProvider: orNone(draft.modelProvider),
    model: orNone(draft.model),
    effort: orNone(draft.effort),
    sandbox: draft.sandbox,
    approval: draft.approval,
    developerInstructions: draft.developerInstructions,
    dialogs: draft.dialogs,
    notifications: draft.notifications,
    sound: draft.sound,
  };
}

const isAbsolute = (path: string): boolean => /^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(path.trim());

/** Says what is wrong with a draft before Rust is asked. `others` are the other profiles. */
export function faults(draft: ProfileDraft, others: readonly Pick<Profile, "name">[]): Faults {
  const found: Faults = {};
  const name = draft.name.trim();
  if (name === "") found.name = "Give the profile a name.";
  else if (others.some((other) => other.name.toLowerCase() === name.toLowerCase())) {
    found.name = `Another profile is named ${name} already.`;
  }
  for (const field of ["codexBinary", "codexHome"] as const) {
    if (draft[field].trim() !== "" && !isAbsolute(draft[field])) found[field] = "Give the whole path, from the root.";
  }
  const environment = environmentFault(draft.environment);
  if (environment) found.environment = environment;
  return found;
}

function environmentFault(variables: readonly Variable[]): string | null {
  const seen = new Set<string>();
  for (const { name: typed, value } of variables) {
    const name = typed.trim();
    if (name === "" && value === "") continue;
    if (name === "") return "A variable has a value and no name.";
    if (/[=\0]/.test(name)) return `${name} cannot be a variable's name: leave out “=”.`;
    if (seen.has(name)) return `${name} is there twice.`;
    seen.add(name);
  }
  return null;
}

export const sameDraft = (a: ProfileDraft, b: ProfileDraft): boolean => JSON.stringify(a) === JSON.stringify(b);
