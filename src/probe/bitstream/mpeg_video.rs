//! Frame sizes in the headers of MPEG-1, MPEG-2, MPEG-4 part 2 and H.263 video.

use super::Bits;

/// Bytes searched for a header, which precedes the first frame.
const MAX_SEARCHED: usize = 4096;
const SEQUENCE_HEADER: u8 = 0xb3;
/// Start codes of video object layers.
const OBJECT_LAYERS: std::ops::RangeInclusive<u8> = 0x20..=0x2f;
const EXTENDED_ASPECT_RATIO: u32 = 15;
const RECTANGULAR: u32 = 0;

/// Returns the bytes after the first start code whose last byte `is_wanted` accepts.
fn after_start_code(sample: &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<&[u8]> {
    let searched = &sample[..sample.len().min(MAX_SEARCHED)];
    let at = searched.windows(4).position(|code| code[..3] == [0, 0, 1] && is_wanted(code[3]))?;
    sample.get(at + 4..)
}

/// Returns width and height in the sequence header of a sample (ISO/IEC 13818-2, 6.2.2.1).
pub fn sequence_size(sample: &[u8]) -> Option<(u32, u32)> {
    let header = after_start_code(sample, |code| code == SEQUENCE_HEADER)?;
    let mut bits = Bits::new(header);
    Some((bits.take(12)?, bits.take(12)?))
}

/// The profile, level and shape of the pixels in the configuration of MPEG-4 part 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ObjectConfig {
    /// Simple is 0, Advanced Simple 15.
    pub(crate) profile: u32,
    pub(crate) level: u32,
    /// `aspect_ratio_info`, which is none of an extended ratio.
    pub(crate) aspect_ratio: u32,
}

/// Parses a configuration (ISO/IEC 14496-2, 6.2.2 and 6.2.3) that states no colours.
pub(crate) fn object_config(config: &[u8]) -> Option<ObjectConfig> {
    const SEQUENCE: u8 = 0xb0;
    const OBJECT: u8 = 0xb5;
    const VIDEO: u32 = 1;
    let mut bits = Bits::new(after_start_code(config, |code| code == SEQUENCE)?);
    let (profile, level) = (bits.take(4)?, bits.take(4)?);
    let mut bits = Bits::new(after_start_code(config, |code| code == OBJECT)?);
    if bits.flag()? {
        bits.skip(4 + 3)?; // version and priority
    }
    let is_plain = bits.take(4)? == VIDEO && !bits.flag()?;
    let mut bits = Bits::new(after_start_code(config, |code| OBJECT_LAYERS.contains(&code))?);
    bits.skip(1 + 8)?; // random_accessible_vol, video_object_type_indication
    if bits.flag()? {
        bits.skip(4 + 3)?; // version and priority
    }
    let aspect_ratio = bits.take(4).filter(|ratio| *ratio != EXTENDED_ASPECT_RATIO)?;
    is_plain.then_some(ObjectConfig { profile, level, aspect_ratio })
}

/// Returns whether a sample has headers before its first picture, which may change the configuration.
pub(crate) fn has_object_headers(sample: &[u8]) -> bool {
    const GROUP: u8 = 0xb3;
    const PICTURE: u8 = 0xb6;
    let mut codes = sample.windows(4).filter(|code| code[..3] == [0, 0, 1]).map(|code| code[3]);
    !sample.starts_with(&[0, 0, 1]) || codes.any(|code| !matches!(code, GROUP | PICTURE))
}

