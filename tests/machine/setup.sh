#!/usr/bin/env bash
# Installs what a new machine lacks: Debian packages, the compilers, Cargo's tools. What is there is left alone. Asks nothing: without root it
# takes `sudo -n`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/machine/needs.sh
source "$here/needs.sh"
cd "$here/../.."

root=()
[ "$(id -u)" -eq 0 ] || root=(sudo -n)

packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} -eq 0 ]; then echo "packages: nothing is missing"; return 0; fi
  echo "packages: installing ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "error: this is no Debian; install what your system calls ${missing[*]}" >&2
    return 1
  fi
  if ! "${root[@]}" true 2>/dev/null; then
    printf 'error: neither root nor sudo without a password\nhint: sudo apt-get install --no-install-recommends %s\n' "${missing[*]}" >&2
    return 1
  fi
  # The tests start a Redis and an sshd of their own; without this rule (an image has it mostly) a package starts its service.
  local rule=/usr/sbin/policy-rc.d ours="" result=0
  if [ ! -e "$rule" ]; then
    ours=yes
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" install -m 755 /dev/stdin "$rule"
  fi
  "${root[@]}" apt-get update -q &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}" || result=$?
  [ -z "$ours" ] || "${root[@]}" rm "$rule"
  return $result
}

# Without a nightly compiler the fuzzer takes the pinned one with its unstable flags unlocked (tests/fuzz/run.sh).
compilers() {
  if ! command -v rustup >/dev/null; then
    echo "compilers: no rustup here; $(cargo --version 2>/dev/null || echo 'and no cargo') is used"
    return 0
  fi
  local wanted
  wanted=$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)
  rustup run "$wanted" cargo --version || rustup toolchain install "$wanted" --profile minimal --component clippy --component rustfmt
}

tools() {
  local name version command
  for tool in "${tools[@]}"; do
    read -r name version command <<<"$tool"
    # Kept in Cargo's own bin folder: minutes once, nothing the next time.
    cargo "$command" --version 2>/dev/null || { echo "tools: building $name $version"; cargo install --locked --quiet "$name@$version"; }
  done
}

packages
compilers
tools
# What apt-get cannot mend, such as a missing Go, is told here and not in the middle of a test.
bash "$here/check.sh"
