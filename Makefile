# What a person does with this repository. Each target sets up what it needs and
# repeats in seconds when nothing changed; the work is in scripts/.
.PHONY: help run dev build test soak bench package setup contract
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

run: ## build and open Countersign; ARGS="..." goes to the app
	@scripts/run.sh $(ARGS)

dev: ## open it with hot reload
	@scripts/dev.sh

build: ## build the UI and the app
	@scripts/build.sh

test: ## every check and test, with a summary at the end
	@scripts/test.sh

soak: ## the long checks: many cases, and a minute for each fuzz target; SOAK_SECONDS=...
	@scripts/soak.sh

bench: ## what the runtime costs, by its budgets; BENCH_QUICK=1 for a small run
	@cargo bench --locked --package countersign-runtime --bench cost

package: ## the release build and its Debian package
	@scripts/package.sh

setup: ## install or name what is missing, build nothing
	@scripts/setup.sh

contract: ## write ui/src/contract.ts anew from crates/contract
	@UPDATE_CONTRACT=1 cargo test --locked --package countersign-contract
