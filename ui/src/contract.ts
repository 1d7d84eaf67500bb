// Generated from crates/contract by its test; `make contract` writes it anew. Do not edit.

/**
 * A person's answer.
 */
export type Answer = { 
/**
 * Which one.
 */
choice: ChoiceId, 
/**
 * What was filled in, for [`ChoiceId::Submit`].
 */
fields: Array<FieldAnswer>, 
/**
 * What to tell the agent about a denial. It is sent as a message into the turn, or as the next one when the
 * denial ended the turn.
 */
reason: string | null, };

/**
 * Where a person answered from.
 */
export type AnsweredFrom = "desk" | "dialog";

/**
 * Everything that a window needs to draw itself before the first event.
 */
export type AppState = { 
/**
 * Version of Countersign.
 */
version: string, 
/**
 * The sessions in tab order.
 */
sessions: SessionList, 
/**
 * Open questions, oldest first.
 */
approvals: Array<Approval>, 
/**
 * The profiles in the person's order.
 */
profiles: Array<Profile>, 
/**
 * Notices that nobody dismissed yet, oldest first.
 */
notices: Array<Notice>, 
/**
 * Settings of the app.
 */
settings: Settings, 
/**
 * The person's home folder, to shorten paths with.
 */
home: string, };

/**
 * One open question. The native dialog, the card in its session and the entry in the region
 * "Approvals" are views of this.
 */
export type Approval = { 
/**
 * Its id.
 */
id: string, 
/**
 * The session that asks.
 */
session: string, 
/**
 * Its title when it asked.
 */
sessionTitle: string, 
/**
 * Its profile.
 */
profile: string, 
/**
 * The folder it works in.
 */
folder: string, 
/**
 * When the question arrived.
 */
askedAt: number, 
/**
 * What is asked, in a few words: the accessible name of its card, e.g. "Run echo made > made.txt".
 */
name: string, 
/**
 * What exactly is asked.
 */
subject: Subject, 
/**
 * How much could go wrong, and why.
 */
risk: Risk, 
/**
 * What was asked before in this session and looks the same.
 */
before: AskedBefore | null, 
/**
 * The agent's reason, in its own words.
 */
reason: string | null, 
/**
 * What allowing means here, one short sentence each, e.g. "Runs outside the sandbox."
 */
consequences: Array<string>, 
/**
 * The answers on offer, in the order to show them. The first denial is the default.
 */
choices: Array<Choice>, 
/**
 * The transcript row that it belongs to, once known.
 */
row: string | null, 
/**
 * The request as it came, for whoever wants to see it.
 */
raw: unknown, };

/**
 * How a question was settled.
 */
export type ApprovalOutcome = { "kind": "answered", 
/**
 * With what.
 */
choice: ChoiceId, 
/**
 * From where.
 */
by: AnsweredFrom, } | { "kind": "hook", 
/**
 * Its name.
 */
name: string, 
/**
 * It allowed.
 */
allowed: boolean, } | { "kind": "rule", 
/**
 * Its id.
 */
rule: string, 
/**
 * What it says, in a few words.
 */
name: string, 
/**
 * It allowed.
 */
allowed: boolean, } | { "kind": "elsewhere" } | { "kind": "turnEnded" } | { "kind": "sessionClosed" } | { "kind": "serverDied" };

/**
 * When the agent asks before it acts.
 */
export type ApprovalPolicy = "untrusted" | "onRequest" | "never";

/**
 * An open question is settled: every view of it closes.
 */
export type ApprovalResolved = { 
/**
 * Which one.
 */
id: string, 
/**
 * Its session.
 */
session: string, 
/**
 * How it was settled.
 */
outcome: ApprovalOutcome, };

/**
 * The same was asked before in this session.
 */
export type AskedBefore = { 
/**
 * How many times.
 */
times: number, 
/**
 * When last.
 */
lastAt: number, 
/**
 * How that ended. `None`: it is open too.
 */
last: ApprovalOutcome | null, };

/**
 * What became of an answer to many questions.
 */
export type BatchResult = { 
/**
 * The questions that were answered.
 */
answered: Array<string>, 
/**
 * The questions that were settled before, or do not offer the answer.
 */
notAnswered: Array<string>, };

/**
 * What happens to a file.
 */
export type ChangeKind = "add" | "delete" | "update";

/**
 * One answer on offer.
 */
