/** The backend over Tauri. The only file that knows Tauri. */
import { Channel, invoke, isTauri } from "@tauri-apps/api/core";
import { listen } from "@tauri-apps/api/event";
import type { TranscriptUpdate } from "../contract";
import { type Backend, BackendError } from "./types";

export const insideTauri = isTauri;

async function call<T>(name: string, args: Record<string, unknown>): Promise<T> {
  try {
    return await invoke<T>(name, args);
  } catch (thrown) {
    throw BackendError.from(thrown);
  }
}

export const tauriBackend: Backend = {
  call: (name, args) => call(name, args),
  on: (name, handler) => listen<Parameters<typeof handler>[0]>(name, (event) => handler(event.payload)),
  watch: async (session, onUpdate) => {
    const updates = new Channel<TranscriptUpdate>();
    updates.onmessage = onUpdate;
    await call("session_watch", { session, updates });
  },
};
