#!/usr/bin/env bash
# Every check and test. A failing step does not stop the ones after it; the end
# is a summary with one line per step, and the counts of all tests.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "$0")/common.sh"

target="${CARGO_TARGET_DIR:-$ROOT/target}"
logs="$target/checks"
journeys="$target/journeys"
export CARGO_TERM_COLOR=never
rm -rf "$logs" "$journeys" "$target/tmp/desktops"
mkdir -p "$logs"
summary=()
passed=0 failed=0 skipped=0 broken=0

duration() { printf '%d:%02d' $(($1 / 60)) $(($1 % 60)); }

# count RUNNER LOG: prints "PASSED FAILED SKIPPED".
count() {
  case $1 in
  # libtest closes every test binary with "test result: ok. 3 passed; 0 failed; 1 ignored; ...".
  cargo) awk '/^test result: / { p += $4; f += $6; s += $8 } END { print p + 0, f + 0, s + 0 }' "$2" ;;
  vitest) node -e 'const r = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
      console.log(r.numPassedTests, r.numFailedTests, r.numPendingTests + r.numTodoTests)' "$logs/vitest.json" ;;
  esac
}

# step NAME RUNNER COMMAND...: runs it, shows and keeps what it prints, and
# enters its result in the summary. RUNNER says whose tests to count: cargo,
# vitest or none. A runner that ends well without having run one test failed.
step() {
  local name=$1 runner=$2 log status=0 word=ok started=$SECONDS note="" p=0 f=0 s=0
  shift 2
  log="$logs/${name// /-}.log"
  printf '\n'
  say "$name"
  "$@" 2>&1 | tee "$log" || status=$?
  if [[ $runner != none ]]; then
    read -r p f s <<<"$(count "$runner" "$log" || echo 0 0 0)"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    note="$p passed, $f failed, $s skipped"
    if ((status == 0 && p == 0)); then
      status=1
      note="no test ran"
    fi
    # A test that is left out proves nothing.
    if ((status == 0 && s > 0)); then status=1; fi
  fi
  if ((status)); then
    word=FAILED
    broken=$((broken + 1))
    note="${note:+$note; }see $log"
  fi
  summary+=("$(printf '  %-6s  %-10s  %6s  %s' "$word" "$name" "$(duration $((SECONDS - started)))" "$note")")
}

# One line for each test binary of the workspace, read from the same log.
per_binary() {
  awk '/^ *(Running|Doc-tests) / { name = ($1 == "Running") ? $2 " " $3 : "doc-tests " $2
                                   sub(/^unittests /, "", name); sub(/ \(.*/, "", name)
                                   if (match($0, /deps[\/\\][a-z_]+-/)) crate = substr($0, RSTART + 5, RLENGTH - 6)
                                   else crate = "" }
       /^test result: / { printf "            %-40s  %s passed, %s failed, %s skipped, %s\n",
                            (crate == "" ? name : crate " " name), $4, $6, $8, $NF }' "$1" |
    grep -v ' 0 passed, 0 failed, 0 skipped' || true
}

finish() {
  printf '\nSummary\n'
  printf '%s\n' "${summary[@]}"
  if [[ -f $logs/Rust-tests.log ]]; then
    printf '\n  Rust tests by binary\n'
    per_binary "$logs/Rust-tests.log"
  fi
  if [[ -d $journeys ]]; then printf '\n  Pictures and logs of failed journeys: %s\n' "$journeys"; fi
  if ((broken)); then printf '\n%d of %d steps failed.\n' "$broken" "${#summary[@]}"; fi
  printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  exit $((broken > 0))
}

# One function, so that bash has read all of it before it runs any of it: a pull
# during a long run changes this file.
run_all() {
  # What follows rests on these two.
  step "set-up" none scripts/setup.sh test
  if ((broken == 0)); then step "UI build" none build_ui; fi
  if ((broken)); then finish; fi

  step "rustfmt" none cargo fmt --all --check
  step "UI types" none npm run check --prefix ui
  step "UI lint" none npm run lint --prefix ui
  step "UI tests" vitest npm test --prefix ui -- --reporter=default --reporter=json --outputFile.json="$logs/vitest.json"
  # A test that hangs must not take the summary with it (macOS has no timeout).
  limit=()
  if has timeout; then limit=(timeout --foreground --kill-after=10s 50m); fi
  step "Rust tests" cargo ${limit[@]+"${limit[@]}"} cargo test --workspace --locked --no-fail-fast
  step "clippy" none cargo clippy --workspace --all-targets --locked --keep-going -- -D warnings
  step "rustdoc" none env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --keep-going
  finish
}

run_all
