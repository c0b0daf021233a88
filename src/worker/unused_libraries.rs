//! Takes from a template the libraries that no probe uses, so that its workers do not have them.
//!
//! FFmpeg's libraries load 160 others: encoders, filters, devices and network protocols, with what they need themselves.
//! A fork copies all of their mappings and the end of a worker removes them again, which takes longer than most probes.
//! And what a worker does not have, a hostile file cannot use.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Beginnings of the names of the libraries that stay: the C and C++ libraries, FFmpeg's own, and those of its demuxers and
/// decoders; those of music modules (`libgme`, `libopenmpt`) are asked about every file. `libquadmath` has registered a part
/// of itself with `printf`.
const USED: [&str; 37] = [
    "ld-linux",
    "ld-musl",
    "libc.",
    "libc-",
    "libm.",
    "libm-",
    "libgcc_s",
    "libstdc++",
    "libc++",
    "libpthread",
    "libdl",
    "librt",
    "libquadmath",
    "libav",
    "libsw",
    "libz.",
    "libbz2",
    "liblzma",
    "libdav1d",
    "libvpx",
    "libjxl",
    "libhwy",
    "libbrotli",
    "liblcms2",
    "libsnappy",
    "libspeex",
    "libgsm",
    "libcodec2",
    "libzvbi",
    "libpng",
    "libgme",
    "libopenmpt",
    "libmpg123",
    "libvorbis.",
    "libvorbisfile",
    "libogg",
    "libasan",
];
/// Bytes at the start of a library that have its program headers.
const HEADER_BYTES: usize = 4096;
/// The smallest unit of mappings.
const PAGE: usize = 4096;

/// Takes the libraries that no probe uses from this process. From then on it must not look up a symbol, nor run what these
/// libraries registered to run at a fork. A use of them crashes.
///
/// Call it from the only thread of a process that has loaded its libraries, with every symbol bound at the start.
pub(super) fn remove() {
    // A preloaded library may be called from anywhere.
    if std::env::var_os("LD_PRELOAD").is_some() {
        return;
    }
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for addresses in unused(&maps, read_headers) {
        super::raw::remove_mapping(addresses);
    }
}

/// Returns the addresses of the libraries that no probe uses, by the kernel's list of mappings.
fn unused(maps: &str, headers: impl Fn(&Path) -> Option<Headers>) -> Vec<Range<usize>> {
    let first = maps.lines().filter_map(parse).filter(|mapping| mapping.offset == 0);
    let removable = first.filter(|mapping| is_removable(mapping.path));
    let addresses = removable.filter_map(|mapping| {
        let Headers { length, thread_data } = headers(Path::new(mapping.path))?;
        // The loader keeps all of a library together. New threads copy their data.
        let (kept, end) = (thread_data.start / PAGE * PAGE, length.next_multiple_of(PAGE));
        let parts = match thread_data.is_empty() {
            true => [0..end, end..end],
            false => [0..kept.min(end), thread_data.end.next_multiple_of(PAGE).min(end)..end],
        };
        mapping.start.checked_add(end)?;
        Some(parts.map(|part| mapping.start + part.start..mapping.start + part.end))
    });
    addresses.flatten().filter(|part| !part.is_empty()).collect()
}

/// A line of the kernel's list of mappings.
struct Mapping<'a> {
    start: usize,
    /// Where it begins in its file.
    offset: usize,
    path: &'a str,
}

fn parse(line: &str) -> Option<Mapping<'_>> {
    let (start, rest) = line.split_once('-')?;
    // The end, permissions, offset, device, inode and path.
    let mut fields = rest.splitn(6, ' ').skip(2);
    let number = |text| usize::from_str_radix(text, 16).ok();
    let offset = number(fields.next()?)?;
    Some(Mapping { start: number(start)?, offset, path: fields.nth(2)?.trim_start() })
}

fn is_removable(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.starts_with('/') && name.contains(".so") && !USED.iter().any(|used| name.starts_with(used))
}

