#!/usr/bin/env bash
# Unpacks Debian's packages that manage /etc/resolv.conf beside the other peers of tests, each into a directory of its
# own. They are not installed: they exclude each other, and would take over this machine's own file. The lab lays
# them over the /usr of one of its machines.
set -euo pipefail

root=${WARREN_PEERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/warren-peers}
for package in openresolv resolvconf systemd-resolved; do
  target=$root/$package@debian
  if [ -d "$target" ]; then
    echo "$package is there"
    continue
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  chmod 755 "$work"
  (cd "$work" && apt-get download -qq "$package" && dpkg -x "$package"_*.deb tree)
  mkdir -p "$root"
  rm -rf "$target"
  mv "$work/tree" "$target"
  rm -rf "$work"
  echo "$package is in $target"
done
