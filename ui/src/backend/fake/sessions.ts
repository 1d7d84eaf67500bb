/** The commands on sessions and on the window. */
import type { AppState, Commands, Session } from "../../contract";
import { policyLine } from "../../lib/words";
import { Agent } from "./agent";
import { failure, type Play, problem, type World } from "./world";

type Handlers<K extends keyof Commands> = { [N in K]: (args: Commands[N]["args"]) => unknown };
type Names =
  | "app_read"
  | "session_open"
  | "session_activate"
  | "session_rename"
  | "session_move"
  | "session_close"
  | "session_send"
  | "session_stop"
  | "session_retry"
  | "session_draft"
  | "session_ack"
  | "session_earlier"
  | "settings_update"
  | "notice_dismiss"
  | "folder_pick"
  | "link_open";

export function newPlay(world: World, profile: string, folder: string, changes: Partial<Session> = {}): Play {
  const settings = world.profiles.find((at) => at.id === profile);
  const session: Session = {
    id: world.id("session"),
    title: folder.split("/").at(-1) ?? folder,
    profile,
    folder,
    state: "idle",
    unread: false,
    waiting: 0,
    model: settings?.model ?? "scripted-model",
    policy: settings ? policyLine(settings) : null,
    policyWarning: null,
    problem: null,
    runningSince: null,
    draft: "",
    context: null,
    ...changes,
  };
  const play: Play = { session, rows: [], turns: [], older: [], loading: false, stop: null, steer: [] };
  world.plays.push(play);
  return play;
}

export function sessions(world: World): Handlers<Names> {
  return {
    app_read: (): AppState => ({
      version: "0.1.0",
      sessions: world.sessionList,
      approvals: world.approvals,
      profiles: world.profiles,
      notices: world.notices,
      settings: world.settings,
      home: world.home,
    }),
    session_open: ({ profile, folder }) => {
      if (!world.profiles.some((at) => at.id === profile)) {
        throw failure("invalid", problem("Choose a profile."), "profile");
      }
      if (!folder.startsWith("/") || folder.includes("missing")) {
        throw failure("invalid", problem("There is no such folder.", "", "Choose one that exists."), "folder");
      }
      const play = newPlay(world, profile, folder, { state: "starting", model: null, policy: null });
      world.active = play.session.id;
      world.tabs();
      setTimeout(() => {
        const settings = world.profiles.find((at) => at.id === profile);
        play.session.state = "idle";
        play.session.model = settings?.model ?? "scripted-model";
        play.session.policy = settings ? policyLine(settings) : null;
        world.tabs();
      }, 700);
      return play.session.id;
    },
    session_activate: ({ session }) => {
      world.play(session).session.unread = false;
      world.active = session;
      world.tabs();
    },
    session_rename: ({ session, title }) => {
      const play = world.play(session);
      play.session.title = title === "" ? (play.session.folder.split("/").at(-1) ?? "") : title;
      world.tabs();
    },
    session_move: ({ session, to }) => {
      const play = world.play(session);
      world.plays = world.plays.filter((at) => at !== play);
      world.plays.splice(to, 0, play);
      world.tabs();
    },
    session_close: ({ session }) => {
      const play = world.play(session);
      for (const { id } of world.approvals.filter((at) => at.session === session)) {
        world.settle(id, { kind: "sessionClosed" });
      }
      play.stop?.();
      const index = world.plays.indexOf(play);
      world.plays = world.plays.filter((at) => at !== play);
      if (world.active === session) {
        world.active = (world.plays[index] ?? world.plays[index - 1])?.session.id ?? null;
      }
      world.tabs();
    },
    session_send: ({ session, text }) => {
      const play = world.play(session);
      if (play.session.state === "starting" || play.session.state === "restarting" || text.includes("unreachable")) {
        throw failure(
          "unavailable",
          problem(
            "Codex cannot take the message now.",
            "It was not sent, and it is still here.",
            "Send it again when Codex is ready.",
          ),
        );
      }
      if (play.stop) play.steer.push(text);
      else void new Agent(world, play).take(text);
    },
    session_stop: ({ session }) => {
      world.play(session).stop?.();
    },
    session_retry: ({ session }) => {
      const play = world.play(session);
      play.session.state = "restarting";
      play.session.problem = problem("Codex is being started again.");
      world.tabs();
      setTimeout(() => {
        play.session.state = "idle";
        play.session.problem = null;
        world.tabs();
      }, 1_200);
    },
    session_draft: ({ session, text }) => {
      world.play(session).session.draft = text;
    },
    session_ack: ({ session, seq }) => world.ack(session, seq),
    session_earlier: ({ session }) => world.earlier(world.play(session)),
    settings_update: ({ settings }) => {
      world.settings = settings;
      world.emit("settings://changed", settings);
    },
    notice_dismiss: ({ notice }) => {
      world.notices = world.notices.filter((at) => at.id !== notice);
      world.emit("notices://changed", world.notices);
    },
    folder_pick: () => `${world.home}/code/picked`,
    link_open: ({ url }) => {
      if (!/^(https?|mailto):/.test(url)) {
        throw failure("refused", problem("This link was not opened.", "It is of a kind that could run something."));
      }
    },
  };
}
