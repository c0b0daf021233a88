//! EXIF (JEITA CP-3451): a TIFF directory in an image file.

/// The most entries of a directory that are read.
const MAX_ENTRIES: usize = 1000;
const ORIENTATION: u16 = 0x112;
const GPS_DIRECTORY: u16 = 0x8825;

/// What EXIF data says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Exif {
    /// The orientation, from 1 to 8.
    pub(super) orientation: Option<u16>,
    /// Whether there is a directory for a position.
    pub(super) has_position: bool,
}

/// Reads the first directory; `None` if there is none.
pub(super) fn read(tiff: &[u8]) -> Option<Exif> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let first = long(4)? as usize;
    let count = usize::from(short(first)?).min(MAX_ENTRIES);
    let mut exif = Exif::default();
    // An entry has a tag, a type, a count and a value or its offset.
    for at in (0..count).map(|entry| first + 2 + 12 * entry) {
        match short(at) {
            Some(ORIENTATION) => exif.orientation = short(at + 8),
            Some(GPS_DIRECTORY) => exif.has_position = true,
            _ => {}
        }
    }
    Some(exif)
}