export type Choice = { 
/**
 * Which one.
 */
id: ChoiceId, 
/**
 * The words on its button.
 */
label: string, 
/**
 * What it will do, exactly and in full; shown with the button.
 */
effect: string, 
/**
 * It allows something.
 */
allows: boolean, 
/**
 * Its effect outlives the session: it takes a second click, and is never a default.
 */
lasting: boolean, };

/**
 * Which answer.
 */
export type ChoiceId = "allowOnce" | "allowForSession" | "allowAlways" | "allowByRule" | "allowHost" | "denyHost" | "submit" | "dismiss" | "deny" | "denyAndStop";

/**
 * One of Codex's own rules.
 */
export type CodexRule = { 
/**
 * Its first line in the file, from 1.
 */
line: number, 
/**
 * As it stands in the file.
 */
text: string, 
/**
 * The words that a command begins with; alternatives are joined by `|`. Empty when this build cannot read them.
 */
prefix: Array<string>, 
/**
 * What it says: "allow", "prompt" or "forbidden". Empty when this build cannot read it.
 */
decision: string, };

/**
 * Codex's own rules in one `CODEX_HOME`.
 */
export type CodexRules = { 
/**
 * The profiles that use them.
 */
profiles: Array<string>, 
/**
 * The file.
 */
path: string, 
/**
 * The rules, in the file's order.
 */
rules: Array<CodexRule>, 
/**
 * Why they could not be read.
 */
problem: Problem | null, };

/**
 * The error of every command.
 */
export type CommandError = { 
/**
 * For decisions in code. Never match on the words.
 */
code: ErrorCode, 
/**
 * For people.
 */
problem: Problem, 
/**
 * The form field at fault, for [`ErrorCode::Invalid`]: the contract's field name.
 */
field: string | null, };

/**
 * One simple command of a command line.
 */
export type CommandPart = { 
/**
 * As the agent wrote it.
 */
text: string, 
/**
 * How it hangs together with the one before, in words, e.g. "then, if that worked". Empty for the first.
 */
joint: string, 
/**
 * The program that it runs. `None`: not known before it runs.
 */
program: string | null, 
/**
 * What it does.
 */
effects: Array<Effect>, 
/**
 * Paths outside the session's folder that it touches.
 */
outside: Array<string>, 
/**
 * Hosts that it names.
 */
hosts: Array<string>, };

/**
 * How full the model's context is.
 */
export type ContextUse = { 
/**
 * Tokens in use.
 */
used: number, 
/**
 * Tokens that fit.
 */
window: number, };

/**
 * What lies before the first row of the window.
 */
export type Earlier = "nothing" | "more" | "loading";

/**
 * What a part of a command does.
 */
export type Effect = "reads" | "writes" | "deletes" | "network" | "privileged" | "unknown";

/**
 * The closed set of codes. One exists only where a caller acts on it.
 */
export type ErrorCode = "invalid" | "notFound" | "stale" | "unavailable" | "refused" | "storage" | "internal";

/**
 * What an export is written as.
 */
export type ExportFormat = "jsonLines" | "csv";

/**
 * One thing to fill in.
 */
export type Field = { 
/**
 * Its id within the question.
 */
id: string, 
/**
 * A few words over it. Not empty.
 */
title: string, 
/**
 * The question itself, or what the form says of it. May be empty.
 */
text: string, 
/**
 * It has to be filled in.
 */
required: boolean, 
/**
 * What goes into it.
 */
input: FieldInput, 
/**
 * What stands there at first.
 */
initial: Array<string>, };

/**
 * What was filled in.
 */
export type FieldAnswer = { 
/**
 * The field.
 */
id: string, 
/**
 * One value, or several of a [`FieldInput::Some`]. None: left empty.
 */
values: Array<string>, };

/**
 * What goes into a field.
 */
export type FieldInput = { "kind": "text", 
/**
 * It is hidden while it is typed, and never kept.
 */
secret: boolean, 
/**
 * What it has to be.
 */
format: TextFormat, 
/**
 * At least so many characters.
 */
minLength: number | null, 
/**
 * At most so many characters.
 */
maxLength: number | null, } | { "kind": "number", 
/**
 * Without a fraction.
 */
integer: boolean, 
/**
 * At least.
 */
min: number | null, 
/**
 * At most.
 */
max: number | null, } | { "kind": "toggle" } | { "kind": "one", 
/**
 * What there is to choose from.
 */
options: Array<FieldOption>, 
/**
 * Or something else, as text.
 */
other: boolean, 
/**
 * That text is hidden while it is typed, and never kept.
 */
secret: boolean, } | { "kind": "some", 
/**
 * What there is to choose from.
 */
options: Array<FieldOption>, 
/**
 * At least so many.
 */
min: number | null, 
/**
 * At most so many.
 */
max: number | null, } | { "kind": "unsupported" };

