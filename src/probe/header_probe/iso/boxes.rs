//! Walks the boxes of a movie strictly: the media library is lenient in ways of its own, so every irregularity stops the
//! header reader.

use super::super::reason::Reason;
use crate::probe::isobmff::boxes;

/// A box in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node<'a> {
    pub(super) kind: [u8; 4],
    pub(super) content: &'a [u8],
}

/// Returns the boxes in the content of another box, which they fill.
pub(super) fn children(content: &[u8]) -> Result<Vec<Node<'_>>, Reason> {
    let found = boxes(content, 0, content.len() as u64).map_err(|_| Reason::Malformed)?;
    let mut nodes = Vec::with_capacity(found.len());
    let mut end = 0;
    for header in found {
        // A box that lasts to the end of another, which the library does not allow everywhere.
        let start = usize::try_from(header.start).unwrap_or(usize::MAX);
        if content.get(start..).is_none_or(|rest| rest.starts_with(&[0; 4])) {
            return Err(Reason::Malformed);
        }
        let range = usize::try_from(header.content).ok().zip(usize::try_from(header.end).ok());
        let inside = range.and_then(|(from, to)| content.get(from..to)).ok_or(Reason::Malformed)?;
        end = content.len().min(usize::try_from(header.end).unwrap_or(usize::MAX));
        nodes.push(Node { kind: header.kind, content: inside });
    }
    // QuickTime ends some lists with four zeros.
    if content.len() - end >= 8 {
        return Err(Reason::Malformed);
    }
    Ok(nodes)
}

/// Returns the only box of a kind; `None` without one.
pub(super) fn only<'a>(nodes: &[Node<'a>], kind: &[u8; 4]) -> Result<Option<&'a [u8]>, Reason> {
    let mut found = nodes.iter().filter(|node| &node.kind == kind);
    let first = found.next().map(|node| node.content);
    if found.next().is_some() { Err(Reason::Malformed) } else { Ok(first) }
}

/// Returns the only box of a kind, which must be there.
pub(super) fn required<'a>(nodes: &[Node<'a>], kind: &[u8; 4]) -> Result<&'a [u8], Reason> {
    only(nodes, kind)?.ok_or(Reason::Malformed)
}

/// Checks that a parent contains only boxes of these kinds, and such that the library passes over.
pub(super) fn allow(nodes: &[Node<'_>], kinds: &[&[u8; 4]]) -> Result<(), Reason> {
    let is_fine = |node: &Node<'_>| kinds.contains(&&node.kind) || !READ_BY_LIBRARY.contains(&&node.kind);
    if nodes.iter().all(is_fine) { Ok(()) } else { Err(Reason::RareElement) }
}

/// The boxes that some version of the library reads wherever they are. It passes over all others, except in lists of
/// metadata.
pub(super) const READ_BY_LIBRARY: &[&[u8; 4]] = &[
    b"ACLR", b"APRG", b"AALP", b"ARES", b"avss", b"av1C", b"chpl", b"co64", b"colr", b"ctts", b"dinf",
    b"DpxE", b"dref", b"edts", b"elst", b"enda", b"fiel", b"adrm", b"ftyp", b"glbl", b"hdlr", b"ilst",
    b"jp2h", b"mdat", b"mdhd", b"mdia", b"meta", b"minf", b"moof", b"moov", b"mvex", b"mvhd", b"SMI ",
    b"alac", b"avcC", b"pasp", b"sidx", b"stbl", b"stco", b"stps", b"strf", b"stsc", b"stsd", b"stss",
    b"stsz", b"stts", b"stz2", b"sdtp", b"tkhd", b"tfdt", b"tfhd", b"trak", b"traf", b"tref", b"tmcd",
    b"chap", b"trex", b"trun", b"udta", b"wave", b"esds", b"dac3", b"dec3", b"ddts", b"wfex", b"cmov",
    b"chan", b"dvc1", b"sgpd", b"sbgp", b"hvcC", b"uuid", b"Cin\x8e", b"----", b"sinf", b"frma", b"senc",
    b"saiz", b"saio", b"pssh", b"schm", b"schi", b"tenc", b"dfLa", b"st3d", b"sv3d", b"dOps", b"dmlp",
    b"SmDm", b"CoLL", b"vpcC", b"mdcv", b"clli", b"dvcC", b"dvvC", b"dvwC", b"kind", b"SA3D", b"SAND",
    b"iloc", b"pcmC", b"pitm", b"hoov", b"evcC", b"vvcC", b"lhvC", b"iacb", b"srat", b"vexu", b"hfov",
    b"chnl", b"amve", b"iinf", b"iref", b"iprp", b"ispe", b"clap", b"hvcE", b"lvcC",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn boxes_must_fill_their_parent_and_state_their_size() {
        let one = [&[0, 0, 0, 10][..], b"free", &[1, 2]].concat();
        assert_eq!(children(&one).unwrap()[0].content, [1, 2]);
        assert!(children(&[&one[..], &[0; 4]].concat()).is_ok(), "the zeros that end a list in QuickTime");
        assert!(children(&[&one[..], &[0; 9]].concat()).is_err(), "a box without a size");
        assert!(children(&[&one[..], &[0, 0, 0, 3, 9, 9, 9, 9]].concat()).is_err(), "an invalid size");
        assert!(children(&one[..9]).is_err(), "a truncated box");
        let twice = [&one[..], &one].concat();
        assert!(only(&children(&twice).unwrap(), b"free").is_err());
    }
}
