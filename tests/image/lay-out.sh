#!/usr/bin/env bash
# Lays out the whole file system of the image: the one list of what is in it, for `make image-root` and the Dockerfile alike.
#
#   lay-out.sh BINARY ROOT      ROOT is replaced
#
# OpenSSL (for Git over https) is the distribution's shared library, not the Cargo feature `vendored`: both ways end near 18 MB,
# but so a fix of OpenSSL is a rebuild on the distribution's update, without a change of Cargo.lock, and the package records
# kept beside the files tell a scanner which version that was. Development, CI and image then also link the same OpenSSL.
set -euo pipefail

binary=${1:?usage: lay-out.sh BINARY ROOT}
root=${2:?usage: lay-out.sh BINARY ROOT}
certificates=/etc/ssl/certs/ca-certificates.crt

for file in "$binary" "$certificates"; do
  [ -s "$file" ] || { echo "lay-out.sh: $file is missing" >&2; exit 1; }
done

building="$root.building.$$"
mkdir -p "$building"
trap 'rm -rf "$building"' EXIT

install -D -m 755 "$binary" "$building/usr/bin/driftmend"

# Every library by the path under which the loader looks for it, the loader itself among them.
ldd "$binary" | { grep -v 'linux-vdso' || true; } | grep -o '/[^ ]*' | sort -u | while read -r library; do
  [ -e "$building$library" ] || install -D -m 755 "$(readlink -f "$library")" "$building$library"
  # One record a package, where image scanners look in an image without a package database. Debian 12 knows some files by
  # their path under /usr and some by the one without.
  real=$(readlink -f "$library")
  package=$({ dpkg-query -S "$real" || dpkg-query -S "${real#/usr}"; } 2>/dev/null | cut -d: -f1 | head -n 1) || true
  [ -z "$package" ] || { mkdir -p "$building/var/lib/dpkg/status.d"; dpkg-query -s "$package" >"$building/var/lib/dpkg/status.d/$package"; }
done
if ldd "$binary" | grep 'not found' >&2; then exit 1; fi

install -D -m 644 "$certificates" "$building$certificates"
[ ! -e /etc/os-release ] || install -D -m 644 "$(readlink -f /etc/os-release)" "$building/etc/os-release"
echo 'driftmend:x:65532:65532:driftmend:/tmp:/sbin/nologin' >"$building/etc/passwd"
echo 'driftmend:x:65532:' >"$building/etc/group"
# Without this glibc asks DNS before the hosts file that the kubelet writes.
echo 'hosts: files dns' >"$building/etc/nsswitch.conf"
# Whoever copies the tree may change the owners: with this mode user 65532 may write all the same.
install -d -m 1777 "$building/tmp" "$building/var/cache/driftmend"

rm -rf "$root"
mv -T "$building" "$root"
echo "$root: $(du -sh "$root" | cut -f1)"
