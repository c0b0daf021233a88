//! The message that replaces the transfer which a parameter set states (alternative transfer characteristics; ITU-T
//! H.264, D.1.31, and H.265, D.2.38).

use super::Bits;
use super::hevc::{NAL_PREFIX_SEI, messages_of, sei_number};

/// Transfers that the message replaces: BT.2020 in 10 and 12 bits, and perceptual quantization.
const REPLACEABLE: [u8; 3] = [14, 15, 16];
const ALTERNATIVE_TRANSFER: u32 = 147;
const AVC_MESSAGES: u8 = 6;
const HEVC_SUFFIX_SEI: u8 = NAL_PREFIX_SEI + 1;

/// Returns whether units of a sample, or messages of a configuration record, may replace this transfer: they have the
/// message, or messages that are malformed.
pub(crate) fn may_be_replaced(transfer: u8, avc: bool, record: &[u8], sample: &[&[u8]]) -> bool {
    let configured = if avc { Vec::new() } else { messages_of(record) };
    REPLACEABLE.contains(&transfer) && configured.iter().chain(sample).any(|unit| may_replace(unit, avc))
}

fn may_replace(unit: &[u8], avc: bool) -> bool {
    let is_message = unit.first().is_some_and(|first| match avc {
        true => first & 0x1f == AVC_MESSAGES,
        false => matches!(first >> 1 & 0x3f, NAL_PREFIX_SEI | HEVC_SUFFIX_SEI),
    });
    let header = if avc { 1 } else { 2 };
    is_message && !keeps_transfer(unit.get(header..).unwrap_or_default()).unwrap_or(false)
}

/// Returns whether no message of a unit is about the transfer; `None` if the unit is malformed.
fn keeps_transfer(payload: &[u8]) -> Option<bool> {
    let mut bits = Bits::of_nal(payload);
    while bits.at_end().is_none() {
        let (kind, size) = (sei_number(&mut bits)?, sei_number(&mut bits)?);
        if kind == ALTERNATIVE_TRANSFER {
            return Some(false);
        }
        bits.skip(8 * size as usize)?;
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_message_about_the_transfer_replaces_it() {
        let replaces = |transfer: u8, avc: bool, unit: &[u8]| may_be_replaced(transfer, avc, &[], &[unit]);
        assert!(replaces(16, false, &[78, 1, 147, 1, 18, 0x80]));
        assert!(replaces(14, true, &[6, 5, 1, 0xff, 147, 1, 18, 0x80]), "the second message");
        assert!(!replaces(16, false, &[78, 1, 137, 1, 147, 0x80]), "inside another message");
        assert!(!replaces(18, false, &[78, 1, 147, 1, 18, 0x80]), "a transfer that is not replaced");
        assert!(!replaces(16, false, &[38, 1, 147, 1, 18, 0x80]), "a slice");
        assert!(replaces(16, false, &[78, 1, 137, 9, 1, 0x80]), "a malformed message");
    }
}
