# make alone prints the targets.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# What the programs are made of; the build is skipped when none of it is newer than the last one.
SOURCES := $(shell find Package.swift Sources Assets -type f 2>/dev/null)
BUILT := .build/release-built

.PHONY: help setup build run test bench gallery lint clean

help: ## print this list
	@echo "Targets:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## install what is missing (Debian packages, libraries, models, Python client)
	@scripts/setup

build: setup $(BUILT) ## build .build/release/sluice and .build/release/sluice-studio

# What is embedded: the compiler does not know that the one file depends on the others.
Sources/CAssets/assets.c: $(shell find Assets -type f)
	@touch $@

$(BUILT): $(SOURCES) Sources/CAssets/assets.c | setup
	swift build -c release
	@touch $@

run: build ## set up, build, start the gateway with a demo and keep serving (ONCE=1: end after the demo)
	@ONCE=$(ONCE) scripts/run

test: ## set up and run every test
	@scripts/setup --tests
	@$(MAKE) --no-print-directory $(BUILT)
	@scripts/test

bench: ## measure; prints a table and writes Benchmarks/out/results.json
	@scripts/setup --bench
	@$(MAKE) --no-print-directory $(BUILT)
	@Benchmarks/run

gallery: ## make docs/gallery.md: what Studio's local tools do to a picture, before and after
	@scripts/setup --tests
	@$(MAKE) --no-print-directory $(BUILT)
	@.venv-judge/bin/python scripts/gallery

lint: ## check the format of every Swift file
	swift format lint --strict --parallel --recursive Package.swift Sources Tests \
		Fuzz/Package.swift Fuzz/Support Fuzz/Targets Benchmarks/Package.swift Benchmarks/Measure

clean: ## remove what was built (keeps vendor/, .venv-*/ and sluice-data/)
	rm -rf .build Benchmarks/.build Fuzz/.build
