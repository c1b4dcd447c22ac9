# From a bare Debian with Python 3.11, g++ and make: `make demo` and `make test` do everything.
PYTHON ?= python3
ACCELERATOR ?= cpu
VENV ?= .venv
BIN := $(VENV)/bin
RUN := OMP_WAIT_POLICY=passive $(BIN)/python
CLANG ?= clang++-19
FUZZ_SECONDS ?= 600
SOAK_SECONDS ?= 1800
CPP_SOURCES := $(shell find cpp -name '*.cpp' -o -name '*.hpp' -o -name CMakeLists.txt)
PYTHON_SOURCES := engine grammars agents bench tests requirements

.PHONY: help setup demo test test-cpp test-slow test-v2 lint format lock sanitize conformance round-trip fuzz fuzz-bytes fuzz-regex \
  fuzz-schema fuzz-lark bench-overhead bench-maskbench bench-lark bench-coverage bench-peers bench-estimators \
  exactness bench-genlm bench-structured bench-scaling soak clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.installed  ## virtual environment, locked dependencies, extension

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "tamis needs Python 3.11 or newer; name one with: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment: on Debian, apt-get install python3-venv, then run make again."; exit 1; }
	@touch $@

$(VENV)/.locked: $(VENV)/.created requirements/$(ACCELERATOR).lock
	@echo "Installing the locked packages (about 1 GB to download, 3 GB on disk, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/$(ACCELERATOR).lock || \
	  { echo "A download failed: check the network or the package index (PIP_INDEX_URL), then run make again;"; \
	    echo "what was downloaded is kept.  If torch came as a CUDA build, see 'Installing' in README.md."; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml $(CPP_SOURCES)
	@echo "Building the extension ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable . || \
	  { echo "The extension did not build: it needs a C++20 compiler and the Python headers"; \
	    echo "(on Debian, apt-get install g++ python3-dev), then run make again."; exit 1; }
	@touch $@

demo: setup  ## sample JSON under a schema from SmolLM2-135M, with importance weights
	$(RUN) -m tamis.engine.cli generate - --chat --schema docs/examples/dish.schema.json --particles 8 --seed 1 \
	  --max-tokens 160 < docs/examples/dish.prompt.txt

test: setup test-cpp  ## every test that belongs to a change
	$(RUN) -m pytest -m "not slow"

test-cpp: setup  # in the folder of the extension, whose library they test
	@built=$$(ls -dt build/cp*-*/ | head -1) && $(BIN)/cmake -S cpp -B $$built -DTAMIS_CPP_TESTS=ON > /dev/null && \
	  $(BIN)/cmake --build $$built > /dev/null && $(BIN)/ctest --test-dir $$built --output-on-failure

test-slow: setup  ## the minutes-long suites
	$(RUN) -m pytest -m slow

build/triton/.installed: requirements/triton.lock
	@echo "Installing Triton into build/triton ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/triton -r requirements/triton.lock
	@touch $@

test-v2: setup build/triton/.installed  ## the tests inside vLLM with its V2 model runner, whose kernels Triton interprets
	PYTHONPATH=build/triton:tests/engine/vllm/interpreted TRITON_INTERPRET=1 VLLM_USE_V2_MODEL_RUNNER=1 \
	  $(RUN) -m pytest tests/engine/vllm -m "not slow" -k "not (test_exactness or test_default_model) or sparse"

sanitize: setup  ## the C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(BIN)/cmake -S cpp -B build/sanitize -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DCMAKE_BUILD_TYPE=Debug \
	  -DTAMIS_PYTHON=OFF -DTAMIS_CPP_TESTS=ON -DTAMIS_SANITIZE=ON > /dev/null
	$(BIN)/cmake --build build/sanitize > /dev/null
	$(BIN)/ctest --test-dir build/sanitize --output-on-failure

conformance: setup  ## the JSON-Schema-Test-Suite, group by group, and what differs from the recorded outcomes
	$(RUN) -m tests.grammars.conformance

round-trip: setup  ## 5,000 generated schemas, instances and mutants, judged as jsonschema judges them
	$(RUN) -m tests.grammars.round_trip --cases 5000

