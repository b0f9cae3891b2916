# `make help` lists the targets. `make demo` and `make test` need nothing but Python >= 3.11 and make.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
DEMO_SECONDS ?=
SEED ?=
ONLY ?=
PEERS ?=

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.runtime  ## the proxy before a mock model API, with a small mix of clients (DEMO_SECONDS=20 to end by itself)
	@$(BIN)/stillgate demo $(if $(DEMO_SECONDS),--seconds $(DEMO_SECONDS))

test: $(VENV)/.dev  ## the whole test suite, on a real Redis and a real Prometheus
	@sh .ci/system-packages redis-server:redis-server promtool:prometheus
	@$(BIN)/pytest -n 2 --dist loadscope

check: $(VENV)/.dev  ## formats, lint, types, who may know whom, the shipped policies; changes nothing
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make fix'"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports > .cache/import-linter.log || { cat .cache/import-linter.log; exit 1; }
	@$(BIN)/stillgate check --quiet policies/
	@$(BIN)/stillgate test --coverage policies/ > .cache/policy-tests.log || { cat .cache/policy-tests.log; exit 1; }

scenarios: $(VENV)/.dev  ## campaigns and benign traps against policies/strict.yaml and two baselines; fails behind the record
	@$(BIN)/stillgate scenarios $(if $(SEED),--seed $(SEED))

BENCH = PATH="$$PATH:/usr/sbin" sh .ci/system-packages redis-server:redis-server nginx:nginx haproxy:haproxy; \
	$(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(if $(findstring litellm,$(PEERS)),--litellm)

bench: $(VENV)/.dev  ## what stillgate costs against a bare proxy, nginx, HAProxy; 13 minutes (PEERS=litellm, ONLY="plain stream")
	@$(BENCH)

bench-quick: $(VENV)/.dev  ## the same in a minute, in rough figures
	@$(BENCH) --quick

fix: $(VENV)/.dev  ## formats the code and mends what ruff can mend
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: $(VENV)/.dev  ## resolves the pinned dependencies anew
	@$(BIN)/pip install --quiet uv
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes pyproject.toml -o requirements.txt
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --group dev pyproject.toml -o requirements-dev.txt

clean:  ## removes the virtual environment and all caches
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/.runtime: requirements.txt pyproject.toml .ci/venv
	@sh .ci/venv $(VENV) requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt pyproject.toml .ci/venv
	@sh .ci/venv $(VENV) requirements-dev.txt
	@mkdir -p .cache
	@touch $@ $(VENV)/.runtime

.PHONY: help demo test check scenarios bench bench-quick fix lock clean
