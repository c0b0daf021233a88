//! GIF and PNG: a chain of blocks with a mark at its end.

use std::io;

use super::super::bytes::{Bytes, piece};
use crate::model::Completeness;

/// A chain in larger files is not followed: every link has to be read.
const MAX_BYTES: u64 = 64 << 20;
const MAX_CHUNKS: usize = 100_000;
const BUFFER: usize = 64 * 1024;
/// Hundredths of a second below which players, and FFmpeg, show a frame for a tenth of a second.
const SHORTEST_DELAY: u16 = 2;
const DEFAULT_DELAY: u16 = 10;

/// Bytes one after the other.
struct Forward<'a, B: Bytes + ?Sized> {
    bytes: &'a B,
    at: u64,
    buffer: Vec<u8>,
    used: usize,
}

impl<B: Bytes + ?Sized> Forward<'_, B> {
    /// The next byte; `None` at the end.
    fn next(&mut self) -> io::Result<Option<u8>> {
        if self.used == self.buffer.len() {
            self.buffer = piece(self.bytes, self.at, BUFFER)?;
            self.at += self.buffer.len() as u64;
            self.used = 0;
        }
        let byte = self.buffer.get(self.used).copied();
        self.used += usize::from(byte.is_some());
        Ok(byte)
    }

    fn skip(&mut self, count: usize) -> io::Result<Option<()>> {
        for _ in 0..count {
            if self.next()?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// Goes over a chain of sub-blocks, keeping the first four bytes; `None` when it is cut.
    fn chain(&mut self) -> io::Result<Option<[u8; 4]>> {
        let (mut kept, mut count) = ([0; 4], 0);
        loop {
            let Some(length) = self.next()? else { return Ok(None) };
            if length == 0 {
                return Ok(Some(kept));
            }
            for _ in 0..length {
                let Some(byte) = self.next()? else { return Ok(None) };
                if let Some(place) = kept.get_mut(count) {
                    *place = byte;
                    count += 1;
                }
            }
        }
    }
}

/// The bytes of a colour table by the flags before it.
fn table(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

pub(super) fn gif<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    if bytes.len()? > MAX_BYTES {
        return Ok(Completeness::Unknown);
    }
    let head = piece(bytes, 0, 13)?;
    let mut reader = Forward { bytes, at: head.len() as u64, buffer: Vec::new(), used: 0 };
    let mut frames = Frames::default();
    let whole = match head.get(10) {
        Some(&flags) if head.len() == 13 => match reader.skip(table(flags))? {
            Some(()) => frames.follow(&mut reader)?,
            None => None,
        },
        _ => None,
    };
    Ok(match whole {
        Some(true) => Completeness::Whole,
        Some(false) => Completeness::Unknown,
        None => Completeness::Missing {
            first_missing_s: Some(frames.shown / 100.0),
            reason: "the mark at the end of the picture sequence is missing".into(),
        },
    })
}

#[derive(Default)]
struct Frames {
    /// Hundredths of a second that the frames so far are shown.
    shown: f64,
    delay: u16,
}

impl Frames {
    /// Whether the chain ends with its mark, or with something that is none of its links; `None` when
    /// it is cut.
    fn follow<B: Bytes + ?Sized>(&mut self, reader: &mut Forward<'_, B>) -> io::Result<Option<bool>> {
        loop {
            let done = match reader.next()? {
                Some(b'!') => self.extension(reader)?,
                Some(b',') => self.picture(reader)?,
                Some(b';') => return Ok(Some(true)),
                Some(_) => return Ok(Some(false)),
                None => None,
            };
            if done.is_none() {
                return Ok(None);
            }
        }
    }

    fn extension<B: Bytes + ?Sized>(&mut self, reader: &mut Forward<'_, B>) -> io::Result<Option<()>> {
        const CONTROL: u8 = 0xf9;
        let Some(label) = reader.next()? else { return Ok(None) };
        let Some([_, low, high, _]) = reader.chain()? else { return Ok(None) };
        if label == CONTROL {
            self.delay = u16::from_le_bytes([low, high]);
        }
        Ok(Some(()))
    }

    fn picture<B: Bytes + ?Sized>(&mut self, reader: &mut Forward<'_, B>) -> io::Result<Option<()>> {
        if reader.skip(8)?.is_none() {
            return Ok(None);
        }
        let Some(flags) = reader.next()? else { return Ok(None) };
        // The table, and a byte that says how the picture is packed.
        if reader.skip(table(flags) + 1)?.is_none() || reader.chain()?.is_none() {
            return Ok(None);
        }
        let delay = if self.delay < SHORTEST_DELAY { DEFAULT_DELAY } else { self.delay };
        self.shown += f64::from(delay);
        Ok(Some(()))
    }
}

pub(super) fn png<B: Bytes + ?Sized>(bytes: &B) -> io::Result<Completeness> {
    let size = bytes.len()?;
    let (mut at, mut shown, mut delay) = (8_u64, None::<f64>, 0.0);
    for _ in 0..MAX_CHUNKS {
        let head = piece(bytes, at, 34)?;
        let kind = head.get(4..8);
        let length = head.first_chunk::<4>().map_or(0, |length| u64::from(u32::from_be_bytes(*length)));
        let end = at + 12 + length;
        if kind.is_none() || end > size {
            let reason = "the chunk at the end of the picture is missing".into();
            return Ok(Completeness::Missing { first_missing_s: shown, reason });
        }
        if kind == Some(b"IEND") {
            return Ok(Completeness::Whole);
        }
        if kind == Some(b"fcTL") {
            shown = Some(shown.unwrap_or(0.0) + delay);
            delay = head.get(28..32).map_or(0.0, |word| {
                let number = |at: usize| f64::from(u16::from_be_bytes([word[at], word[at + 1]]));
                // A denominator of nought stands for hundredths.
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
        let picture = b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x4c\x01\0";
        [b"GIF89a\x01\0\x01\0\x80\0\0", &[0; 6][..], control, picture, control, picture, b";"].concat()
    }

    fn missing(found: Completeness) -> Option<f64> {
        match found {
            Completeness::Missing { first_missing_s, .. } => first_missing_s,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_gif_ends_with_its_mark_and_is_shown_as_far_as_it_goes() {
        let whole = two_frames();
        assert_eq!(gif(&whole[..]).unwrap(), Completeness::Whole);
        assert_eq!(gif(&[&whole[..], &[0; 9]].concat()[..]).unwrap(), Completeness::Whole);
        assert_eq!(missing(gif(&whole[..whole.len() - 1]).unwrap()), Some(1.0));
        assert_eq!(missing(gif(&whole[..whole.len() - 3]).unwrap()), Some(0.5));
        for cut in 6..whole.len() {
            assert!(matches!(gif(&whole[..cut]).unwrap(), Completeness::Missing { .. }), "{cut}");
        }
    }

    #[test]
    fn a_png_ends_with_its_last_chunk() {
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
        assert_eq!(missing(png(&whole[..whole.len() - 15]).unwrap()), Some(0.25));
        assert_eq!(missing(png(&whole[..20]).unwrap()), None);
    }
}
