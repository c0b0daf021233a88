//! Tells from the first bytes of a packet whether decoding can begin there.
//!
//! Containers flag key frames, and some flag them wrongly; the packet itself cannot.

use super::Bits;

/// Bytes of a slice header or message that are parsed.
const HEADER_BYTES: usize = 64;
/// Units read per packet: a packet that can begin a video has few before its slices.
const MAX_UNITS: usize = 512;
/// The SEI payload type of a recovery point in H.264 and HEVC.
pub(super) const RECOVERY_POINT: u32 = 6;

/// How the packets of a codec show where decoding can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketSyntax {
    /// H.264, with the bytes of the length before each unit; `None` for start codes.
    Avc(Option<usize>),
    /// HEVC, likewise.
    Hevc(Option<usize>),
    /// VP8.
    Vp8,
    /// VP9.
    Vp9,
    /// AV1.
    Av1,
    /// MPEG-1 and MPEG-2 video.
    Mpeg2,
    /// MPEG-4 part 2.
    Mpeg4,
    /// Only the container's flag shows it.
    Flag,
}

/// The kinds of packets at the start of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Decoding can begin here.
    Key,
    /// Decoding can begin here; the video is complete after this many reference frames.
    Recovery(u32),
    /// A frame without references. Later frames may refer to frames before it.
    Intra,
    /// A frame that needs earlier frames.
    Predicted,
    /// The packet does not show it.
    Unknown,
}

/// What a packet shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketStart {
    /// Whether decoding can begin.
    pub access: Access,
    /// Whether later frames may refer to it.
    pub reference: bool,
    /// Whether it gives a frame of its own; some codecs have hidden ones.
    pub shown: bool,
    /// Whether it is shown before the key frame it follows, without needing earlier frames (HEVC RADL).
    pub decodable_leading: bool,
    /// Whether it carries the parameters that a decoder needs: parameter sets or a sequence header.
    pub parameters: bool,
}

impl PacketStart {
    fn new(access: Access) -> PacketStart {
        PacketStart { access, reference: true, shown: true, decodable_leading: false, parameters: false }
    }
}

impl PacketSyntax {
    /// Parses the start of a packet.
    pub fn parse(self, packet: &[u8]) -> PacketStart {
        match self {
            PacketSyntax::Avc(length) => avc(packet, length),
            PacketSyntax::Hevc(length) => hevc(packet, length),
            PacketSyntax::Vp8 => vp8(packet),
            PacketSyntax::Vp9 => vp9(packet),
            PacketSyntax::Av1 => av1(packet),
            PacketSyntax::Mpeg2 => mpeg2(packet),
            PacketSyntax::Mpeg4 => mpeg4(packet),
            PacketSyntax::Flag => PacketStart::new(Access::Unknown),
        }
    }
}

/// Returns the NAL units of a packet; a malformed rest is left out.
fn units(packet: &[u8], length_bytes: Option<usize>) -> impl Iterator<Item = &[u8]> {
    let mut rest = packet;
    std::iter::from_fn(move || match length_bytes {
        Some(bytes) => {
            let (length, after) = rest.split_at_checked(bytes)?;
            let length = length.iter().fold(0_usize, |value, &byte| value << 8 | usize::from(byte));
            let (unit, after) = after.split_at_checked(length)?;
            rest = after;
            Some(unit)
        }
        None => {
            rest = &rest[start_code(rest)? + 3..];
            Some(&rest[..start_code(rest).unwrap_or(rest.len())])
        }
    })
    .take(MAX_UNITS)
}

fn start_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|code| code == [0, 0, 1])
}

/// Returns the payload of the first SEI message with that type in a unit after its header.
pub(super) fn sei_payload(unit: &[u8], header: usize, kind: u32) -> Option<Bits<'_>> {
    let mut bits = Bits::of_nal(unit.get(header..)?.get(..unit.len().min(4096) - header)?);
    while bits.left() >= 16 {
        let mut number = || -> Option<u32> {
            let mut sum = 0_u32;
            loop {
                let byte = bits.take(8)?;
                sum = sum.checked_add(byte)?;
                if byte != 255 {
                    return Some(sum);
                }
            }
        };
        let (found, length) = (number()?, number()?);
        // A decoder ignores a message that is longer than its unit.
        if found == kind {
            return Some(bits).filter(|bits| length as usize <= bits.left() / 8);
        }
        bits.skip(length as usize * 8)?;
    }
    None
}

fn avc(packet: &[u8], length_bytes: Option<usize>) -> PacketStart {
    let mut start = PacketStart { reference: false, ..PacketStart::new(Access::Unknown) };
    let (mut recovery, mut slices, mut intra, mut sets) = (None, false, true, [false; 2]);
    for unit in units(packet, length_bytes) {
        let Some(&header) = unit.first() else { continue };
        match header & 0x1f {
            5 => (start.access, slices) = (Access::Key, true),
            1 | 2 => {
                slices = true;
                intra &= is_intra_slice(unit).unwrap_or(false);
            }
            6 => {
                recovery = recovery.or_else(|| sei_payload(unit, 1, RECOVERY_POINT)?.ue());
                continue;
            }
            7 => sets[0] = true,
            8 => sets[1] = true,
            _ => continue,
        }
        start.reference |= header >> 5 & 3 != 0;
    }
    start.parameters = sets == [true; 2];
    if slices && start.access != Access::Key {
        start.access = match recovery {
            Some(0) => Access::Key,
            Some(frames) => Access::Recovery(frames),
            None if intra => Access::Intra,
            None => Access::Predicted,
        };
    }
    start
}

