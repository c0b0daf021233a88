#!/usr/bin/env bash
# Installs the system packages that the build and the tests need.
#
# Installed packages are detected without the package manager, so a second run is fast and does nothing. Missing
# packages are installed if that is possible without a password; otherwise the script prints the command to type
# and exits with 1. With the argument `browser` it also installs one, for `make test-browser`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

extra="${1:-}"
libraries=(libavcodec libavformat libavutil libavfilter libswscale libswresample)

say() { printf 'setup: %s\n' "$*" >&2; }

# Whether a file matches one of the patterns.
exists() {
    local pattern
    for pattern in "$@"; do
        compgen -G "$pattern" >/dev/null && return 0
    done
    return 1
}

# Whether there are compilers for C and C++; the fuzzer needs C++.
has_c_compiler() {
    command -v c++ >/dev/null && command -v cc >/dev/null && cc -E - <<<'#include <stdio.h>' >/dev/null 2>&1
}

# Whether libclang and its compiler headers (stddef.h and others) are installed.
has_libclang() {
    exists "${LIBCLANG_PATH:-/nonexistent}/libclang*.so*" /usr/lib/llvm-*/lib/libclang*.so* \
        /usr/lib/*/libclang*.so* /usr/lib64/libclang*.so* /usr/lib/libclang*.so* &&
        exists /usr/lib/llvm-*/lib/clang/*/include/stddef.h /usr/lib{,64}/clang/*/include/stddef.h
}

# Prints the Debian names of the missing packages, one per line. Ubuntu 24.04 uses the same names.
missing_packages() {
    local library
    has_c_compiler || echo build-essential
    command -v pkg-config >/dev/null || echo pkg-config
    has_libclang || echo libclang-dev
    for library in "${libraries[@]}"; do
        pkg-config --exists "$library" 2>/dev/null || echo "$library-dev"
    done
    { command -v ffmpeg && command -v ffprobe; } >/dev/null || echo ffmpeg
    # Only for the tests of reports.
    command -v xmllint >/dev/null || echo libxml2-utils
    # Only for `make bench-guard`.
    command -v valgrind >/dev/null || echo valgrind
    # Only for the test that traces the workers.
    [[ "$(uname)" != Linux ]] || command -v strace >/dev/null || echo strace
    if [[ "$extra" == browser ]]; then
        command -v chromium >/dev/null || echo chromium
        command -v chromedriver >/dev/null || echo chromium-driver
    fi
    exists /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt || echo ca-certificates
}

# Runs a command as root; `as_root true` tests whether that is possible.
as_root() {
    if [[ "$(id -u)" == 0 ]]; then
        "$@"
    else
        command -v sudo >/dev/null && sudo -n "$@"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get "$@"
}

# Whether apt knows a version of each package; a new system image has no package lists.
apt_knows() {
    local package
    for package in "$@"; do
        [[ "$(apt-cache policy "$package" 2>/dev/null)" == *'Candidate: '[0-9]* ]] || return 1
    done
}

install_packages() {
    local line="apt-get install -y --no-install-recommends $*"
    if ! command -v apt-get >/dev/null; then
        say "missing packages (Debian names): $*"
        say 'this system has no apt-get: install the equivalent packages, then run this again'
        return 1
    fi
    if ! as_root true 2>/dev/null; then
        say 'system packages are missing, and installing them needs root or sudo without a password. Run:'
        printf '\n    sudo apt-get update && sudo %s\n\n' "$line" >&2
        return 1
    fi
    say "installing $*"
    if ! apt_knows "$@"; then
        apt update
        apt install -y --no-install-recommends "$@"
    elif ! apt install -y --no-install-recommends "$@"; then
        say 'the installation failed; updating the package lists and trying again'
        apt update
        apt install -y --no-install-recommends "$@"
    fi
}

# Compares versions: at_most 1.89 1.95.0 succeeds.
at_most() {
    [[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" == "$1" ]]
}

check_rust() {
    local wanted have
    wanted="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)"
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        say "Rust $wanted or later is required, and cargo is not in PATH. Install it from https://rustup.rs,"
        say 'or from your distribution if it has that version (Debian 13: apt-get install rustup,'
        say 'then rustup default stable). Then run this again.'
        return 1
    fi
    have="$(rustc --version | awk '{ print $2 }')"
    if ! at_most "$wanted" "${have%%-*}"; then
        say "Rust $wanted or later is required; found $have ($(command -v rustc))."
        say 'With rustup, run: rustup update stable. Otherwise install Rust from https://rustup.rs.'
        return 1
    fi
}

mapfile -t missing < <(missing_packages)
if ((${#missing[@]} > 0)); then
    install_packages "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    if ((${#missing[@]} > 0)); then
        say "still missing after the installation: ${missing[*]}"
        exit 1
    fi
    say 'the system packages are installed'
fi
check_rust
