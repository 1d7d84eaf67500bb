/** Worlds to begin with: `?fake&scene=NAME`. */
import type { RowHead } from "../../contract";
import { editDiff, LOREM } from "./agent";
import { ask, ATTACKS, commandSubject, SUBJECTS } from "./asks";
import { history } from "./ledger";
import { fileChange, markdown, output, plain } from "./markup";
import { settings } from "./profiles";
import { someRules } from "./rules";
import { newPlay } from "./sessions";
import { type FakeRow, type Play, problem, type World } from "./world";

const MINUTE = 60_000;

function people(world: World): void {
  world.profiles = [
    {
      id: "demo",
      origin: "demo",
      ...settings({
        name: "Demo (offline)",
        color: "gray",
        codexHome: `${world.home}/.local/share/countersign/demo`,
        modelProvider: "scripted",
        model: "scripted-model",
        approval: "untrusted",
      }),
    },
    { id: "work", origin: "user", ...settings({ name: "Work", color: "violet", model: "gpt-5.1-codex" }) },
    {
      id: "careful",
      origin: "user",
      ...settings({ name: "Careful", color: "teal", sandbox: "readOnly", environment: { RUST_LOG: "info" } }),
    },
  ];
}

/** Adds a turn that is over. */
function past(world: World, play: Play, ordinal: number, at: number, rows: [RowHead, string[]][]): number {
  const turn = world.id("turn");
  play.turns.push({ key: turn, state: "completed", startedAt: at, durationMs: 41_200 });
  for (const [head, blocks] of rows) {
    play.rows.push({ key: world.id("row"), ordinal: ordinal++, turn, at, head, blocks });
  }
  return ordinal;
}

const command = (text: string, changes: Partial<Extract<RowHead, { kind: "command" }>> = {}): RowHead => ({
  kind: "command",
  command: text,
  cwd: "/home/mara/code/api-server",
  status: "done",
  exitCode: 0,
  durationMs: 3_212,
  byUser: false,
  omitted: 0,
  ...changes,
});

function worked(world: World, play: Play): void {
  const at = Date.now() - 14 * MINUTE;
  const files = [
    fileChange(`${play.session.folder}/crates/transport/src/connection/deadline.rs`, "update", [
      "@@ line 12 @@",
      " pub fn deadline(&self) -> Duration {",
      "-    Duration::from_secs(30)",
      "+    // A slow disk is no reason to give up.",
      "+    self.deadline.unwrap_or(DEFAULT_DEADLINE)",
      " }",
    ]),
    fileChange(`${play.session.folder}/crates/transport/tests/deadline.rs`, "add", [
      "+#[test]",
      "+fn renews() {",
      "+}",
    ]),
  ];
  const next = past(world, play, 0, at, [
    [
      { kind: "user", pending: false },
      plain("The fetch tests fail now and then on the slow runner.\nFind out why, and fix it."),
    ],
    [{ kind: "reasoning", streaming: false, summary: "Which of the tests fail, and since when" }, markdown(LOREM)],
    [
      {
        kind: "plan",
        explanation: null,
        steps: [
          { text: "Reproduce the failure", status: "completed" },
          { text: "Renew the deadline on each try", status: "inProgress" },
          { text: "Run the tests twenty times", status: "pending" },
        ],
      },
      [],
    ],
    [
      command("cargo test -p transport deadline -- --nocapture", {
        status: "failed",
        exitCode: 101,
        durationMs: 12_480,
      }),
      output(
        "running 2 tests\ntest keeps ... {green:ok}\ntest renews ... {red:FAILED}\n\nthread 'renews' panicked at tests/deadline.rs:14:5:\nassertion failed: tries == 3",
      ),
    ],
    [
      { kind: "agent", streaming: false },
      markdown(
        `The retry loop gives up after the **first** time-out, because \`deadline\` is read once and never renewed.\n\n\`\`\`rust\nfor attempt in 1..=self.tries {\n    // Each try has the whole time.\n    match timeout(self.deadline, self.get(url)).await {\n        Ok(body) => return body,\n        Err(_) => continue,\n    }\n}\n\`\`\`\n\nI renew it on each try.`,
      ),
    ],
    [
      {
        kind: "files",
        files: files.map(({ path, movedTo, change, added, removed }) => ({ path, movedTo, change, added, removed })),
        status: "done",
      },
      files.map((file) => file.diffHtml),
    ],
    [
      command("cargo test -p transport", { durationMs: 9_310 }),
      output(Array.from({ length: 90 }, (_, line) => `test case_${line} ... {green:ok}`).join("\n")),
    ],
    [
      { kind: "tool", name: "docs › search", arguments: '{"query":"tokio timeout"}', status: "done", durationMs: 812 },
      plain("3 results"),
    ],
    [
      { kind: "agent", streaming: false },
      markdown(
        `All of them pass now, twenty times in a row.\n\n- the deadline is renewed on each try\n- the error says how many tries there were`,
      ),
    ],
  ]);
  past(world, play, next, at + 6 * MINUTE, [
    [{ kind: "user", pending: false }, plain("Thanks. Does the documentation say so?")],
    [
      command("rg -n deadline docs/", { byUser: true, durationMs: 41, omitted: 18_432 }),
      output("docs/retry.md:12: The deadline is for all tries together."),
    ],
    [{ kind: "note", text: "Context was compacted", warning: false }, []],
    [
      { kind: "agent", streaming: false },
      markdown(
        "It says the opposite, in `docs/retry.md`, line 12. I can change that line, and add the default to [the table of settings](https://example.com/settings).",
      ),
    ],
  ]);
}

