/**
 * What the UI needs from whoever runs the sessions. The app implements it over Tauri, the fake in plain TypeScript;
 * nothing else in the UI knows which of the two it talks to.
 */
import type { CommandError, Commands, ErrorCode, Events, Problem, TranscriptUpdate } from "../contract";

/** Every command that is a plain call; watching has a method of its own. */
export type CallName = Exclude<keyof Commands, "session_watch">;

export interface Backend {
  /** Calls a command. Rejects with a {@link BackendError} and nothing else. */
  call<K extends CallName>(name: K, args: Commands[K]["args"]): Promise<Commands[K]["result"]>;
  /** Listens to an event. Resolves once events arrive; what it resolves to ends it. */
  on<K extends keyof Events>(name: K, handler: (payload: Events[K]) => void): Promise<() => void>;
  /** Watches a session's transcript; the window's earlier watch ends. Each update wants a `session_ack`. */
  watch(session: string, onUpdate: (update: TranscriptUpdate) => void): Promise<void>;
}

/** A command's failure: a code to act on, a problem to show, and the form field at fault. */
export class BackendError extends Error {
  readonly code: ErrorCode;
  readonly problem: Problem;
  readonly field: string | null;

  constructor(error: CommandError) {
    super(error.problem.what);
    this.name = "BackendError";
    this.code = error.code;
    this.problem = error.problem;
    this.field = error.field;
  }

  /** The whole problem in one line, to stand beside a form field. */
  get line(): string {
    const { what, meaning, remedy } = this.problem;
    return [what, meaning, remedy].filter((part) => part !== "").join(" ");
  }

  /** Takes whatever was thrown; what is not a {@link CommandError} is a defect, and is said to be one. */
  static from(thrown: unknown): BackendError {
    if (thrown instanceof BackendError) return thrown;
    if (isCommandError(thrown)) return new BackendError(thrown);
    const details = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return new BackendError({
      code: "internal",
      field: null,
      problem: {
        what: "Countersign could not do that.",
        meaning: "This is a defect in Countersign. Your sessions go on.",
        remedy: "Try again. If it happens again, report it with the details below.",
        details,
      },
    });
  }
}

function isCommandError(value: unknown): value is CommandError {
  return (
    typeof value === "object" &&
    value !== null &&
    "code" in value &&
    "problem" in value &&
    typeof value.problem === "object"
  );
}
