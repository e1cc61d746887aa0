#!/usr/bin/env bash
# Fuzzes the YAML loader and the diff, each for so many seconds; exit 1 with the input when one of them panics, hangs or asks for too much.
#
#   run.sh SECONDS      wants cargo-fuzz; grows its corpus in target/fuzz, from the seeds here
set -euo pipefail

seconds=${1:?usage: run.sh SECONDS}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/target/fuzz
# Field names and the words that mean something to YAML: bytes by chance would never spell them.
mkdir -p "$work"
{
  sed -n 's/^        Field("\([A-Za-z0-9]*\)".*/"\1"/p' "$root/src/engine/schema/types.rs" | sort -u
  printf '"%s"\n' '<<: *a' '&a ' '!!str ' '!!binary ' '---\x0a' '|2-\x0a' '? ' '0o7' '0x1F' '1e999' '.inf' '~' 'yes' '\xef\xbb\xbf' '\\u00e9'
} >"$work/words.dict"

for target in loader differ; do
  mkdir -p "$work/corpus/$target"
  echo "==> fuzzing the $target for $seconds s"
  # The sanitizers are behind a flag of the compiler that the stable one takes only so.
  RUSTC_BOOTSTRAP=1 cargo fuzz run --fuzz-dir "$root/tests/fuzz" --target-dir "$work/build" "$target" \
    "$work/corpus/$target" "$root/tests/fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 -dict="$work/words.dict" \
    -artifact_prefix="$work/$target-" -verbosity=0 -print_final_stats=1
done
