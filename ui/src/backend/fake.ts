/**
 * The backend as a play: three sessions, a scripted agent, approvals, profiles and failures, all in plain TypeScript.
 * It lets the whole UI run in a browser for design work and tests, and is never part of the app.
 */
import { approvals } from "./fake/approvals";
import { ledger } from "./fake/ledger";
import { profiles } from "./fake/profiles";
import { rules } from "./fake/rules";
import { SCENES, type SceneName } from "./fake/scenes";
import { sessions } from "./fake/sessions";
import { World } from "./fake/world";
import { type Backend, BackendError } from "./types";

/** A world that plays `scene`; its commands answer after `delay` milliseconds. */
export function fakeWorld(scene: string, delay = 4): { backend: Backend; world: World } {
  const world = new World();
  const commands = { ...sessions(world), ...profiles(world), ...approvals(world), ...rules(world), ...ledger(world) };
  SCENES[scene in SCENES ? (scene as SceneName) : "desk"](world);
  const backend: Backend = {
    async call(name, args) {
      await new Promise((resolve) => setTimeout(resolve, delay));
      try {
        const command = commands[name] as (args: unknown) => unknown;
        return structuredClone(await command(args)) as never;
      } catch (thrown) {
        throw BackendError.from(thrown);
      }
    },
    on: (name, handler) => Promise.resolve(world.listen(name, handler)),
    watch: (session, onUpdate) => {
      world.watch(session, onUpdate);
      return Promise.resolve();
    },
  };
  return { backend, world };
}

export const fakeBackend = (scene: string): Backend => fakeWorld(scene).backend;
