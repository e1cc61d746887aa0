#!/usr/bin/env bash
# Writes what `driftmend crds` prints into the folder crds, a file for each CRD, and copies the files into the chart
# (a symbolic link would not survive `helm package`).
#
#   write-crds.sh DRIFTMEND
set -euo pipefail

driftmend=$(realpath "${1:?usage: write-crds.sh DRIFTMEND}")
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT

# A document ends at the next `---` or at the end; its file is called by the plural before `.driftmend.dev`.
"$driftmend" crds | awk -v folder="$fresh" '
  function finish(  name) {
    if (text == "") return
    if (!match(text, /\n  name: [a-z]+\.driftmend\.dev\n/)) { print "write-crds.sh: a document without a name" >"/dev/stderr"; exit 1 }
    name = substr(text, RSTART + 9, RLENGTH - 24)
    sub(/\n+$/, "\n", text)
    printf "%s", text >(folder "/" name ".yaml")
    text = ""
  }
  /^---/ { finish(); next }
  text != "" || NF { text = text $0 "\n" }
  END { finish() }'
for name in driftwatches driftreports; do
  [ -s "$fresh/$name.yaml" ] || { echo "write-crds.sh: driftmend crds printed no $name" >&2; exit 1; }
done
chmod 644 "$fresh"/*.yaml
mkdir -p crds charts/driftmend/files/crds
rm -f crds/*.yaml charts/driftmend/files/crds/*.yaml
cp "$fresh"/*.yaml crds/
cp "$fresh"/*.yaml charts/driftmend/files/crds/
