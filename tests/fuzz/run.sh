#!/usr/bin/env bash
# Fuzzes every parser of bytes from outside, each for so many seconds; exit 1 with the input when one of them panics, hangs or asks for too much.
#
#   run.sh SECONDS [PARSER…]      wants cargo-fuzz; grows its corpora in target/fuzz, from the seeds here
#
# FUZZ_PROFILE=dev builds in a third of the time what then tries a fifth of the inputs: for a few seconds it is the shorter way.
set -euo pipefail

seconds=${1:?usage: run.sh SECONDS [PARSER…]}
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$root/target/fuzz
mapfile -t parsers < <(sed -n 's/^    ("\([a-z-]*\)", parsers::.*/\1/p' "$root/tests/fuzz/targets/main.rs")
[ $# -eq 0 ] || parsers=("$@")
# Field names, the words that mean something to YAML, and what the other parsers look for: bytes by chance would never spell them.
mkdir -p "$work"
{
  sed -n 's/^        Field("\([A-Za-z0-9]*\)".*/"\1"/p' "$root/src/engine/schema/types.rs" | sort -u
  printf '"%s"\n' '<<: *a' '&a ' '!!str ' '!!binary ' '---\x0a' '|2-\x0a' '? ' '0o7' '0x1F' '1e999' '.inf' '~' 'yes' '\xef\xbb\xbf' '\\u00e9'
  cat "$root/tests/fuzz/words.dict"
} >"$work/words.dict"

# Without a sanitizer: they find what unsafe code does, and there is none here; with one the build takes four times as long, and a nightly
# compiler. A panic, a hang and too much memory are found without.
target=$(rustc -vV | sed -n 's/^host: //p')
profile=${FUZZ_PROFILE:-release}
cargo fuzz build "--$profile" --sanitizer none --codegen-units 16 --fuzz-dir "$root/tests/fuzz" --target-dir "$work/build" --target "$target" parsers

failed=()
for parser in "${parsers[@]}"; do
  mkdir -p "$work/corpus/$parser" "$work/scratch"
  echo "==> fuzzing $parser for $seconds s"
  # The seeds are read, the corpus is grown.
  DRIFTMEND_PARSER=$parser TMPDIR=$work/scratch "$work/build/$target/${profile/dev/debug}/parsers" "$work/corpus/$parser" "$root/tests/fuzz/seeds/$parser" \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 -dict="$work/words.dict" \
    -artifact_prefix="$work/$parser-" -verbosity=0 -print_final_stats=1 || failed+=("$parser")
  rm -rf "$work/scratch"
done
[ ${#failed[@]} -eq 0 ] || { echo "error: these parsers failed, with the inputs $work/PARSER-…: ${failed[*]}" >&2; exit 1; }
