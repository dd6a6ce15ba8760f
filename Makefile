# One verb, one command, the same by hand and in CI. `make setup` runs first everywhere and is quick when up to date.
# How to begin, and recipes: CONTRIBUTING.md.
.DEFAULT_GOAL := help
.PHONY: help setup demo test quick check soak bench lock format clean

BIN := .venv/bin

help: ## shows this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup: ## makes .venv with the locked packages and the wattledger command
	@scripts/setup.sh

demo: setup ## runs the main job on a generated network and shows its result
	$(BIN)/wattledger demo

test: setup ## runs all tests, in several processes; ARGS='-k payout' chooses some, in one
	@scripts/test.sh $(if $(ARGS),$(ARGS),all)

quick: setup ## runs the tests of all rules, which take less than five minutes
	@scripts/test.sh quick

check: setup ## lint, format, strict types and the import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

soak: setup ## hunts for hours and prints what held; ARGS='--only kills --seconds 600' for one row
	$(BIN)/python -m tests.soak $(ARGS)

bench: setup ## measures the speed end to end, on this machine
	$(BIN)/python -m benchmarks $(ARGS)

format: setup ## formats the code and sorts its imports
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

lock: setup ## writes requirements.lock and the list of Kafka's jars anew, with hashes
	scripts/setup.sh lock
	$(BIN)/python scripts/lock_kafka_jars.py

clean: ## removes .venv and what tools leave; data of the engine stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
