/** The answer to a question. */
import type { Commands } from "../../contract";
import { failure, problem, type World } from "./world";

export function approvals(world: World): {
  approval_answer: (args: Commands["approval_answer"]["args"]) => unknown;
} {
  return {
    approval_answer: ({ approval, choice }) => {
      if (!world.approvals.some((at) => at.id === approval)) {
        throw failure(
          "stale",
          problem("Your answer came too late; nothing was done with it.", "The question was settled before."),
        );
      }
      world.settle(approval, { kind: "answered", choice, by: "desk" });
    },
  };
}
