import { describe, expect, test } from "vitest";
import { Follow } from "../src/components/transcript/follow";

const at = (top: number, height = 1_000, view = 400) => ({ top, height, view });

describe("following the end", () => {
  test("content that grows does not end it", () => {
    const follow = new Follow();
    follow.scrolled(at(600), 0);
    follow.scrolled(at(600, 1_400), 10);
    expect(follow.following).toBe(true);
  });

  test("scrolling up ends it, coming back to the end begins it", () => {
    const follow = new Follow();
    follow.scrolled(at(600), 0);
    follow.scrolled(at(500), 10);
    expect(follow.following).toBe(false);
    follow.scrolled(at(560), 20);
    expect(follow.following).toBe(false);
    follow.scrolled(at(598), 30);
    expect(follow.following).toBe(true);
  });

  test("the slow beginning of a move upwards is not taken for being at the end", () => {
    const follow = new Follow();
    follow.scrolled(at(600), 0);
    follow.leave(100);
    follow.scrolled(at(597), 110);
    expect(follow.following).toBe(false);
    follow.scrolled(at(600), 600);
    expect(follow.following).toBe(true);
  });

  test("content that shrinks is not the person", () => {
    const follow = new Follow();
    follow.scrolled(at(600), 0);
    follow.scrolled(at(500, 920), 10);
    expect(follow.following).toBe(true);
  });
});
