/** What was asked before: believable history, and the commands that search it. */
import type { Approval, ApprovalOutcome, Commands, LedgerEntry, LedgerQuery } from "../../contract";
import { endOf, exactText } from "../../lib/asked";
import { commandSubject, ask } from "./asks";
import { failure, type Play, problem, type World } from "./world";

const MINUTE = 60_000;

export function entryOf(world: World, approval: Approval, id: number): LedgerEntry {
  const { askedAt, session, sessionTitle, profile, folder, name, reason, subject, risk, raw } = approval;
  return {
    id,
    askedAt,
    session,
    sessionTitle,
    profile,
    profileName: world.profiles.find((at) => at.id === profile)?.name ?? profile,
    folder,
    subject: subject.kind,
    name,
    detail: exactText(subject),
    reason,
    risk: risk.level,
    settled: null,
    result: null,
    raw,
  };
}

const COMMANDS = [
  "cargo test -p transport",
  "git push origin docs/retry",
  "rm -rf target/tmp",
  "npm install --save-dev vitest",
  "curl -fsS https://example.com/status",
  "rg -n deadline docs/ | tee found.txt",
  "git commit -am 'Renew the deadline'",
  "sudo systemctl restart api",
];

const OUTCOMES: ApprovalOutcome[] = [
  { kind: "answered", choice: "allowOnce", by: "desk" },
  { kind: "answered", choice: "allowOnce", by: "dialog" },
  { kind: "answered", choice: "deny", by: "desk" },
  { kind: "rule", rule: "rule-1", name: "Allow git push …", allowed: true },
  { kind: "turnEnded" },
  { kind: "answered", choice: "allowForSession", by: "dialog" },
  { kind: "hook", name: "no-network", allowed: false },
  { kind: "serverDied" },
];

/** A history of so many questions, the newest an hour old. */
export function history(world: World, plays: Play[], count: number): void {
  const start = Date.now() - 60 * MINUTE - count * 7 * MINUTE;
  for (let at = 0; at < count; at++) {
    const play = plays[at % plays.length];
    if (!play) return;
    const command = COMMANDS[(at * 5) % COMMANDS.length] ?? "true";
    const askedAt = start + at * 7 * MINUTE;
    const entry = entryOf(world, ask(world, play, commandSubject(play, command), { askedAt }), world.ledger.length + 1);
    const outcome = OUTCOMES[(at * 3) % OUTCOMES.length] ?? { kind: "elsewhere" };
    const allowed = endOf(outcome) === "allowed";
    world.ledger.push({
      ...entry,
      settled: {
        outcome,
        at: askedAt + 1_500 + ((at * 977) % 90_000),
        reason: at % 16 === 6 ? "Use the staging server instead." : null,
      },
      result: allowed
        ? { exitCode: at % 11 === 0 ? 1 : 0, filesChanged: null, status: at % 11 === 0 ? "failed" : "completed" }
        : null,
    });
  }
}

export function matches(entry: LedgerEntry, query: LedgerQuery): boolean {
  const words = query.text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [entry.name, entry.detail, entry.reason ?? "", entry.sessionTitle, entry.folder].join("\n").toLowerCase();
  return (
    words.every((word) => all.includes(word)) &&
    (query.subjects.length === 0 || query.subjects.includes(entry.subject)) &&
    (query.ends.length === 0 || query.ends.includes(endOf(entry.settled?.outcome ?? null))) &&
    (query.session === null || query.session === entry.session) &&
    (query.profile === null || query.profile === entry.profile) &&
    (query.from === null || entry.askedAt >= query.from) &&
    (query.to === null || entry.askedAt < query.to)
  );
}

type Names = "ledger_search" | "ledger_export";

export function ledger(world: World): { [N in Names]: (args: Commands[N]["args"]) => unknown } {
  return {
    ledger_search: ({ query, before, limit }) => {
      if (world.ledgerBroken) {
        throw failure(
          "storage",
          problem(
            "The ledger could not be read.",
            "Questions are asked and answered as before.",
            "Free some space on the disk, then try again.",
          ),
        );
      }
      const found = world.ledger.filter((entry) => matches(entry, query)).reverse();
      const from = before === null ? found : found.filter((entry) => entry.id < before);
      return { entries: from.slice(0, limit), more: from.length > limit, total: Math.min(10_000, found.length) };
    },
    ledger_export: ({ format }) => `${world.home}/countersign-ledger.${format === "csv" ? "csv" : "jsonl"}`,
  };
}