/// Returns whether the header of an H.264 slice declares an I or SI slice.
fn is_intra_slice(unit: &[u8]) -> Option<bool> {
    let mut bits = Bits::of_nal(unit.get(1..unit.len().min(HEADER_BYTES))?);
    bits.ue()?; // first_mb_in_slice
    Some(matches!(bits.ue()?, 2 | 4 | 7 | 9))
}

fn hevc(packet: &[u8], length_bytes: Option<usize>) -> PacketStart {
    let mut start = PacketStart::new(Access::Unknown);
    let (mut recovery, mut slices, mut sets) = (None, false, [false; 2]);
    for unit in units(packet, length_bytes) {
        let [first, second, ..] = *unit else { continue };
        // Other layers do not matter to decoders without layers.
        if first & 1 != 0 || second >> 3 != 0 {
            continue;
        }
        match first >> 1 & 0x3f {
            16..=21 => (start.access, slices) = (Access::Key, true),
            kind @ 0..=9 => {
                slices = true;
                start.decodable_leading = matches!(kind, 6 | 7);
                start.reference = kind % 2 == 1;
            }
            33 => sets[0] = true,
            34 => sets[1] = true,
            39 => recovery = recovery.or_else(|| sei_payload(unit, 2, RECOVERY_POINT)?.se()),
            _ => {}
        }
    }
    start.parameters = sets == [true; 2];
    if slices && start.access != Access::Key {
        start.access = match recovery {
            Some(frames) if frames > 0 => Access::Recovery(frames.unsigned_abs()),
            Some(_) => Access::Key,
            None => Access::Predicted,
        };
    }
    start
}

fn vp8(packet: &[u8]) -> PacketStart {
    let Some(tag) = packet.first() else { return PacketStart::new(Access::Unknown) };
    let access = if tag & 1 == 0 { Access::Key } else { Access::Predicted };
    PacketStart { shown: tag & 0x10 != 0, ..PacketStart::new(access) }
}

fn vp9(packet: &[u8]) -> PacketStart {
    let frame = || {
        let mut bits = Bits::new(packet.get(..packet.len().min(HEADER_BYTES))?);
        if bits.take(2)? != 2 {
            return None;
        }
        let profile = bits.take(1)? | bits.take(1)? << 1;
        if profile == 3 {
            bits.skip(1)?;
        }
        if bits.flag()? {
            return Some(PacketStart::new(Access::Predicted)); // show_existing_frame
        }
        let (inter, shown, resilient) = (bits.flag()?, bits.flag()?, bits.flag()?);
        let intra_only = inter && !shown && bits.flag()?;
        let access = match (inter, intra_only) {
            (false, _) => Access::Key,
            // An intra-only frame begins a stream if it resets the state that later frames use.
            (true, true) if resilient => Access::Intra,
            (true, _) => Access::Predicted,
        };
        // A hidden frame in a packet is followed by a shown one.
        Some(PacketStart::new(access))
    };
    frame().unwrap_or(PacketStart::new(Access::Unknown))
}

fn av1(packet: &[u8]) -> PacketStart {
    let mut start = PacketStart::new(Access::Unknown);
    let mut rest = packet;
    for _ in 0..MAX_UNITS {
        let Some((&header, mut after)) = rest.split_first() else { break };
        let (kind, extended, sized) = (header >> 3 & 0xf, header & 4 != 0, header & 2 != 0);
        if extended {
            after = after.get(1..).unwrap_or_default();
        }
        let mut length = after.len();
        if sized {
            let mut bits = Bits::new(after.get(..after.len().min(8)).unwrap_or_default());
            let Some(declared) = super::av1::leb128(&mut bits) else { break };
            let used = after.iter().take_while(|&&byte| byte & 0x80 != 0).count() + 1;
            after = after.get(used..).unwrap_or_default();
            length = usize::try_from(declared).unwrap_or(usize::MAX).min(after.len());
        }
        let (unit, next) = after.split_at(length);
        start.parameters |= kind == 1;
        // OBU_FRAME_HEADER and OBU_FRAME begin with show_existing_frame and two bits of frame_type.
        if let (3 | 6, Some(first)) = (kind, unit.first()) {
            let access = match (first >> 7, first >> 5 & 3) {
                (0, 0) => Access::Key,
                (0, 2) => Access::Intra,
                _ => Access::Predicted,
            };
            if start.access != Access::Key {
                start.access = if start.access == Access::Unknown { access } else { start.access };
            }
        }
        rest = next;
    }
    start
}