/**
 * One thing to choose.
 */
export type FieldOption = { 
/**
 * What is sent.
 */
value: string, 
/**
 * What is shown.
 */
label: string, 
/**
 * More about it. May be empty.
 */
text: string, };

/**
 * One file of a change.
 */
export type FileChange = { 
/**
 * Its path, absolute as the app-server gave it.
 */
path: string, 
/**
 * Where it moves to.
 */
movedTo: string | null, 
/**
 * What happens to it.
 */
change: ChangeKind, 
/**
 * Lines added.
 */
added: number, 
/**
 * Lines removed.
 */
removed: number, 
/**
 * The diff as safe HTML.
 */
diffHtml: string, };

/**
 * A changed file in a row; its diff is the block at the same index.
 */
export type FileSummary = { 
/**
 * Its path.
 */
path: string, 
/**
 * Where it moved to.
 */
movedTo: string | null, 
/**
 * What happened to it.
 */
change: ChangeKind, 
/**
 * Lines added.
 */
added: number, 
/**
 * Lines removed.
 */
removed: number, };

/**
 * An answer that came after the question was settled, and did nothing.
 */
export type LateAnswer = { 
/**
 * The question's name.
 */
name: string, 
/**
 * The answer that was given.
 */
choice: ChoiceId, 
/**
 * Where it was given.
 */
by: AnsweredFrom, };

/**
 * How a question ended, in one word.
 */
export type LedgerEnd = "open" | "allowed" | "denied" | "unanswered";

/**
 * One question.
 */
export type LedgerEntry = { 
/**
 * Its id.
 */
id: number, 
/**
 * When it was asked.
 */
askedAt: number, 
/**
 * The session that asked.
 */
session: string, 
/**
 * Its title then.
 */
sessionTitle: string, 
/**
 * Its profile.
 */
profile: string, 
/**
 * The profile's name then.
 */
profileName: string, 
/**
 * Its folder.
 */
folder: string, 
/**
 * Of which kind it was.
 */
subject: SubjectKind, 
/**
 * What was asked, in a few words.
 */
name: string, 
/**
 * What exactly was asked, whole, as text: the command, the files with their diffs, the questions. Answers to
 * secret questions are nowhere in it.
 */
detail: string, 
/**
 * The agent's reason.
 */
reason: string | null, 
/**
 * How risky it was held to be.
 */
risk: RiskLevel, 
/**
 * How it was settled. `None`: it is open, or Countersign ended before it was.
 */
settled: Settled | null, 
/**
 * What came of it, once that is known.
 */
result: LedgerResult | null, 
/**
 * The request as it came.
 */
raw: unknown, };

/**
 * A page of the ledger.
 */
export type LedgerPage = { 
/**
 * Newest first.
 */
entries: Array<LedgerEntry>, 
/**
 * There are more.
 */
more: boolean, 
/**
 * How many match in all; counted up to 10,000.
 */
total: number, };

/**
 * Which questions.
 */
export type LedgerQuery = { 
/**
 * Words that name, detail, reason, title or folder have in them. Empty: any.
 */
text: string, 
/**
 * Of these kinds. Empty: any.
 */
subjects: Array<SubjectKind>, 
/**
 * With these ends. Empty: any.
 */
ends: Array<LedgerEnd>, 
/**
 * Of this session.
 */
session: string | null, 
/**
 * Of this profile.
 */
profile: string | null, 
/**
 * Asked at this time or later.
 */
from: number | null, 
/**
 * Asked before this time.
 */
to: number | null, };

/**
 * What came of an allowed question.
 */
export type LedgerResult = { 
/**
 * The command's exit code.
 */
exitCode: number | null, 
/**
 * Files that were changed.
 */
filesChanged: number | null, 
/**
 * What Codex calls its end, e.g. "completed", "failed", "declined".
 */
status: string, };

/**
 * Something worth saying that belongs to no turn.
 */
export type Notice = { 
/**
 * Its id.
 */
id: string, 
/**
 * How much it matters.
 */
level: NoticeLevel, 
/**
 * The session that it is about, if any.
 */
session: string | null, 
/**
 * What to say.
 */
problem: Problem, 
/**
 * When it was raised.
 */
at: number, };

/**
 * How much a notice matters.
 */
