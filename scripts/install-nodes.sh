#!/usr/bin/env bash
# Installs the other versions of Node that Warren runs under and whose OpenSSL it calls, official builds as npm packs
# them, into a cache outside the clone, once each:
#
#     ${WARREN_PEERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/warren-peers}/node@VERSION/node
#
# packages/node/src/crypto/node-versions.interop.test.ts runs with them. npm checks each package's sum.
set -euo pipefail
readonly versions=(22.23.3 24.21.0)
readonly root=${WARREN_PEERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/warren-peers}

package="node-linux-$(node -p process.arch)"
for version in "${versions[@]}"; do
  place=$root/node@$version
  if [ -x "$place/node" ]; then
    echo "node $version: installed already"
    continue
  fi
  echo "node $version: installing"
  made=$root/.installing-node.$$
  rm -rf "$made"
  mkdir -p "$made"
  # Its own scripts do nothing but choose a package for the platform; that is chosen here.
  npm install --prefix "$made" --no-save --ignore-scripts --no-audit --no-fund --silent "$package@$version"
  mv "$made/node_modules/$package/bin/node" "$made/node"
  rm -rf "$made/node_modules"
  "$made/node" --version
  mv "$made" "$place"
done
