# What a newcomer needs; the rest is plain cargo. `make` alone explains.
# ARGS are handed on: make demo ARGS="--no-phone --customers 50"

TARGET := $(or $(CARGO_TARGET_DIR),target)
CARGO ?= cargo
step = @printf '== %s\n'

.PHONY: help demo test bench

help:
	@echo 'make demo    install what is missing, build, open a demo shop: taps, console, software phone'
	@echo 'make test    install what is missing, then format, lint, documentation and all tests'
	@echo 'make bench   each benchmark beside its limit'
	@echo 'make help    this'
	@echo
	@echo 'ARGS="..." is handed to the demo or the benchmarks; CARGO_TARGET_DIR is respected.'

demo:
	@scripts/setup.sh demo
	$(step) 'build (the first one takes some minutes)'
	@$(CARGO) build --locked --bin stampd
	$(step) 'demo shop; Ctrl-C ends it'
	@exec $(TARGET)/debug/stampd demo $(ARGS)

test:
	@scripts/setup.sh test
	$(step) 'format'
	@$(CARGO) fmt --check
	$(step) 'lint'
	@$(CARGO) clippy --locked --all-targets -- -D warnings
	$(step) 'documentation'
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --no-deps --lib
	$(step) 'tests'
	@$(CARGO) test --locked
	$(step) 'all well'

bench:
	@scripts/setup.sh demo
	$(step) 'build and run the benchmarks'
	@$(CARGO) bench --locked --profile fast --bench bench -- $(ARGS)
