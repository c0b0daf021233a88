#!/usr/bin/env bash
# Runs `make test` and `make demo`, twice each, in a minimal Debian chroot that has only git, make,
# certificates and this system's Rust toolchain. Needs root and debootstrap.
#
#   scripts/fresh-check.sh bookworm|trixie
#
#   FRESH_TARGETS  a comma-separated list of make targets, or of commands (with spaces)
#                  (default "test,demo"; for example "setup,cargo build --locked --bins")
#   FRESH_PASSES   number of passes over the list (default 2); only the first may install packages
#   FRESH_DIR      folder for the chroot (default $TMPDIR or /tmp)
#   FRESH_MIRROR   Debian archive to install from (default: the first in this system's apt sources)
#   FRESH_KEEP=1   keep the chroot
#   FRESH_REUSE    folder of a chroot that is kept and used again, with its target folder and its packages
#   GREENLIT_CORPUS  folder of further real files; the chroot sees it read-only
#
# The script uses its own mount and process namespaces, so that mounts and processes end with it in any case.
set -euo pipefail

say() { printf 'fresh-check: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

suite="${1:-}"
case "$suite" in
    bookworm | trixie) ;;
    *) die 'usage: scripts/fresh-check.sh bookworm|trixie' ;;
esac

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# The outer part creates the folder and the namespaces, and cleans up.
if [[ "${FRESH_INSIDE:-}" != 1 ]]; then
    [[ "$(id -u)" == 0 ]] || die 'root is required: sudo make fresh-check SUITE=...'
    for tool in debootstrap unshare git; do
        command -v "$tool" >/dev/null || die "$tool is missing: apt-get install debootstrap util-linux git"
    done
    if [[ -n "${FRESH_REUSE:-}" ]]; then
        system="$FRESH_REUSE"
        mkdir -p "$system"
        FRESH_KEEP=1
    else
        system="$(mktemp -d "${FRESH_DIR:-${TMPDIR:-/tmp}}/greenlit-fresh-$suite.XXXXXX")"
    fi
    # The namespace with the mounts no longer exists; --one-file-system is a second protection.
    # shellcheck disable=SC2317 # called by the trap
    clean_up() {
        local ended=$?
        if [[ "${FRESH_KEEP:-}" == 1 ]]; then
            say "kept: $system"
        else
            rm -rf --one-file-system -- "$system"
        fi
        exit "$ended"
    }
    trap clean_up EXIT
    trap 'exit 130' INT TERM HUP
    FRESH_INSIDE=1 FRESH_SYSTEM="$system" \
        unshare --mount --propagation private --pid --fork --kill-child -- "${BASH_SOURCE[0]}" "$suite"
    exit 0
fi

# The inner part runs in the namespaces.
system="$FRESH_SYSTEM"
targets="${FRESH_TARGETS:-test,demo}"
passes="${FRESH_PASSES:-2}"
toolchain="$(rustc --print sysroot)"
cargo_home="${CARGO_HOME:-$HOME/.cargo}"
[[ -x "$toolchain/bin/cargo" && "$toolchain" != /usr ]] ||
    die "cannot share the Rust toolchain in $toolchain with the chroot: install Rust with rustup"

