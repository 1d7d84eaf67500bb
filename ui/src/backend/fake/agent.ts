/** The scripted agent: reads a message, plays a turn. */
import type { RowHead } from "../../contract";
import { ask, commandSubject, SUBJECTS } from "./asks";
import { diff, fileChange, markdown, output, plain } from "./markup";
import { type FakeRow, type Play, problem, type World } from "./world";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

class Stopped extends Error {}
class Failed extends Error {}

export class Agent {
  #world: World;
  #play: Play;
  #turn = "";
  #ordinal: number;
  #stopped = false;

  constructor(world: World, play: Play) {
    this.#world = world;
    this.#play = play;
    this.#ordinal = play.rows.reduce((most, row) => Math.max(most, row.ordinal), -1);
  }

  /** Plays one turn from a message. */
  async take(text: string): Promise<void> {
    const { session } = this.#play;
    const startedAt = Date.now();
    this.#turn = this.#world.id("turn");
    this.#play.stop = () => {
      this.#stopped = true;
      for (const { id } of this.#world.approvals.filter((at) => at.session === session.id)) {
        this.#world.settle(id, { kind: "turnEnded" });
      }
    };
    session.state = "running";
    session.problem = null;
    session.runningSince = startedAt;
    this.#world.turn(this.#play, { key: this.#turn, state: "running", startedAt, durationMs: null });
    this.#world.tabs();
    const user = this.#add({ kind: "user", pending: true }, plain(text));
    let state: "completed" | "interrupted" | "failed" = "completed";
    try {
      await this.#sleep(120);
      this.#set(user, { kind: "user", pending: false });
      await this.#answer(text.trim());
    } catch (thrown) {
      state = thrown instanceof Stopped ? "interrupted" : "failed";
      for (const row of this.#play.rows) {
        if (row.turn === this.#turn && "status" in row.head && ["running", "waitsForYou"].includes(row.head.status)) {
          this.#set(row, { ...row.head, status: "stopped" });
        }
      }
      if (thrown instanceof Failed) {
        session.problem = problem(
          "The model's service answered with an error.",
          "The turn ended early. What was done so far stays done.",
          "Send the message again, or try again in a minute.",
          `HTTP ${thrown.message}: upstream connect error\nrequest id: 7f3a-11`,
        );
        this.#add({ kind: "trouble", problem: session.problem, retrying: false });
      } else if (thrown instanceof Stopped) {
        this.#add({ kind: "note", text: "You stopped this turn.", warning: false });
      }
    }
    this.#play.stop = null;
    session.state = state === "failed" ? "failed" : "idle";
    session.runningSince = null;
    session.context = { used: (session.context?.used ?? 9_000) + 2_140, window: 258_000 };
    this.#world.turn(this.#play, { key: this.#turn, state, startedAt, durationMs: Date.now() - startedAt });
    this.#world.tabs();
  }

  async #answer(text: string): Promise<void> {
    const [, word, rest] = /^(\w+):?\s*([\s\S]*)$/.exec(text) ?? [];
    switch (word) {
      case "run":
        return this.#run(rest ?? "true");
      case "edit":
        return this.#edit(rest ?? "notes.md");
      case "ask":
        return this.#asks(rest ?? "question");
      case "plan":
        return this.#plan();
      case "stream":
        return this.#stream(Number(rest) || 40);
      case "flood":
        return this.#flood(Number(rest) || 400);
      case "fail":
        throw new Failed(rest ?? "500");
      case "help":
        return this.#say(HELP);
      default:
        await this.#think();
        return this.#say(ANSWER);
    }
  }

  async #run(command: string): Promise<void> {
    await this.#think();
    const cwd = this.#play.session.folder;
    const row = this.#add({
      kind: "command",
      command,
      cwd,
      status: "waitsForYou",
      exitCode: null,
      durationMs: null,
      byUser: false,
      omitted: 0,
    });
    const outcome = await this.#world.ask(
      ask(this.#world, this.#play, commandSubject(this.#play, command), { row: row.key }),
    );
    if (this.#stopped) throw new Stopped();
    const head = row.head as Extract<RowHead, { kind: "command" }>;
    if (outcome.kind !== "answered" || !outcome.choice.startsWith("allow")) {
      this.#set(row, { ...head, status: "declined" });
      if (outcome.kind === "answered" && outcome.choice === "denyAndStop") throw new Stopped();
      return this.#say("You said no, so I leave that out.");
    }
    this.#set(row, { ...head, status: "running" });
    const started = Date.now();
    let printed = "";
    const lines = /^echo /.test(command)
      ? [command.slice(5)]
      : Array.from({ length: 14 }, (_, at) => `test engine::case_${at} ... {green:ok}`);
    for (const line of lines) {
      await this.#sleep(160);
      printed += (printed === "" ? "" : "\n") + line;
      this.#set(row, { ...head, status: "running" }, output(printed));
    }
    const failed = /false|exit 1/.test(command);
    this.#set(row, {
      ...head,
      status: failed ? "failed" : "done",
      exitCode: failed ? 1 : 0,
      durationMs: Date.now() - started,
    });
    await this.#say("That ran. The output is above.");
  }

  async #edit(path: string): Promise<void> {
    await this.#think();
    const file = fileChange(`${this.#play.session.folder}/${path}`, "update", EDIT);
    const { diffHtml, ...summary } = file;
    const row = this.#add({ kind: "files", files: [summary], status: "waitsForYou" }, [diffHtml]);
    const outcome = await this.#world.ask(
      ask(this.#world, this.#play, { kind: "files", files: [file] }, { row: row.key }),
    );
    if (this.#stopped) throw new Stopped();
    const allowed = outcome.kind === "answered" && outcome.choice.startsWith("allow");
    this.#set(row, { kind: "files", files: [summary], status: allowed ? "done" : "declined" });
    await this.#say(allowed ? `I changed \`${path}\`.` : "I left the file as it was.");
  }

  async #asks(kind: string): Promise<void> {
    const subject = kind in SUBJECTS ? SUBJECTS[kind as keyof typeof SUBJECTS] : SUBJECTS.question;
    await this.#world.ask(ask(this.#world, this.#play, subject));
    if (this.#stopped) throw new Stopped();
    await this.#say("I go on with that.");
  }

  async #plan(): Promise<void> {
    const texts = ["Read the settings", "Write the failing test", "Make it pass", "Run everything once more"];
    const row = this.#add({ kind: "plan", explanation: "Small steps, so that each can be checked.", steps: [] });
    for (let done = 0; done <= texts.length; done++) {
      const steps = texts.map((text, at) => ({
        text,
        status: at < done ? ("completed" as const) : at === done ? ("inProgress" as const) : ("pending" as const),
      }));
      this.#set(row, { kind: "plan", explanation: "Small steps, so that each can be checked.", steps });
      await this.#sleep(700);
    }
    await this.#say("All steps are done.");
  }

  async #stream(paragraphs: number): Promise<void> {
    const text = Array.from({ length: paragraphs }, (_, at) => `${at + 1}. part. ${LOREM}`).join("\n\n");
    await this.#say(text.replace(/(\d+)\. part/g, "Part $1"), 48);
  }

  async #flood(rows: number): Promise<void> {
    for (let at = 0; at < rows; at++) {
      if (at % 20 === 0) await this.#sleep(16);
      this.#add({ kind: "note", text: `Note ${at + 1} of ${rows}`, warning: at % 50 === 0 });
    }
  }

  async #think(): Promise<void> {
    const summary = "Looking at what is asked";
    const row = this.#add({ kind: "reasoning", streaming: true, summary });
    await this.#sleep(400);
    this.#set(row, { kind: "reasoning", streaming: false, summary }, markdown(`**${summary}**\n\n${LOREM}`));
  }

  async #say(text: string, step = 12): Promise<void> {
    const row = this.#add({ kind: "agent", streaming: true });
    for (let at = step; at < text.length + step; at += step) {
      await this.#sleep(16);
      this.#set(row, { kind: "agent", streaming: at < text.length }, markdown(text.slice(0, at)));
    }
  }

  #add(head: RowHead, blocks: string[] = []): FakeRow {
    return this.#world.row(this.#play, {
      key: this.#world.id("row"),
      ordinal: ++this.#ordinal,
      turn: this.#turn,
      at: Date.now(),
      head,
      blocks,
    });
  }

  #set(row: FakeRow, head: RowHead, blocks = row.blocks): void {
    Object.assign(row, { head, blocks });
    this.#world.row(this.#play, row);
  }

  async #sleep(ms: number): Promise<void> {
    await pause(ms);
    if (this.#stopped) throw new Stopped();
    for (const text of this.#play.steer.splice(0)) this.#add({ kind: "user", pending: false }, plain(text));
  }
}

