/** The commands on profiles, with the checks that Rust makes. */
import type { Commands, Profile, ProfileSettings } from "../../contract";
import { failure, problem, type World } from "./world";

export const settings = (changes: Partial<ProfileSettings> & { name: string }): ProfileSettings => ({
  color: "blue",
  codexBinary: null,
  codexHome: null,
  environment: {},
  modelProvider: null,
  model: null,
  effort: null,
  sandbox: "workspaceWrite",
  approval: "onRequest",
  developerInstructions: "",
  dialogs: "always",
  notifications: "whenUnfocused",
  sound: false,
  ...changes,
});

type Names = "profile_create" | "profile_duplicate" | "profile_update" | "profile_delete";

export function profiles(world: World): { [N in Names]: (args: Commands[N]["args"]) => unknown } {
  const changed = () => world.emit("profiles://changed", world.profiles);
  const find = (id: string): Profile => {
    const found = world.profiles.find((at) => at.id === id);
    if (!found) throw failure("notFound", problem("This profile does not exist any more."));
    return found;
  };
  const check = (wanted: ProfileSettings, self: string | null) => {
    const invalid = (field: string, what: string) => failure("invalid", problem(what), field);
    if (wanted.name === "") throw invalid("name", "Give the profile a name.");
    if (world.profiles.some((at) => at.id !== self && at.name === wanted.name)) {
      throw invalid("name", `Another profile is named ${wanted.name} already.`);
    }
    if (wanted.codexBinary?.includes("missing")) throw invalid("codexBinary", "There is no program at this path.");
  };
  return {
    profile_create: ({ settings: wanted }) => {
      check(wanted, null);
      const made: Profile = { id: world.id("profile"), origin: "user", ...wanted };
      world.profiles = [...world.profiles, made];
      changed();
      return made;
    },
    profile_duplicate: ({ profile }) => {
      const source = find(profile);
      let name = `${source.name} copy`;
      for (let at = 2; world.profiles.some((other) => other.name === name); at++) name = `${source.name} copy ${at}`;
      const made: Profile = { ...structuredClone(source), id: world.id("profile"), origin: "user", name };
      world.profiles = [...world.profiles, made];
      changed();
      return made;
    },
    profile_update: ({ profile, settings: wanted }) => {
      check(wanted, profile);
      const made: Profile = { ...find(profile), ...wanted };
      world.profiles = world.profiles.map((at) => (at.id === profile ? made : at));
      changed();
      return made;
    },
    profile_delete: ({ profile }) => {
      const { name } = find(profile);
      if (world.plays.some((play) => play.session.profile === profile)) {
        throw failure(
          "refused",
          problem(`${name} is in use.`, "An open session runs under it.", "Close its sessions first."),
        );
      }
      world.profiles = world.profiles.filter((at) => at.id !== profile);
      changed();
    },
  };
}
