/** Which of the waiting questions the desk shows. A filter hides nothing for good: how many there are is always said. */
import type { Approval, RiskLevel, SubjectKind } from "../contract";
import { exactText } from "../lib/asked";

export interface Wanted {
  text: string;
  session: string;
  kind: SubjectKind | "";
  risk: RiskLevel | "";
}

const ANY: Wanted = { text: "", session: "", kind: "", risk: "" };

/** Whether a question is one of those that are wanted: all words, anywhere in what its card shows. */
export function isWanted(approval: Approval, { text, session, kind, risk }: Wanted): boolean {
  if (session !== "" && approval.session !== session) return false;
  if (kind !== "" && approval.subject.kind !== kind) return false;
  if (risk !== "" && approval.risk.level !== risk) return false;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const { name, sessionTitle, folder, reason, subject } = approval;
  const all = [name, sessionTitle, folder, reason ?? "", exactText(subject)].join("\n").toLowerCase();
  return words.every((word) => all.includes(word));
}

export class DeskFilter {
  wanted = $state.raw<Wanted>(ANY);
  /** Its fields are shown. */
  open = $state(false);

  get active(): boolean {
    const { text, session, kind, risk } = this.wanted;
    return [text.trim(), session, kind, risk].some((part) => part !== "");
  }

  set(change: Partial<Wanted>): void {
    this.wanted = { ...this.wanted, ...change };
  }

  clear(): void {
    this.wanted = ANY;
  }
}
