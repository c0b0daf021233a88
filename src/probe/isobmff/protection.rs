//! Detects encrypted samples: protected sample entries (ISO/IEC 14496-12, 8.12), and the auxiliary information
//! of common encryption (ISO/IEC 23001-7) beside other sample entries.

use std::io;

use super::boxes::{BoxHeader, boxes, descendant, read_content};
use crate::probe::bytes::Bytes;

/// Fragments examined at the beginning and at the end: protected samples also need a protected sample entry,
/// so the fragments only matter in files that violate this.
const FRAGMENTS: usize = 8;
/// `senc` as Smooth Streaming writes it, as an extended type.
const PIFF_SENC: [u8; 16] =
    [0xa2, 0x39, 0x4f, 0x52, 0x5a, 0x9b, 0x4f, 0x14, 0xa2, 0x44, 0x6c, 0x42, 0x7c, 0x64, 0x8d, 0xf4];
/// The scheme of samples that have auxiliary information but no scheme type.
const COMMON_ENCRYPTION: &str = "cenc";

/// Returns the encryption scheme of a track; `None` when its samples are clear. One protected sample entry
/// counts, even if other samples are clear.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<Option<String>> {
    let Some(table) = descendant(bytes, trak, &[b"mdia", b"minf", b"stbl"])? else { return Ok(None) };
    if let Some(entries) = descendant(bytes, &table, &[b"stsd"])? {
        let end = entries.end.min(bytes.len()?);
        for entry in boxes(bytes, entries.content.saturating_add(8), end)? {
            if let Some(scheme) = entry_scheme(&entry.kind, &read_content(bytes, &entry)?) {
                return Ok(Some(scheme));
            }
        }
    }
    let in_track = has_sample_encryption(bytes, &table)? || has_sample_encryption(bytes, trak)?;
    Ok(in_track.then(|| COMMON_ENCRYPTION.to_owned()))
}

/// Returns the ids of tracks whose fragments have encryption information.
pub(super) fn encrypted_in_fragments<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
) -> io::Result<Vec<u32>> {
    let size = bytes.len()?;
    let fragments: Vec<_> = top.iter().filter(|found| &found.kind == b"moof" && found.end <= size).collect();
    let last = fragments.len().saturating_sub(FRAGMENTS).max(FRAGMENTS.min(fragments.len()));
    let mut tracks = Vec::new();
    for moof in fragments.iter().take(FRAGMENTS).chain(&fragments[last..]) {
        for traf in boxes(bytes, moof.content, moof.end)?.iter().filter(|found| &found.kind == b"traf") {
            let Some(tfhd) = descendant(bytes, traf, &[b"tfhd"])? else { continue };
            let mut head = [0; 8];
            if bytes.read_at(tfhd.content, &mut head)? < head.len() || !has_sample_encryption(bytes, traf)? {
                continue;
            }
            let [.., a, b, c, d] = head;
            tracks.push(u32::from_be_bytes([a, b, c, d]));
        }
    }
    Ok(tracks)
}

/// Returns the scheme of a sample entry; `None` when the entry is not protected.
fn entry_scheme(kind: &[u8; 4], content: &[u8]) -> Option<String> {
    let protected = kind.starts_with(b"enc") || matches!(kind, b"drms" | b"drmi" | b"resv");
    // The boxes of a sample entry begin at an offset that depends on its kind and version.
    let information = content.windows(4).position(|window| window == b"sinf");
    let scheme = information.and_then(|at| {
        let after = &content[at..];
        let at = after.windows(4).position(|window| window == b"schm")?;
        after.get(at + 8..at + 12)
    });
    match scheme {
        // Restricted entries (`resv`) describe stereo or packed video, which is not encryption.
        _ if kind == b"resv" => None,
        Some(scheme) if protected || information.is_some() => Some(scheme.escape_ascii().to_string()),
        None if protected => Some(kind.escape_ascii().to_string()),
        _ => None,
    }
}

