//! GIF and PNG: a chain of blocks that ends with a trailer.

use std::io;

use super::super::bytes::{Bytes, read_range};
use super::extent::Extent;
use crate::model::Completeness;

/// Larger files are not checked, because every block must be read.
const MAX_BYTES: u64 = 64 << 20;
const MAX_CHUNKS: usize = 100_000;
const BUFFER: usize = 64 * 1024;
/// Shorter delays, in hundredths of a second, are played as a tenth of a second by players and FFmpeg.
const MIN_DELAY: u16 = 2;
const DEFAULT_DELAY: u16 = 10;

/// Reads bytes in order through a buffer.
struct ForwardReader<'a, B: Bytes + ?Sized> {
    bytes: &'a B,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<B: Bytes + ?Sized> ForwardReader<'_, B> {
    /// Returns the next byte; `None` at the end.
    fn next(&mut self) -> io::Result<Option<u8>> {
        if self.used == self.buffer.len() {
            self.buffer = read_range(self.bytes, self.at, BUFFER)?;
            self.at += self.buffer.len() as u64;
            self.used = 0;
        }
        let byte = self.buffer.get(self.used).copied();
        self.used += usize::from(byte.is_some());
        Ok(byte)
    }

    /// Returns the offset of the next byte if another GIF begins there.
    fn next_gif(&self) -> io::Result<Option<u64>> {
        let at = self.at - (self.buffer.len() - self.used) as u64;
        Ok((read_range(self.bytes, at, 4)? == b"GIF8").then_some(at))
    }

    fn skip(&mut self, count: usize) -> io::Result<Option<()>> {
        for _ in 0..count {
            if self.next()?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Reads a chain of sub-blocks and returns its first four bytes; `None` when it is truncated.
    fn sub_blocks(&mut self) -> io::Result<Option<[u8; 4]>> {
        let (mut kept, mut count) = ([0; 4], 0);
        loop {
            let Some(length) = self.next()? else { return Ok(None) };
            if length == 0 {
                return Ok(Some(kept));
            }
            for _ in 0..length {
                let Some(byte) = self.next()? else { return Ok(None) };
                if let Some(slot) = kept.get_mut(count) {
                    *slot = byte;
                    count += 1;
                }
            }
        }
    }
}

/// Returns the size of a colour table in bytes, from its flags.
fn color_table_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Checks that a GIF has its trailer.
pub(super) fn gif<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Extent> {
    if bytes.len()? > MAX_BYTES {
        return Ok(Completeness::Unknown.into());
    }
    let head = read_range(bytes, 0, 13)?;
    let mut reader = ForwardReader { bytes, at: head.len() as u64, buffer: Vec::new(), used: 0 };
    let mut frames = GifFrames::default();
    let ended = match head.get(10) {
        Some(&flags) if head.len() == 13 => match reader.skip(color_table_bytes(flags))? {
            Some(()) => frames.read(&mut reader)?,
            None => None,
        },
        _ => None,
    };
    let second_recording_byte = match ended {
        Some(true) => reader.next_gif()?,
        _ => None,
    };
    let completeness = match ended {
        Some(true) => Completeness::Whole,
        Some(false) => Completeness::Unknown,
        None => Completeness::Missing {
            first_missing_s: Some(frames.duration / 100.0),
            reason: "the trailer of the GIF is missing".into(),
        },
    };
    Ok(Extent { completeness, second_recording_byte })
}

#[derive(Default)]
struct GifFrames {
    /// Total duration of the frames read, in hundredths of a second.
    duration: f64,
    delay: u16,
}

impl GifFrames {
    /// Reads all blocks. Returns whether the trailer ends them, and not an unknown block; `None` when the
    /// file is truncated.
    fn read<B: Bytes + ?Sized>(&mut self, reader: &mut ForwardReader<'_, B>) -> io::Result<Option<bool>> {
        loop {
            let block = match reader.next()? {
                Some(b'!') => self.extension(reader)?,
                Some(b',') => self.image(reader)?,
                Some(b';') => return Ok(Some(true)),
                Some(_) => return Ok(Some(false)),
                None => None,
            };
            if block.is_none() {
                return Ok(None);
            }
        }
    }

    fn extension<B: Bytes + ?Sized>(&mut self, reader: &mut ForwardReader<'_, B>) -> io::Result<Option<()>> {
        const CONTROL: u8 = 0xf9;
        let Some(label) = reader.next()? else { return Ok(None) };
        let Some([_, low, high, _]) = reader.sub_blocks()? else { return Ok(None) };
        if label == CONTROL {
            self.delay = u16::from_le_bytes([low, high]);
        }
        Ok(Some(()))
    }

    fn image<B: Bytes + ?Sized>(&mut self, reader: &mut ForwardReader<'_, B>) -> io::Result<Option<()>> {
        if reader.skip(8)?.is_none() {
            return Ok(None);
        }
        let Some(flags) = reader.next()? else { return Ok(None) };
        // The colour table, and the minimum code size of the image data.
        if reader.skip(color_table_bytes(flags) + 1)?.is_none() || reader.sub_blocks()?.is_none() {
            return Ok(None);
        }
        let delay = if self.delay < MIN_DELAY { DEFAULT_DELAY } else { self.delay };
        self.duration += f64::from(delay);
        Ok(Some(()))
    }
}

/// Checks that a PNG has its `IEND` chunk.
pub(super) fn png<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    let size = bytes.len()?;
    let (mut at, mut shown_s, mut delay) = (8_u64, None::<f64>, 0.0);
    for _ in 0..MAX_CHUNKS {
        let head = read_range(bytes, at, 34)?;
        let kind = head.get(4..8);
        let length = head.first_chunk::<4>().map_or(0, |length| u64::from(u32::from_be_bytes(*length)));
        let end = at + 12 + length;
        if kind.is_none() || end > size {
            let reason = "the last chunk (`IEND`) of the PNG is missing".into();
            return Ok(Completeness::Missing { first_missing_s: shown_s, reason });
        }
        if kind == Some(b"IEND") {
            return Ok(Completeness::Whole);
        }
        if kind == Some(b"fcTL") {
            shown_s = Some(shown_s.unwrap_or(0.0) + delay);
            delay = head.get(28..32).map_or(0.0, |word| {
                let number = |at: usize| f64::from(u16::from_be_bytes([word[at], word[at + 1]]));
                // A denominator of 0 means hundredths.
                number(0) / if number(2) > 0.0 { number(2) } else { 100.0 }
            });
        }
        at = end;
    }
    Ok(Completeness::Unknown)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn two_frames() -> Vec<u8> {
        let control = b"!\xf9\x04\0\x32\0\0\0";
        let image = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0";
        [b"GIF89a\x01\0\x01\0\x80\0\0", &[0; 6][..], control, image, control, image, b";"].concat()
    }

    fn first_missing_s(completeness: Completeness) -> Option<f64> {
        match completeness {
            Completeness::Missing { first_missing_s, .. } => first_missing_s,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_gif_without_its_trailer_is_missing_data_after_its_last_frame() {
        let whole = two_frames();
        assert_eq!(gif(&whole[..]).unwrap(), Completeness::Whole.into());
        assert_eq!(gif(&[&whole[..], &[0; 9]].concat()[..]).unwrap(), Completeness::Whole.into());
        let second = gif(&[&whole[..], &whole].concat()[..]).unwrap().second_recording_byte;
        assert_eq!(second, Some(whole.len() as u64));
        assert_eq!(first_missing_s(gif(&whole[..whole.len() - 1]).unwrap().completeness), Some(1.0));
        assert_eq!(first_missing_s(gif(&whole[..whole.len() - 3]).unwrap().completeness), Some(0.5));
        for length in 6..whole.len() {
            let completeness = gif(&whole[..length]).unwrap().completeness;
            assert!(matches!(completeness, Completeness::Missing { .. }), "{length}");
        }
    }

    #[test]
    fn a_png_without_its_last_chunk_is_missing_data() {
        let chunk = |kind: &[u8; 4], data: &[u8]| {
            [&(data.len() as u32).to_be_bytes(), &kind[..], data, &[0; 4]].concat()
        };
        let mut control = [0; 26];
        control[20..24].copy_from_slice(&[0, 1, 0, 4]);
        let parts = [chunk(b"IHDR", &[0; 13]), chunk(b"fcTL", &control), chunk(b"IDAT", &[0; 9])].concat();
        let whole = [
            &b"\x89PNG\r\n\x1a\n"[..],
            &parts,
            &chunk(b"fcTL", &control),
            &chunk(b"fdAT", &[0; 9]),
            &chunk(b"IEND", &[]),
        ]
        .concat();
        assert_eq!(png(&whole[..]).unwrap(), Completeness::Whole);
        assert_eq!(first_missing_s(png(&whole[..whole.len() - 15]).unwrap()), Some(0.25));
        assert_eq!(first_missing_s(png(&whole[..20]).unwrap()), None);
    }
}
