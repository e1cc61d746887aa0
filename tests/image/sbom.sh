#!/usr/bin/env bash
# Writes the software bill of materials of the binary: every crate that is built into it or runs in its build, as CycloneDX JSON. What the image
# holds besides, the distribution's libraries, stands in its var/lib/dpkg/status.d.
#
#   sbom.sh OUT      wants cargo-cyclonedx (make setup)
set -euo pipefail

out=${1:?usage: sbom.sh OUT}
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
cargo cyclonedx --version >/dev/null 2>&1 || { printf 'error: cargo-cyclonedx is not installed\nhint: make setup\n' >&2; exit 1; }

# The same commit gives the same file.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
target=$(rustc -vV | sed -n 's/^host: //p')
# It writes beside the manifest, whatever it is told.
made=driftmend.sbom
trap 'rm -f "$made.json"' EXIT
cargo cyclonedx --quiet --format json --spec-version 1.5 --target "$target" --override-filename "$made"
mkdir -p "$(dirname "$out")"
# Where it was built is nobody's business, and would make two files of one commit.
sed "s|file://$root#|file:///src#|g" "$made.json" >"$out"
echo "$out: $(grep -c '"purl": "pkg:cargo/' "$out") crates"