export const LOREM =
  "The reader never waits for a person: a question that nobody answered delays nothing else, and what arrives meanwhile is kept in order. Each delta goes into its last block, so only the end is drawn again.";

export const EDIT = [
  "@@ line 12 @@",
  " pub fn deadline(&self) -> Duration {",
  "-    Duration::from_secs(30)",
  "+    // A slow disk is no reason to give up.",
  "+    self.deadline.unwrap_or(DEFAULT_DEADLINE)",
  " }",
  " ",
  "-const TRIES: u32 = 1;",
  "+const TRIES: u32 = 3;",
];

export const editDiff = (): string => diff(EDIT);

const HELP = `This model is scripted. It understands:

- \`run: COMMAND\` asks to run a command
- \`edit: FILE\` asks to change a file
- \`ask: form\` asks: question, questions, form, link, tool or permissions
- \`plan\` shows a plan and works through it
- \`stream 40\` writes a long answer
- \`flood 400\` writes many rows
- \`fail 500\` lets the service fail`;

const ANSWER = `The retry loop gives up after the **first** time-out, because \`deadline\` is read once and never renewed. I would change two things:

1. renew the deadline on each try
2. say in the error how many tries there were

\`\`\`rust
pub async fn fetch(&self, url: &Url) -> Result<Body, FetchError> {
    for attempt in 1..=self.tries {
        // Each try has the whole time.
        match timeout(self.deadline, self.get(url)).await {
            Ok(body) => return body,
            Err(_) if attempt < self.tries => continue,
            Err(_) => return Err(FetchError::TimedOut { attempts: attempt }),
        }
    }
}
\`\`\`

The details are in [the documentation](https://docs.rs/tokio/latest/tokio/time/fn.timeout.html). Shall I make the change?`;
