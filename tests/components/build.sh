#!/usr/bin/env bash
# Builds the real components of one folder beside this script (a go.mod with `tool` lines and a build-rule.sh) into the cache, once for
# each state of these files, and prints the folder that holds the binaries.
#
#   build.sh kubernetes             etcd, kube-apiserver, kube-controller-manager, kubectl, kustomize, helm
#   build.sh argo-cd                argocd, its CRDs
#   build.sh kustomize-controller   Flux's kustomize-controller, its CRDs
#   build.sh promtool               Prometheus' promtool
#
# DRIFTMEND_COMPONENTS names another cache folder than `.components` in the project's root.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
set_name=${1:?usage: build.sh SET (a folder beside this script)}
module="$here/$set_name"
[ -f "$module/go.mod" ] || { echo "build.sh: no go.mod in $module" >&2; exit 2; }
[ -f "$module/build-rule.sh" ] || { echo "build.sh: no build rule for $set_name" >&2; exit 2; }
command -v go >/dev/null || { echo "build.sh: Go is not installed; install Go 1.26 (https://go.dev/dl), or set KUBEBUILDER_ASSETS" >&2; exit 2; }

# Not this script: it would build every set again for a word in a comment. What decides about a set's binaries belongs into its rule.
hash=$(cat "$module/go.mod" "$module/go.sum" "$module/build-rule.sh" | sha256sum | cut -c1-12)
cache=${DRIFTMEND_COMPONENTS:-$here/../../.components}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
out="$cache/$set_name-$hash"
if [ -f "$out/complete" ]; then echo "$out"; exit 0; fi

building="$out.building.$$"
mkdir -p "$building"
trap 'rm -rf "$building"' EXIT
flags="" # what a rule adds to the linker's
version_of() { (cd "$module" && go list -m -f '{{.Version}}' "$1"); } # MODULE
folder_of() { (cd "$module" && go list -m -f '{{.Dir}}' "$1"); } # MODULE
build() { # PACKAGE NAME
  echo "build.sh: building $2" >&2
  (cd "$module" && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w $flags" -o "$building/$2" "$1") >&2
}
ship() { # FILE NAME: what a run needs beside the binary; files of the module cache are read-only, and scripts there not executable
  install -D -m "$(case "$2" in *.sh) echo 755 ;; *) echo 644 ;; esac)" "$1" "$building/$2"
}
# shellcheck source=/dev/null
source "$module/build-rule.sh"
touch "$building/complete"
# Two builds at once both end well: the first rename wins, the other's work is thrown away.
mv -T "$building" "$out" 2>/dev/null || [ -f "$out/complete" ]
echo "$out"
