//! Movies that the end of the file cuts off.

use super::boxes::{READ_BY_LIBRARY, children};
use super::movie::check_data_references;
use super::tables::MAX_OFFSET;
use crate::probe::isobmff::FieldReader;

/// Bytes of the head of a box: size and type.
const HEAD: usize = 8;
/// Bytes of a table before its entries: version, flags and the number of entries.
const TABLE_FIELDS: usize = 4 + 4;

/// Returns whether the library refuses a movie of which these bytes are left, because they end inside a table that it
/// reads as a whole. Ends elsewhere leave a movie that it opens.
pub(super) fn ends_in_table(moov: &[u8], declared: u64) -> bool {
    cut_table(b"moov", moov, declared).is_some()
}

/// Finds the table among the boxes in the content of another, which declares to be longer; `None` where the bytes end
/// elsewhere, or a box is malformed or in a place of its own.
fn cut_table(parent: &[u8; 4], content: &[u8], declared: u64) -> Option<()> {
    let mut known = Vec::new();
    let mut at = 0;
    loop {
        let mut fields = FieldReader(content.get(at..)?);
        let size = u64::from(fields.word()?);
        let kind: [u8; 4] = fields.bytes(4)?.try_into().ok()?;
        let end = (at as u64).checked_add(size)?;
        if size < HEAD as u64 || end > declared || !belongs(&kind, parent) {
            return None;
        }
        if end > content.len() as u64 {
            let cut = content.get(at + HEAD..)?;
            return match &kind {
                b"trak" | b"mdia" | b"minf" | b"stbl" => cut_table(&kind, cut, size - HEAD as u64),
                _ if known.contains(&kind) => None,
                _ => (cut.len() < table_bytes(&kind, cut)?).then_some(()),
            };
        }
        let whole = content.get(at + HEAD..usize::try_from(end).ok()?)?;
        // By a wrong size in these, the library leaves the movie behind.
        let is_regular = match &kind {
            b"dinf" => check_data_references(whole).is_ok(),
            b"stsd" => whole.get(TABLE_FIELDS..).is_some_and(|entries| children(entries).is_ok()),
            _ => true,
        };
        if !is_regular {
            return None;
        }
        known.push(kind);
        at = usize::try_from(end).ok()?;
    }
}

/// Returns whether a box of this kind is usual in its parent, or one that the library passes over.
fn belongs(kind: &[u8; 4], parent: &[u8; 4]) -> bool {
    let usual: &[&[u8; 4]] = match parent {
        b"moov" => &[b"mvhd", b"trak", b"udta", b"meta"],
        b"trak" => &[b"tkhd", b"edts", b"tref", b"mdia", b"udta", b"meta"],
        b"mdia" => &[b"mdhd", b"hdlr", b"minf"],
        b"minf" => &[b"hdlr", b"dinf", b"stbl"],
        _ => &[
            b"stsd", b"stts", b"ctts", b"stss", b"stsz", b"stsc", b"stco", b"co64", b"sdtp", b"sgpd", b"sbgp",
        ],
    };
    usual.contains(&kind) || !READ_BY_LIBRARY.contains(&kind)
}

/// Returns the bytes of a table by its number of entries; `None` for tables of which the library does without the rest.
/// From version 7 on, it does without the rest of the chunk offsets.
fn table_bytes(kind: &[u8; 4], table: &[u8]) -> Option<usize> {
    let entry = match kind {
        b"stts" => 8,
        b"ctts" if table.get(TABLE_FIELDS..)?.chunks_exact(8).all(has_usual_offset) => 8,
        b"stsc" => 12,
        b"stss" => 4,
        _ => return None,
    };
    let mut fields = FieldReader(table);
    fields.word()?;
    let count = fields.word()? as usize;
    count.checked_mul(entry)?.checked_add(TABLE_FIELDS)
}

/// Returns whether an entry has an offset for which the library does not ignore the table.
fn has_usual_offset(entry: &[u8]) -> bool {
    entry[4..].first_chunk().is_some_and(|offset| i32::from_be_bytes(*offset).unsigned_abs() <= MAX_OFFSET)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: &[u8; 4], size: usize, content: &[u8]) -> Vec<u8> {
        [&(size as u32).to_be_bytes(), &kind[..], content].concat()
    }

    /// A movie whose only track ends in this table, of which 16 bytes are left.
    fn movie(kind: &[u8; 4], count: u8) -> Vec<u8> {
        let table = node(kind, 500, &[0, 0, 0, 0, 0, 0, 0, count, 0, 0, 0, 1, 0, 0, 0, 1]);
        let nested = [b"stbl", b"minf", b"mdia", b"trak"].into_iter().zip([600, 700, 800, 900]);
        let track = nested.fold(table, |inside, (kind, size)| node(kind, size, &inside));
        [node(b"mvhd", 12, &[0; 4]), track].concat()
    }

    #[test]
    fn a_movie_that_ends_in_a_table_is_refused() {
        assert!(ends_in_table(&movie(b"stts", 2), 1000));
        assert!(ends_in_table(&movie(b"stss", 3), 1000));
        assert!(!ends_in_table(&movie(b"stss", 2), 1000), "all entries are left");
        assert!(!ends_in_table(&movie(b"stco", 3), 1000), "versions of the library differ");
        let reference =
            |size: u8| node(b"dref", 28, &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, size, 0, 0, 0, 0, 0, 0, 0, 1]);
        let table = node(b"stbl", 600, &node(b"stts", 500, &[0, 0, 0, 0, 0, 0, 0, 9]));
        let is_cut =
            |size| cut_table(b"minf", &[node(b"dinf", 36, &reference(size)), table.clone()].concat(), 900);
        assert!(is_cut(12).is_some());
        assert!(is_cut(99).is_none(), "a reference that is longer than its box");
        assert!(!ends_in_table(&movie(b"stsz", 9), 1000), "the library does without the sizes");
        assert!(!ends_in_table(&movie(b"stss", 3), 900), "longer than its parent");
        let whole = [node(b"mvhd", 12, &[0; 4]), node(b"free", 8, &[])].concat();
        assert!(!ends_in_table(&whole, 1000), "between boxes");
    }
}