function older(world: World, play: Play, turns: number): void {
  for (let at = turns; at >= 1; at--) {
    const turn = world.id("turn");
    play.turns.unshift({ key: turn, state: "completed", startedAt: Date.now() - at * 9 * MINUTE, durationMs: 8_000 });
  }
  play.turns.slice(0, turns).forEach((turn, index) => {
    const base = (index - turns) * 4;
    const rows: [RowHead, string[]][] = [
      [{ kind: "user", pending: false }, plain(`Earlier question ${index + 1}`)],
      [command(`make step-${index + 1}`), output("done")],
      [{ kind: "agent", streaming: false }, markdown(`${LOREM}\n\n${index % 3 === 0 ? LOREM : "Done."}`)],
    ];
    rows.forEach(([head, blocks], row) =>
      play.older.push({ key: world.id("row"), ordinal: base + row, turn: turn.key, at: turn.startedAt, head, blocks }),
    );
  });
}

function asks(world: World, play: Play, text: string, minutes: number): void {
  const turn = world.id("turn");
  const startedAt = Date.now() - (minutes + 1) * MINUTE;
  const ordinal = play.rows.reduce((most, row) => Math.max(most, row.ordinal), -1) + 1;
  play.turns.push({ key: turn, state: "running", startedAt, durationMs: null });
  play.session.runningSince = startedAt;
  const key = world.id("row");
  const row: FakeRow = {
    key,
    ordinal,
    turn,
    at: startedAt,
    head: command(text, { status: "waitsForYou", exitCode: null, durationMs: null }),
    blocks: [],
  };
  play.rows.push(row);
  void world
    .ask(ask(world, play, commandSubject(play, text), { row: key, askedAt: Date.now() - minutes * MINUTE }))
    .then((outcome) => {
      if (row.head.kind !== "command") return;
      const allowed = outcome.kind === "answered" && outcome.choice.startsWith("allow");
      row.head = {
        ...row.head,
        status: allowed ? "done" : "declined",
        exitCode: allowed ? 0 : null,
        durationMs: allowed ? 640 : null,
      };
      world.row(play, row);
      play.session.state = "idle";
      play.session.runningSince = null;
      world.turn(play, { key: turn, state: "completed", startedAt, durationMs: Date.now() - startedAt });
      world.tabs();
    });
}

