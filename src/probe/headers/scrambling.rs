//! Scrambled packets in MPEG transport and program streams (ISO/IEC 13818-1, 2.4.3), and the encrypted
//! elementary streams of HTTP Live Streaming.

use std::collections::BTreeSet;
use std::io;

use super::super::bytes::{Bytes, read_range};
use super::stream_marks::{Encryption, StreamSelector};

/// Bytes examined at a time.
const WINDOW: u64 = 1 << 20;
/// Windows examined: all of a file up to this many, evenly spread over a larger one.
const MAX_WINDOWS: u64 = 64;
const SYNC: u8 = 0x47;
const NULL_PID: u32 = 0x1fff;
/// The name of scrambling that the packets declare without the cipher.
const SCRAMBLED: &str = "scrambled";
const SAMPLE_AES: &str = "sample-aes";

/// Returns the packet size of a transport stream and the offset of its first packet.
fn packet_layout(head: &[u8]) -> Option<(usize, usize)> {
    let is_sync = |at: usize| head.get(at) == Some(&SYNC);
    [188, 192, 204].into_iter().find_map(|size| {
        let first = (0..size).find(|&start| (0..5).all(|number| is_sync(start + number * size)))?;
        Some((size, first))
    })
}

/// Returns the starts of the windows to examine in a file of `size` bytes.
fn windows(size: u64) -> impl Iterator<Item = u64> {
    let count = size.div_ceil(WINDOW).min(MAX_WINDOWS);
    let last = size.saturating_sub(WINDOW);
    (0..count).map(move |number| match size.div_ceil(WINDOW) <= MAX_WINDOWS {
        true => number * WINDOW,
        false => (u128::from(last) * u128::from(number) / u128::from(count - 1)) as u64,
    })
}

/// Returns the scrambled streams of a transport stream; `None` when the bytes are not one.
pub(super) fn transport_stream<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Option<Vec<Encryption>>> {
    let Some((packet, first)) = packet_layout(&read_range(bytes, 0, 2048)?) else { return Ok(None) };
    let mut scrambled = BTreeSet::new();
    let mut sample_encrypted = BTreeSet::new();
    for start in windows(bytes.len()?) {
        // Windows begin at a packet.
        let start = start.saturating_sub(first as u64) / packet as u64 * packet as u64 + first as u64;
        let window = read_range(bytes, start, WINDOW as usize + packet)?;
        for packet in window.chunks_exact(packet) {
            let [SYNC, b1, b2, b3, payload @ ..] = packet else { continue };
            let pid = u32::from(*b1 & 0x1f) << 8 | u32::from(*b2);
            if *b1 & 0x80 != 0 || pid == NULL_PID {
                continue; // A transmission error makes the other bits unreliable.
            }
            let (has_payload, adaptation) = (b3 & 0x10 != 0, b3 & 0x20 != 0);
            if b3 & 0xc0 != 0 && has_payload {
                scrambled.insert(pid);
                continue;
            }
            let skip = if adaptation { usize::from(payload.first().copied().unwrap_or(0)) + 1 } else { 0 };
            let Some(payload) = payload.get(skip..).filter(|_| has_payload && b1 & 0x40 != 0) else {
                continue;
            };
            if is_scrambled_pes(payload) {
                scrambled.insert(pid);
            }
            sample_encrypted.extend(sample_encrypted_pids(payload));
        }
    }
    let mark = |scheme| move |pid| Encryption::new(StreamSelector::Number(pid), scheme);
    let marks =
        scrambled.into_iter().map(mark(SCRAMBLED)).chain(sample_encrypted.into_iter().map(mark(SAMPLE_AES)));
    Ok(Some(marks.collect()))
}

/// Returns whether the header of a PES packet declares scrambling.
fn is_scrambled_pes(payload: &[u8]) -> bool {
    let has_header = |id: u8| matches!(id, 0xbd | 0xc0..=0xef | 0xfd);
    matches!(payload, [0, 0, 1, id, _, _, flags, ..] if has_header(*id) && flags & 0xc0 == 0x80 && flags & 0x30 != 0)
}

