//! Extended boxes, of which the library reads a few.

use super::super::reason::Reason;

/// The manifest of a Smooth Streaming file, which states bit rates.
const MANIFEST: [u8; 16] =
    [0xa5, 0xd4, 0x0b, 0x30, 0xe8, 0x14, 0x11, 0xdd, 0xba, 0x2f, 0x08, 0x00, 0x20, 0x0c, 0x9a, 0x66];

/// Checks that a box `uuid` changes none of the facts.
pub(super) fn check(content: &[u8]) -> Result<(), Reason> {
    let kind = content.get(..16).ok_or(Reason::Malformed)?;
    if kind == MANIFEST { Err(Reason::RareElement) } else { Ok(()) }
}
