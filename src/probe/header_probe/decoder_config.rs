//! Which configuration records a decoder accepts.

use crate::model::Codec;
use crate::probe::bitstream::av1::is_without_units;
use crate::probe::bitstream::{avc_record, hevc_record};

/// Returns whether a decoder certainly accepts a configuration record.
pub(super) fn is_accepted(codec: &Codec, config: &[u8]) -> bool {
    match codec {
        Codec::H264 => avc_record::has_intact_sets(config),
        Codec::Hevc => hevc_record::is_readable(config),
        // Otherwise the configuration is in a sample, which may be damaged.
        Codec::Av1 => !is_without_units(config),
        _ => true,
    }
}
