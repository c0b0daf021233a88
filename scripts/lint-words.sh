#!/usr/bin/env bash
# Fails when a tracked file holds a word of lint/words.txt, and prints where.
#
# Licences, locked versions, provenance tables, recorded test seeds and what earlier builds wrote are other people's or
# machine-made text and are left out, and so is the list itself. "Film grain" is a term of AV1, and "film" is
# FFmpeg's name of colour primaries.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

pattern="$(grep -vE '^(#|$)' lint/words.txt | paste -sd '|')"
found="$(git grep -nIwiE "$pattern" -- . ':!lint/words.txt' ':!LICENSE-*' ':!Cargo.lock' ':!fixtures/PROVENANCE.tsv' \
    ':!proptest-regressions' ':!fuzz/seeds' ':!tests/older_files' | grep -viE 'film.grain|"film"' || true)"
if [[ -n "$found" ]]; then
    printf '%s\n' "$found" >&2
    echo 'lint: these lines use words of lint/words.txt; see "Terms" in ARCHITECTURE.md for the right ones' >&2
    exit 1
fi
