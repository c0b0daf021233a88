#!/usr/bin/env bash
# Checks words, formatting and dependencies, and runs clippy. It skips a check whose program is missing and says so.
# tests/supply_chain.rs checks sources, checksums and licences without any of these programs.
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

echo "$cargo doc --locked --no-deps --lib (warnings are errors)"
RUSTDOCFLAGS='-D warnings' "$cargo" doc --locked --no-deps --lib --quiet

if "$cargo" deny --version >/dev/null 2>&1; then
    echo "$cargo deny --workspace check bans licenses sources"
    "$cargo" deny --workspace check bans licenses sources
else
    echo 'lint: cargo deny not run: it is missing (cargo install cargo-deny --locked)'
fi

# The databases of advisories are not downloaded here, so that the result depends on the files alone.
advisories="${CARGO_HOME:-$HOME/.cargo}"
if [[ -d "$advisories/advisory-dbs" ]] && "$cargo" deny --version >/dev/null 2>&1; then
    echo "$cargo deny --offline --workspace check advisories"
    "$cargo" deny --offline --workspace check advisories
elif [[ -d "$advisories/advisory-db" ]] && "$cargo" audit --version >/dev/null 2>&1; then
    echo "$cargo audit --no-fetch"
    "$cargo" audit --no-fetch
else
    echo 'lint: advisories not checked: cargo deny or cargo audit, or its database, is missing (cargo deny fetch)'
fi