/// Returns whether a box directly contains encryption information for samples.
fn has_sample_encryption<B: Bytes + ?Sized>(bytes: &B, parent: &BoxHeader) -> io::Result<bool> {
    for found in boxes(bytes, parent.content, parent.end.min(bytes.len()?))? {
        let marks = match &found.kind {
            b"senc" => true,
            b"uuid" => starts_with(bytes, &found, 0, &PIFF_SENC)?,
            b"sgpd" => starts_with(bytes, &found, 4, b"seig")? && has_protected_group(bytes, &found)?,
            b"saiz" => {
                let content = read_content(bytes, &found)?;
                let typed = content.get(3).is_some_and(|flags| flags & 1 != 0);
                let kind = content.get(4..8).filter(|_| typed);
                kind.is_some_and(|kind| [&b"cenc"[..], b"cens", b"cbc1", b"cbcs", b"piff"].contains(&kind))
            }
            _ => false,
        };
        if marks {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns whether a description of sample groups `seig` has a group that is protected.
fn has_protected_group<B: Bytes + ?Sized>(bytes: &B, sgpd: &BoxHeader) -> io::Result<bool> {
    let content = read_content(bytes, sgpd)?;
    let word = |at: usize| content.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    // Version 1 states the length of the entries, version 2 a default index, before their number.
    let (length, mut at) = match content.first() {
        Some(0) => (Some(20), 12),
        Some(1) => (word(8).filter(|&length| length > 0), 16),
        _ => (None, 16),
    };
    let count = word(at - 4).unwrap_or(0);
    for _ in 0..count.min(4096) {
        let step = match length {
            Some(length) => length as usize,
            None if content.first() == Some(&1) => {
                let Some(length) = word(at) else { return Ok(false) };
                at += 4;
                length as usize
            }
            None => 20,
        };
        // CencSampleEncryptionInformationGroupEntry: reserved, pattern, isProtected.
        match content.get(at + 2) {
            Some(0) => at += step,
            Some(_) => return Ok(true),
            None => return Ok(false),
        }
    }
    Ok(false)
}

fn starts_with<B: Bytes + ?Sized>(
    bytes: &B,
    found: &BoxHeader,
    skip: u64,
    wanted: &[u8],
) -> io::Result<bool> {
    let mut start = vec![0; wanted.len()];
    let count = bytes.read_at(found.content.saturating_add(skip), &mut start)?;
    Ok(count == wanted.len() && start == wanted)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::boxes::make;
    use super::super::read;

    fn scheme(entries: &[Vec<u8>], beside: &[u8]) -> Option<String> {
        let stsd =
            make(b"stsd", &[&[0; 4], &(entries.len() as u32).to_be_bytes()[..], &entries.concat()].concat());
        let table = make(b"stbl", &[&stsd[..], beside].concat());
        let trak = make(b"trak", &make(b"mdia", &make(b"minf", &table)));
        read(&make(b"moov", &trak)[..]).unwrap().unwrap().tracks[0].encryption.clone()
    }

    fn protected(kind: &[u8; 4], scheme: &[u8; 4]) -> Vec<u8> {
        let information = make(
            b"sinf",
            &[make(b"frma", b"avc1"), make(b"schm", &[&[0; 4], &scheme[..]].concat())].concat(),
        );
        make(kind, &[vec![0; 78], information].concat())
    }

    #[test]
    fn names_the_scheme_of_a_protected_sample_entry() {
        for name in [b"cenc", b"cbcs", b"cens", b"cbc1"] {
            assert_eq!(scheme(&[protected(b"encv", name)], &[]).unwrap().as_bytes(), name);
        }
        assert_eq!(scheme(&[protected(b"drmi", b"itun")], &[]).as_deref(), Some("itun"));
        assert_eq!(scheme(&[make(b"drms", &[0; 28])], &[]).as_deref(), Some("drms"));
        let clear = make(b"avc1", &[0; 90]);
        assert_eq!(scheme(std::slice::from_ref(&clear), &[]), None);
        assert_eq!(scheme(&[clear, protected(b"encv", b"cenc")], &[]).as_deref(), Some("cenc"), "clear lead");
    }

    #[test]
    fn detects_encryption_information_beside_a_clear_sample_entry() {
        let clear = || vec![make(b"avc1", &[0; 90])];
        assert_eq!(scheme(&clear(), &make(b"senc", &[0; 8])).as_deref(), Some("cenc"));
        let saiz = [&[0, 0, 0, 1][..], b"cenc", &[0; 9]].concat();
        assert_eq!(scheme(&clear(), &make(b"saiz", &saiz)).as_deref(), Some("cenc"));
        let group = |is_protected: u8| {
            let entry = [&[0, 0, is_protected, 8][..], &[7; 16]].concat();
            make(b"sgpd", &[&[1, 0, 0, 0][..], b"seig", &[0, 0, 0, 20, 0, 0, 0, 1], &entry].concat())
        };
        assert_eq!(scheme(&clear(), &group(1)).as_deref(), Some("cenc"));
        assert_eq!(scheme(&clear(), &group(0)), None);
        assert_eq!(scheme(&clear(), &make(b"sgpd", &[&[1, 0, 0, 0][..], b"roll", &[0; 8]].concat())), None);
    }
}
