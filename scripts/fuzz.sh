#!/usr/bin/env bash
# Runs each fuzz target for FUZZ_SECONDS (default 60). FUZZ_TARGETS selects targets.
#
# Failing inputs are written to target/fuzz, and the command that reproduces the failure is printed. The corpus
# stays in target/fuzz/corpus for the next run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo="${CARGO:-cargo}"
seconds="${FUZZ_SECONDS:-60}"
read -r -a targets <<<"${FUZZ_TARGETS:-containers bitstreams profile manifest protocol}"
read -r -a flags <<<"${CARGO_FLAGS:---locked}"
work="${CARGO_TARGET_DIR:-target}"

RUSTC_WORKSPACE_WRAPPER="$PWD/fuzz/instrument.sh" "$cargo" build "${flags[@]}" -p greenlit-fuzz --bins

for target in "${targets[@]}"; do
    printf 'fuzz: %s for %s s\n' "$target" "$seconds" >&2
    corpus="$work/fuzz/corpus/$target"
    mkdir -p "$corpus"
    seeds=("fuzz/seeds/$target")
    [[ "$target" == profile ]] && seeds+=(profiles)
    run=("$work/debug/fuzz-$target" -max_len=16384 -timeout=10 -rss_limit_mb=2048
        "-artifact_prefix=$work/fuzz/$target-")
    log="$work/fuzz/$target.log"
    if ! "${run[@]}" "-max_total_time=$seconds" "$corpus" "${seeds[@]}" >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        printf 'fuzz: %s failed; to reproduce it, run %s with the name of the failing input\n' "$target" "${run[0]}" >&2
        exit 1
    fi
    grep -E '^(INFO: Loaded|Done )' "$log" >&2
done
