# Shared by the scripts beside it: where things are, how they speak, and the
# two rules "install only what changed" and "build only what changed".
# To be sourced, not run.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export ROOT
cd "$ROOT" || exit

say() { printf '==> %s\n' "$*"; }

# fail WHAT [WHAT TO DO]...: says what happened and what to do, and stops.
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  if (($#)); then printf '  %s\n' "$@" >&2; fi
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# npm_ci FOLDER: installs exactly what the folder's lock file names. A copy of
# that lock file inside node_modules tells whether it has been done already.
npm_ci() {
  local folder=$1 stamp="$1/node_modules/.installed-lock.json"
  if cmp -s "$folder/package-lock.json" "$stamp"; then return; fi
  say "Installing the npm packages of $folder"
  npm ci --prefix "$folder" --no-audit --no-fund || return
  cp "$folder/package-lock.json" "$stamp"
}

# One line that changes whenever a file the UI is built from changes.
ui_fingerprint() {
  find ui -type f -not -path 'ui/node_modules/*' -not -path 'ui/dist/*' \
    -not -path 'ui/coverage/*' -not -path 'ui/.svelte-kit/*' -print0 |
    LC_ALL=C sort -z | xargs -0 cksum | cksum
}

# The app embeds ui/dist at compile time: this comes before every cargo build
# of the app.
build_ui() {
  local stamp=ui/node_modules/.built-from now
  now="$(ui_fingerprint)"
  if [[ -f ui/dist/index.html && -f $stamp && "$(<"$stamp")" == "$now" ]]; then return; fi
  say "Building the UI"
  npm run build --prefix ui || return
  printf '%s\n' "$now" >"$stamp"
}
