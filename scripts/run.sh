#!/usr/bin/env bash
# Builds Countersign where needed and opens its window. Arguments go to the app.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

scripts/build.sh
if [[ $(uname -s) == Linux && -z ${DISPLAY:-} && -z ${WAYLAND_DISPLAY:-} ]]; then
  fail "Countersign is built, but there is no display to open its window on." \
    "Run this again from a desktop session, or over ssh with X forwarding (ssh -X)."
fi
exec cargo run --quiet --locked --package countersign -- "$@"
