#!/usr/bin/env bash
# The long checks: the property tests of the approvals with 10,000 cases, then
# each fuzz target. A failing step does not stop the ones after it; the end is a
# summary with one line per step.
#   SOAK_SECONDS   seconds for each fuzz target (60)
#   SOAK_CASES     cases of each property test (10000)
# shellcheck disable=SC2317 # steps and what reads their logs are called by name
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

seconds="${SOAK_SECONDS:-60}"
cases="${SOAK_CASES:-10000}"
target="${CARGO_TARGET_DIR:-$ROOT/target}"
logs="$target/soak"
fuzz="$ROOT/crates/runtime/fuzz"
export CARGO_TERM_COLOR=never
mkdir -p "$logs"
summary=()
broken=0

# step NAME FACTS COMMAND...: runs it, shows and keeps what it prints, and enters
# its result in the summary with what FACTS LOG makes of it.
step() {
  local name=$1 facts=$2 log status=0 word=ok started=$SECONDS note
  shift 2
  log="$logs/${name// /-}.log"
  printf '\n'
  say "$name"
  "$@" 2>&1 | tee "$log" || status=$?
  note="$("$facts" "$log")"
  if ((status)) || [[ -z $note ]]; then
    word=FAILED
    broken=$((broken + 1))
    note="${note:+$note; }see $log"
  fi
  summary+=("$(printf '  %-6s  %-20s  %6s  %s' "$word" "$name" "$(duration $((SECONDS - started)))" "$note")")
}

duration() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# A test that was filtered away has not passed.
property_facts() {
  if grep -q '^test result: ok. [1-9]' "$1"; then printf '%s cases' "$cases"; fi
}

fuzz_facts() {
  awk '/^stat::number_of_executed_units:/ { runs = $2 }
       / cov: [0-9]+ / { for (i = 1; i < NF; i++) { if ($i == "cov:") cov = $(i + 1); if ($i == "corp:") corp = $(i + 1) } }
       END { if (runs) printf "%d executions, %d edges covered, corpus %s", runs, cov, corp }' "$1"
}

install_facts() { if cargo fuzz --version >/dev/null 2>&1; then cargo fuzz --version; fi; }

# Unoptimised, as `make test` has built it: an optimised build takes longer than it saves.
property() {
  PROPTEST_CASES="$cases" cargo test --locked --package countersign-runtime "$@"
}

# Without a sanitizer: each needs a nightly compiler, and what they find comes
# from unsafe code, of which the runtime has none. What libFuzzer itself sees stays:
# panics, too much memory, too much time.
fuzz_one() {
  mkdir -p "$logs/corpus/$1"
  (cd "$fuzz" && cargo fuzz run --fuzz-dir "$fuzz" --target-dir "$target/fuzz" --sanitizer none "$1" \
    "$logs/corpus/$1" "$fuzz/seeds/$1" -- \
    -max_total_time="$seconds" -print_final_stats=1 -max_len=65536 -rss_limit_mb=2048 -timeout=10)
}

finish() {
  printf '\nSummary\n'
  printf '%s\n' "${summary[@]}"
  if ((broken)); then printf '\n%d of %d steps failed.\n' "$broken" "${#summary[@]}"; fi
  printf '\n%d passed, %d failed\n' "$((${#summary[@]} - broken))" "$broken"
  exit $((broken > 0))
}

# One function, so that bash has read all of it before it runs any of it.
run_all() {
  if ! cargo fuzz --version >/dev/null 2>&1; then
    step "cargo-fuzz" install_facts cargo install --locked cargo-fuzz
  fi
  step "approval ledger" property_facts property --lib -- ledger::tests::every_question_is_settled_once
  step "approval loop" property_facts property --test approvals
  # The versions of the workspace, not the newest.
  cp Cargo.lock "$fuzz/Cargo.lock"
  local name
  for name in frames transcript hook_answer; do
    step "fuzz $name" fuzz_facts fuzz_one "$name"
  done
  finish
}

run_all