# Prints `URI SUITE` for every archive in this system's apt sources, in both formats.
apt_archives() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        [[ -f "$file" ]] || continue
        sed -E -n 's/^deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\2 \3/p' "$file"
    done
    for file in /etc/apt/sources.list.d/*.sources; do
        [[ -f "$file" ]] || continue
        awk '
            function flush(  i, j, n, m, u, s) {
                n = split(uris, u, " "); m = split(suites, s, " ")
                for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) print u[i], s[j]
                uris = suites = ""
            }
            /^[[:space:]]*$/ { flush() }
            tolower($1) == "uris:" { $1 = ""; uris = $0 }
            tolower($1) == "suites:" { $1 = ""; suites = $0 }
            END { flush() }
        ' "$file"
    done
}

# Prints the archive of a suite. It uses `read`, because `awk … exit` would stop the writer with a signal.
archive_of() {
    local uri name
    while read -r uri name; do
        if [[ "$name" == "$1" ]]; then
            printf '%s\n' "$uri"
            return 0
        fi
    done <<<"$archives"
    return 1
}

archives="$(apt_archives)"
# shellcheck source=/dev/null
host="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
mirror="${FRESH_MIRROR:-$(archive_of "$host" || true)}"
security="$(archive_of "$host-security" || true)"
[[ -n "$mirror" ]] || die 'no archive for this system in its apt sources; set FRESH_MIRROR'

# debootstrap does not read apt's settings, so it needs the proxy from here.
bootstrap() {
    local proxy=''
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    if [[ -n "$proxy" && -z "${http_proxy:-}" ]]; then
        local -x http_proxy="$proxy" https_proxy="${https_proxy:-$proxy}"
    fi
    say "installing a minimal $suite in $system"
    debootstrap --variant=minbase --include=ca-certificates,git,make "$suite" "$system/root" "$mirror" \
        >"$system/debootstrap.log" 2>&1 || {
        tail -n 20 "$system/debootstrap.log" >&2
        die 'debootstrap failed'
    }
}

# Copies this system's apt settings (proxies, checks) and trusted keys.
copy_apt_settings() {
    local file
    for file in /etc/apt/apt.conf /etc/apt/apt.conf.d/*; do
        if [[ -f "$file" ]] && grep -qE '^[[:space:]]*Acquire' "$file"; then
            cp "$file" "$system/root/etc/apt/apt.conf.d/"
        fi
    done
    for file in /etc/apt/trusted.gpg.d /etc/apt/keyrings; do
        [[ -d "$file" ]] && cp -r "$file" "$system/root/etc/apt/"
    done
    {
        printf 'deb %s %s main\n' "$mirror" "$suite"
        printf 'deb %s %s-updates main\n' "$mirror" "$suite"
        [[ -z "$security" ]] || printf 'deb %s %s-security main\n' "$security" "$suite"
    } >"$system/root/etc/apt/sources.list"
    # A new image has no package lists; the set-up must detect that.
    find "$system/root/var/lib/apt/lists" -type f -delete
}

# Mounts the toolchain read-only and creates a cargo home with this system's settings and downloads.
mount_rust() {
    local home="$system/root/root/.cargo" name
    mkdir -p "$system/root/opt/rust" "$home/registry"
    mount --bind "$toolchain" "$system/root/opt/rust"
    mount -o remount,bind,ro "$system/root/opt/rust"
    for name in config config.toml; do
        [[ -f "$cargo_home/$name" ]] && cp "$cargo_home/$name" "$home/"
    done
    for name in cache index; do
        [[ -d "$cargo_home/registry/$name" ]] && cp -r --reflink=auto "$cargo_home/registry/$name" "$home/registry/"
    done
    return 0
}

# Sets up network, devices and certificates, and clones the repository.
set_up_system() {
    cp --dereference /etc/resolv.conf "$system/root/etc/resolv.conf"
    cp /etc/hosts "$system/root/etc/hosts"
    mount -t proc proc "$system/root/proc"
    mount --rbind /dev "$system/root/dev"
    if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
        cp /usr/local/share/ca-certificates/*.crt "$system/root/usr/local/share/ca-certificates/"
        chroot "$system/root" update-ca-certificates >/dev/null 2>&1
    fi
    git -C "$root" diff --quiet HEAD || say 'uncommitted changes are not included'
    if [[ -d "$system/root/src/.git" ]]; then
        git -C "$system/root/src" fetch --quiet "$root" HEAD
        git -C "$system/root/src" checkout --quiet --force --detach FETCH_HEAD
    else
        git clone --quiet --no-hardlinks "$root" "$system/root/src"
    fi
    if [[ -n "${GREENLIT_CORPUS:-}" ]]; then
        mkdir -p "$system/root/corpus"
        mount --bind "$GREENLIT_CORPUS" "$system/root/corpus"
        mount -o remount,bind,ro "$system/root/corpus"
    fi
}

# Runs a command in the chroot with a clean environment plus the network settings.
in_system() {
    local -a keep=()
    local name
    [[ -z "${GREENLIT_CORPUS:-}" ]] || keep+=("GREENLIT_CORPUS=/corpus")
    while IFS='=' read -r name _; do
        case "$name" in
            http_proxy | https_proxy | no_proxy | all_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY | ALL_PROXY | \
                CARGO_HTTP_* | CARGO_NET_* | CARGO_REGISTR* | CARGO_SOURCE_* | CARGO_BUILD_JOBS)
                keep+=("$name=${!name}")
                ;;
        esac
    done < <(env)
    chroot "$system/root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
        PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "${keep[@]}" /bin/bash -c "cd /src && $1"
}

# Prints the number of package manager runs so far.
installations() {
    grep -c '^Start-Date' "$system/root/var/log/apt/history.log" 2>/dev/null || true
}

# The mark says that an earlier run got as far as this.
if [[ ! -e "$system/bootstrapped" ]]; then
    rm -rf --one-file-system -- "$system/root"
    bootstrap
    copy_apt_settings
    touch "$system/bootstrapped"
fi
mount_rust
set_up_system

IFS=',' read -r -a list <<<"$targets"
for ((pass = 1; pass <= passes; pass++)); do
    before="$(installations)"
    for target in "${list[@]}"; do
        command="$target"
        [[ "$target" == *' '* ]] || command="make $target"
        say "pass $pass on $suite: $command"
        started=$SECONDS
        in_system "$command" || die "on $suite, pass $pass: '$command' failed with exit code $?"
        say "pass $pass on $suite: $command: passed in $((SECONDS - started)) s"
    done
    if ((pass > 1)) && [[ "$(installations)" != "$before" ]]; then
        die "on $suite, pass $pass installed packages again"
    fi
done
say "$suite: all passed"
