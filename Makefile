# Every target stands on the virtual environment and, where none is named, a PostgreSQL server: `ready` makes both.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
BIN := .venv/bin
RIVALS := .venv-bench/bin
# Files of tests are shared out to a process per core, in their order; each process has servers of its own.
SHARED_OUT := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help ready ready-test ready-bench up down status logs demo test test-unit test-kafka test-objects fuzz kills drill \
        lint bench bench-detection docs flakes sbom

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ready:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed: install the package python3" >&2; exit 1; }
	@"$(PYTHON)" -I tools/bootstrap.py --server-variable DINSIGHT_DATABASE_URL

ready-test:
	@test -n "$(PYTHON)" || { echo "error: Python 3.11 or newer is needed: install the package python3" >&2; exit 1; }
	@"$(PYTHON)" -I tools/bootstrap.py --server-variable DINSIGHT_TEST_DATABASE_URL --redis --chromium

ready-bench: ready
	@"$(PYTHON)" -I tools/bootstrap.py --rivals

up: ready ## Install what is missing, start everything, wait until it is ready
	@$(BIN)/dinsight up $(if $(WORKERS),--workers $(WORKERS))

down: ## Stop everything `make up` has started, and nothing else
	@if [ -x $(BIN)/dinsight ]; then $(BIN)/dinsight down; else echo "Nothing was running."; fi

status: ## Show every process, its port and restarts
	@if [ -x $(BIN)/dinsight ]; then $(BIN)/dinsight status; else echo "DInsight is not running."; fi

logs: ## Follow all logs (SERVICE=auth for one)
	@if [ -x $(BIN)/dinsight ]; then $(BIN)/dinsight logs --follow $(SERVICE); else echo "There are no logs yet."; fi

demo: up ## Show the platform at work on a generated rig
	@$(BIN)/dinsight demo

test: ready-test ## Run all tests; servers are started where none are named
	@$(BIN)/python -m pytest $(SHARED_OUT)

test-unit: ready-test ## Run the tests that need no server
	@$(BIN)/python -m pytest $(SHARED_OUT) tests/unit

flakes: ready-test ## Run all tests RUNS=3 times in random order beside a busy process; name what failed
	@$(BIN)/python -m tests.flakes --runs $(or $(RUNS),3) $(SHARED_OUT) $(TESTS)

test-kafka: ready-test ## Run the integration tests on Apache Kafka (needs mvn and Java 17)
	@$(BIN)/python -m tools.local.kafka
	@DINSIGHT_TEST_KAFKA=apache $(BIN)/python -m pytest $(SHARED_OUT) tests/integration tests/e2e

test-objects: ready-test ## Run the tests of the object store and its logins on the real one (needs Go and curl)
	@$(BIN)/python -m tests.object_store

kills: ready-test ## Kill random programs under load, and count what is lost or doubled (KILLS=120)
	@$(BIN)/python -m tests.kills $(if $(KILLS),--kills $(KILLS))
	@$(BIN)/python -m tests.kills.alerts

drill: ready-test ## Drop a table and lose a machine under load, restore both, compare every row (ROWS=1000)
	@$(BIN)/python -m tests.drill $(if $(ROWS),--rows $(ROWS))

fuzz: ready-test ## Call every operation with generated data, for minutes (EXAMPLES=50 of each)
	@$(BIN)/python -m tests.fuzzing $(if $(EXAMPLES),--examples $(EXAMPLES))

lint: ready-test ## Check types, style, layers and the API's documents; look for secrets and known vulnerabilities
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports .importlinter
	@$(BIN)/mypy
	@$(BIN)/python -m docs.lint
	@$(BIN)/python -m tests.supply_chain

bench: ready-bench ## Reprint the figures of docs/benchmarks.md: the main job, then the map beside others
	@$(BIN)/python -m bench.main_job
	@$(BIN)/python -m bench.scaling
	@$(BIN)/python -m bench.fairness
	@$(BIN)/python -m bench.edge_flood
	@$(BIN)/python -m bench.alerting
	@$(BIN)/python -m bench.fleet
	@$(BIN)/python -m bench.ended_access
	@$(BIN)/python -m bench.lists --scale 0.1
	@$(BIN)/python -m bench.web_map
	@$(RIVALS)/python -m bench.maps
	@$(RIVALS)/python -m bench.large_maps
	@$(BIN)/python -m bench.big_file

bench-detection: ready-bench ## Reprint the verdict beside rivals, detection and deterioration on the real data sets
	@$(RIVALS)/python -m bench.verdict
	@$(BIN)/python -m bench.detection
	@$(BIN)/python -m bench.alerting.turbofan
	@$(BIN)/python -m bench.deterioration

sbom: ready-test ## Write bills of materials (CycloneDX) of the wheel and the images to dist/sbom
	@$(BIN)/python -m tools.sbom

docs: ready ## Write the generated documents anew
	@$(BIN)/python -m docs.generate
