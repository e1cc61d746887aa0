#!/usr/bin/env bash
# Holds a built driftmend against faults that were found once: the project's own inputs, made and answered by a real API server, and
# those recorded beside the project, where there are any.
#
#   check-faults.sh DRIFTMEND      FAULTS names another folder than ../shared/faults
#
# A table has a row for each question: folder, command, exit code, a condition on the answer as JSON (in the words of asked.jq), texts
# that the answer for people has, and texts that it has not. `-` asks nothing; ` && ` stands between two texts. The command `cluster`
# means that only a running controller shows the fault: instead of an exit code the row names the test that plays it.
#
# A folder of ours holds git.yaml, mostly live.json as `kubectl get -o json --show-managed-fields` printed it, server.txt with what a real
# server was asked and told, and where that was a refusal server.json with its causes.
set -euo pipefail

driftmend=$(realpath "${1:?usage: check-faults.sh DRIFTMEND}")
faults=${FAULTS:-../shared/faults}
own=$(realpath "$(dirname "$0")")/faults
asked=0 wrong=0 cluster=0 unplayed=0
answers=$(mktemp -d)
trap 'rm -r "$answers"' EXIT

# A row has failed: the first complaint says which one it is, the others stand below it.
complain() {
  [ "$complaints" -gt 0 ] || printf '  %s: driftmend %s\n' "$folder" "$command"
  complaints=$((complaints + 1))
  printf '    %s\n' "$1"
}

# What a failed condition is shown beside.
got='try {phase: phase, verdict: verdict, causes: causes, fields: [.objects[].fields[] | [.path, .severity]], findings: [finding | [.rule, .message]]} catch .'

told() { jq -ce --argjson server "$server" "$(cat "$own/asked.jq") $1" "$answers/json"; }

# Asks twice: people and scripts get different answers, and each is promised something of its own.
ask() {
  local expected=$1 condition=$2 texts=$3 absent=$4 code=0 text server=null
  (cd "$root/$folder" && eval "timeout 60 '$driftmend' $command") >"$answers/text" 2>&1 || code=$?
  [ "$expected" = - ] || [ "$expected" = "$code" ] || complain "ends with $code, not $expected: $(tail -n 1 "$answers/text" | cut -c 1-200)"
  while IFS= read -r text; do
    grep -qF -e "$text" "$answers/text" || complain "says nothing of: $text"
  done < <(each "$texts")
  while IFS= read -r text; do
    ! grep -qF -e "$text" "$answers/text" || complain "says: $text"
  done < <(each "$absent")
  [ "$condition" != - ] || return 0
  [ ! -f "$root/$folder/server.json" ] || server=$(cat "$root/$folder/server.json")
  (cd "$root/$folder" && eval "timeout 60 '$driftmend' $command -o json") >"$answers/json" 2>"$answers/stderr" || true
  told "$condition" >"$answers/told" 2>&1 || complain "does not hold: $condition; got $(told "$got" 2>&1 | cut -c 1-600)"
}

# What is wrong with a table or its folders counts like a row that does not hold.
miss() {
  echo "  $folder: $1"
  asked=$((asked + 1)) wrong=$((wrong + 1))
}

each() { [ "$1" = - ] || printf '%s\n' "${1// && /$'\n'}"; }

# Walks a table over the folder of its inputs. Neither a folder without a row nor a row without its folder passes unseen.
walk() {
  local table=$1 folder command expected condition texts absent complaints
  root=$2
  while IFS=$'\t' read -r folder command expected condition texts absent; do
    if [ "$command" = cluster ]; then
      cluster=$((cluster + 1))
      [ "$expected" != - ] || { unplayed=$((unplayed + 1)); continue; }
      grep -rqF "fn $expected(" "$own/.." || miss "there is no test $expected"
      continue
    fi
    asked=$((asked + 1)) complaints=0
    if [ -d "$root/$folder" ]; then ask "$expected" "$condition" "$texts" "$absent"; else complain "there is no folder $root/$folder"; fi
    [ "$complaints" -eq 0 ] || wrong=$((wrong + 1))
  done < <(grep -v '^#' "$table")
  while IFS= read -r folder; do
    grep -qE "^$folder(/|"$'\t'")" "$table" || miss "no row asks about it"
  done < <(find "$root" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort)
}

walk "$own/own.tsv" "$own"
if [ -d "$faults" ]; then
  walk "$own/recorded.tsv" "$(realpath "$faults")"
else
  echo "skipped: there are no faults in $faults (FAULTS names another folder)"
fi
echo "faults: $((asked - wrong)) of $asked hold; $cluster more are played on a cluster, $unplayed of them by no test yet"
[ "$wrong" -eq 0 ]