fn mpeg2(packet: &[u8]) -> PacketStart {
    let mut start = PacketStart::new(Access::Unknown);
    for unit in units(packet, None) {
        match *unit {
            [0xb3, ..] => start.parameters = true,
            [0, _, kind, ..] => {
                let kind = kind >> 3 & 7;
                start.access = if matches!(kind, 1 | 4) { Access::Key } else { Access::Predicted };
                start.reference = kind != 3;
                break;
            }
            _ => {}
        }
    }
    start
}

fn mpeg4(packet: &[u8]) -> PacketStart {
    let mut start = PacketStart::new(Access::Unknown);
    for unit in units(packet, None) {
        match *unit {
            [0x20..=0x2f, ..] => start.parameters = true,
            [0xb6, kind, ..] => {
                start.access = if kind >> 6 == 0 { Access::Key } else { Access::Predicted };
                start.reference = kind >> 6 != 2;
                break;
            }
            _ => {}
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(syntax: PacketSyntax, packet: &[u8]) -> Access {
        syntax.parse(packet).access
    }

    #[test]
    fn the_slices_of_h264_decide() {
        let avc = |bytes: &[u8]| access(PacketSyntax::Avc(None), bytes);
        assert_eq!(avc(&[0, 0, 1, 0x65, 0x88, 0x80]), Access::Key);
        // first_mb 0, slice_type 7 (I) and 5 (P).
        assert_eq!(avc(&[0, 0, 1, 0x41, 0b1000_1000, 0x80]), Access::Intra);
        assert_eq!(avc(&[0, 0, 1, 0x41, 0b1001_1000, 0x80]), Access::Predicted);
        assert_eq!(avc(&[0, 0, 1, 0x09, 0x10]), Access::Unknown);
        let lengths = [0, 0, 0, 3, 0x65, 0x88, 0x80];
        assert_eq!(access(PacketSyntax::Avc(Some(4)), &lengths), Access::Key);
    }

    #[test]
    fn a_recovery_point_begins_an_open_group() {
        let slice = [0, 0, 1, 0x41, 0b1001_1000, 0x80];
        let point = |bits: u8| [&[0, 0, 1, 6, 6, 1, bits, 0x80][..], &slice].concat();
        assert_eq!(access(PacketSyntax::Avc(None), &point(0b1100_0000)), Access::Key);
        // Three frames until the video is complete.
        assert_eq!(access(PacketSyntax::Avc(None), &point(0b0010_0100)), Access::Recovery(3));
    }

    #[test]
    fn random_access_pictures_of_hevc_begin_a_video() {
        let hevc = |kind: u8| access(PacketSyntax::Hevc(None), &[0, 0, 1, kind << 1, 1, 0x80]);
        assert_eq!(
            [hevc(19), hevc(21), hevc(1), hevc(9)].map(|found| found == Access::Key),
            [true, true, false, false]
        );
        assert_eq!(hevc(35), Access::Unknown);
        assert!(PacketSyntax::Hevc(None).parse(&[0, 0, 1, 7 << 1, 1, 0x80]).decodable_leading);
    }

    #[test]
    fn reads_the_frame_types_of_other_codecs() {
        assert_eq!(access(PacketSyntax::Vp8, &[0x10]), Access::Key);
        assert_eq!(access(PacketSyntax::Vp8, &[0x11]), Access::Predicted);
        assert_eq!(access(PacketSyntax::Vp9, &[0x82, 0x49, 0x83, 0x42]), Access::Key);
        assert_eq!(access(PacketSyntax::Vp9, &[0x86, 0, 0, 0]), Access::Predicted);
        assert_eq!(access(PacketSyntax::Av1, &[0x12, 0, 0x32, 1, 0x10]), Access::Key);
        assert_eq!(access(PacketSyntax::Av1, &[0x12, 0, 0x32, 1, 0x30]), Access::Predicted);
        assert_eq!(access(PacketSyntax::Mpeg2, &[0, 0, 1, 0, 0, 0x0f]), Access::Key);
        assert_eq!(access(PacketSyntax::Mpeg2, &[0, 0, 1, 0, 0, 0x17]), Access::Predicted);
        assert_eq!(access(PacketSyntax::Mpeg4, &[0, 0, 1, 0xb6, 0x10]), Access::Key);
        assert_eq!(access(PacketSyntax::Mpeg4, &[0, 0, 1, 0xb6, 0x56]), Access::Predicted);
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut seed = 1_u32;
        let bytes: Vec<u8> = (0..4000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if seed & 0x700 == 0 { 0 } else { (seed >> 24) as u8 }
            })
            .collect();
        use PacketSyntax as S;
        let all = [
            S::Avc(None),
            S::Avc(Some(2)),
            S::Hevc(Some(1)),
            S::Hevc(None),
            S::Vp8,
            S::Vp9,
            S::Av1,
            S::Mpeg2,
        ];
        for from in 0..bytes.len() {
            let part = &bytes[from..bytes.len().min(from + 40)];
            for syntax in all.into_iter().chain([S::Mpeg4]) {
                std::hint::black_box(syntax.parse(part));
            }
        }
    }
}
