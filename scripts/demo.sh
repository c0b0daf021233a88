#!/usr/bin/env bash
# Runs the whole process against the built-in sandbox: check, fix, upload, wait, create the ads.
#
#   DEMO_PROFILE=dev   use the debug build
#   DEMO_DIR           working folder (default demo/)
#   GREENLIT           greenlit binary to use instead of building one
#
# Exits with 0 if the result is as expected: two clips cannot be fixed and are refused, one upload fails to
# process and is re-encoded and uploaded again, and all other videos become ads. A second run must upload and
# create nothing.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
demo="${DEMO_DIR:-$root/demo}"
cargo="${CARGO:-cargo}"

# The videos and ads of scripts/demo-set.sh without the two clips, one ad each, that cannot be fixed.
videos=12
ads=13

# In the sandbox, processing takes a few seconds and one upload in ten fails to process. With this seed, exactly
# one of the first 24 fails.
sandbox=(
    --sandbox-processing 1s..4s
    --sandbox-fault processing-failed=0.1
    --sandbox-seed 1528
    --sandbox-log sandbox.ndjson
)

say() { printf '\n== %s\n' "$*"; }
fail() {
    printf '\ndemo: unexpected result: %s\n' "$*" >&2
    exit 1
}

if [[ -z "${GREENLIT:-}" ]]; then
    profile="${DEMO_PROFILE:-release}"
    say "Building ($profile; the first build takes some minutes)"
    (cd "$root" && "$cargo" build --locked --profile "$profile" --bins)
    folder="$profile"
    [[ "$profile" != dev ]] || folder=debug
    GREENLIT="${CARGO_TARGET_DIR:-$root/target}/$folder/greenlit"
fi

say 'Preparing a folder of real clips and a manifest of ads'
"$root/scripts/demo-set.sh" "$demo"
cd "$demo"

# Counts the effects of a kind in the sandbox's log, such as `effects video_created`.
effects() {
    if [[ -f sandbox.ndjson ]]; then
        awk -v kind="\"effect\": *\"$1\"" '$0 ~ kind { n++ } END { print n + 0 }' sandbox.ndjson
    else
        echo 0
    fi
}

uploads_before="$(effects video_created)"
ads_before="$(effects ad_created)"
# A further run must do nothing only with the same set and the same build: another build may produce other bytes,
# which have to be uploaded.
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

# The platform never lists a video that fails to process; --retry-slow uploads it again after the deadline.
command=(ship manifest.csv --to sandbox --upscale --poll-deadline 20s --retry-slow "${sandbox[@]}")
say "greenlit ${command[*]}"
code=0
"$GREENLIT" "${command[@]}" || code=$?

uploaded=$(($(effects video_created) - uploads_before))
created=$(($(effects ad_created) - ads_before))

say 'Result'
echo "Exit code $code; the sandbox's log has $uploaded new uploads and $created new ads."
((code == 1)) || fail "the exit code should be 1 (at least one file is refused), not $code"
echo 'Exit code 1 is correct: data is missing in truncated.mp4, and not-a-video.mp4 is not a video. Both are refused, with their ads.'

if [[ "$again" == yes ]]; then
    ((uploaded == 0 && created == 0)) || fail 'everything was shipped before, so nothing should have been sent'
    echo 'An earlier run shipped everything, so nothing was uploaded and no ad was created.'
elif [[ "$again" == other ]]; then
    ((created == 0)) || fail 'all ads existed already, so none should have been created'
    echo 'The ads existed already. Videos whose outputs differ with this build were uploaded again.'
    note_shipped
else
    # An interrupted run has done part of the work; the totals show whether the rest was added.
    total_uploads="$(effects video_created)"
    total_ads="$(effects ad_created)"
    ((total_ads == ads)) || fail "there should be $ads ads in total, not $total_ads"
    ((total_uploads >= videos)) || fail "$videos videos need more than $total_uploads uploads"
    if ((uploads_before == 0 && total_uploads == videos)); then
        fail 'one upload should have failed to process and been uploaded again'
    fi
    echo "$total_ads ads for $videos videos: two ads use the same video, which was uploaded once."
    echo "$total_uploads uploads, $((total_uploads - videos)) of them because processing failed and the video never became ready: greenlit re-encoded it with the next encode mode and uploaded it again (--retry-slow)."
    note_shipped
    echo "Run 'make demo' again: it uploads nothing and creates nothing."
fi
echo "The files are in $demo (clips, manifest.csv, sandbox.ndjson). To start again from scratch: rm -r $demo"
