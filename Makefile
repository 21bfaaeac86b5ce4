# The front door. CMakePresets.json has the builds, scripts/ what runs, .ci/run what CI does.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
IFACE ?=
KILLS ?= 200
BLOCKED ?= 90
LIVE ?=
SEED ?= 1
SEEDS ?= 1 10000

.PHONY: help build run tests test test-faults check format fuzz-build fuzz-long simulate simulate-courses bench bench-peers clean FORCE
.DEFAULT_GOAL := help

## help: this list
help:
	@sed -n 's/^## /make /p' Makefile

# Configures once, and again when the presets changed; ninja itself sees to changed CMakeLists.
configure-%: FORCE
	@[[ build/$*/build.ninja -nt CMakePresets.json ]] || \
	  { cmake --preset $* >/dev/null && touch build/$*/build.ninja; }
FORCE:

## build: the product, optimised (build/release/bin/weir)
build:
	@scripts/install-deps
	@$(MAKE) --no-print-directory configure-release
	@cmake --build --preset release -j $(JOBS)

## run: ten seconds of real packets, of IFACE=... or of clients and servers in namespaces of their own
run: build
	@scripts/install-deps --run
	@scripts/run $(IFACE)

tests:
	@scripts/install-deps --test
	@$(MAKE) --no-print-directory configure-asan
	@cmake --build --preset asan -j $(JOBS)

## test: every test, under AddressSanitizer and UBSan
test: tests
	@scripts/run-tests build/asan

## test-faults: stores of 200 engines that are killed at random moments (KILLS=..., SEED=... where the seeds begin), and on disks that fail; engines whose disk stands still, whose memory is short, whose reader sleeps for BLOCKED=... seconds
test-faults: tests
	@WEIR_STORE_KILLS=$(KILLS) WEIR_STORE_SEED=$(SEED) WEIR_SOURCE_DIR=$(CURDIR) \
	  WEIR_BINARY_DIR=$(CURDIR)/build/asan build/asan/bin/store_faults_test --gtest_brief=1
	@WEIR_BLOCKED_SECONDS=$(BLOCKED) WEIR_SOURCE_DIR=$(CURDIR) WEIR_BINARY_DIR=$(CURDIR)/build/asan \
	  build/asan/bin/pressure_faults_test --gtest_brief=1

## check: format, layers, lint, conformance, clang-tidy on all files, then the tests
check: tests
	@tools/lint/format --check
	@python3 -B tools/lint/check_layers.py
	@python3 -B tools/lint/lint.py
	@python3 -B tools/lint/check_conformance.py
	@python3 -B tools/lint/tidy
	@scripts/run-tests build/asan

## format: clang-format over all C++
format:
	@tools/lint/format

fuzz-build:
	@scripts/install-deps --test
	@$(MAKE) --no-print-directory configure-fuzz
	@cmake --build --preset fuzz -j $(JOBS)

## fuzz-long: all corpora, then an hour of fuzzing
fuzz-long: fuzz-build
	@fuzz/run replay
	@fuzz/run 3600

## simulate: whole engines, and the packet store, in a world that fails in all ways, in SEEDS="FIRST COUNT" runs each
simulate:
	@scripts/install-deps
	@$(MAKE) --no-print-directory configure-release
	@cmake --build --preset release -j $(JOBS) --target engine_simulation store_simulation
	@build/release/bin/engine_simulation --seeds $(SEEDS)
	@build/release/bin/store_simulation --seeds $(SEEDS)

## simulate-courses: draws what pressure does over time in some scenarios (docs/simulation/)
simulate-courses:
	@scripts/install-deps
	@$(MAKE) --no-print-directory configure-release
	@cmake --build --preset release -j $(JOBS) --target engine_simulation
	@scripts/draw-courses

## bench: every micro-benchmark; as root also an engine under load
bench:
	@scripts/install-deps --bench
	@$(MAKE) --no-print-directory configure-bench
	@cmake --build --preset bench -j $(JOBS)
	@for bench in build/bench/bin/*_bench; do [[ ! -x $$bench ]] || "$$bench" || exit 1; done
	@[[ $$(id -u) != 0 ]] || python3 -B bench/control/engine_bench.py --weir build/bench/bin/weir \
	  --api-bench build/bench/bin/api_bench
	@[[ $$(id -u) != 0 ]] || python3 -B bench/control/reaction_bench.py --weir build/bench/bin/weir

## bench-peers: reading files, following flows, writing and asking stores, and capturing beside the peers (the last as root; LIVE="--quick": its short form)
bench-peers:
	@scripts/install-deps --bench
	@$(MAKE) --no-print-directory configure-bench
	@cmake --build --preset bench -j $(JOBS)
	@python3 -B bench/peers/read_bench.py --weir build/bench/bin/weir --json build/bench/read_bench.json
	@python3 -B bench/peers/logs_bench.py --weir build/bench/bin/weir --json build/bench/logs_bench.json
	@python3 -B bench/peers/store_bench.py --weir build/bench/bin/weir --json build/bench/store_bench.json
	@python3 -B bench/peers/query_bench.py --weir build/bench/bin/weir --json build/bench/query_bench.json
	@python3 -B bench/peers/live_bench.py --weir build/bench/bin/weir --json build/bench/live_bench.json $(LIVE)

## clean: everything that was built
clean:
	rm -rf build
