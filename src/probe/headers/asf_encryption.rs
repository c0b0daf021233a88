//! Encrypted streams of ASF files (Advanced Systems Format, 3.4, 3.14 and 3.15).

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::stream_marks::{Encryption, StreamSelector};

const CONTENT_ENCRYPTION: [u8; 16] =
    [0xfb, 0xb3, 0x11, 0x22, 0x23, 0xbd, 0xd2, 0x11, 0xb4, 0xb7, 0x00, 0xa0, 0xc9, 0x55, 0xfc, 0x6e];
const EXTENDED_CONTENT_ENCRYPTION: [u8; 16] =
    [0x14, 0xe6, 0x8a, 0x29, 0x22, 0x26, 0x17, 0x4c, 0xb9, 0x35, 0xda, 0xe0, 0x7e, 0xe9, 0x28, 0x9c];
const ADVANCED_CONTENT_ENCRYPTION: [u8; 16] =
    [0x33, 0x85, 0x05, 0x43, 0x81, 0x69, 0xe6, 0x49, 0x9b, 0x74, 0xad, 0x12, 0xcb, 0x86, 0xd5, 0x8c];
const STREAM_PROPERTIES: [u8; 16] =
    [0x91, 0x07, 0xdc, 0xb7, 0xb7, 0xa9, 0xcf, 0x11, 0x8e, 0xe6, 0x00, 0xc0, 0x0c, 0x20, 0x53, 0x65];
/// The flag of an encrypted stream in its properties.
const ENCRYPTED: u8 = 0x80;
const SCHEME: &str = "wmdrm";
/// Bytes of the header object read into memory.
const MAX_HEADER: u64 = 8 << 20;

/// Returns the encrypted streams.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Vec<Encryption>> {
    let head = read_range(bytes, 0, 30)?;
    let Some(Ok(length)) = head.get(16..24).map(<[u8; 8]>::try_from) else { return Ok(Vec::new()) };
    let header = read_range(bytes, 30, u64::from_le_bytes(length).min(MAX_HEADER) as usize)?;
    let mut marks = Vec::new();
    let mut rest = &header[..];
    while let Some((id, after)) = rest.split_first_chunk::<16>() {
        let Some((length, _)) = after.split_first_chunk::<8>() else { break };
        let Some(length) = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|&length| length >= 24)
        else {
            break;
        };
        if matches!(*id, CONTENT_ENCRYPTION | EXTENDED_CONTENT_ENCRYPTION | ADVANCED_CONTENT_ENCRYPTION) {
            marks.push(Encryption::new(StreamSelector::All, SCHEME));
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    // Properties of a stream may also be within its extended properties.
    let properties = header.windows(16).enumerate().filter(|(_, window)| *window == STREAM_PROPERTIES);
    for (at, _) in properties {
        // Behind the object's id and size, two types, an offset and two lengths.
        let Some([number, high]) = header.get(at + 72..at + 74) else { continue };
        if high & ENCRYPTED != 0 {
            marks.push(Encryption::new(StreamSelector::Number(u32::from(number & 0x7f)), SCHEME));
        }
    }
    Ok(marks)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn object(id: [u8; 16], content: &[u8]) -> Vec<u8> {
        [&id[..], &(content.len() as u64 + 24).to_le_bytes(), content].concat()
    }

    fn marks(objects: &[u8]) -> Vec<Encryption> {
        let head = [&[0x30; 16][..], &(objects.len() as u64 + 30).to_le_bytes(), &[0; 6]].concat();
        read(&[&head[..], objects, &[7; 50]].concat()[..]).unwrap()
    }

    #[test]
    fn finds_encryption_objects_and_encrypted_streams() {
        let properties = |flags: u8| {
            let mut content = vec![0; 60];
            (content[48], content[49]) = (2, flags);
            object(STREAM_PROPERTIES, &content)
        };
        assert_eq!(marks(&properties(0)), []);
        assert_eq!(marks(&properties(0x80)), [Encryption::new(StreamSelector::Number(2), SCHEME)]);
        for id in [CONTENT_ENCRYPTION, EXTENDED_CONTENT_ENCRYPTION, ADVANCED_CONTENT_ENCRYPTION] {
            let both = [properties(0), object(id, &[1; 8])].concat();
            assert_eq!(marks(&both), [Encryption::new(StreamSelector::All, SCHEME)]);
        }
    }
}
