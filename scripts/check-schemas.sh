#!/usr/bin/env bash
# Validates the files for build systems against the schemas of those systems, which come with two Python packages that are
# installed below target/, and runs the pre-commit hook and the script of the GitLab job with the built program.
#
#   GREENLIT_PROGRAMS  folder of the built programs (default target/debug)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
built="$(cd "${GREENLIT_PROGRAMS:-target/debug}" && pwd)"
tools="$root/target/check-schemas"
requirements="$root/scripts/check-schemas.txt"

if ! cmp -s "$requirements" "$tools/installed.txt"; then
    rm -rf "$tools"
    python3 -m venv "$tools" || { echo 'check-schemas: apt-get install python3-venv' >&2; exit 1; }
    "$tools/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
    cp "$requirements" "$tools/installed.txt"
fi
PATH="$built:$tools/bin:$PATH"

echo 'check-schemas: action.yml'
check-jsonschema --quiet --builtin-schema vendor.github-actions action.yml
echo 'check-schemas: ci/greenlit.gitlab-ci.yml'
check-jsonschema --quiet --builtin-schema vendor.gitlab-ci ci/greenlit.gitlab-ci.yml
echo 'check-schemas: .pre-commit-hooks.yaml'
pre-commit validate-manifest .pre-commit-hooks.yaml

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
export HOME="$work" XDG_CACHE_HOME="$work/cache" PRE_COMMIT_HOME="$work/pre-commit"
mkdir "$work/project" "$work/hooks"
cp fixtures/npm-vide-ocean.mp4 "$work/project/clip.mp4"

# Fails unless a command ends with this exit code.
expect() {
    local expected="$1" code=0
    shift
    "$@" >"$work/output" 2>&1 || code=$?
    if [[ "$code" != "$expected" ]]; then
        echo "check-schemas: exit code $code instead of $expected: $*" >&2
        cat "$work/output" >&2
        exit 1
    fi
}

echo 'check-schemas: the job for GitLab runs'
job="$("$tools/bin/python" -c '
import ruamel.yaml
with open("ci/greenlit.gitlab-ci.yml") as file:
    print("\n".join(ruamel.yaml.YAML(typ="safe").load(file)[".greenlit"]["script"]))')"
cd "$work/project"
expect 0 env GREENLIT_PATH=clip.mp4 GREENLIT_ARGS='--profile tiktok-ads' bash -euo pipefail -c "$job"
grep -q '<testcase name="clip.mp4"' greenlit-junit.xml

echo 'check-schemas: the hook for pre-commit runs'
repository() {
    git -C "$1" init --quiet
    git -C "$1" add --all
    git -C "$1" -c user.name=test -c user.email=test@localhost commit --quiet --message test
}
cp "$root/.pre-commit-hooks.yaml" "$work/hooks/"
repository "$work/hooks"
repository "$work/project"
expect 0 pre-commit try-repo "$work/hooks" greenlit-check --files clip.mp4
cp "$root/fixtures/npm-vide-ocean.webm" refused.webm
expect 1 pre-commit try-repo "$work/hooks" greenlit-check --files refused.webm
grep -q 'container: found webm' "$work/output"
