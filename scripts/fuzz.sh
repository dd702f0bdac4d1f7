#!/bin/sh
# Runs every fuzz target, or those named, for so many seconds each on every core, and says how many inputs each tried:
#   scripts/fuzz.sh 180            scripts/fuzz.sh 30 frame vas_cryptogram
# What libFuzzer keeps goes into a folder beside the build; fuzz/corpus stays as it is (fuzz/README.md says how it grows).
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?how many seconds for each target}
shift
[ $# -gt 0 ] || set -- $(ls fuzz/corpus)
kept=${CARGO_TARGET_DIR:-fuzz/target}/fuzz-kept
export RUSTC_BOOTSTRAP=1
found=0
for target in "$@"; do
    mkdir -p "$kept/$target"
    log=$kept/$target.log
    cargo fuzz run -s none --jobs "$(nproc)" "$target" "$kept/$target" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -rss_limit_mb=1024 >"$log" 2>&1 || found=1
    # In fork mode a line tells executions and coverage so far; the last one is the sum.
    echo "$target: $(grep -E '^#[0-9]+: cov:' "$log" | tail -n 1)"
    grep -E 'panicked at|SUMMARY|ERROR: libFuzzer' "$log" | head -n 5 || true
done
[ "$found" = 0 ] || echo "something was found: see the logs in $kept and fuzz/artifacts" >&2
exit "$found"
