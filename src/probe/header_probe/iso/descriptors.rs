//! Reads the descriptors of a stream in `esds` (ISO/IEC 14496-1, 7.2.6).

use crate::probe::isobmff::FieldReader;

const STREAM: u64 = 3;
const DECODER_CONFIG: u64 = 4;
const DECODER_SPECIFIC: u64 = 5;

/// What the descriptor of a stream says.
pub(super) struct Descriptor<'a> {
    pub(super) object_type: u8,
    /// In bits per second; zero if unknown.
    pub(super) bit_rate: u32,
    /// Empty if there is none.
    pub(super) config: &'a [u8],
}

/// Reads the content of `esds`.
pub(super) fn read(esds: &[u8]) -> Option<Descriptor<'_>> {
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
    config.bytes(1 + 3 + 4)?;
    let bit_rate = config.word()?;
    let config = match config.0 {
        [] => &[],
        _ => descriptor(&mut config, DECODER_SPECIFIC)?.0,
    };
    Some(Descriptor { object_type, bit_rate, config })
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
