#!/usr/bin/env bash
# Builds headless GL (the package gl) into the cache, outside the checkout, for the gpu backend's mode 'headless-gl':
# some five minutes of one core. Does nothing when the build is there.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(node -p 'require("./tools/stand-ins/gl/folder.js")')
version=$(node -p 'require("./tools/stand-ins/gl/package.json").version')
if [ -f "$folder/node_modules/gl/build/Release/webgl.node" ]; then
  echo "headless GL is there: $folder"
  exit 0
fi

needed=(g++ make python3 pkg-config libgl1-mesa-dev libegl1-mesa-dev libgles2-mesa-dev libgl1-mesa-dri
  libx11-dev libxext-dev libxi-dev xvfb xauth)
missing=()
for package in "${needed[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "headless GL needs packages of the system: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi

# Built beside its place and moved there whole.
mkdir -p "$(dirname "$folder")"
work=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo '{ "private": true }' >"$work/package.json"
(cd "$work" && npm install --ignore-scripts --no-audit --no-fund "gl@$version")
# Headers that came with Node are taken; else node-gyp downloads them.
prefix=$(dirname "$(dirname "$(node -p process.execPath)")")
headers=()
[ -f "$prefix/include/node/node.h" ] && headers=(--nodedir "$prefix")
(cd "$work/node_modules/gl" && ../.bin/node-gyp rebuild -j max "${headers[@]}")
# Objects and sources are no longer needed: 20 MB are left of 300.
rm -rf "$work"/node_modules/gl/build/Release/obj* "$work"/node_modules/gl/angle
rm -rf "$folder"
mv "$work" "$folder"
echo "built headless GL: $folder"
