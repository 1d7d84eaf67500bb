/** Chooses the backend. A production bundle holds only Tauri's: the other branch is compiled away. */
import { insideTauri, tauriBackend } from "./tauri";
import type { Backend } from "./types";

/** The backend of this window; `null` in a plain browser without a fake. */
export async function chooseBackend(): Promise<Backend | null> {
  if (import.meta.env.DEV || import.meta.env.MODE === "fake") {
    const query = new URLSearchParams(location.search);
    if (query.has("fake") || !insideTauri()) {
      const { fakeBackend } = await import("./fake");
      return fakeBackend(query.get("scene") ?? "desk");
    }
  }
  return insideTauri() ? tauriBackend : null;
}
