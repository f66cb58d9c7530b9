# Everything from a clean clone: `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?=
BENCH ?=
CHECK ?=
REPORT ?= report.json

.PHONY: help setup demo test again quick check format generate lock bench soak sbom clean

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 16

setup: $(VENV)/.ready  ## system packages and .venv (demo does it by itself; test installs what only tests need, too)

$(VENV)/.ready: requirements.lock pyproject.toml tools/setup.sh
	@sh tools/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $@

$(VENV)/.tested: $(VENV)/.ready
	@sh tools/setup.sh "$(PYTHON)" "$(VENV)" test
	@touch $@

demo: setup  ## the whole chain in a browser; HEADLESS=1 REPORT=report.json: scripted, ends by itself
	@$(BIN)/dosewire sim $(if $(HEADLESS),demo --headless --report "$(REPORT)",console) $(if $(SEED),--seed $(SEED))

test: $(VENV)/.tested  ## every test that belongs in CI
	@$(BIN)/pytest -m "not soak" -n 2 --dist loadfile || { [ $$? -eq 1 ] && $(MAKE) -s again; }

# a failure on a loaded machine is seen once more without the load; one that passes is still told
again:
	@echo "Failed above; once more, alone. What passes now hangs on load: mend it (CONTRIBUTING.md)."
	@$(BIN)/pytest -m "not soak" --last-failed --last-failed-no-failures none --maxfail 3 -rA --show-capture no

# the rooms' tests that start no processes of ours, with few examples
QUICK := tests/protocol tests/hardware $(addprefix tests/sim/test_,expected.py compare.py ledger.py) \
	tests/sim/backend/test_ingest.py $(addprefix tests/gateway/test_,watermarks.py config.py)

quick: setup  ## the inner loop, at most 30 s
	@HYPOTHESIS_PROFILE=quick $(BIN)/pytest -m "not slow and not soak" -x -n 2 $(QUICK)

check: setup  ## format, lint, types, generated files current
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m protocol.codegen --check
	@$(BIN)/python -m protocol.vectors --check
	@$(BIN)/python -m protocol.docs --check
	@$(BIN)/python -m protocol.asyncapi --check
	@$(BIN)/python -m protocol.kaitai --check
	@$(BIN)/python -m gateway.reference --check
	@$(BIN)/python -m hardware.generate --check
	@$(BIN)/python -m tools.patterns --check
	@echo "check: all good"

format: setup  ## put code in order
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

generate: setup  ## make the generated files anew
	@$(BIN)/python -m protocol.codegen
	@$(BIN)/python -m protocol.vectors
	@$(BIN)/python -m protocol.docs
	@$(BIN)/python -m protocol.asyncapi
	@$(BIN)/python -m protocol.kaitai
	@$(BIN)/python -m gateway.reference
	@$(BIN)/python -m hardware.generate
	@$(BIN)/python -m tools.patterns

sbom: setup  ## bills of materials (CycloneDX): dist/sbom-gateway.json, dist/sbom-sim.json
	@$(BIN)/python -m tools.sbom dist/sbom-gateway.json gateway metrics
	@$(BIN)/python -m tools.sbom dist/sbom-sim.json sim

lock:  ## resolve requirements.lock anew from pyproject.toml (needs uv)
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header \
		--extra dev --python-version 3.11 pyproject.toml -o requirements.lock

bench: $(VENV)/.tested  ## figures; CHECK=1 compares them with the goals
	@CHECK="$(CHECK)" $(BIN)/python -m tests.bench $(BENCH)

soak: $(VENV)/.tested  ## long campaigns
	@$(BIN)/pytest -m soak --timeout 3600

clean:  ## remove what was made here; runs/ stays
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
