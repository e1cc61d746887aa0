#!/usr/bin/env bash
# Checks the chart's alert rules by the real promtool, plays the cases of alerts.yaml against them, and looks for each alert's runbook.
#
#   alerts.sh HELM PROMTOOL
set -euo pipefail

helm=${1:?usage: alerts.sh HELM PROMTOOL}
promtool=${2:?usage: alerts.sh HELM PROMTOOL}
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# What the operator hands to Prometheus is the `spec` of the one object that the file renders.
"$helm" template driftmend "$here/../../charts/driftmend" --namespace driftmend --set prometheusRule.enabled=true \
  --set prometheusRule.runbookBaseURL=https://runbooks.example/ \
  --show-only templates/prometheusrule.yaml | sed '1,/^spec:$/d; s/^  //' >"$folder/rules.yaml"
"$promtool" check rules --lint=all --lint-fatal "$folder/rules.yaml"

# A case would have to repeat every annotation word for word; the summaries say which object it is about, and that is enough.
awk '/^          (description|runbook|runbook_url):/ { skip = 1; next } skip && /^           / { next } { skip = 0; print }' "$folder/rules.yaml" >"$folder/summaries.yaml"
cp "$here/alerts.yaml" "$folder"
"$promtool" test rules "$folder/alerts.yaml"

# A section that no alert links is about one that is gone.
runbooks="$here/../../docs/runbooks/alerts.md"
while read -r section; do
  grep -qE "^ *- alert: $section\$" "$folder/rules.yaml" || { echo "alerts.sh: no alert has the runbook $section" >&2; exit 1; }
done < <(sed -n 's/^## //p' "$runbooks")

# An alert that no case fires is one that nobody has seen. (Cases in which one does not fire stand on one line.)
fired=$(sed -n 's/^ *- alertname: *//p' "$here/alerts.yaml" | sort -u)
while read -r alert; do
  grep -qxF "$alert" <<<"$fired" || { echo "alerts.sh: no case of alerts.yaml is about $alert" >&2; exit 1; }
  grep -qx "## $alert" "$runbooks" || { echo "alerts.sh: $runbooks has no section $alert" >&2; exit 1; }
  grep -qF "runbook_url: \"https://runbooks.example/alerts.md#${alert,,}\"" "$folder/rules.yaml" || { echo "alerts.sh: $alert links no runbook" >&2; exit 1; }
  grep -A40 "alert: $alert\$" "$folder/rules.yaml" | sed '1d;/- alert:/,$d' | grep -q 'runbook:' || { echo "alerts.sh: $alert has no runbook" >&2; exit 1; }
done < <(sed -n 's/^ *- alert: *//p' "$folder/rules.yaml")
