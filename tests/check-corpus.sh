#!/usr/bin/env bash
# Holds a built driftmend against the faults that were found once, and against the corpus of recorded cases, or says that there is none here.
#
#   check-corpus.sh DRIFTMEND      DRIFT_CORPUS names another folder than ../shared/corpus
set -euo pipefail

driftmend=${1:?usage: check-corpus.sh DRIFTMEND}
corpus=${DRIFT_CORPUS:-../shared/corpus}
failed=0

# Those of the project's own inputs are always asked about.
bash "$(dirname "$0")/check-faults.sh" "$driftmend" || failed=1

[ -f "$corpus/check.py" ] || { echo "skipped: there is no corpus in $corpus (DRIFT_CORPUS names another folder)"; exit $failed; }
corpus=$(realpath "$corpus")

python3 "$corpus/check.py" --driftmend "$driftmend" pairs scenarios yaml || failed=1

# Refusals: an answer with a list of causes that lacks its closing bracket was cut when it was recorded, and says nothing of the last cause.
whole=$(mktemp -d)
trap 'rm -r "$whole"' EXIT
mkdir "$whole/pairs"
find "$corpus/pairs" -mindepth 1 -maxdepth 1 ! -name index.tsv -exec ln -s -t "$whole/pairs" {} +
awk -F '\t' '!($2 == 422 && $3 ~ /is invalid: \[/ && $3 !~ /\]"?$/)' "$corpus/pairs/index.tsv" >"$whole/pairs/index.tsv"
cut=$(($(wc -l <"$corpus/pairs/index.tsv") - $(wc -l <"$whole/pairs/index.tsv")))
echo "refusals: $cut recorded answers were cut and are left out"
python3 "$corpus/check.py" --driftmend "$driftmend" --corpus "$whole" refusals || failed=1

# What the server accepted, check accepts.
accepted=0
while IFS= read -r file; do
  accepted=$((accepted + 1))
  "$driftmend" check "$corpus/pairs/$file" >/dev/null || { echo "  $file: check ends with $?"; failed=1; }
done < <(awk -F '\t' '$2 == 201 { print $1 }' "$corpus/pairs/index.tsv")
echo "accepted: $accepted manifests were checked"

exit $failed
