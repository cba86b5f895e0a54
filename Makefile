# The commands of the house. Everything is built in one configuration, so that the program and its tests share it.

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
LIKELY := $(ROOT)/.build/release/likely
SWIFT_FILES := Sources Tests Benchmarks Package.swift
SEED ?= 0
SCALE ?= quick

.PHONY: help setup build test tour format lint bench parity docs reproduce clean

help:
	@echo 'make tour       set up, build, and run the main job end to end into runs/tour'
	@echo 'make test       set up, build, and run the tests'
	@echo 'make build      set up and build the program and its tests'
	@echo 'make reproduce  run every reproduction and decide its claims (SCALE=quick|laptop|paper SEED=n)'
	@echo 'make bench      compare results (make parity) and times of the same work here and in the peers'
	@echo 'make docs       write the documentation of the library into docs-out'
	@echo 'make format     format the sources; make lint refuses what is not formatted'
	@echo 'make clean      remove what was built and run; .deps stays'

setup:
	@$(ROOT)/scripts/setup

build: setup
	cd $(ROOT) && swift build -c release --build-tests

test: build
	cd $(ROOT) && swift test -c release --skip-build

tour: build
	cd $(ROOT) && $(LIKELY) tour --out runs/tour
	@echo 'The report is $(ROOT)/runs/tour/report.html'

reproduce: build
	cd $(ROOT) && $(LIKELY) reproduce all --scale $(SCALE) --seed $(SEED)

bench: parity
	cd $(ROOT) && Benchmarks/run

parity: build
	@$(ROOT)/scripts/peers
	cd $(ROOT) && .deps/peers/bin/python Benchmarks/peers/folder_parity.py --likely .build/release/likely \
	  --models Tests/LanguageTests/Fixtures/models
	cd $(ROOT) && .deps/peers/bin/python Benchmarks/peers/tokenizer_parity.py --data $${LIKELY_DATA:-$$HOME/.cache/likely}

docs: build
	@$(ROOT)/scripts/docs

format:
	cd $(ROOT) && swift format --in-place --parallel --recursive $(SWIFT_FILES)

lint:
	cd $(ROOT) && swift format lint --strict --parallel --recursive $(SWIFT_FILES)

clean:
	rm -rf $(ROOT)/.build $(ROOT)/runs $(ROOT)/docs-out
