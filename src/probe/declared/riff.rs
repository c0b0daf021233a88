//! RIFF: AVI, WAV and WebP. Every list says how long it is.

use std::io;

use super::super::bytes::{Bytes, piece};
use super::short;
use crate::model::Completeness;

/// Lists one after the other: a long AVI begins a new one at each gigabyte.
const MAX_LISTS: usize = 4096;
/// Chunks looked at for the audio's format.
const MAX_CHUNKS: usize = 64;

pub(super) fn read<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    let size = bytes.len()?;
    let mut start = 0_u64;
    for number in 0..MAX_LISTS {
        let head = piece(bytes, start, 32)?;
        let Some(declared) = length(&head) else { break };
        // Recorders that cannot go back leave one of these.
        if declared == 0 || declared == u64::from(u32::MAX) {
            return Ok(Completeness::Unknown);
        }
        let end = start.saturating_add(8).saturating_add(declared);
        if end > size {
            let at =
                if number == 0 && head.get(8..12) == Some(b"WAVE") { audio_ends(bytes, size)? } else { None };
            return Ok(short(end, size, at));
        }
        start = end + end % 2;
    }
    Ok(if start > 0 { Completeness::Whole } else { Completeness::Unknown })
}

/// The length of the list that begins so; `None` when none does.
fn length(head: &[u8]) -> Option<u64> {
    let length = || Some(u64::from(u32::from_le_bytes(head.get(4..8)?.try_into().ok()?)));
    match head.get(..4)? {
        b"RIFF" => length(),
        // The 64-bit variant has its length in the first chunk.
        b"RF64" if head.get(12..16)? == b"ds64" => {
            Some(u64::from_le_bytes(head.get(20..28)?.try_into().ok()?))
        }
        _ => None,
    }
}

/// How many seconds of a WAV file's audio are there.
fn audio_ends<B: Bytes + ?Sized>(bytes: &B, size: u64) -> io::Result<Option<f64>> {
    let mut at = 12_u64;
    let mut rate = None;
    for _ in 0..MAX_CHUNKS {
        let head = piece(bytes, at, 24)?;
        let Some((kind, length)) = head.split_first_chunk::<4>() else { break };
        let Some(length) = length.first_chunk::<4>() else { break };
        if kind == b"fmt " {
            rate = head.get(16..20).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
        }
        if kind == b"data" {
            let there = size.saturating_sub(at + 8) as f64;
            return Ok(rate.filter(|&rate| rate > 0).map(|rate| there / f64::from(rate)));
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
    fn the_second_list_of_a_long_video_counts_too() {
        let video = [list(b"AVI ", &[0; 40]), list(b"AVIX", &[0; 60])].concat();
        assert_eq!(read(&video[..]).unwrap(), Completeness::Whole);
        let cut = read(&video[..video.len() - 1]).unwrap();
        assert!(matches!(cut, Completeness::Missing { first_missing_s: None, .. }), "{cut:?}");
    }

    #[test]
    fn the_audio_of_a_cut_file_ends_where_its_bytes_do() {
        let mut format = b"fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        format.extend([8000_u32.to_le_bytes(), 8000_u32.to_le_bytes()].concat());
        format.extend([1, 0, 8, 0]);
        let data = [b"data", &16_000_u32.to_le_bytes()[..], &[128; 16_000]].concat();
        let audio = list(b"WAVE", &[format, data].concat());
        assert_eq!(read(&audio[..]).unwrap(), Completeness::Whole);
        let Completeness::Missing { first_missing_s, .. } = read(&audio[..audio.len() - 8000]).unwrap()
        else {
            panic!("not noticed")
        };
        assert_eq!(first_missing_s, Some(1.0));
    }

    #[test]
    fn a_recorder_that_never_went_back_declares_nothing() {
        for size in [[0; 4], [255; 4]] {
            let mut video = list(b"AVI ", &[0; 40]);
            video[4..8].copy_from_slice(&size);
            assert_eq!(read(&video[..]).unwrap(), Completeness::Unknown);
        }
    }
}
