#!/usr/bin/env bash
# Runs the tests on Debian 13 (FFmpeg 7.1): in a chroot that is kept between runs, with a target folder of its
# own. Only what `make setup` asks for is installed there. Needs root and debootstrap.
#
#   scripts/test-trixie.sh [COMMAND]    COMMAND runs in a clone of the committed state (default: see below)
#
#   TRIXIE_DIR   folder of the kept system (default /var/cache/greenlit-trixie)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

command="${1:-cargo build --locked --bins && cargo test --locked --no-fail-fast}"
export FRESH_REUSE="${TRIXIE_DIR:-/var/cache/greenlit-trixie}"
export FRESH_PASSES=1 FRESH_TARGETS="setup,$command"
exec scripts/fresh-check.sh trixie
