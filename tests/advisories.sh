#!/usr/bin/env bash
# Holds the dependencies against a database of security advisories, where there is one: DRIFTMEND_ADVISORY_DB names the folder of a clone of
# RustSec's advisory-db. Nothing is fetched. Without it the step says that nothing was checked; it never looks like a pass.
set -euo pipefail
cd "$(dirname "$0")/.."

database=${DRIFTMEND_ADVISORY_DB:-}
if [ -z "$database" ]; then
  echo "advisories: NOT CHECKED (DRIFTMEND_ADVISORY_DB names no clone of RustSec's advisory-db)"
  exit 0
fi
[ -d "$database/crates" ] || { printf 'error: %s is no clone of advisory-db: it has no folder crates\n' "$database" >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# cargo-deny finds a database by a name that it makes of the database's address; this is the one of its default.
ln -s "$(cd "$database" && pwd)" "$folder/advisory-db-3157b0e258782691"
sed "s|^\[advisories\]\$|&\ndb-path = \"$folder\"|" deny.toml >"$folder/deny.toml"
cargo deny --locked --offline check --config "$folder/deny.toml" --disable-fetch advisories