export type NoticeLevel = "info" | "warning" | "error";

/**
 * One step of a plan.
 */
export type PlanStep = { 
/**
 * What is to be done.
 */
text: string, 
/**
 * How it stands.
 */
status: StepStatus, };

/**
 * A trouble in the three parts in which the UI shows it: what happened, what it means for the
 * person's work, and what to do next.
 */
export type Problem = { 
/**
 * What happened, one sentence.
 */
what: string, 
/**
 * What it means for the person's work. Empty when `what` says it all.
 */
meaning: string, 
/**
 * What to do next. Empty only when nothing needs doing.
 */
remedy: string, 
/**
 * Technical lines for whoever wants them: an error chain, the last lines of stderr.
 */
details: string | null, };

/**
 * A profile: which codex, which account, which model, and what it may do.
 */
export type Profile = { 
/**
 * Its id; never changes.
 */
id: string, 
/**
 * Where it came from. Decides what of it can be changed.
 */
origin: ProfileOrigin, 
/**
 * Unique among profiles, not empty.
 */
name: string, 
/**
 * The mark on its tabs and cards.
 */
color: ProfileColor, 
/**
 * The codex executable, absolute. `None`: found as DESIGN section 5 says.
 */
codexBinary: string | null, 
/**
 * CODEX_HOME, absolute. `None`: Codex's own default.
 */
codexHome: string | null, 
/**
 * Variables added to the environment of its app-server. Not for secrets: they are stored in
 * plain text.
 */
environment: { [key in string]: string }, 
/**
 * `model_provider` of Codex's config. `None`: as configured there.
 */
modelProvider: string | null, 
/**
 * `None`: as configured in Codex.
 */
model: string | null, 
/**
 * Reasoning effort, a name that the model knows, e.g. "high". `None`: the model's default.
 */
effort: string | null, 
/**
 * What commands may touch.
 */
sandbox: SandboxMode, 
/**
 * When the agent asks.
 */
approval: ApprovalPolicy, 
/**
 * Instructions for the agent, put before the conversation.
 */
developerInstructions: string, 
/**
 * When a native dialog appears for a question.
 */
dialogs: ShowWhen, 
/**
 * When a notification of the system appears for a question.
 */
notifications: ShowWhen, 
/**
 * The notification comes with a sound, once for a burst of questions.
 */
sound: boolean, };

/**
 * The mark of a profile.
 */
export type ProfileColor = "gray" | "violet" | "blue" | "teal" | "green" | "orange" | "pink";

/**
 * Where a profile came from.
 */
export type ProfileOrigin = "demo" | "user";

/**
 * What the person sets in a profile.
 */
export type ProfileSettings = { 
/**
 * Unique among profiles, not empty.
 */
name: string, 
/**
 * The mark on its tabs and cards.
 */
color: ProfileColor, 
/**
 * The codex executable, absolute. `None`: found as DESIGN section 5 says.
 */
codexBinary: string | null, 
/**
 * CODEX_HOME, absolute. `None`: Codex's own default.
 */
codexHome: string | null, 
/**
 * Variables added to the environment of its app-server. Not for secrets: they are stored in
 * plain text.
 */
environment: { [key in string]: string }, 
/**
 * `model_provider` of Codex's config. `None`: as configured there.
 */
modelProvider: string | null, 
/**
 * `None`: as configured in Codex.
 */
model: string | null, 
/**
 * Reasoning effort, a name that the model knows, e.g. "high". `None`: the model's default.
 */
effort: string | null, 
/**
 * What commands may touch.
 */
sandbox: SandboxMode, 
/**
 * When the agent asks.
 */
approval: ApprovalPolicy, 
/**
 * Instructions for the agent, put before the conversation.
 */
developerInstructions: string, 
/**
 * When a native dialog appears for a question.
 */
dialogs: ShowWhen, 
/**
 * When a notification of the system appears for a question.
 */
notifications: ShowWhen, 
/**
 * The notification comes with a sound, once for a burst of questions.
 */
sound: boolean, };

/**
 * A part of each day, in the computer's own time.
 */
export type QuietHours = { 
/**
 * Its beginning, in minutes after midnight.
 */
from: number, 
/**
 * Its end, in minutes after midnight; before `from`: on the next day.
 */
to: number, };

/**
 * How much could go wrong. Conservative: what is not understood is never low.
 */
export type Risk = { 
/**
 * The word.
 */
level: RiskLevel, 
/**
 * Why, one short sentence each, the weightiest first.
 */
reasons: Array<string>, };

