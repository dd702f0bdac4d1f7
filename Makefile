# What a newcomer needs; the rest is plain cargo. `make` alone explains.
# ARGS are handed on: make demo ARGS="--no-phone --customers 50"

TARGET := $(or $(CARGO_TARGET_DIR),target)
CARGO ?= cargo
step = @printf '== %s\n'

.PHONY: help demo test bench crash book

help:
	@echo 'make demo    install what is missing, build, open a demo shop: taps, console, software phone'
	@echo 'make test    install what is missing, then format, lint, documentation and all tests'
	@echo 'make bench   each benchmark beside its limit'
	@echo 'make crash   1,000 kills and 200 power cuts of the disk while tills work (KILLS=, CUTS=); make test does 200 and 30'
	@echo 'make book    write the ledger of this schema into tests/books, before the schema is released'
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

# STAMPD_TEST_SEED=N repeats a run that failed; the test prints its seed.
crash:
	@scripts/setup.sh test
	$(step) 'kills and power cuts'
	@STAMPD_TEST_KILLS=$(or $(KILLS),1000) STAMPD_TEST_POWER_CUTS=$(or $(CUTS),200) $(CARGO) test --locked --test main -- \
		--nocapture crash:: disk::what_was_acknowledged_outlives_the_power_of_the_disk

# The file and its figures are made anew: their ids change with each writing. Commit both.
book:
	@scripts/setup.sh test
	$(step) 'a ledger of this schema into tests/books'
	@STAMPD_TEST_BOOK_WRITE=1 $(CARGO) test --locked --test main -- books::
