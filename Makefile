# The front door. CMakePresets.json has the builds, scripts/ what runs, .ci/run what CI does.
SHELL := /bin/bash
JOBS ?= $(shell nproc)

.PHONY: build tests test debug clean

build/%/build.ninja: CMakeLists.txt CMakePresets.json
	cmake --preset $* >/dev/null

## build: the product, optimised (build/release/bin/weir)
build: build/release/build.ninja
	@cmake --build --preset release -j $(JOBS)

## test: every test, under AddressSanitizer and UBSan
test: build/asan/build.ninja
	@cmake --build --preset asan -j $(JOBS)
	@ctest --test-dir build/asan -j $(JOBS) --output-on-failure

clean:
	rm -rf build
