#!/usr/bin/env bash
# Opens Countersign with hot reload: an edit of the UI shows at once, an edit of
# the Rust side rebuilds and restarts the app.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

scripts/setup.sh
exec ui/node_modules/.bin/tauri dev --config tauri.dev.conf.json -- --locked
