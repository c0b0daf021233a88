//! Reads the elements of EBML (RFC 8794), of which Matroska consists.

/// The first bytes of a file, the id of its header.
pub(super) const HEADER: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

/// Parses the start of an element: its id, the length of its content unless unknown, and the bytes of both.
pub(super) fn element(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let id_bytes = bytes.first()?.leading_zeros() as usize + 1;
    let id =
        bytes.get(..id_bytes).filter(|_| id_bytes <= 4)?.iter().fold(0, |sum, b| sum << 8 | u32::from(*b));
    let length_bytes = bytes.get(id_bytes)?.leading_zeros() as usize + 1;
    if length_bytes > 8 {
        return None;
    }
    let mask = (1_u64 << (7 * length_bytes)) - 1;
    let length = bytes.get(id_bytes..id_bytes + length_bytes)?;
    let length = length.iter().fold(0, |sum, b| sum << 8 | u64::from(*b)) & mask;
    Some((id, (length != mask).then_some(length), id_bytes + length_bytes))
}

/// Returns the ids and contents of the elements in `bytes`; the last may be truncated.
pub(super) fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, length, used) = element(bytes)?;
        let content = bytes.get(used..)?;
        let length = usize::try_from(length?).unwrap_or(usize::MAX).min(content.len());
        let (content, rest) = content.split_at(length);
        bytes = rest;
        Some((id, content))
    })
}

/// Returns the content of the first element with an id.
pub(super) fn child(bytes: &[u8], wanted: u32) -> Option<&[u8]> {
    elements(bytes).find(|(id, _)| *id == wanted).map(|(_, content)| content)
}

/// Returns the unsigned number in the content of an element.
pub(super) fn unsigned(content: &[u8]) -> u64 {
    content.iter().take(8).fold(0, |sum, b| sum << 8 | u64::from(*b))
}
