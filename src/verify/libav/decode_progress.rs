//! The progress of decoding a file.

use crate::job::Progress;
use crate::libav::decoder::Decoder;
use crate::libav::packet::Packet;
use crate::libav::time::NOPTS;

/// Returns the progress of a decoder.
pub(super) fn decode_progress(decoder: &Decoder, packet: &Packet, total_s: Option<f64>) -> Progress {
    let (raw, base) = (packet.get(), decoder.base());
    let time = if raw.dts == NOPTS { 0 } else { raw.dts };
    let done_s = time as f64 * f64::from(base.num) / f64::from(base.den.max(1));
    Progress { done_s: done_s.max(0.0), total_s, frames: decoder.frames }
}
