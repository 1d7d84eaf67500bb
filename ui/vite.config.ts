import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  // Vitest runs on node, where Svelte would resolve to its server build.
  ...(process.env["VITEST"] ? { resolve: { conditions: ["browser"] } } : {}),
  clearScreen: false,
  server: {
    port: 1420,
    strictPort: true,
    host: "127.0.0.1",
    // The highlighting stylesheet belongs to crates/markup, outside this folder.
    fs: { allow: [".", "../crates/markup"] },
  },
  build: {
    target: ["es2022", "safari16.4"],
    modulePreload: { polyfill: false },
    // Everything is on disk beside the program: one file loads faster than many small ones.
    assetsInlineLimit: 0,
  },
  test: {
    environment: "jsdom",
    include: ["tests/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    restoreMocks: true,
  },
});