/// What the program headers of a library say, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Headers {
    /// The memory that the library takes.
    length: usize,
    /// Where the initial values of variables of threads are, which every new thread copies.
    thread_data: Range<usize>,
}

fn read_headers(library: &Path) -> Option<Headers> {
    let mut start = vec![0; HEADER_BYTES];
    let length = File::open(library).ok()?.read_at(&mut start, 0).ok()?;
    parse_headers(start.get(..length)?)
}

/// Reads the program headers at the start of a library (ELF-64, program header).
fn parse_headers(elf: &[u8]) -> Option<Headers> {
    const CLASS_64_LITTLE: &[u8] = b"\x7fELF\x02\x01";
    const LOADED: usize = 1;
    const THREAD_DATA: usize = 7;
    elf.starts_with(CLASS_64_LITTLE).then_some(())?;
    let number = |at: usize, bytes: usize| {
        let field = elf.get(at..at.checked_add(bytes)?)?;
        Some(field.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte)))
    };
    let (table, entry, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let mut headers = Headers::default();
    for index in 0..count {
        let at = table.checked_add(index * entry)?;
        let field = |offset: usize| number(at.checked_add(offset)?, 8);
        match number(at, 4)? {
            LOADED => headers.length = headers.length.max(field(16)?.checked_add(field(40)?)?),
            THREAD_DATA => headers.thread_data = field(16)?..field(16)?.checked_add(field(32)?)?,
            _ => {}
        }
    }
    Some(headers).filter(|headers| headers.length > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn finds_the_addresses_of_libraries_that_no_probe_uses() {
        let maps = "\
            1000-2000 r--p 00000000 08:01 1    /opt/my files/greenlit-worker\n\
            3000-4000 rw-p 00000000 00:00 0    [heap]\n\
            10000-11000 r--p 00000000 08:01 2    /usr/lib/libx264.so.164\n\
            11000-12000 r-xp 00001000 08:01 2    /usr/lib/libx264.so.164\n\
            12000-14000 rw-p 00000000 00:00 0 \n\
            16000-17000 r--p 00000000 08:01 4    /usr/lib/libavcodec.so.59\n\
            18000-1d000 r--p 00000000 08:01 5    /usr/lib/libnuma.so.1\n\
            1e000-1f000 r--p 00000000 08:01 6    /usr/lib/locale/locale-archive\n\
            20000-21000 r--p 00000000 08:01 7    /usr/lib/libodd.so\n";
        let found = unused(maps, |path| match path.file_name()?.to_str()? {
            "libodd.so" => None,
            "libnuma.so.1" => Some(Headers { length: 0x4800, thread_data: 0x2010..0x2018 }),
            _ => Some(Headers { length: 0x2345, thread_data: 0..0 }),
        });
        // With the variables of a library, and not what the loader put behind them.
        assert_eq!(found, [0x10000..0x13000, 0x18000..0x1a000, 0x1b000..0x1d000]);
    }

    #[test]
    fn reads_the_size_of_a_library_and_of_the_data_that_threads_copy() {
        let mut elf = vec![0; 64 + 2 * 56];
        elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (elf[32], elf[54], elf[56]) = (64, 56, 2);
        assert_eq!(parse_headers(&elf), None, "nothing is loaded");
        (elf[64], elf[64 + 17], elf[64 + 41]) = (1, 0x20, 0x10);
        assert_eq!(parse_headers(&elf), Some(Headers { length: 0x3000, thread_data: 0..0 }));
        (elf[64 + 56], elf[64 + 56 + 17], elf[64 + 56 + 32]) = (7, 0x10, 40);
        assert_eq!(parse_headers(&elf), Some(Headers { length: 0x3000, thread_data: 0x1000..0x1028 }));
        assert_eq!(parse_headers(&elf[..100]), None, "cut off");
        assert_eq!(parse_headers(b"#!/bin/sh"), None);
        let program = read_headers(&std::env::current_exe().unwrap()).unwrap();
        assert!(!program.thread_data.is_empty(), "the standard library has variables of threads");
    }
}
