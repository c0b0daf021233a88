#!/usr/bin/env bash
# The check of action.yml: its inputs are the variables INPUT_*. Ends with the exit code of `greenlit check`.
set -euo pipefail
greenlit="${GREENLIT:-greenlit}"
command -v "$greenlit" >/dev/null || {
    echo "::error::$greenlit is not installed: install it in a step before this one, or set the input 'greenlit'"
    exit 2
}

# Each line is one argument, so that no text is split or executed.
options=(--format "${INPUT_FORMAT:-github}")
arguments=(check)
add() {
    local line
    while IFS= read -r line; do
        [[ -z "$line" ]] || arguments+=("${2:+$2=}$line")
    done <<<"$1"
}
add "${INPUT_PROFILE:-}" --profile
add "${INPUT_ARGS:-}"
arguments+=(--)
add "${INPUT_PATH:-.}"

[[ -z "${INPUT_SARIF:-}" ]] || options+=(--report "sarif=$INPUT_SARIF")
code=0
"$greenlit" "${options[@]}" "${arguments[@]}" || code=$?
[[ -z "${GITHUB_OUTPUT:-}" ]] || echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
