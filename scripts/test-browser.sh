#!/usr/bin/env bash
# Runs the tests of the HTML report in chromium, and with axe-core (MPL-2.0, not kept in the repository) where npm can
# download it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
axe_version=4.14.1
read -ra flags <<<"${CARGO_FLAGS:---locked}"

scripts/setup.sh browser
export GREENLIT_AXE="$PWD/target/browser/axe.min.js"
mkdir -p target/browser
if [[ ! -f "$GREENLIT_AXE" ]] && command -v npm >/dev/null; then
    (cd target/browser && npm pack --silent "axe-core@$axe_version" >/dev/null &&
        tar -xzf "axe-core-$axe_version.tgz" --strip-components=1 package/axe.min.js) ||
        echo 'test-browser: npm cannot download axe-core'
fi
skip=()
if [[ ! -f "$GREENLIT_AXE" ]]; then
    echo 'test-browser: accessibility is not tested: axe-core is missing, which npm downloads'
    skip=(--skip with_axe)
fi
"${CARGO:-cargo}" build "${flags[@]}" --bins
# Two browsers at a time, since each test starts one.
"${CARGO:-cargo}" test "${flags[@]}" --test browser -- --ignored --test-threads 2 "${skip[@]}"
