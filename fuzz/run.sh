#!/bin/sh
# Runs each fuzz target: fuzz/run.sh [seconds each, default 60] [target …].
# Needs a C++ compiler, for libFuzzer, and no nightly Rust. What is found goes to fuzz/found and fuzz/artifacts.
set -eu
cd "$(dirname "$0")"
seconds="${1:-60}"
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- form client uri json jose webauthn remote
host="$(rustc -vV | sed -n 's/^host: //p')"
# What cargo-fuzz passes: counters on every edge, and the operands of comparisons. The code is safe Rust, so no
# sanitizer. Build scripts and macros of other crates are left alone because of --target.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing"
target_dir="${CARGO_TARGET_DIR:-target}"
for name in "$@"; do
  cargo build --quiet --release --target "$host" --bin "$name"
done
failed=0
for name in "$@"; do
  mkdir -p "found/$name" "artifacts/$name"
  echo "== $name, $seconds s"
  "$target_dir/$host/release/$name" "found/$name" "corpus/$name" -max_total_time="$seconds" -max_len=4096 \
    -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="artifacts/$name/" 2>&1 |
    grep -E "^==|panicked|^assertion|^ +left:|^ +right:|ERROR|SUMMARY|DONE|Done|stat::number_of_executed_units|stat::slowest|Test unit written" || true
  [ -z "$(ls "artifacts/$name")" ] || failed=1
done
exit "$failed"