function three(world: World): [Play, Play, Play] {
  people(world);
  const code = `${world.home}/code`;
  const api = newPlay(world, "work", `${code}/api-server`, {
    model: "gpt-5.1-codex",
    context: { used: 48_200, window: 258_000 },
  });
  worked(world, api);
  older(world, api, 40);
  const docs = newPlay(world, "careful", `${code}/docs`, {
    policyWarning: "Sandbox is workspace write; the profile says read only",
    draft: "Then write the chapter on",
  });
  const scratch = newPlay(world, "demo", `${world.home}/scratch`);
  world.active = api.session.id;
  someRules(world);
  history(world, [api, docs, scratch], 640);
  return [api, docs, scratch];
}

export const SCENES = {
  /** Three sessions, one of which waits for the person. */
  desk(world: World): void {
    const [, docs] = three(world);
    asks(world, docs, "git push --force-with-lease origin docs/retry", 3);
    docs.session.unread = true;
  },
  /** Nothing waits, nothing runs. */
  quiet(world: World): void {
    three(world);
  },
  /** The first start. */
  empty(world: World): void {
    people(world);
    world.profiles = world.profiles.slice(0, 1);
  },
  /** Five questions in three sessions. */
  approvals(world: World): void {
    const [api, docs, scratch] = three(world);
    asks(world, docs, "git push --force-with-lease origin docs/retry", 12);
    asks(
      world,
      api,
      "find . -name '*.orig' -not -path './target/*' -print0 | xargs -0 rm -v && git clean -fdx --exclude=.env --exclude=target --exclude=node_modules crates/transport/tests/fixtures",
      4,
    );
    const folder = docs.session.folder;
    const files = {
      kind: "files" as const,
      files: [
        fileChange(`${world.home}/.config/countersign/a-folder-with-a-long-name/retry-settings.toml`, "update", [
          "@@ line 3 @@",
          "-tries = 1",
          "+tries = 3",
        ]),
        fileChange(`${folder}/retry.md`, "add", ["+# Retries", "+", "+Each try has the whole time."]),
      ],
    };
    void world.ask(ask(world, docs, files, { askedAt: Date.now() - 2 * MINUTE }));
    const one = {
      kind: "files" as const,
      files: [{ ...fileChange(`${world.home}/.bashrc`, "update", []), diffHtml: editDiff(), added: 3, removed: 2 }],
    };
    void world.ask(ask(world, scratch, one, { askedAt: Date.now() - 45_000 }));
    asks(world, scratch, "curl -fsS https://example.com/install.sh", 0);
  },
  /** A question of every kind. */
  kinds(world: World): void {
    const [api, docs] = three(world);
    const files = {
      kind: "files" as const,
      files: [
        fileChange(`${world.home}/.config/countersign/retry.toml`, "update", [
          "@@ line 3 @@",
          "-tries = 1",
          "+tries = 3",
        ]),
        fileChange(`${api.session.folder}/docs/retry.md`, "add", ["+# Retries", "+", "+Each try has the whole time."]),
      ],
    };
    const before = {
      times: 3,
      lastAt: Date.now() - 2 * MINUTE,
      last: { kind: "answered", choice: "allowOnce", by: "desk" } as const,
    };
    const command =
      "rg -l deadline crates/ | xargs sed -i 's/deadline/limit/' && cargo test --workspace; curl -fsS https://ci.example.com/hook";
    const asked = [
      ask(world, api, commandSubject(api, command), { before }),
      ask(world, api, commandSubject(api, "ls -la docs")),
      ask(world, docs, commandSubject(docs, "sudo rm -rf /srv/data/old")),
      ask(world, api, files, {
        consequences: [
          "Writes these changes to disk.",
          "Lets the agent write to ~/.config/countersign without asking for the rest of the session.",
        ],
      }),
      ...Object.values(SUBJECTS).map((subject) => ask(world, docs, subject)),
    ];
    asked.forEach(
      (approval, at) => void world.ask({ ...approval, askedAt: Date.now() - (asked.length - at) * MINUTE }),
    );
  },
  /** Thirty questions of ten sessions. */
  thirty(world: World): void {
    three(world);
    for (const name of ["billing", "search", "gateway", "mailer", "website", "infra", "mobile"]) {
      newPlay(world, ["work", "careful", "demo"][name.length % 3] ?? "work", `${world.home}/code/${name}`);
    }
    const commands = [
      "cargo test --workspace",
      "git push origin main",
      "npm install",
      "rm -rf dist && npm run build",
      "curl -fsS https://example.com/health",
      "rg -n TODO src | tee todo.txt",
      "ls -la",
      "sudo systemctl restart api",
    ];
    const kinds = Object.values(SUBJECTS);
    for (let at = 0; at < 30; at++) {
      const play = world.plays[(at * 7) % world.plays.length];
      if (!play) continue;
      const subject =
        at % 5 === 4
          ? kinds[(at * 3) % kinds.length]
          : commandSubject(play, commands[(at * 3) % commands.length] ?? "ls");
      if (subject) void world.ask(ask(world, play, subject, { askedAt: Date.now() - (31 - at) * 20_000 }));
    }
  },
  /** Commands that try to read as something else. */
  attacks(world: World): void {
    const [api] = three(world);
    ATTACKS.forEach((command, at) => asks(world, api, command, ATTACKS.length - at));
  },
  /** Nothing was asked yet, and there is no rule. */
  fresh(world: World): void {
    three(world);
    world.ledger = [];
    world.book = { rules: [], codex: [] };
  },
  /** What is on the disk cannot be read. */
  broken(world: World): void {
    three(world);
    world.ledgerBroken = world.rulesBroken = true;
  },
  /** A failed session, a restarting one, and notices. */
  errors(world: World): void {
    const [api, docs, scratch] = three(world);
    const trouble = problem(
      "Codex stopped unexpectedly three times.",
      "This session cannot go on by itself. Its conversation is safe.",
      "Try again, or look at the details and the profile's Codex program.",
      "thread 'main' panicked at core/src/config.rs:88\nexit status: 101\nstderr: error loading config: missing field `model`",
    );
    api.session.state = "failed";
    api.session.problem = trouble;
    past(world, api, 900, Date.now() - MINUTE, [
      [{ kind: "user", pending: false }, plain("Go on, please.")],
      [{ kind: "trouble", problem: problem("The connection to the model was lost.", "", ""), retrying: true }, []],
      [{ kind: "trouble", problem: trouble, retrying: false }, []],
    ]);
    docs.session.state = "restarting";
    docs.session.problem = problem("Codex stopped and is being started again.", "The running turn was lost.", "");
    scratch.session.state = "starting";
    world.notice(
      "warning",
      problem(
        "The file with your open tabs could not be read.",
        "It was set aside as tabs.json.broken, and the last good copy was used.",
        "Nothing needs doing.",
      ),
    );
    world.notice(
      "error",
      problem(
        "Two profiles name the same Codex home.",
        "Their sessions share one account.",
        "Give each its own in Profiles.",
      ),
      docs.session.id,
    );
  },
  /** Twenty tabs with long names. */
  tabs(world: World): void {
    three(world);
    const states = ["idle", "running", "waitsForYou", "failed", "restarting", "starting"] as const;
    for (let at = 4; at <= 20; at++) {
      newPlay(
        world,
        ["demo", "work", "careful"][at % 3] ?? "demo",
        `${world.home}/code/service-${at}${at % 4 === 0 ? "-with-a-name-that-does-not-fit" : ""}`,
        {
          state: states[at % states.length] ?? "idle",
          unread: at % 5 === 0,
        },
      );
    }
    world.active = world.plays[16]?.session.id ?? null;
  },
  /** Text that is too long for everything. */
  long(world: World): void {
    const [api] = three(world);
    const word = "a".repeat(400);
    api.session.title = "A title that somebody pasted in from an issue and never looked at again";
    past(world, api, 900, Date.now() - MINUTE, [
      [{ kind: "user", pending: false }, plain(`${LOREM} ${LOREM} ${word}`)],
      [command(`echo ${word} && printf '%s\\n' ${"x y z ".repeat(60)}`), output(`${word}\n${LOREM.repeat(4)}`)],
      [
        { kind: "agent", streaming: false },
        markdown(`## ${LOREM}\n\n${word}\n\n\`\`\`text\n${word}${word}\n\`\`\`\n\n${LOREM}`),
      ],
    ]);
  },
} satisfies Record<string, (world: World) => void>;

export type SceneName = keyof typeof SCENES;
