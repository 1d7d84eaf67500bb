import { fireEvent, screen, within } from "@testing-library/svelte";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Follow } from "../src/components/transcript/follow";
import { approval, openWindow, settle } from "./desk";

afterEach(() => vi.unstubAllGlobals());

const at = (top: number, height = 1_000, view = 400) => ({ top, height, view });

describe("following the end", () => {
  test("content that grows does not end it", () => {
    const follow = new Follow();
    follow.scrolled(at(600), false, 0);
    follow.scrolled(at(600, 1_400), false, 10);
    expect(follow.following).toBe(true);
  });

  test("scrolling up ends it, coming back to the end begins it", () => {
    const follow = new Follow();
    follow.scrolled(at(600), false, 0);
    follow.scrolled(at(500), false, 10);
    expect(follow.following).toBe(false);
    follow.scrolled(at(560), false, 20);
    expect(follow.following).toBe(false);
    follow.scrolled(at(598), false, 30);
    expect(follow.following).toBe(true);
  });

  test("the slow beginning of a move upwards is not taken for being at the end", () => {
    const follow = new Follow();
    follow.scrolled(at(600), false, 0);
    follow.leave(100);
    follow.scrolled(at(597), false, 110);
    expect(follow.following).toBe(false);
    follow.scrolled(at(600), false, 600);
    expect(follow.following).toBe(true);
  });

  test("content that shrinks is not the person", () => {
    const follow = new Follow();
    follow.scrolled(at(600), false, 0);
    follow.scrolled(at(500, 920), false, 10);
    expect(follow.following).toBe(true);
  });

  test("a card that leaves one place and comes in another is not the person", () => {
    const follow = new Follow();
    follow.placed(at(600));
    // Its going moved the position up before its coming made the content taller than it was.
    follow.scrolled(at(350, 1_020), false, 10);
    expect(follow.following).toBe(true);
  });

  test("a column that becomes narrower, or a view that becomes lower, is not the person", () => {
    const follow = new Follow();
    follow.placed(at(600));
    follow.scrolled(at(560, 1_300), false, 10);
    follow.scrolled(at(520, 1_300, 300), false, 20);
    expect(follow.following).toBe(true);
  });

  test("a scroll bar drawn up while text streams ends it", () => {
    const follow = new Follow();
    follow.placed(at(600));
    follow.scrolled(at(560, 1_040), true, 10);
    expect(follow.following).toBe(false);
  });

  test("content that shrinks under a pressed pointer is not the person", () => {
    const follow = new Follow();
    follow.placed(at(600));
    follow.scrolled(at(500, 950), true, 10);
    expect(follow.following).toBe(true);
  });
});

describe("the transcript on the screen", () => {
  const observers = new Set<(entries: []) => void>();
  class Observer {
    #run: (entries: []) => void;
    constructor(run: (entries: []) => void) {
      this.#run = run;
    }
    observe(): void {
      observers.add(this.#run);
    }
    unobserve(): void {}
    disconnect(): void {
      observers.delete(this.#run);
    }
  }

  /** A window with a transcript whose sizes the test says; jsdom lays nothing out. */
  async function open() {
    observers.clear();
    vi.stubGlobal("ResizeObserver", Observer);
    const desk = await openWindow();
    await desk.transcript({});
    const log = screen.getByRole("log", { name: "Transcript" });
    const sizes = { top: 600, height: 1_000, view: 400 };
    Object.defineProperties(log, {
      scrollTop: {
        get: () => sizes.top,
        set: (top: number) => (sizes.top = Math.min(top, sizes.height - sizes.view)),
      },
      scrollHeight: { get: () => sizes.height },
      clientHeight: { get: () => sizes.view },
    });
    const laidOut = async (next: Partial<typeof sizes>) => {
      Object.assign(sizes, next);
      for (const run of observers) run([]);
      await settle();
    };
    await laidOut({});
    return { desk, log, sizes, laidOut };
  }
  const jump = () => screen.queryByRole("button", { name: /Jump to latest/ });

  test("stays at its end when a card comes, the column narrows and the composer grows", async () => {
    const { log, sizes, laidOut } = await open();
    // WebKit tells of the position that the layout moved before anything is measured.
    Object.assign(sizes, { top: 350, height: 1_250 });
    await fireEvent.scroll(log);
    expect(jump()).toBeNull();
    await laidOut({});
    expect(sizes.top).toBe(850);
    await laidOut({ height: 1_400 });
    expect(sizes.top).toBe(1_000);
    await laidOut({ view: 320 });
    expect(sizes.top).toBe(1_080);
    expect(jump()).toBeNull();
  });

  test("is left by the wheel, and what comes then moves nothing", async () => {
    const { log, sizes, laidOut } = await open();
    await fireEvent.wheel(log, { deltaY: -40 });
    sizes.top = 560;
    await fireEvent.scroll(log);
    expect(jump()).not.toBeNull();
    await laidOut({ height: 1_300 });
    expect(sizes.top).toBe(560);
  });

  test("waits for the pointer to leave a card, then goes on", async () => {
    const { desk, sizes, laidOut } = await open();
    await desk.emit("approval://requested", approval("a", 1));
    const card = within(screen.getByRole("log", { name: "Transcript" })).getByRole("group", { name: "Run a" });
    await fireEvent.pointerEnter(card);
    await laidOut({ height: 1_300 });
    expect(sizes.top).toBe(600);
    await fireEvent.pointerLeave(card);
    await settle();
    expect(sizes.top).toBe(900);
  });
});
