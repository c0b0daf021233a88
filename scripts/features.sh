#!/usr/bin/env bash
# Builds every combination of features that makes sense, without warnings, tests the core alone, and checks that the core
# links none of the libraries that the features add.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo="${CARGO:-cargo}"
read -ra flags <<<"${CARGO_FLAGS:---locked}"

output="$(mktemp)"
trap 'rm -f "$output"' EXIT
for features in '' worker report pipeline libav pipeline,libav ship sandbox cli; do
    echo "features: '${features}'"
    # Flags that turn warnings into errors would build every dependency once more.
    "$cargo" check "${flags[@]}" --lib --no-default-features --features "$features" 2>&1 | tee "$output"
    if grep -q '^warning' "$output"; then
        echo "features: '${features}' has warnings"
        exit 1
    fi
done

echo 'features: tests of the core'
"$cargo" test "${flags[@]}" --lib --no-default-features

tree="$("$cargo" tree --locked --edges normal --no-default-features --prefix none)"
for crate in ffmpeg-next ffmpeg-sys-next rusqlite reqwest hyper axum tokio clap serde_json landlock; do
    if grep -q "^$crate " <<<"$tree"; then
        echo "features: the core depends on $crate"
        exit 1
    fi
done
echo "features: the core has $(sort -u <<<"$tree" | wc -l) crates, itself among them"
