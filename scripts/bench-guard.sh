#!/usr/bin/env bash
# Counts the instructions of the work that each file costs, and compares them with benches/guard.tsv. Instructions are
# the same from run to run, whatever else the machine does. Fails if one piece needs 3 % more or fewer than stored.
#
# Usage: scripts/bench-guard.sh [--store]   (--store writes the counts of this build)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo="${CARGO:-cargo}"
stored=benches/guard.tsv
tolerance=3

command -v valgrind >/dev/null || { echo 'bench-guard: valgrind is missing: apt-get install valgrind'; exit 1; }
# Standard functions are chosen by the processor and come with the C library.
compiler="$(rustc --version | cut -d ' ' -f 2) $(uname -m) $(grep -o -w -m 1 avx2 /proc/cpuinfo || echo 'no avx2')"
compiler+=" $(getconf GNU_LIBC_VERSION)"
# shellcheck disable=SC2086
"$cargo" build ${CARGO_FLAGS:---locked} --profile guard -p greenlit-guard
program="${CARGO_TARGET_DIR:-target}/guard/greenlit-guard"

counts="$(mktemp)"
trap 'rm -f "$counts"' EXIT
printf '# instructions of each piece (benches/guard/src/main.rs), written by scripts/bench-guard.sh --store\n' >"$counts"
printf 'compiler\t%s\n' "$compiler" >>"$counts"
for case in $("$program"); do
    # The seed of hash maps comes from the system; with one address space layout, the order of buckets is the same.
    count="$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='greenlit_guard::counted*' \
        "$program" "$case" 2>&1 | sed -n 's/.*Collected : \([0-9]*\).*/\1/p')"
    [[ "${count:-0}" -gt 0 ]] || { echo "bench-guard: nothing was counted for $case"; exit 1; }
    printf '%s\t%s\n' "$case" "$count" >>"$counts"
done

if [[ "${1:-}" == --store ]]; then
    cp "$counts" "$stored"
    cat "$stored"
    exit 0
fi
if [[ "$(sed -n 's/^compiler\t//p' "$stored")" != "$compiler" ]]; then
    echo "bench-guard: not compared: the counts in $stored are for $(sed -n 's/^compiler\t//p' "$stored"), this is" \
        "$compiler; store new ones with scripts/bench-guard.sh --store"
    exit 0
fi
awk -F '\t' -v tolerance="$tolerance" '
    /^#|^compiler/ { next }
    FNR == NR { stored[$1] = $2; next }
    {
        if (!($1 in stored)) { printf "bench-guard: %s is not stored\n", $1; bad = 1; next }
        change = 100 * ($2 - stored[$1]) / stored[$1]
        printf "bench-guard: %-10s %12d instructions, %+.2f %%\n", $1, $2, change
        if (change > tolerance || change < -tolerance) { bad = 1 }
        delete stored[$1]
    }
    END {
        for (name in stored) { printf "bench-guard: %s is stored and was not counted\n", name; bad = 1 }
        if (bad) {
            print "bench-guard: a piece changed by more than " tolerance " %: make it faster again, or store the" \
                " counts with scripts/bench-guard.sh --store and say why in the commit"
            exit 1
        }
    }' "$stored" "$counts"
