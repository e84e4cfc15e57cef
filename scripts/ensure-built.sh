#!/usr/bin/env bash
# Installs npm packages and builds, each only when needed; called by ./warren and, through
# ensure-built.mjs, by `npm test`. This file alone decides what is stale:
#
#   packages  node_modules is missing, or package-lock.json is newer and asks for something else
#   build     no stamp (.warren-built), a dist missing, or a source newer than the stamp
#
# Quiet and quick (a few `find`) when there is nothing to do. Progress goes to stderr. Two at once don't
# both build: the second waits on a lock of the root directory and then finds nothing to do.
set -u
trap 'exit 130' INT
cd -P "$(dirname "${BASH_SOURCE[0]}")/.." || exit 70

readonly stamp=.warren-built
readonly least_node='20.19'
# npm writes this file last; its time is the time of the installation.
readonly installed=node_modules/.package-lock.json

say() { printf 'warren: %s\n' "$*" >&2; }
# fail EXIT_CODE MESSAGE HINT
fail() {
  printf 'error: %s\n  hint: %s\n' "$2" "$3" >&2
  exit "$1"
}

check_node() {
  local how='get Node.js 20.19 or newer: https://nodejs.org/en/download, or your package manager'
  command -v node >/dev/null 2>&1 || fail 1 'Warren needs Node.js, and there is no `node`' "$how"
  local version major minor
  version=$(node --version 2>/dev/null) || fail 1 '`node --version` fails' "$how"
  version=${version#v}
  major=${version%%.*}
  minor=${version#*.}
  minor=${minor%%.*}
  if ((major < 20 || (major == 20 && minor < 19))); then
    fail 1 "Warren needs Node.js $least_node or newer, and this is $version" "$how"
  fi
}

packages_stale() {
  [[ -f $installed ]] || return 0
  [[ package-lock.json -nt $installed ]] || return 1
  # A fresh checkout makes the lock file newer without changing it.
  node scripts/same-packages.mjs package-lock.json "$installed" || return 0
  touch -r package-lock.json "$installed" 2>/dev/null
  return 1
}

build_stale() {
  [[ -f $stamp ]] || return 0
  local manifest
  for manifest in packages/*/tsconfig.json; do
    [[ -d ${manifest%/*}/dist ]] || return 0
  done
  # A directory is newer when a file in it was added, removed or renamed.
  local newer
  newer=$(
    find tsconfig.json tsconfig.base.json packages/*/package.json packages/*/tsconfig.json \
      packages/*/src \( -type d -o -type f ! -name '*.test.ts' \) -newer "$stamp" -print 2>/dev/null |
      head -n 1
  )
  [[ -n $newer ]]
}

# The cause of npm's failures stands at the top of its log, that of most others at the end.
show_log() {
  local log=$1
  printf -- '--- %s\n' "$log" >&2
  if (($(wc -l <"$log") <= 30)); then
    cat "$log" >&2
  else
    { head -n 14 "$log" && printf '...\n' && tail -n 14 "$log"; } >&2
  fi
  printf -- '---\n' >&2
}

# run_logged WHAT COMMAND...: its output goes into a log, which is shown and kept when the command fails.
run_logged() {
  local what=$1 log
  shift
  log=$(mktemp "${TMPDIR:-/tmp}/warren-setup.XXXXXX") || exit 70
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
    return 0
  fi
  show_log "$log"
  fail 1 "$what failed" "the whole log is $log; mend the cause and run the same command again"
}

# A control server needs SQLite: better-sqlite3, which npm fetches ready-made or compiles, or the one inside of
# newer Node.js. It is optional: without it everything else works.
lacks_sqlite() {
  [[ -f package-lock.json ]] && grep -q '"node_modules/better-sqlite3"' package-lock.json || return 1
  [[ ! -d node_modules/better-sqlite3 ]] || return 1
  node -e 'process.exit(process.getBuiltinModule?.("node:sqlite") === undefined ? 0 : 1)' 2>/dev/null
}

# The npm package that brings this very Node.js has its headers too: the registry may be all that can be reached.
# Prints their directory.
fetch_headers() {
  local name
  name=$(node -p '`node-${process.platform}-${process.arch}@${process.version.slice(1)}`')
  npm install --prefix "$1" --no-save --no-audit --no-fund --ignore-scripts "$name" >/dev/null 2>&1 </dev/null
  node scripts/node-headers.mjs "$1/node_modules/${name%@*}"
}

npm_ci() {
  run_logged 'installing the npm packages' npm ci --include=dev --no-audit --no-fund --no-progress
}

install_packages() {
  command -v npm >/dev/null 2>&1 ||
    fail 1 'Warren needs npm, and there is no `npm`' 'it comes with Node.js; on Debian: apt-get install npm'
  say 'installing npm packages (once; takes a minute or two) ...'
  rm -f "$stamp" # another compiler may come
  local headers directory
  if headers=$(node scripts/node-headers.mjs); then export npm_config_nodedir=$headers; fi
  npm_ci
  if lacks_sqlite && [[ -z $headers ]]; then
    say 'SQLite could not be built; fetching the headers of this Node.js from the npm registry ...'
    directory=$(mktemp -d "${TMPDIR:-/tmp}/warren-headers.XXXXXX") || exit 70
    if headers=$(fetch_headers "$directory"); then npm_config_nodedir=$headers npm_ci; fi
    rm -rf "$directory"
  fi
  if lacks_sqlite; then
    say 'SQLite could not be built here, which only hubs need: npm ci --foreground-scripts says why'
  fi
  # npm may keep the time of an unchanged file.
  touch -r package-lock.json "$installed"
}

build() {
  say 'building ...'
  local started
  # The stamp carries the time of the start: what is saved during the build counts as newer.
  started=$(mktemp "$stamp.XXXXXX") || exit 70
  trap 'rm -f "$started"' EXIT
  run_logged 'the build' npm run --silent build
  mv -f "$started" "$stamp"
  trap - EXIT
}

nothing_to_do() { ! packages_stale && ! build_stale; }

check_node
nothing_to_do && exit 0

[[ -w . ]] || fail 77 "Warren has to be built, and $PWD is not yours to write in" \
  'run this command once as the owner of that directory'
if command -v flock >/dev/null 2>&1; then
  exec 9<.
  if ! flock -n 9; then
    say 'another process is building here: waiting ...'
    flock 9
  fi
  nothing_to_do && exit 0
fi
begun=$SECONDS
packages_stale && install_packages
build_stale && build
say "ready after $((SECONDS - begun)) s"