/// Returns the PIDs of the streams in a program map whose type says that their samples are encrypted
/// (Apple, MPEG-2 Stream Encryption Format for HTTP Live Streaming).
fn sample_encrypted_pids(payload: &[u8]) -> Vec<u32> {
    const PROGRAM_MAP: u8 = 2;
    const ENCRYPTED_TYPES: [u8; 4] = [0xdb, 0xcf, 0xc1, 0xc2];
    let section = payload.first().and_then(|&pointer| payload.get(usize::from(pointer) + 1..));
    let Some([PROGRAM_MAP, h, l, _, _, _, _, _, _, _, i_high, i_low, rest @ ..]) = section else {
        return Vec::new();
    };
    // Section syntax indicator with a zero bit after it; else these are not section bytes.
    if h & 0xc0 != 0x80 {
        return Vec::new();
    }
    let length = usize::from(h & 0x0f) << 8 | usize::from(*l);
    let information = usize::from(i_high & 0x0f) << 8 | usize::from(*i_low);
    let Some(entries_end) = length.checked_sub(13).filter(|&end| information <= end) else {
        return Vec::new();
    };
    let mut entries = rest.get(information..entries_end.min(rest.len())).unwrap_or_default();
    let mut pids = Vec::new();
    while let [kind, p_high, p_low, d_high, d_low, after @ ..] = entries {
        let descriptors = usize::from(d_high & 0x0f) << 8 | usize::from(*d_low);
        let described = after.get(..descriptors.min(after.len())).unwrap_or_default();
        // The registration says that the private type is the one of Apple.
        let is_registered = described
            .windows(4)
            .any(|four| matches!(four, b"zavc" | b"zaac" | b"zac3" | b"zec3" | b"apad" | b"zach" | b"zacp"));
        if ENCRYPTED_TYPES.contains(kind) && (is_registered || *kind == 0xdb || *kind == 0xcf) {
            pids.push(u32::from(p_high & 0x1f) << 8 | u32::from(*p_low));
        }
        entries = after.get(descriptors..).unwrap_or_default();
    }
    pids
}

/// Returns the scrambled streams of a program stream.
pub(super) fn program_stream<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Vec<Encryption>> {
    let mut scrambled = BTreeSet::new();
    for start in windows(bytes.len()?) {
        let window = read_range(bytes, start, WINDOW as usize)?;
        // Packets are found from a pack header on; other start codes may be part of the payload.
        let Some(mut at) = window.windows(4).position(|code| code == [0, 0, 1, 0xba]) else { continue };
        while let Some([0, 0, 1, id, rest @ ..]) = window.get(at..) {
            at += match *id {
                0xba if rest.first().is_some_and(|byte| byte & 0xc0 == 0x40) => {
                    14 + rest.get(9).map_or(0, |stuffing| usize::from(stuffing & 7))
                }
                0xba => 12,
                0xb9 => 4,
                _ => {
                    if is_scrambled_pes(&window[at..]) {
                        scrambled.insert(*id);
                    }
                    let [high, low, ..] = rest else { break };
                    6 + (usize::from(*high) << 8 | usize::from(*low))
                }
            };
        }
    }
    let selector = |id: u8| match id {
        // Private streams hold audio with numbers of their own.
        0xbd => StreamSelector::Audio,
        id => StreamSelector::Number(0x100 | u32::from(id)),
    };
    Ok(scrambled.into_iter().map(|id| Encryption::new(selector(id), SCRAMBLED)).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn packet(pid: u16, control: u8, payload: &[u8]) -> Vec<u8> {
        let [high, low] = pid.to_be_bytes();
        let mut packet = vec![SYNC, 0x40 | high, low, control];
        packet.extend(payload);
        packet.resize(188, 0xff);
        packet
    }

    fn marks(packets: &[Vec<u8>]) -> Vec<Encryption> {
        transport_stream(&packets.concat()[..]).unwrap().unwrap()
    }

    #[test]
    fn finds_scrambled_packets_of_a_transport_stream() {
        let clear = || packet(0x100, 0x10, &[0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0]);
        let five = || vec![clear(), clear(), clear(), clear(), clear()];
        assert_eq!(marks(&five()), []);
        let number = |pid, scheme| Encryption::new(StreamSelector::Number(pid), scheme);
        assert_eq!(marks(&[five(), vec![packet(0x101, 0x90, &[1])]].concat()), [number(0x101, "scrambled")]);
        let pes = packet(0x102, 0x10, &[0, 0, 1, 0xc0, 0, 0, 0x90, 0, 0]);
        assert_eq!(marks(&[five(), vec![pes]].concat()), [number(0x102, "scrambled")]);
        let map = [0, 2, 0xb0, 18, 0, 1, 0xc1, 0, 0, 0xe1, 0, 0xf0, 0, 0xdb, 0xe1, 0x03, 0xf0, 0, 1, 2, 3, 4];
        assert_eq!(
            marks(&[five(), vec![packet(0x1000, 0x10, &map)]].concat()),
            [number(0x103, "sample-aes")]
        );
        assert_eq!(transport_stream(&[7; 4096][..]).unwrap(), None);
    }

    #[test]
    fn finds_scrambled_packets_of_a_program_stream() {
        let pack = [&[0, 0, 1, 0xba, 0x44][..], &[0; 8], &[0xf8]].concat();
        let pes = |id, flags| [&[0, 0, 1, id, 0, 8, flags, 0, 0][..], &[0; 5]].concat();
        let clear = [pack.clone(), pes(0xe0, 0x80), pes(0xc0, 0x80)].concat();
        assert_eq!(program_stream(&clear[..]).unwrap(), []);
        let scrambled = [clear, pack, pes(0xe0, 0xb0), pes(0xbd, 0x90)].concat();
        let streams: Vec<_> =
            program_stream(&scrambled[..]).unwrap().iter().map(|mark| mark.streams).collect();
        assert_eq!(streams, [StreamSelector::Audio, StreamSelector::Number(0x1e0)]);
    }
}
