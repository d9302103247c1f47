#!/bin/sh
# Makes a checkout usable: npm packages (with the Node.js that Gatehouse runs on) and the named Debian packages.
# Needs only sh, Node.js >= 20 with npm, and for Debian packages root. Does nothing when everything is there.
#   scripts/bootstrap.sh [--develop] [program:debian-package ...]      for example redis-server:redis-server
# --develop: also the npm packages that only tests, checks, benches, the demo and the documentation need.
set -eu
cd "$(dirname "$0")/.."

node_wanted=24.18
say() { echo "gatehouse: $*" >&2; }
fail() { say "$*"; exit 1; }

# Is the version at least $node_wanted?
new_enough() {
  printf '%s\n%s\n' "$node_wanted" "${1#v}" | sort -V -C
}

develop=
[ "${1:-}" != --develop ] || { develop=yes && shift; }

# Is everything of this kind there, as the lock file says?
is_ready() {
  [ -e "node_modules/$1" ] && [ ! package-lock.json -nt "node_modules/$1" ] && [ -x node_modules/.bin/node ]
}

ready() {
  is_ready .installed-develop || { [ -z "$develop" ] && is_ready .installed; }
}

# The npm package `node` fetches its binary in an install script; where scripts are off, take the script-free package.
node_without_scripts() {
  version=$(sed -n 's/^ *"node": "\([0-9][0-9.]*\)".*/\1/p' package.json | head -n 1)
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) fail "there is no Node.js $version package for $(uname -m); put a node >= $node_wanted into node_modules/node/bin" ;;
  esac
  say "npm install scripts are off: taking node-linux-$arch@$version"
  rm -rf node_modules/.node-binary && mkdir -p node_modules/.node-binary node_modules/node/bin node_modules/.bin
  npm pack "node-linux-$arch@$version" --pack-destination node_modules/.node-binary --loglevel=error >/dev/null
  tar -xzf node_modules/.node-binary/*.tgz -C node_modules/.node-binary package/bin/node
  mv -f node_modules/.node-binary/package/bin/node node_modules/node/bin/node
  rm -rf node_modules/.node-binary
  ln -sf ../node/bin/node node_modules/.bin/node
}

packages() {
  ready && return
  command -v npm >/dev/null || fail "npm is missing: install Node.js 20 or newer with npm"
  mkdir -p -m 700 .gatehouse
  exec 9>.gatehouse/install.lock
  ! command -v flock >/dev/null || flock 9
  ready && return
  say "installing npm packages (once)"
  # `install --no-save`: exactly the locked versions, and native packages for platforms that the lock file does not list.
  npm install --no-save $([ -n "$develop" ] || echo --omit=dev) --no-audit --no-fund --loglevel=error --engine-strict=false >&2 ||
    fail "npm could not install the packages; its messages stand above"
  node_modules/.bin/node --version >/dev/null 2>&1 || node_without_scripts
  version=$(node_modules/.bin/node --version) || fail "node_modules/.bin/node does not run on this machine"
  new_enough "$version" || fail "Node.js $version in node_modules is too old; $node_wanted or newer is needed"
  touch node_modules/.installed${develop:+-develop}
  exec 9>&-
}

packages
[ $# -eq 0 ] || scripts/debian-packages.sh "$@"
