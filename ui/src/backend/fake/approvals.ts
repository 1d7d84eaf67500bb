/** The answers to questions, with the checks that Rust makes. */
import type { Answer, ApprovalOutcome, Commands } from "../../contract";
import { fieldsOf } from "../../lib/asked";
import { failure, problem, type World } from "./world";

type Names = "approval_answer" | "approval_answer_many";

export function approvals(world: World): { [N in Names]: (args: Commands[N]["args"]) => unknown } {
  const answered = (choice: Answer["choice"]): ApprovalOutcome => ({ kind: "answered", choice, by: "desk" });
  return {
    approval_answer: ({ approval: id, answer }) => {
      const approval = world.approvals.find((at) => at.id === id);
      if (!approval) {
        throw failure(
          "stale",
          problem("Your answer came too late; nothing was done with it.", "The question was settled before."),
        );
      }
      if (answer.choice === "submit") {
        for (const field of fieldsOf(approval.subject)) {
          const values = answer.fields.find((at) => at.id === field.id)?.values ?? [];
          if (values.some((value) => value.includes("refused"))) {
            throw failure("invalid", problem(`“${field.title}” was not accepted.`, "", "Change it."), field.id);
          }
        }
      }
      world.settle(id, answered(answer.choice), answer.reason);
    },
    approval_answer_many: ({ approvals, choice }) => {
      const open = (id: string) => {
        const found = world.approvals.find((at) => at.id === id);
        return found !== undefined && found.choices.some((at) => at.id === choice);
      };
      const result = { answered: approvals.filter(open), notAnswered: approvals.filter((id) => !open(id)) };
      for (const id of result.answered) world.settle(id, answered(choice));
      return result;
    },
  };
}
