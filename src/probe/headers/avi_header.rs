//! AVI: the durations that the headers declare.

use std::io;

use super::super::bytes::{Bytes, read_range};

/// Bytes searched for the headers, which precede the packets.
const MAX_HEADER: usize = 256 * 1024;

/// Returns the declared durations of the video in seconds: by the header of its stream, and by the main header.
/// The main header of a file with several lists counts the frames of the first list only.
pub(super) fn durations<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Vec<f64>> {
    let head = read_range(bytes, 0, MAX_HEADER)?;
    if head.get(8..12) != Some(b"AVI ") {
        return Ok(Vec::new());
    }
    let header = match head.windows(4).position(|window| window == b"movi") {
        Some(at) => &head[..at],
        None => &head[..],
    };
    let chunks = |kind: &'static [u8; 4]| {
        let found = header.windows(4).enumerate().filter(move |(_, window)| *window == kind);
        found.filter_map(|(at, _)| header.get(at + 8..))
    };
    let word = |content: &[u8], at: usize| {
        content.get(at..at + 4)?.try_into().ok().map(|bytes| f64::from(u32::from_le_bytes(bytes)))
    };
    let of_stream = chunks(b"strh").filter(|content| content.starts_with(b"vids")).find_map(|content| {
        let (scale, rate, length) = (word(content, 20)?, word(content, 24)?, word(content, 32)?);
        (scale > 0.0 && rate > 0.0).then_some(length * scale / rate)
    });
    let has_more_lists = chunks(b"dmlh").next().is_some();
    let of_file = chunks(b"avih").find_map(|content| {
        let (interval_us, frames) = (word(content, 0)?, word(content, 16)?);
        // Some writers leave either at zero.
        (interval_us > 0.0 && frames > 0.0 && !has_more_lists).then_some(frames * interval_us / 1e6)
    });
    Ok(of_stream.into_iter().chain(of_file).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn chunk(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
        let content: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        [&kind[..], &(content.len() as u32).to_le_bytes(), &content].concat()
    }

    #[test]
    fn reads_the_durations_of_both_headers() {
        let video = u32::from_le_bytes(*b"vids");
        let main = chunk(b"avih", &[40_000, 0, 0, 0, 50]);
        let stream = chunk(b"strh", &[video, 0, 0, 0, 0, 1, 25, 0, 100]);
        let riff = |inside: &[u8]| [b"RIFF\0\0\0\0AVI ", inside, b"movi"].concat();
        assert_eq!(durations(&riff(&[&main[..], &stream].concat())[..]).unwrap(), [4.0, 2.0]);
        let extended = [&main[..], &stream, &chunk(b"dmlh", &[100])].concat();
        assert_eq!(durations(&riff(&extended)[..]).unwrap(), [4.0]);
        assert!(durations(&b"RIFF\0\0\0\0WAVE"[..]).unwrap().is_empty());
    }
}