/**
 * The words for risk.
 */
export type RiskLevel = "low" | "elevated" | "dangerous";

/**
 * What a row is. Its long content is in its blocks.
 */
export type RowHead = { "kind": "user", 
/**
 * The app-server has not confirmed it yet.
 */
pending: boolean, } | { "kind": "agent", 
/**
 * More may come.
 */
streaming: boolean, } | { "kind": "reasoning", 
/**
 * More may come.
 */
streaming: boolean, 
/**
 * Its first line, to show when collapsed.
 */
summary: string, } | { "kind": "plan", 
/**
 * Why it is as it is.
 */
explanation: string | null, 
/**
 * The steps.
 */
steps: Array<PlanStep>, } | { "kind": "command", 
/**
 * As the agent wrote it, without the shell that wraps it.
 */
command: string, 
/**
 * Where it ran.
 */
cwd: string, 
/**
 * How it stands.
 */
status: WorkStatus, 
/**
 * Its exit code, once it has one.
 */
exitCode: number | null, 
/**
 * How long it took.
 */
durationMs: number | null, 
/**
 * The person ran it, not the agent.
 */
byUser: boolean, 
/**
 * Bytes left out of the middle of its output.
 */
omitted: number, } | { "kind": "files", 
/**
 * The files.
 */
files: Array<FileSummary>, 
/**
 * How it stands.
 */
status: WorkStatus, } | { "kind": "tool", 
/**
 * What was called, e.g. "tiny › echo".
 */
name: string, 
/**
 * With what, as text.
 */
arguments: string, 
/**
 * How it stands.
 */
status: WorkStatus, 
/**
 * How long it took.
 */
durationMs: number | null, } | { "kind": "note", 
/**
 * What happened.
 */
text: string, 
/**
 * It deserves attention.
 */
warning: boolean, } | { "kind": "trouble", 
/**
 * What.
 */
problem: Problem, 
/**
 * It is being tried again.
 */
retrying: boolean, };

/**
 * A row that is new or changed.
 */
export type RowPatch = { 
/**
 * Its key.
 */
key: string, 
/**
 * Rows are shown by ascending ordinal. Never changes for a key.
 */
ordinal: number, 
/**
 * The turn that it belongs to.
 */
turn: string, 
/**
 * When it began, if known.
 */
at: number | null, 
/**
 * What it is, whole.
 */
head: RowHead, 
/**
 * How many of its blocks stay as they are.
 */
keep: number, 
/**
 * The blocks after those, as safe HTML.
 */
blocksHtml: Array<string>, };

/**
 * A rule.
 */
export type Rule = { 
/**
 * Its id; never changes.
 */
id: string, 
/**
 * Where it came from.
 */
origin: RuleOrigin, 
/**
 * When it was made.
 */
createdAt: number, 
/**
 * When it last answered.
 */
lastUsed: number | null, 
/**
 * How many questions it answered.
 */
uses: number, 
/**
 * What it says about what it matches. Of several rules deny beats ask beats allow.
 */
verdict: Verdict, 
/**
 * What it matches.
 */
about: RuleAbout, 
/**
 * Where it holds.
 */
scope: RuleScope, 
/**
 * When it ends. `None`: never.
 */
expiresAt: number | null, 
/**
 * Off: it is kept and does nothing.
 */
enabled: boolean, 
/**
 * The person's own words about it. May be empty.
 */
note: string, };

/**
 * What a rule matches.
 */
export type RuleAbout = { "kind": "commands", 
/**
 * Word by word, e.g. `["git", "status"]`. None at all: every command; such a rule cannot allow.
 */
prefixes: Array<Array<string>>, } | { "kind": "files", 
/**
 * Folders or files, absolute. To allow, every changed file has to lie in one of them; to ask or deny, one is
 * enough. None at all: every file; such a rule cannot allow.
 */
paths: Array<string>, } | { "kind": "host", 
/**
 * The host's name, exactly; `*.example.org` for all below it.
 */
host: string, } | { "kind": "tool", 
/**
 * The server.
 */
server: string, 
/**
 * The tool. `None`: all of the server's; such a rule cannot allow.
 */
tool: string | null, } | { "kind": "permissions" };

/**
 * All rules.
 */
export type RuleBook = { 
/**
 * The person's, newest first.
 */
rules: Array<Rule>, 
/**
 * Codex's own, a list for each `CODEX_HOME`.
 */
codex: Array<CodexRules>, };

/**
 * Where a rule came from.
 */
