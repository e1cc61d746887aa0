#!/usr/bin/env bash
# Holds a built driftmend against the corpus of recorded cases, or says that there is none here.
#
#   check-corpus.sh DRIFTMEND      DRIFT_CORPUS names another folder than ../shared/corpus
set -euo pipefail

driftmend=${1:?usage: check-corpus.sh DRIFTMEND}
corpus=${DRIFT_CORPUS:-../shared/corpus}
[ -f "$corpus/check.py" ] || { echo "skipped: there is no corpus in $corpus (DRIFT_CORPUS names another folder)"; exit 0; }
# `refusals` needs `driftmend check`, which comes with the next milestone.
exec python3 "$corpus/check.py" --driftmend "$driftmend" pairs scenarios yaml
