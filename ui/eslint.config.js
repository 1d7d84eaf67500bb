import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

export default ts.config(
  { ignores: ["dist/", "node_modules/", "src/contract.ts"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      eqeqeq: "error",
      // State that is replaced as a whole needs no collection that watches its parts; `$state.raw` says so where it stands.
      "svelte/prefer-svelte-reactivity": "off",
      // The one door to Tauri is src/backend/tauri.ts, so that the UI also runs in a plain browser.
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["@tauri-apps/*"], message: "Only src/backend/tauri.ts talks to Tauri." }] },
      ],
    },
  },
  { files: ["src/backend/tauri.ts"], rules: { "no-restricted-imports": "off" } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  {
    files: ["**/*.svelte"],
    rules: {
      // Only fields that the contract names *Html are rendered as HTML, and only by components/transcript/Html.svelte.
      "svelte/no-at-html-tags": "error",
    },
  },
);