export type RuleOrigin = { "kind": "approval", 
/**
 * The question, in a few words.
 */
name: string, 
/**
 * Its entry in the ledger, if it is there.
 */
entry: number | null, } | { "kind": "editor" } | { "kind": "import", 
/**
 * The file's name.
 */
file: string, };

/**
 * What a rule would have done.
 */
export type RulePreview = { 
/**
 * What it says, in one sentence.
 */
says: string, 
/**
 * What is wrong with it, so that it cannot be made. `None`: nothing.
 */
problem: Problem | null, 
/**
 * How many questions it would have answered.
 */
matched: number, 
/**
 * Of how many, at most the newest 200.
 */
of: number, 
/**
 * Those, newest first.
 */
entries: Array<LedgerEntry>, };

/**
 * Where a rule holds, the most specific first.
 */
export type RuleScope = { "kind": "session", 
/**
 * Which.
 */
session: string, } | { "kind": "folder", 
/**
 * Which, absolute.
 */
folder: string, } | { "kind": "profile", 
/**
 * Which.
 */
profile: string, } | { "kind": "everywhere" };

/**
 * What the person sets in a rule.
 */
export type RuleSettings = { 
/**
 * What it says about what it matches. Of several rules deny beats ask beats allow.
 */
verdict: Verdict, 
/**
 * What it matches.
 */
about: RuleAbout, 
/**
 * Where it holds.
 */
scope: RuleScope, 
/**
 * When it ends. `None`: never.
 */
expiresAt: number | null, 
/**
 * Off: it is kept and does nothing.
 */
enabled: boolean, 
/**
 * The person's own words about it. May be empty.
 */
note: string, };

/**
 * What came of an import.
 */
export type RulesImported = { 
/**
 * Rules that were made.
 */
added: number, 
/**
 * Rules that were there already.
 */
known: number, 
/**
 * What could not be used, and why, one line each.
 */
refused: Array<string>, };

/**
 * What commands may touch without asking.
 */
export type SandboxMode = "readOnly" | "workspaceWrite" | "fullAccess";

/**
 * One tab.
 */
export type Session = { 
/**
 * Its id.
 */
id: string, 
/**
 * The tab's title: given by the person, else the folder's name.
 */
title: string, 
/**
 * The profile that it runs under.
 */
profile: string, 
/**
 * The folder that the agent works in, absolute.
 */
folder: string, 
/**
 * What it is doing.
 */
state: SessionState, 
/**
 * Something arrived since the tab was last in front.
 */
unread: boolean, 
/**
 * How many of its questions are open.
 */
waiting: number, 
/**
 * What the app-server says is in force, e.g. "scripted-model". `None` until it said so.
 */
model: string | null, 
/**
 * The sandbox and approval policy in force, in words, e.g. "Workspace write · asks on request".
 */
policy: string | null, 
/**
 * The policy in force differs from the profile's: what differs, in words.
 */
policyWarning: string | null, 
/**
 * Why it cannot go on by itself, for [`SessionState::Failed`]; why it waits, for
 * [`SessionState::Restarting`]. `None` when only its last turn failed: the transcript says why.
 */
problem: Problem | null, 
/**
 * When the running turn began.
 */
runningSince: number | null, 
/**
 * Text that the person typed and did not send.
 */
draft: string, 
/**
 * Tokens in the model's context and the size of its window, when known.
 */
context: ContextUse | null, };

/**
 * The tabs. Sent whole whenever one of them changes; it is small.
 */
export type SessionList = { 
/**
 * In tab order.
 */
sessions: Array<Session>, 
/**
 * The tab in front; `None` only when there is no tab.
 */
active: string | null, };

/**
 * What a session is doing, as its tab shows it.
 */
export type SessionState = "starting" | "idle" | "running" | "waitsForYou" | "restarting" | "failed";

/**
 * Settings of the app that belong to no profile.
 */
export type Settings = { 
/**
 * Light, dark, or as the system says.
 */
theme: Theme, 
/**
 * When nothing outside the window shows a question: no dialog, no notification, no sound.
 */
quietHours: QuietHours | null, 
/**
 * Days that the ledger keeps an answered question. `None`: for ever.
 */
ledgerDays: number | null, };

/**
 * How a question was settled.
 */
export type Settled = { 
/**
 * How, and by whom.
 */
outcome: ApprovalOutcome, 
/**
 * When.
 */
at: number, 
/**
 * What the person told the agent about a denial.
 */
reason: string | null, };

