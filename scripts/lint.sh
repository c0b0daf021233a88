#!/usr/bin/env bash
# Formatting and clippy. A toolchain without these components skips them and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo="${CARGO:-cargo}"

if "$cargo" fmt --version >/dev/null 2>&1; then
    echo "$cargo fmt --all --check"
    "$cargo" fmt --all --check
else
    echo 'lint: formatting is not checked: rustfmt is missing (rustup component add rustfmt)'
fi

if "$cargo" clippy --version >/dev/null 2>&1; then
    echo "$cargo clippy --locked --workspace --all-targets -- -D warnings"
    "$cargo" clippy --locked --workspace --all-targets -- -D warnings
else
    echo 'lint: clippy is not run: it is missing (rustup component add clippy)'
fi
