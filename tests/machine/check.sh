#!/usr/bin/env bash
# Says in one message all that this machine lacks for the build and the tests, with the line that installs it; exit 1 then.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/machine/needs.sh
source "$here/needs.sh"

mapfile -t packages < <(missing_packages)
lacks=("${packages[@]}") lines=()
[ ${#packages[@]} -eq 0 ] || lines+=("  sudo apt-get install --no-install-recommends ${packages[*]}")
# These are not Debian's: its versions are too old.
command -v cargo >/dev/null || { lacks+=(Rust); lines+=("  Rust by rustup, which reads rust-toolchain.toml"); }
command -v go >/dev/null || { lacks+=(Go); lines+=("  Go 1.26 or newer, from its own site"); }
[ ${#lacks[@]} -eq 0 ] && exit 0

IFS=,
printf 'error: this machine lacks %s\n' "$(sed 's/,/, /g' <<<"${lacks[*]}")" >&2
printf '%s\n' 'hint: `make setup` installs what Debian has; by hand it is' "${lines[@]}" >&2
exit 1
