#!/usr/bin/env bash
# Sets up what is missing, then builds the UI and the app, each only when its
# sources changed.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

scripts/setup.sh
build_ui
cargo build --locked --package countersign
