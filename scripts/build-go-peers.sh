#!/usr/bin/env bash
# Builds the real peers that are written in Go (go-peers.txt) into a cache outside the clone, once for each
# version of peer and compiler:
#
#     ${WARREN_PEERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/warren-peers}/NAME@VERSION-GOVERSION/COMMAND
#
#     scripts/build-go-peers.sh [NAME...]      all, or those named
#
# Plain builds without tags, as their makers ship them. Sums: go-peers.txt pins the module's own sum, which
# is compared here, and the go.sum inside the module pins everything that it is built from. So the public
# checksum database is not asked (GOSUMDB=off), needs not be reachable, and yet no sum goes unchecked:
# GONOSUMCHECK, GONOSUMDB and GOFLAGS=-mod=mod, which would accept what no sum vouches for, are not used.
# The compiler is the one installed; none is downloaded (GOTOOLCHAIN=local).
set -euo pipefail
here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly pins=$here/go-peers.txt
readonly root=${WARREN_PEERS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/warren-peers}

say() { printf 'peers: %s\n' "$*"; }
# fail MESSAGE HINT
fail() {
  printf 'error: %s\n  hint: %s\n' "$1" "$2" >&2
  exit 1
}

# Go's own archive is unpacked there, and not every PATH knows it.
command -v go >/dev/null 2>&1 || PATH=$PATH:/usr/local/go/bin
command -v go >/dev/null 2>&1 ||
  fail 'the peers tailscaled, derper and headscale are built with Go, and there is no `go`' \
    'unpack Go 1.26.5 or newer from https://go.dev/dl/ into /usr/local; the one of Debian 12 is too old'

export GOTOOLCHAIN=local GOSUMDB=off GOFLAGS=-mod=readonly GOWORK=off CGO_ENABLED=0
goversion=$(go env GOVERSION)

# field NAME: a string of the JSON that `go mod download` printed
field() { sed -n "s/^\t\"$1\": \"\(.*\)\",\{0,1\}\$/\1/p" <<<"$download"; }

# build NAME MODULE VERSION SUM PACKAGE...
build() {
  local name=$1 module=$2 version=$3 sum=$4 begun=$SECONDS
  shift 4
  local place=$root/$name@$version-$goversion
  if [ -d "$place" ]; then
    say "$name $version: built already"
    return
  fi
  say "$name $version: fetching the source"
  local download
  download=$(cd / && go mod download -json "$module@$version" || true)
  [ -n "$(field Dir)" ] ||
    fail "$module@$version can't be had: $(field Error)" \
      'a module proxy must be reachable (go env GOPROXY), and Go as new as the module asks for'
  [ "$(field Sum)" = "$sum" ] ||
    fail "$module@$version has the sum $(field Sum), and $sum is pinned" \
      'somebody has changed it on its way: do not run it'
  say "$name $version: building with $goversion (minutes, once)"
  local made=$root/.building-$name.$$
  rm -rf "$made"
  mkdir "$made"
  # The stamps are what the makers' own releases carry; other programs have no such variables.
  local stamps="-X tailscale.com/version.shortStamp=${version#v} -X tailscale.com/version.longStamp=${version#v}"
  [ "$module" = tailscale.com ] || stamps=''
  (cd "$(field Dir)" && go build -buildvcs=false -ldflags "-s -w $stamps" -o "$made/" "${@/#/./}")
  mv -T "$made" "$place" # all commands at once, or none
  say "$name $version: built in $((SECONDS - begun)) s"
}

mkdir -p "$root"
# Two builders would do everything twice; the second waits and finds it done.
exec 9>"$root/.lock"
if ! flock -n 9; then
  say 'another process is building: waiting'
  flock 9
fi
rm -rf "$root"/.building-*

wanted=("$@")
known=()
while read -r name rest; do
  [[ -n $name && $name != \#* ]] || continue
  known+=("$name")
  if [ ${#wanted[@]} -eq 0 ] || [[ " ${wanted[*]} " == *" $name "* ]]; then
    # shellcheck disable=SC2086 # fields of the line
    build "$name" $rest
  fi
done <"$pins"
for name in "${wanted[@]}"; do
  [[ " ${known[*]} " == *" $name "* ]] || fail "there is no peer $name" "peers are: ${known[*]}"
done
say "all in $root after $SECONDS s"
