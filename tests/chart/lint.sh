#!/usr/bin/env bash
# Lints the chart in each of its modes with everything optional switched on, and checks that wrong values are refused by name.
#
#   lint.sh HELM
set -euo pipefail

helm=${1:?usage: lint.sh HELM}
chart=$(cd "$(dirname "$0")/../../charts/driftmend" && pwd)
everything=(--set "serviceMonitor.enabled=true,prometheusRule.enabled=true,networkPolicy.enabled=true,podDisruptionBudget.enabled=true"
  --set "git.secrets[0].namespace=shop,git.secrets[0].name=deploy-key,git.allowHTTP=true,git.allowLoopback=true,replicas=2"
  --set "git.secrets[0].hosts={git.corp.example,https://other.example/team/},git.allowedHosts={*,git.corp.example:8443,*.dev.example}")

accepted() { # ARGUMENTS...
  "$helm" lint --strict --quiet "$chart" "${everything[@]}" "$@"
  "$helm" template driftmend "$chart" --namespace driftmend "${everything[@]}" "$@" >/dev/null
  echo "accepted: ${*:-the defaults}"
}

refused() { # WORDS-OF-THE-MESSAGE ARGUMENTS...
  local words=$1 answer
  shift
  if answer=$("$helm" template driftmend "$chart" "$@" 2>&1 >/dev/null); then
    echo "lint.sh: these values must be refused: $*" >&2
    exit 1
  fi
  grep -qF -- "$words" <<<"$answer" || { echo "lint.sh: the refusal of $* does not say: $words"; echo "$answer"; exit 1; } >&2
  echo "refused:  $*"
}

accepted
accepted --set mode=confirm
accepted --set mode=heal --set "heal.namespaces={shop,team-a}"
accepted --set mode=heal --set "heal.namespaces={shop},heal.applications.namespaces={argocd,teams},heal.kustomizations.namespaces={flux-system}"
accepted --set "argocd.namespaces={argocd}"
accepted --set "kinds={DaemonSet}"
refused "/kinds/0" --set "kinds={Job}"
refused "kinds is empty" --set "kinds=null"
accepted --set "git.deniedCIDRs=null" --set "git.allowedHosts={10.0.0.7,[fd00::5]:8443}"
accepted --set argocd.enabled=false,flux.enabled=false
accepted --set crds.install=false --set serviceAccount.create=false --set serviceAccount.name=other
refused "heal.namespaces is empty" --set mode=heal
refused "mode is observe" --set "heal.namespaces={shop}"
refused "heal.applications.namespaces is set, but mode is confirm" --set mode=confirm --set "heal.applications.namespaces={argocd}"
refused "heal.kustomizations.namespaces is set, but mode is observe" --set "heal.kustomizations.namespaces={flux-system}"
refused "argocd.enabled is false" --set mode=heal,argocd.enabled=false --set "heal.namespaces={shop},heal.applications.namespaces={argocd}"
refused "heal.namespaces is empty" --set mode=heal --set "heal.applications.namespaces={argocd}"
refused "/heal/applications/namespaces/0" --set mode=heal --set "heal.namespaces={shop},heal.applications.namespaces={*}"
refused "/mode" --set mode=everything
refused "mdoe" --set mdoe=heal
refused "/replicas" --set replicas=two
refused "/git/secrets/0" --set "git.secrets[0].name=deploy-key"
accepted --set "resources.limits.memory=1Gi,memory.controller=640Mi,git.memory=128Mi,git.disk.total=4Gi,cache.sizeLimit=5Gi"
accepted --set "resources.limits=null"
refused "more than resources.limits.memory (512Mi)" --set memory.controller=161Mi
refused "more than resources.limits.memory (400Mi)" --set resources.limits.memory=400Mi
refused "more than cache.sizeLimit (100Mi)" --set cache.sizeLimit=100Mi
refused "/git/memory" --set git.memory=much
refused "/git/secrets/0/hosts/0" --set "git.secrets[0].name=deploy-key,git.secrets[0].namespace=shop,git.secrets[0].hosts={*.example.com}"
refused "/git/allowedHosts/0" --set "git.allowedHosts={https://git.example.com}"
refused "/git/deniedCIDRs/0" --set "git.deniedCIDRs={private}"
accepted --set "prometheusRule.runbookBaseURL=https://git.example.com/driftmend/blob/main/docs/runbooks"
refused "/prometheusRule/runbookBaseURL" --set prometheusRule.runbookBaseURL=docs/runbooks
refused "serviceAccount.name is needed" --set serviceAccount.create=false