/**
 * When something outside the window shows a question. In quiet hours nothing does.
 */
export type ShowWhen = "always" | "whenUnfocused" | "never";

/**
 * How a step of a plan stands.
 */
export type StepStatus = "pending" | "inProgress" | "completed";

/**
 * What exactly is asked.
 */
export type Subject = { "kind": "command", 
/**
 * The command as the agent wrote it, without the shell that wraps it.
 */
command: string, 
/**
 * Where it would run.
 */
cwd: string, 
/**
 * Hosts and extra permissions that it asks for besides, one phrase each.
 */
extras: Array<string>, 
/**
 * What it is made of, in the order in which it is written. Empty when it could not be understood.
 */
parts: Array<CommandPart>, } | { "kind": "files", 
/**
 * The changes. Empty while the diff is not known yet.
 */
files: Array<FileChange>, } | { "kind": "permissions", 
/**
 * What it wants, one phrase each, e.g. "to write in /srv/data".
 */
wants: Array<string>, } | { "kind": "questions", 
/**
 * The questions.
 */
fields: Array<Field>, } | { "kind": "form", 
/**
 * The server's name.
 */
server: string, 
/**
 * What it says.
 */
message: string, 
/**
 * The form.
 */
fields: Array<Field>, } | { "kind": "link", 
/**
 * The server's name.
 */
server: string, 
/**
 * What it says.
 */
message: string, 
/**
 * The page.
 */
url: string, } | { "kind": "tool", 
/**
 * The server's name.
 */
server: string, 
/**
 * The tool's name.
 */
tool: string, 
/**
 * What the server says that it does.
 */
description: string, 
/**
 * Its arguments, as JSON that is easy to read.
 */
arguments: string, 
/**
 * What the server says of it, one phrase each, e.g. "changes things".
 */
marks: Array<string>, };

/**
 * The kinds of questions.
 */
export type SubjectKind = "command" | "files" | "permissions" | "questions" | "form" | "link" | "tool" | "other";

/**
 * What a text has to be.
 */
export type TextFormat = "plain" | "email" | "uri" | "date" | "dateTime";

/**
 * Which colours to use.
 */
export type Theme = "system" | "light" | "dark";

/**
 * One step of a watched transcript.
 */
export type TranscriptUpdate = { 
/**
 * Counts up by one within a watch; acknowledge with it.
 */
seq: number, 
/**
 * Forget all rows and turns before applying this.
 */
reset: boolean, 
/**
 * Turns that are new or changed.
 */
turns: Array<Turn>, 
/**
 * Rows that are new or changed.
 */
rows: Array<RowPatch>, 
/**
 * Rows that are gone.
 */
removed: Array<string>, 
/**
 * What lies before the first row.
 */
earlier: Earlier, };

/**
 * A turn: what one message set off.
 */
export type Turn = { 
/**
 * Its key.
 */
key: string, 
/**
 * How it stands.
 */
state: TurnState, 
/**
 * When it began, if known.
 */
startedAt: number | null, 
/**
 * How long it took, once it ended.
 */
durationMs: number | null, };

/**
 * How a turn stands.
 */
export type TurnState = "running" | "completed" | "interrupted" | "failed";

/**
 * What a rule says.
 */
export type Verdict = "allow" | "ask" | "deny";

/**
 * How a piece of work stands.
 */
export type WorkStatus = "running" | "waitsForYou" | "done" | "failed" | "declined" | "stopped";

