#!/bin/sh
# Installs the packages of the lock file; does nothing when they are there.
set -eu
cd "$(dirname "$0")"
if ! cmp -s package-lock.json node_modules/installed.json; then
  npm ci --silent --no-audit --no-fund
  cp package-lock.json node_modules/installed.json
fi
