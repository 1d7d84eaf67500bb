import { describe, expect, it } from "vitest";
import type { Backend } from "../src/backend/types";
import type { Session, SessionList } from "../src/contract";
import { Sessions } from "../src/state/sessions.svelte";

const list = (active: string): SessionList => ({
  active,
  sessions: ["a", "b", "c"].map((id) => ({ id, state: "idle", waiting: 0 }) as Session),
});

/** Sessions over a Rust side that answers when it is told to. */
function slow() {
  const answers: { resolve: () => void; reject: (why: Error) => void }[] = [];
  const backend = {
    call: () => new Promise<null>((resolve, reject) => answers.push({ resolve: () => resolve(null), reject })),
  };
  const sessions = new Sessions(backend as unknown as Backend);
  sessions.take(list("a"));
  return { sessions, answers };
}

describe("the tab in front", () => {
  it("is there at once, and older news do not take it back", async () => {
    const { sessions, answers } = slow();
    const going = sessions.activate("b");
    expect(sessions.activeId).toBe("b");
    sessions.take(list("a"));
    expect(sessions.activeId).toBe("b");
    answers[0]?.resolve();
    await going;
    sessions.take(list("a"));
    expect(sessions.activeId).toBe("b");
    sessions.take(list("b"));
    expect(sessions.activeId).toBe("b");
  });

  it("is the last one that was clicked", async () => {
    const { sessions, answers } = slow();
    const first = sessions.activate("b");
    const second = sessions.activate("c");
    sessions.take(list("b"));
    expect(sessions.activeId).toBe("c");
    answers[0]?.resolve();
    answers[1]?.resolve();
    await Promise.all([first, second]);
    sessions.take(list("c"));
    expect(sessions.activeId).toBe("c");
  });

  it("goes back when Rust refuses", async () => {
    const { sessions, answers } = slow();
    const going = sessions.activate("b");
    answers[0]?.reject(new Error("gone"));
    await expect(going).rejects.toThrow("gone");
    expect(sessions.activeId).toBe("a");
  });

  it("is where Rust goes by itself", async () => {
    const { sessions, answers } = slow();
    const going = sessions.activate("b");
    answers[0]?.resolve();
    await going;
    sessions.take(list("b"));
    sessions.take(list("c"));
    expect(sessions.activeId).toBe("c");
  });
});
