#!/usr/bin/env bash
# Writes a Debian package with the programs, the manual page and completions. It carries no FFmpeg: it depends on the
# packages of the libraries that the worker was linked with, so build it on the release that it is for.
#
# Usage: scripts/deb.sh BUILT_PROGRAMS OUT_DIR
#
#   DEB_COMPRESSION  method of compression (default xz)
#
# The last line of the output is the path of the package.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
built="${1:?usage: scripts/deb.sh BUILT_PROGRAMS OUT_DIR}"
out="${2:?usage: scripts/deb.sh BUILT_PROGRAMS OUT_DIR}"
for tool in dpkg-deb dpkg-shlibdeps; do
    command -v "$tool" >/dev/null || { echo "deb: $tool is missing: apt-get install dpkg-dev" >&2; exit 1; }
done

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
tree="$work/debian/greenlit"
DESTDIR="$tree" PREFIX=/usr scripts/install.sh "$built" >/dev/null

# Debian has its own place for each of these.
doc="$tree/usr/share/doc/greenlit"
rm "$doc"/LICENSE-*
mv "$doc/CHANGELOG.md" "$doc/changelog"
gzip -9n "$doc/changelog" "$tree/usr/share/man/man1/greenlit.1"
mkdir -p "$tree/usr/share/zsh/vendor-completions"
mv "$tree/usr/share/zsh/site-functions/_greenlit" "$tree/usr/share/zsh/vendor-completions/"
rmdir "$tree/usr/share/zsh/site-functions"
{
    cat <<'COPYRIGHT'
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: greenlit
Comment:
 This package carries no part of FFmpeg. greenlit-worker is linked dynamically with the FFmpeg libraries of Debian,
 which Debian builds with --enable-gpl: they are under the GPL, version 2 or later (see
 /usr/share/doc/libavcodec*/copyright). Who passes this package on together with these libraries passes on a work under
 the GPL and must offer the source of the libraries too.

Files: *
Copyright: the authors of greenlit
License: MIT or Apache-2.0

License: MIT
COPYRIGHT
    sed -e 's/^$/./' -e 's/^/ /' LICENSE-MIT
    printf '\nLicense: Apache-2.0\n On Debian systems, the text is in /usr/share/common-licenses/Apache-2.0.\n'
} >"$doc/copyright"

# dpkg-shlibdeps reads the name of the package from debian/control.
printf 'Source: greenlit\n\nPackage: greenlit\nArchitecture: any\n' >"$work/debian/control"
depends="$(cd "$work" && dpkg-shlibdeps -O debian/greenlit/usr/bin/greenlit debian/greenlit/usr/bin/greenlit-worker)"
version="$("$built/greenlit" --version | cut -d ' ' -f 2)-1~deb$(. /etc/os-release && echo "${VERSION_ID:-0}")"
architecture="$(dpkg --print-architecture)"
mkdir "$tree/DEBIAN"
cat >"$tree/DEBIAN/control" <<CONTROL
Package: greenlit
Version: $version
Architecture: $architecture
Maintainer: the authors of greenlit <greenlit@localhost>
Installed-Size: $(du -ks "$tree" | cut -f 1)
Depends: ${depends#shlibs:Depends=}, ca-certificates
Section: video
Priority: optional
Description: check, fix and ship videos for ad platforms
 greenlit checks videos against the rules of ad platforms, fixes those that break
 a rule with the least possible loss, verifies the outputs and uploads them.
 .
 It uses the FFmpeg libraries of Debian, which are under the GPL.
CONTROL
(cd "$tree" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod -R u=rwX,go=rX "$tree"
mkdir -p "$out"
package="$out/greenlit_${version}_$architecture.deb"
dpkg-deb --root-owner-group "-Z${DEB_COMPRESSION:-xz}" --build "$tree" "$package" >/dev/null
echo "$package"
