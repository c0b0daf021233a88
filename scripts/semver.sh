#!/usr/bin/env bash
# Compares the public interface of the library with the last released tag (v*), or with the revision given. It skips the
# check and says so where cargo-semver-checks or a tag is missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo="${CARGO:-cargo}"
baseline="${1:-$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null || true)}"
if [[ -z "$baseline" ]]; then
    echo 'semver: not checked: there is no released tag to compare with; name a revision'
elif ! "$cargo" semver-checks --version >/dev/null 2>&1; then
    echo 'semver: not checked: cargo-semver-checks is missing (cargo install cargo-semver-checks --locked)'
else
    "$cargo" semver-checks --baseline-rev "$baseline" --only-explicit-features --features pipeline,report
fi
