#!/usr/bin/env bash
# Builds the release and its Debian package.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

[[ $(uname -s) == Linux ]] || fail "The Debian package is built on Linux; this is $(uname -s)."
scripts/setup.sh
ui/node_modules/.bin/tauri build --bundles deb -- --locked
say "The package:"
ls -1 "${CARGO_TARGET_DIR:-target}"/release/bundle/deb/*.deb
