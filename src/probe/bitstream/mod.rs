//! Parses parameter sets without a decoder.
//!
//! The parameter sets of the sample entry contain the facts that libav's stream analysis gets by
//! decoding the first frame. Parsing them is exact and takes microseconds. All functions here are pure
//! and take bytes from hostile files: every number is bounds-checked, and a malformed set gives `None`,
//! never a guess.

pub mod aac;
pub mod ac3;
pub(crate) mod alac;
pub mod av1;
pub(crate) mod av1_key_frame;
pub(crate) mod avc_record;
mod bits;
pub(crate) mod flac;
pub mod frame_size;
pub mod h264;
pub mod hevc;
pub(crate) mod hevc_record;
pub(crate) mod jpeg;
pub mod mpeg_audio;
pub mod mpeg_video;
mod nal_sizes;
pub mod opus;
pub mod parameter_sets;
pub(crate) mod prores;
pub mod random_access;
pub mod references;
pub(crate) mod transfer_message;
pub mod vorbis;
pub mod vp8;
pub mod vp9;

pub use bits::Bits;
pub(crate) use bits::reserved_codes;

use crate::model::Rational;

/// The video parameters in a sequence parameter set (SPS).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SpsParams {
    /// The id by which slices refer to the set.
    pub set_id: u32,
    /// `profile_idc`.
    pub profile_idc: u32,
    /// The constraint flags of H.264, bit 0 being `constraint_set0_flag`.
    pub constraints: u8,
    /// `level_idc` as coded.
    pub level_idc: u32,
    /// `chroma_format_idc`: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per luma sample.
    pub bit_depth: u8,
    /// Bits per chroma sample.
    pub bit_depth_chroma: u8,
    /// Cropped width in pixels.
    pub width: u32,
    /// Cropped height in pixels.
    pub height: u32,
    /// Whether pixels at the top or at the left are cropped.
    pub crops_start: bool,
    /// Whether only frames are coded; `false` permits fields.
    pub frames_only: bool,
    /// Sample aspect ratio; `None` when the set does not specify one.
    pub sample_aspect_ratio: Option<Rational>,
    /// Whether samples use the full range; `None` when the set does not state it.
    pub full_range: Option<bool>,
    /// Code points of colour primaries, transfer and matrix; `None` when the set does not state them.
    pub color: Option<[u8; 3]>,
    /// Whether the set was parsed up to its colour description, so that a `None` above means that the value
    /// is absent.
    pub complete: bool,
}

impl SpsParams {
    /// Returns whether frames have the size that a container declares, in pixels. A decoder of H.264 crops them to that
    /// unless the set crops them itself at the top or at the left.
    pub(crate) fn fits(&self, width: Option<u32>, height: Option<u32>, avc: bool) -> bool {
        let crops = |declared: Option<u32>, coded: u32| {
            declared.is_some_and(|side| side <= coded && side.div_ceil(16) == coded.div_ceil(16))
        };
        let is_cropped = || !self.crops_start && crops(width, self.width) && crops(height, self.height);
        (width, height) == (Some(self.width), Some(self.height)) || avc && is_cropped()
    }
}

/// Splits a sample into NAL units, each preceded by its length in `length_bytes` bytes; `None` when the
/// lengths do not match the sample.
pub fn nal_units(sample: &[u8], length_bytes: usize) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    let mut rest = sample;
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(length_bytes)?;
        let length = length.iter().fold(0_usize, |value, &byte| value << 8 | usize::from(byte));
        let (unit, after) = after.split_at_checked(length)?;
        units.push(unit);
        rest = after;
    }
    Some(units)
}

/// Returns the NAL units of a sample, framed by start codes or by lengths of four bytes.
pub fn nal_units_any_framing(sample: &[u8]) -> impl Iterator<Item = &[u8]> {
    let has_start_codes = sample.starts_with(&[0, 0, 1]) || sample.starts_with(&[0, 0, 0, 1]);
    let mut rest = sample;
    std::iter::from_fn(move || {
        if has_start_codes {
            let start = rest.windows(3).position(|code| code == [0, 0, 1])? + 3;
            rest = &rest[start..];
            let end = rest.windows(3).position(|code| code == [0, 0, 1]).unwrap_or(rest.len());
            return Some(&rest[..end]);
        }
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (unit, after) = after.split_at(after.len().min(u32::from_be_bytes(*length) as usize));
        rest = after;
        Some(unit)
    })
}

/// Sample aspect ratios by `aspect_ratio_idc` (ITU-T H.273, table 8), from 1.
const ASPECT_RATIOS: [(u32, u32); 16] = [
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
const EXTENDED_SAR: u32 = 255;

/// Parses video usability information up to the colour description, which is the same in both codecs.
fn vui(bits: &mut Bits<'_>, params: &mut SpsParams) -> Option<()> {
    if bits.flag()? {
        let idc = bits.take(8)?;
        params.sample_aspect_ratio = match idc {
            EXTENDED_SAR => {
                let (num, den) = (bits.take(16)?, bits.take(16)?);
                Rational::positive(i64::from(num), i64::from(den))
            }
            1..=16 => {
                let (num, den) = ASPECT_RATIOS[idc as usize - 1];
                Rational::new(num, den)
            }
            _ => None,
        };
    }
    if bits.flag()? {
        bits.skip(1)?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.skip(3)?; // video_format
        params.full_range = Some(bits.flag()?);
        if bits.flag()? {
            params.color = Some([bits.take(8)? as u8, bits.take(8)? as u8, bits.take(8)? as u8]);
        }
    }
    Some(())
}
