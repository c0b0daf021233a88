//! Reads the descriptors of a stream in `esds` (ISO/IEC 14496-1, 7.2.6).

use crate::probe::isobmff::FieldReader;

const STREAM: u64 = 3;
const DECODER_CONFIG: u64 = 4;
const DECODER_SPECIFIC: u64 = 5;

/// Returns the object type of a stream and its configuration, empty if there is none.
pub(super) fn configuration(esds: &[u8]) -> Option<(u8, &[u8])> {
    let mut fields = FieldReader(esds);
    fields.head()?;
    let mut stream = descriptor(&mut fields, STREAM)?;
    stream.take(2)?;
    let flags = stream.take(1)?;
    if flags & 0x80 != 0 {
        stream.take(2)?;
    }
    if flags & 0x40 != 0 {
        let length = stream.take(1)? as usize;
        stream.bytes(length)?;
    }
    if flags & 0x20 != 0 {
        stream.take(2)?;
    }
    let mut config = descriptor(&mut stream, DECODER_CONFIG)?;
    let object_type = config.take(1)? as u8;
    config.bytes(1 + 3 + 4 + 4)?;
    if config.0.is_empty() {
        return Some((object_type, &[]));
    }
    Some((object_type, descriptor(&mut config, DECODER_SPECIFIC)?.0))
}

/// Reads a descriptor with this tag.
fn descriptor<'a>(fields: &mut FieldReader<'a>, tag: u64) -> Option<FieldReader<'a>> {
    if fields.take(1)? != tag {
        return None;
    }
    let mut length = 0;
    for _ in 0..4 {
        let byte = fields.take(1)? as usize;
        length = length << 7 | byte & 0x7f;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(FieldReader(fields.bytes(length)?))
}
