#!/usr/bin/env bash
# Builds the real components of one folder beside this script (a go.mod with `tool` lines) into the cache, once for each
# state of its go.sum, and prints the folder that holds the binaries.
#
#   build.sh kubernetes          etcd, kube-apiserver, kube-controller-manager, kubectl, kustomize, helm
#
# DRIFTMEND_COMPONENTS names another cache folder than `.components` in the project's root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
set_name=${1:?usage: build.sh SET (a folder beside this script)}
module="$here/$set_name"
[ -f "$module/go.mod" ] || { echo "build.sh: no go.mod in $module" >&2; exit 2; }
command -v go >/dev/null || { echo "build.sh: Go is not installed; install Go 1.26 (https://go.dev/dl), or set KUBEBUILDER_ASSETS" >&2; exit 2; }

hash=$(cat "$module/go.mod" "$module/go.sum" "$0" | sha256sum | cut -c1-12)
cache=${DRIFTMEND_COMPONENTS:-$here/../../.components}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
out="$cache/$set_name-$hash"
if [ -f "$out/complete" ]; then echo "$out"; exit 0; fi

# A Go 1.27 build of kube-apiserver 1.36 passes /readyz but serves a broken OpenAPI: say so instead of failing strangely later.
case "$(go env GOVERSION)" in
  go1.26*) ;;
  *) [ "$set_name" != kubernetes ] || echo "build.sh: warning: tried with Go 1.26 only; this is $(go env GOVERSION)" >&2 ;;
esac

# Without the version flags the server calls itself v0.0.0-master, and kubectl and helm complain.
kubernetes=$(cd "$module" && go list -m -f '{{.Version}}' k8s.io/kubernetes)
minor=$(echo "$kubernetes" | cut -d. -f2)
stamp=k8s.io/component-base/version
flags="-s -w -X $stamp.gitVersion=$kubernetes -X $stamp.gitMajor=1 -X $stamp.gitMinor=$minor -X $stamp.gitTreeState=clean"

building="$out.building.$$"
mkdir -p "$building"
trap 'rm -rf "$building"' EXIT
build() { # PACKAGE NAME
  echo "build.sh: building $2" >&2
  (cd "$module" && CGO_ENABLED=0 go build -trimpath -ldflags "$flags" -o "$building/$2" "$1") >&2
}
case "$set_name" in
  kubernetes)
    build go.etcd.io/etcd/server/v3 etcd
    build k8s.io/kubernetes/cmd/kube-apiserver kube-apiserver
    build k8s.io/kubernetes/cmd/kube-controller-manager kube-controller-manager
    build k8s.io/kubernetes/cmd/kubectl kubectl
    build sigs.k8s.io/kustomize/kustomize/v5 kustomize
    build helm.sh/helm/v4/cmd/helm helm
    ;;
  *) echo "build.sh: no build rule for $set_name" >&2; exit 2 ;;
esac
touch "$building/complete"
# Two builds at once both end well: the first rename wins, the other's work is thrown away.
mv -T "$building" "$out" 2>/dev/null || [ -f "$out/complete" ]
echo "$out"
