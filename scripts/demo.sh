#!/usr/bin/env bash
# The whole job once, against the built-in sandbox: check, fix, upload, wait, create the ads.
#
#   DEMO_PROFILE=dev   use the debug build
#   DEMO_DIR           where to work (default demo/)
#   GREENLIT           a greenlit to use instead of building one
#
# Exits 0 when everything went as it should: two of the clips are beyond repair and are refused, one
# upload fails to process and is encoded and uploaded anew, everything else becomes an ad. Run again,
# it must upload nothing and create nothing.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
demo="${DEMO_DIR:-$root/demo}"
cargo="${CARGO:-cargo}"

# What can be created, by scripts/demo-set.sh: two clips, one ad each, are beyond repair.
films=12
ads=13

# How the sandbox behaves: processing takes a moment, and one upload in ten fails to process. With
# this seed that is a single one of the first two dozen.
sandbox=(
    --sandbox-processing 1s..4s
    --sandbox-fault processing-failed=0.1
    --sandbox-seed 1528
    --sandbox-log sandbox.ndjson
)

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf '\ndemo: NOT as expected: %s\n' "$*" >&2
    exit 1
}

if [[ -z "${GREENLIT:-}" ]]; then
    profile="${DEMO_PROFILE:-release}"
    say "Building ($profile; the first time takes some minutes)"
    (cd "$root" && "$cargo" build --locked --profile "$profile" --bins)
    folder="$profile"
    [[ "$profile" != dev ]] || folder=debug
    GREENLIT="${CARGO_TARGET_DIR:-$root/target}/$folder/greenlit"
fi

say 'Making a folder of real clips and a manifest of ads'
"$root/scripts/demo-set.sh" "$demo"
cd "$demo"

# Things that came into being in the sandbox so far: `effects video_created`.
effects() {
    if [[ -f sandbox.ndjson ]]; then
        awk -v kind="\"effect\": *\"$1\"" '$0 ~ kind { n++ } END { print n + 0 }' sandbox.ndjson
    else
        echo 0
    fi
}

uploads_before="$(effects video_created)"
ads_before="$(effects ad_created)"
# What a finished run shipped, and with which build: only with the same set and the same build must a
# further run do nothing. Another build may make other bytes, which have to be sent.
build="$(sha256sum <"$GREENLIT")"
again=no
if [[ -f .shipped ]] && cmp -s .shipped .demo-set; then
    again=other
    if [[ -f .shipped-by && "$(<.shipped-by)" == "$build" ]]; then
        again=yes
    fi
fi
note_shipped() {
    cp .demo-set .shipped
    echo "$build" >.shipped-by
}

command=(ship manifest.csv --to sandbox --upscale "${sandbox[@]}")
say "greenlit ${command[*]}"
code=0
"$GREENLIT" "${command[@]}" || code=$?

uploaded=$(($(effects video_created) - uploads_before))
created=$(($(effects ad_created) - ads_before))

say 'What happened'
echo "exit code $code; the sandbox's log has $uploaded new uploads and $created new ads"
((code == 1)) || fail "the exit code should be 1 (at least one file is refused), not $code"
echo 'Exit code 1 is right: truncated.mp4 lacks data and not-a-film.mp4 is no film; both are refused, and so are their ads.'

if [[ "$again" == yes ]]; then
    ((uploaded == 0 && created == 0)) || fail 'everything was shipped before, so nothing should have been sent'
    echo 'Everything had been shipped by an earlier run, so nothing was uploaded and no ad was created.'
elif [[ "$again" == other ]]; then
    ((created == 0)) || fail 'every ad was there already, so none should have been created'
    echo 'The ads were there already. Films that this build makes differently were sent anew.'
    note_shipped
else
    # A run that was cut short has done part of the work; the totals say whether the rest was added.
    total_uploads="$(effects video_created)"
    total_ads="$(effects ad_created)"
    ((total_ads == ads)) || fail "there should be $ads ads in all, not $total_ads"
    ((total_uploads >= films)) || fail "$films films need more than $total_uploads uploads"
    if ((uploads_before == 0 && total_uploads == films)); then
        fail 'one upload should have failed to process and been sent anew'
    fi
    echo "$total_ads ads for $films films: one film serves two ads and was uploaded once."
    echo "$total_uploads uploads: $((total_uploads - films)) of them because processing had failed; greenlit made that film anew by the next recipe and sent it under a new upload id."
    note_shipped
    echo "Run 'make demo' again: it will upload nothing and create nothing."
fi
echo "Look around: $demo (clips, manifest.csv, sandbox.ndjson); rm -r $demo starts afresh."