/** Every command: its arguments and what it resolves to. */
export interface Commands {
  /** Everything a window needs to draw itself. Call it after listening to the events. */
  app_read: { args: Record<string, never>; result: AppState };
  /** Opens a tab with a new thread. Returns at once; the session's state says how it goes. */
  session_open: { args: { profile: string; folder: string }; result: string };
  /** Brings a tab to the front and marks it read. */
  session_activate: { args: { session: string }; result: null };
  /** Gives a tab a title. An empty one brings back the folder's name. */
  session_rename: { args: { session: string; title: string }; result: null };
  /** Moves a tab to an index in the order. */
  session_move: { args: { session: string; to: number }; result: null };
  /** Closes a tab: a running turn is stopped, the thread stays in Codex's history. */
  session_close: { args: { session: string }; result: null };
  /** Sends a message. While a turn runs, the message joins that turn. */
  session_send: { args: { session: string; text: string }; result: null };
  /** Stops the running turn, at any moment of it. */
  session_stop: { args: { session: string }; result: null };
  /** Brings a failed session up again. */
  session_retry: { args: { session: string }; result: null };
  /** Keeps what the person typed and did not send. */
  session_draft: { args: { session: string; text: string }; result: null };
  /** Watches a session's transcript through the `updates` channel. Replaces the window's earlier watch. */
  session_watch: { args: { session: string }; result: null };
  /** Says that an update of the watched transcript was applied. */
  session_ack: { args: { session: string; seq: number }; result: null };
  /** Fetches the page before the first row; it arrives as an update. */
  session_earlier: { args: { session: string }; result: null };
  /** Answers a question. Fails with `stale` when it was settled before, and with `invalid` and the */
  /** field when what was filled in cannot be sent; then the question is still open. */
  approval_answer: { args: { approval: string; answer: Answer }; result: null };
  /** Answers many questions alike: the ones that the person was shown, and no other. */
  approval_answer_many: { args: { approvals: Array<string>; choice: ChoiceId }; result: BatchResult };
  /** The rules: the person's, and Codex's own. */
  rules_read: { args: Record<string, never>; result: RuleBook };
  /** Rules that would have answered this question, from the narrowest to the broadest. */
  rules_suggest: { args: { approval: string }; result: Array<RuleSettings> };
  /** What a rule would have answered, of what was asked before. */
  rule_preview: { args: { settings: RuleSettings }; result: RulePreview };
  /** Makes a rule. */
  rule_create: { args: { settings: RuleSettings; origin: RuleOrigin }; result: Rule };
  /** Changes a rule. */
  rule_update: { args: { rule: string; settings: RuleSettings }; result: Rule };
  /** Takes a rule away. */
  rule_delete: { args: { rule: string }; result: null };
  /** Brings back a rule that was taken away or changed, as it was. */
  rule_restore: { args: { rule: Rule }; result: null };
  /** Reads rules from a file that the person picks. `None`: they did not. */
  rules_import: { args: Record<string, never>; result: RulesImported | null };
  /** Writes the rules into a file that the person picks: its path. `None`: they did not. */
  rules_export: { args: Record<string, never>; result: string | null };
  /** Takes a rule out of Codex's own rules. */
  codex_rule_delete: { args: { profile: string; rule: CodexRule }; result: null };
  /** Puts a rule that was taken out back into Codex's own rules. */
  codex_rule_restore: { args: { profile: string; rule: CodexRule }; result: null };
  /** What was asked, newest first, from before an entry on. */
  ledger_search: { args: { query: LedgerQuery; before: number | null; limit: number }; result: LedgerPage };
  /** Writes what was asked into a file that the person picks: its path. `None`: they did not. */
  ledger_export: { args: { query: LedgerQuery; format: ExportFormat }; result: string | null };
  /** Makes a profile. */
  profile_create: { args: { settings: ProfileSettings }; result: Profile };
  /** Makes a copy of a profile under a name of its own. */
  profile_duplicate: { args: { profile: string }; result: Profile };
  /** Changes a profile. Open sessions keep what they started with until they are opened again. */
  profile_update: { args: { profile: string; settings: ProfileSettings }; result: Profile };
  /** Deletes a profile that no open session uses. */
  profile_delete: { args: { profile: string }; result: null };
  /** Changes the settings of the app. */
  settings_update: { args: { settings: Settings }; result: null };
  /** Takes a notice off the screen. */
  notice_dismiss: { args: { notice: string }; result: null };
  /** Lets the person pick a folder. `None`: they did not. */
  folder_pick: { args: Record<string, never>; result: string | null };
  /** Opens a link outside. Only http, https and mailto. */
  link_open: { args: { url: string }; result: null };
}

/** Every event and its payload. */
export interface Events {
  /** The tabs changed. */
  "sessions://changed": SessionList;
  /** A question was opened, or what is known of an open one changed. */
  "approval://requested": Approval;
  /** A question was settled. */
  "approval://resolved": ApprovalResolved;
  /** An answer came too late: what to tell the person. */
  "approval://late": LateAnswer;
  /** Somebody clicked outside the window to see this question: bring it to the eye. `None`: there is none any */
  /** more. */
  "approval://show": string | null;
  /** The rules changed; the whole book. */
  "rules://changed": RuleBook;
  /** The ledger has a new entry, or one was settled. */
  "ledger://changed": null;
  /** The profiles changed; the whole list. */
  "profiles://changed": Array<Profile>;
  /** The notices changed; the whole list, oldest first. */
  "notices://changed": Array<Notice>;
  /** The settings changed. */
  "settings://changed": Settings;
}
