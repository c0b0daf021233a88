#!/usr/bin/env bash
# Sees to it that the system has what the build and the tests need.
#
# What is there is found without the package manager, so a second run takes no time and does
# nothing. What is missing is installed when that is possible without a password; otherwise the
# line to type is printed and the exit code is 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

libraries=(libavcodec libavformat libavutil libavfilter libswscale libswresample)

say() { printf 'setup: %s\n' "$*" >&2; }

# A file matching one of the patterns exists.
exists() {
    local pattern
    for pattern in "$@"; do
        compgen -G "$pattern" >/dev/null && return 0
    done
    return 1
}

# The one for C++ builds the fuzzer.
has_c_compiler() {
    command -v c++ >/dev/null && command -v cc >/dev/null && cc -E - <<<'#include <stdio.h>' >/dev/null 2>&1
}

# The library, and the headers of the compiler (stddef.h and friends) that come with it.
has_libclang() {
    exists "${LIBCLANG_PATH:-/nonexistent}/libclang*.so*" /usr/lib/llvm-*/lib/libclang*.so* \
        /usr/lib/*/libclang*.so* /usr/lib64/libclang*.so* /usr/lib/libclang*.so* &&
        exists /usr/lib/llvm-*/lib/clang/*/include/stddef.h /usr/lib{,64}/clang/*/include/stddef.h
}

# Debian's names of the packages that are missing, one a line. Ubuntu 24.04 has the same names.
missing_packages() {
    local library
    has_c_compiler || echo build-essential
    command -v pkg-config >/dev/null || echo pkg-config
    has_libclang || echo libclang-dev
    for library in "${libraries[@]}"; do
        pkg-config --exists "$library" 2>/dev/null || echo "$library-dev"
    done
    { command -v ffmpeg && command -v ffprobe; } >/dev/null || echo ffmpeg
    exists /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt || echo ca-certificates
}

# Runs a command as root; `as_root true` tells whether that is possible.
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

# Whether apt knows a version of every package given: a fresh image has no package lists.
apt_knows() {
    local package
    for package in "$@"; do
        [[ "$(apt-cache policy "$package" 2>/dev/null)" == *'Candidate: '[0-9]* ]] || return 1
    done
}

install_packages() {
    local line="apt-get install -y --no-install-recommends $*"
    if ! command -v apt-get >/dev/null; then
        say "missing, by Debian's names: $*"
        say 'this system has no apt-get: install what corresponds to them, then run this again'
        return 1
    fi
    if ! as_root true 2>/dev/null; then
        say 'system packages are missing and there is neither root nor sudo without a password. Type:'
        printf '\n    sudo apt-get update && sudo %s\n\n' "$line" >&2
        return 1
    fi
    say "installing $*"
    if ! apt_knows "$@"; then
        apt update
        apt install -y --no-install-recommends "$@"
    elif ! apt install -y --no-install-recommends "$@"; then
        say 'that failed; the package lists may be old: updating them and trying once more'
        apt update
        apt install -y --no-install-recommends "$@"
    fi
}

# `1.89` is at most `1.95.0`.
at_most() {
    [[ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" == "$1" ]]
}

check_rust() {
    local wanted have
    wanted="$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)"
    if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
        say "Rust $wanted or later is needed and cargo is not in PATH. Get it from https://rustup.rs,"
        say 'or from the distribution if it has that version (Debian 13: apt-get install rustup,'
        say 'then rustup default stable), and run this again.'
        return 1
    fi
    have="$(rustc --version | awk '{ print $2 }')"
    if ! at_most "$wanted" "${have%%-*}"; then
        say "Rust $wanted or later is needed; this is $have ($(command -v rustc))."
        say 'With rustup: rustup update stable. A distribution older than that needs https://rustup.rs.'
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
    say 'the system packages are in place'
fi
check_rust
