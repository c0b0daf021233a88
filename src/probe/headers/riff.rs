//! RIFF: AVI, WAV and WebP. Every list declares its length.

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::extent::too_short;
use crate::model::Completeness;

/// Lists read: a long AVI has one per gigabyte.
const MAX_LISTS: usize = 4096;
/// Chunks searched for the audio format.
const MAX_CHUNKS: usize = 64;

/// Compares the declared lengths of the lists with the size of the file.
pub(super) fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    let size = bytes.len()?;
    let mut start = 0_u64;
    for number in 0..MAX_LISTS {
        let head = read_range(bytes, start, 32)?;
        let Some(declared) = list_length(&head) else { break };
        // Recorders that cannot seek back leave one of these values.
        if declared == 0 || declared == u64::from(u32::MAX) {
            return Ok(Completeness::Unknown);
        }
        let end = start.saturating_add(8).saturating_add(declared);
        if end > size {
            let is_first_wave = number == 0 && head.get(8..12) == Some(b"WAVE");
            let audio_end_s = if is_first_wave { audio_end(bytes, size)? } else { None };
            return Ok(too_short(end, size, audio_end_s));
        }
        start = end + end % 2;
    }
    Ok(if start > 0 { Completeness::Whole } else { Completeness::Unknown })
}

/// Returns the length of the list that begins with `head`; `None` when it is not a list.
fn list_length(head: &[u8]) -> Option<u64> {
    let length = || Some(u64::from(u32::from_le_bytes(head.get(4..8)?.try_into().ok()?)));
    match head.get(..4)? {
        b"RIFF" => length(),
        // The 64-bit variant stores its length in the first chunk.
        b"RF64" if head.get(12..16)? == b"ds64" => {
            Some(u64::from_le_bytes(head.get(20..28)?.try_into().ok()?))
        }
        _ => None,
    }
}

/// Returns the seconds of audio that a truncated WAV file contains.
fn audio_end<B: Bytes + ?Sized>(bytes: &B, size: u64) -> io::Result<Option<f64>> {
    let mut at = 12_u64;
    let mut rate = None;
    for _ in 0..MAX_CHUNKS {
        let head = read_range(bytes, at, 24)?;
        let Some((kind, length)) = head.split_first_chunk::<4>() else { break };
        let Some(length) = length.first_chunk::<4>() else { break };
        if kind == b"fmt " {
            rate = head.get(16..20).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        }
        if kind == b"data" {
            let available = size.saturating_sub(at + 8) as f64;
            return Ok(rate.filter(|&rate| rate > 0).map(|rate| available / f64::from(rate)));
        }
        let length = u64::from(u32::from_le_bytes(*length));
        at = at.saturating_add(8).saturating_add(length + length % 2);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn list(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [b"RIFF", &(content.len() as u32 + 4).to_le_bytes()[..], kind, content].concat()
    }

    #[test]
    fn checks_the_second_list_of_a_long_avi() {
        let video = [list(b"AVI ", &[0; 40]), list(b"AVIX", &[0; 60])].concat();
        assert_eq!(read(&video[..]).unwrap(), Completeness::Whole);
        let truncated = read(&video[..video.len() - 1]).unwrap();
        assert!(matches!(truncated, Completeness::Missing { first_missing_s: None, .. }), "{truncated:?}");
    }

    #[test]
    fn finds_the_end_of_the_audio_in_a_truncated_wav() {
        let mut format = b"fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        format.extend([8000_u32.to_le_bytes(), 8000_u32.to_le_bytes()].concat());
        format.extend([1, 0, 8, 0]);
        let data = [b"data", &16_000_u32.to_le_bytes()[..], &[128; 16_000]].concat();
        let audio = list(b"WAVE", &[format, data].concat());
        assert_eq!(read(&audio[..]).unwrap(), Completeness::Whole);
        let Completeness::Missing { first_missing_s, .. } = read(&audio[..audio.len() - 8000]).unwrap()
        else {
            panic!("not detected")
        };
        assert_eq!(first_missing_s, Some(1.0));
    }

    #[test]
    fn placeholder_lengths_are_unknown() {
        for size in [[0; 4], [255; 4]] {
            let mut video = list(b"AVI ", &[0; 40]);
            video[4..8].copy_from_slice(&size);
            assert_eq!(read(&video[..]).unwrap(), Completeness::Unknown);
        }
    }
}
