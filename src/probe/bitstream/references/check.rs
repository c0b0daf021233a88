//! The check of a stream, by its codec.

use super::display_order::{DisplayOrder, Hole};
use super::sample_info::SampleInfo;
use super::{av1, avc, hevc, mpeg2};
use crate::model::Codec;

enum Reader {
    Av1(av1::OrderHints),
    Avc(avc::FrameNumbers),
    Hevc(hevc::PictureSets),
    Mpeg2(mpeg2::TemporalReferences),
}

/// Follows the references and the display order of a stream.
pub struct References {
    reader: Box<Reader>,
    order: Box<DisplayOrder>,
}

impl References {
    /// Creates the check of a stream with this codec and this configuration record; `None` for a codec whose
    /// samples do not name their references.
    pub fn of(codec: &Codec, config: &[u8]) -> Option<References> {
        let reader = match codec {
            Codec::Av1 => Reader::Av1(av1::OrderHints::from_config(config)),
            Codec::H264 => Reader::Avc(avc::FrameNumbers::from_config(config)),
            Codec::Mpeg1Video | Codec::Mpeg2Video => Reader::Mpeg2(mpeg2::TemporalReferences::default()),
            Codec::Hevc => Reader::Hevc(hevc::PictureSets::from_config(config)),
            _ => return None,
        };
        Some(References { reader: Box::new(reader), order: Box::default() })
    }

    /// Takes a new configuration record that the container announces.
    pub fn configure(&mut self, config: &[u8]) {
        match &mut *self.reader {
            Reader::Av1(hints) => hints.configure(config),
            Reader::Avc(numbers) => numbers.configure(config),
            Reader::Hevc(sets) => sets.configure(config),
            Reader::Mpeg2(_) => {}
        }
    }

    /// Adds the next sample in decode order. Returns how many frames are missing that it, or another frame at this
    /// place, refers to.
    pub fn add(&mut self, sample: &[u8], info: SampleInfo) -> u64 {
        let order = &mut *self.order;
        let missing = match &mut *self.reader {
            Reader::Av1(hints) => {
                hints.add(sample, info, order);
                0
            }
            Reader::Avc(numbers) => numbers.add(sample, info, order),
            Reader::Hevc(sets) => sets.add(sample, info, order),
            Reader::Mpeg2(numbers) => numbers.add(sample, info, order),
        };
        order.note_missing(missing, info.time);
        missing
    }

    /// Ends the stream. Returns the holes in which frames are missing that [`References::add`] did not count, the
    /// earliest first.
    pub fn take_holes(&mut self) -> Vec<Hole> {
        let numbers = match &*self.reader {
            Reader::Avc(numbers) => numbers.modulus(),
            Reader::Av1(_) | Reader::Hevc(_) | Reader::Mpeg2(_) => None,
        };
        self.order.take_holes(numbers)
    }

    /// Forgets the frames read so far, because the next sample is from another place.
    pub fn restart(&mut self) {
        self.order.end_sequence();
        match &mut *self.reader {
            Reader::Av1(hints) => hints.restart(),
            Reader::Avc(numbers) => numbers.restart(),
            Reader::Hevc(sets) => sets.restart(),
            Reader::Mpeg2(numbers) => numbers.restart(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_never_panic() {
        let mut seed = 7_u32;
        let bytes: Vec<u8> = (0..6000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if seed & 0x700 == 0 { 0 } else { (seed >> 24) as u8 }
            })
            .collect();
        for codec in [Codec::Av1, Codec::H264, Codec::Hevc] {
            let mut checks: Vec<References> = Vec::new();
            for config in [&[][..], &bytes[..60], &[1; 30]] {
                checks.extend(References::of(&codec, config));
            }
            for from in 0..bytes.len() {
                let part = &bytes[from..bytes.len().min(from + 90)];
                // Units of every type that is read, with random content.
                let kinds: &[[u8; 2]] = if codec == Codec::Av1 {
                    &[[0x0a, 20], [0x32, 40], [0x1a, 30], [0x30, 0]]
                } else if codec == Codec::H264 {
                    &[[0x67, 66], [0x68, 0xce], [0x65, 1], [0x41, 1]]
                } else {
                    &[[33 << 1, 1], [34 << 1, 1], [21 << 1, 1], [1 << 1, 1], [8 << 1, 1]]
                };
                let kind = kinds[from % kinds.len()];
                let start: &[u8] = if codec == Codec::Av1 { &[] } else { &[0, 0, 1] };
                let sample = [start, &kind, part].concat();
                for check in &mut checks {
                    std::hint::black_box(
                        check.add(&sample, SampleInfo { key: from % 7 == 0, ..Default::default() }),
                    );
                    check.configure(part);
                }
            }
        }
    }
}