$(VENV)/.fuzzers: $(VENV)/.installed requirements/fuzz.lock
	@command -v $(CLANG) > /dev/null || { echo "Fuzzing needs clang with libFuzzer (on Debian, apt-get install clang-19),"; \
	  echo "or name another one: make CLANG=clang++ fuzz"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/fuzz.lock
	@touch $@

build/fuzz/bytes_fuzzer: $(VENV)/.fuzzers $(CPP_SOURCES) tests/fuzz/bytes_fuzzer.cpp
	@$(BIN)/cmake -S cpp -B build/fuzz -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	  -DCMAKE_CXX_COMPILER=$(CLANG) -DTAMIS_PYTHON=OFF -DTAMIS_SANITIZE=ON -DTAMIS_FUZZ=ON > /dev/null
	@$(BIN)/cmake --build build/fuzz > /dev/null

fuzz: $(addprefix fuzz-,bytes regex schema lark)  ## every fuzzer for FUZZ_SECONDS (600)

fuzz-bytes: build/fuzz/bytes_fuzzer
fuzz-bytes fuzz-regex fuzz-schema fuzz-lark: fuzz-%: $(VENV)/.fuzzers
	@$(BIN)/python tests/fuzz/seeds.py build/fuzz/seeds && mkdir -p build/fuzz/corpus/$* build/fuzz/findings
	@echo "fuzzing $* for $(FUZZ_SECONDS) seconds; inputs of findings go to build/fuzz/findings"
	$(if $(filter bytes,$*),build/fuzz/bytes_fuzzer,$(RUN) tests/fuzz/$*_fuzzer.py) -max_total_time=$(FUZZ_SECONDS) \
	  -timeout=$(if $(filter bytes,$*),60,20) -rss_limit_mb=2048 -max_len=600 -artifact_prefix=build/fuzz/findings/$*- \
	  -print_final_stats=1 build/fuzz/corpus/$* build/fuzz/seeds/$*

$(VENV)/.linters: $(VENV)/.installed requirements/dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/dev.lock
	@touch $@

lint: $(VENV)/.linters  ## ruff, mypy, clang-format
	$(BIN)/ruff check $(PYTHON_SOURCES)
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	$(BIN)/clang-format --dry-run --Werror $(filter %.cpp %.hpp,$(CPP_SOURCES))
	@mkdir -p build/typing/tamis && for part in engine grammars agents bench; do \
	  ln -sfn ../../../$$part build/typing/tamis/$$part; done  # mypy does not see editable installs
	MYPYPATH=build/typing $(BIN)/mypy -p tamis.engine -p tamis.grammars -p tamis.bench

format: $(VENV)/.linters  ## rewrite the sources as the linters want them
	$(BIN)/ruff check --fix-only $(PYTHON_SOURCES)
	$(BIN)/ruff format $(PYTHON_SOURCES)
	$(BIN)/clang-format -i $(filter %.cpp %.hpp,$(CPP_SOURCES))

lock: setup  ## resolve requirements/*.in into lock files
	$(BIN)/python requirements/lock.py

bench-overhead: setup  ## decode speed with AWRS and SMC against the same engine unconstrained; check and memory costs
	GOMP_SPINCOUNT=10000 $(BIN)/python -m pytest bench/core --benchmark-only --benchmark-columns=median,iqr,rounds -s -p no:cacheprovider

bench-maskbench: setup  ## real schemas: how many compile, and what is generated under 200 of them
	$(RUN) -m tamis.bench.domains.maskbench --schemas 200 --max-tokens 512

bench-lark: setup  ## Python files and SQL under Lark grammars, judged as lark judges them
	$(RUN) -m tamis.bench.domains.lark_grammars

bench-coverage: setup  ## real schemas: what tamis, llguidance, XGrammar and outlines-core take, accept and reject
	$(RUN) -m tamis.bench.peers.coverage

bench-peers: setup  ## masks, compile times, checks, forks, threads and memory beside the same engines (an hour)
	$(RUN) -m tamis.bench.peers.speed

exactness: setup  ## every sampling method against exact enumeration, on small models (half an hour)
	$(RUN) -m tamis.bench.exactness

bench-estimators: setup  ## variance against checks of every weight estimator, on rows synthetic and recorded
	$(RUN) -m tamis.bench.estimators

build/genlm/.installed: requirements/genlm.lock
	@$(PYTHON) -m venv build/genlm
	@echo "Installing genlm-control and what it needs into build/genlm ..."
	@build/genlm/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements/genlm.lock
	@touch $@

bench-genlm: setup build/genlm/.installed  ## tokens per second and posterior beside genlm-control
	$(RUN) -m tamis.bench.genlm

bench-structured: setup  ## throughput, validity and distance to the posterior beside vLLM's structured outputs
	$(RUN) -m tamis.bench.structured

bench-scaling: setup  ## cost of a token against divergence, vocabulary, particles and length
	$(RUN) -m tamis.bench.scaling

soak: setup  ## mixed groups with random aborts for SOAK_SECONDS (1800): nothing may leak
	$(RUN) -m tamis.bench.soak --seconds $(SOAK_SECONDS)

clean:  ## remove what make made, the virtual environment included
	rm -rf build $(VENV)
