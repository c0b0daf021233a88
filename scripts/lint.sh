#!/usr/bin/env bash
# Checks words and formatting, and runs clippy. Without these rustup components it skips the check and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo="${CARGO:-cargo}"

scripts/lint-words.sh

if "$cargo" fmt --version >/dev/null 2>&1; then
    echo "$cargo fmt --all --check"
    "$cargo" fmt --all --check
else
    echo 'lint: formatting not checked: rustfmt is missing (rustup component add rustfmt)'
fi

if "$cargo" clippy --version >/dev/null 2>&1; then
    echo "$cargo clippy --locked --workspace --all-targets -- -D warnings"
    "$cargo" clippy --locked --workspace --all-targets -- -D warnings
else
    echo 'lint: clippy not run: it is missing (rustup component add clippy)'
fi
