#!/usr/bin/env bash
# Makes the pictures of the README, docs/pictures/*.png: a terminal and the HTML report, both of a real run over clips of
# fixtures/.
#
# Usage: scripts/pictures.sh BUILT_PROGRAMS
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
built="$(cd "${1:?usage: scripts/pictures.sh BUILT_PROGRAMS}" && pwd)"
command -v chromium >/dev/null || { echo 'pictures: apt-get install chromium' >&2; exit 1; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/clips" docs/pictures
cp fixtures/npm-vide-ocean.mp4 "$work/clips/ocean.mp4"
cp fixtures/npm-vide-ocean.webm "$work/clips/ocean.webm"
cp fixtures/npm-js-ffmpeg-iphone_rotated.mov "$work/clips/phone.mov"
cp fixtures/pypi-pose2sim-cam03.mp4 "$work/clips/camera.mp4"
head -c 600000 fixtures/firefox-media-bunny_hd_5s.mp4 >"$work/clips/truncated.mp4"

# Fails unless the run ends with the exit code of refused files.
run() {
    local code=0
    (cd "$work" && env HOME="$work" XDG_CACHE_HOME="$work/cache" COLUMNS=100 "$built/greenlit" "$@" --no-progress) || code=$?
    [[ "$code" == 1 ]] || { echo "pictures: exit code $code" >&2; exit 1; }
}
screenshot() {
    chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor="$4" \
        --window-size="$3" --user-data-dir="$work/chromium" --screenshot="$2" "file://$1" 2>/dev/null
}

run fix clips --out ready --color always --report html=report.html >"$work/terminal.txt"
# Prints the height of the page with the terminal.
height="$(python3 scripts/ansi_page.py '$ greenlit fix clips --out ready' "$work/terminal.txt" "$work/terminal.html")"
screenshot "$work/terminal.html" "$root/docs/pictures/terminal.png" "900,$height" 1
screenshot "$work/report.html" "$root/docs/pictures/report.png" 1100,1220 1
for picture in docs/pictures/*.png; do
    size="$(stat --format %s "$picture")"
    echo "$picture: $size bytes"
    ((size < 200000)) || { echo "pictures: $picture is too large for the README" >&2; exit 1; }
done