/// Returns width and height in the video object layer of a sample (ISO/IEC 14496-2, 6.2.3).
pub fn object_layer_size(sample: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits::new(after_start_code(sample, |code| OBJECT_LAYERS.contains(&code))?);
    bits.skip(1 + 8)?; // random_accessible_vol, video_object_type_indication
    let mut version = 1;
    if bits.flag()? {
        version = bits.take(4)?;
        bits.skip(3)?; // video_object_layer_priority
    }
    if bits.take(4)? == EXTENDED_ASPECT_RATIO {
        bits.skip(16)?;
    }
    if bits.flag()? {
        bits.skip(2 + 1)?; // chroma_format, low_delay
        if bits.flag()? {
            bits.skip(79)?; // rate and buffer of the decoder
        }
    }
    if bits.take(2)? != RECTANGULAR || version > 5 {
        return None;
    }
    bits.skip(1)?;
    let resolution = bits.take(16)?;
    bits.skip(1)?;
    if bits.flag()? {
        let length = 32 - resolution.saturating_sub(1).leading_zeros();
        bits.skip(length.max(1) as usize)?; // fixed_vop_time_increment
    }
    let marked = |bits: &mut Bits<'_>| bits.flag()?.then_some(());
    marked(&mut bits)?;
    let width = bits.take(13)?;
    marked(&mut bits)?;
    let height = bits.take(13)?;
    marked(&mut bits)?;
    Some((width, height))
}

/// Returns width and height of an intra picture of H.263 in one of its standard formats (ITU-T H.263, 5.1).
pub fn h263_picture_size(sample: &[u8]) -> Option<(u32, u32)> {
    const START_CODE: u32 = 0x20;
    const SIZES: [(u32, u32); 5] = [(128, 96), (176, 144), (352, 288), (704, 576), (1408, 1152)];
    let mut bits = Bits::new(sample.get(..sample.len().min(MAX_SEARCHED))?);
    bits.take(22).filter(|code| *code == START_CODE)?;
    bits.skip(8)?; // temporal reference
    bits.take(2).filter(|marks| *marks == 0b10)?;
    bits.skip(3)?; // split screen, camera, freeze
    let size = *SIZES.get((bits.take(3)? as usize).checked_sub(1)?)?;
    let is_predicted = bits.flag()?;
    bits.skip(1)?; // unrestricted vectors
    let is_arithmetic = bits.flag()?;
    (!is_predicted && !is_arithmetic).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_size_of_a_sequence_header() {
        let sample = [0, 0, 1, 0xb3, 0x2d, 0x02, 0x40, 0x33, 0xff];
        assert_eq!(sequence_size(&sample), Some((720, 576)));
        assert_eq!(sequence_size(&[0, 0, 1, 0, 0x2d, 0x02, 0x40]), None);
        assert_eq!(sequence_size(&sample[..6]), None);
    }

    #[test]
    fn reads_the_format_of_a_picture() {
        let mut picture = [0, 0, 0x80, 0x02, 0b0000_1000, 0];
        assert_eq!(h263_picture_size(&picture), Some((176, 144)));
        picture[4] |= 0b10;
        assert_eq!(h263_picture_size(&picture), None, "a predicted picture");
        assert_eq!(h263_picture_size(&picture[..4]), None);
    }

    #[test]
    fn reads_the_size_of_an_object_layer() {
        // As FFmpeg's encoder writes it: type 1, version 1, square pixels, no control parameters, 30 per second.
        let mut bits = String::from("0");
        bits += "00000001"; // type
        bits += "0"; // no version
        bits += "0001"; // square pixels
        bits += "0"; // no control parameters
        bits += "00"; // rectangular
        bits += "1";
        bits += &format!("{:016b}", 30);
        bits += "10"; // marker, no fixed rate
        bits += &format!("1{:013b}1{:013b}1", 640, 480);
        while !bits.len().is_multiple_of(8) {
            bits.push('0');
        }
        let byte = |bits: &[u8]| bits.iter().fold(0, |value, bit| value << 1 | (bit - b'0'));
        let payload: Vec<u8> = bits.as_bytes().chunks(8).map(byte).collect();
        let sample = [&[0, 0, 1, 0x20][..], &payload].concat();
        assert_eq!(object_layer_size(&sample), Some((640, 480)));
        assert_eq!(object_layer_size(&sample[..8]), None);
    }
}
