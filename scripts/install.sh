#!/usr/bin/env bash
# Installs the programs, the manual page and the shell completions below $DESTDIR$PREFIX (/usr/local), from the folder
# with the built programs. `--remove` removes them again.
#
# Usage: scripts/install.sh BUILT_PROGRAMS | scripts/install.sh --remove
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="${DESTDIR:-}${PREFIX:-/usr/local}"
doc="$root/share/doc/greenlit"
files=("$root/bin/greenlit" "$root/bin/greenlit-worker" "$root/share/man/man1/greenlit.1"
    "$root/share/bash-completion/completions/greenlit" "$root/share/zsh/site-functions/_greenlit"
    "$root/share/fish/vendor_completions.d/greenlit.fish"
    "$doc/README.md" "$doc/CHANGELOG.md" "$doc/LICENSE-APACHE" "$doc/LICENSE-MIT" "$doc/PACKAGING.md")

if [[ "${1:-}" == --remove ]]; then
    rm -f "${files[@]}"
    rmdir "$doc" 2>/dev/null || true
    echo "install: removed from $root"
    exit 0
fi
built="${1:?usage: scripts/install.sh BUILT_PROGRAMS | scripts/install.sh --remove}"
for program in greenlit greenlit-worker; do
    [[ -x "$built/$program" ]] || { echo "install: $built/$program is missing: run make build first" >&2; exit 1; }
    # The worker is looked for beside the program.
    install -D -m 755 "$built/$program" "$root/bin/$program"
done
put() { install -D -m 644 /dev/stdin "$1"; }
"$built/greenlit" man | put "$root/share/man/man1/greenlit.1"
"$built/greenlit" completions bash | put "$root/share/bash-completion/completions/greenlit"
"$built/greenlit" completions zsh | put "$root/share/zsh/site-functions/_greenlit"
"$built/greenlit" completions fish | put "$root/share/fish/vendor_completions.d/greenlit.fish"
install -d "$doc"
install -m 644 README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT PACKAGING.md "$doc"
echo "install: $root/bin/greenlit and greenlit-worker, with the manual page and completions for bash, zsh and fish"
