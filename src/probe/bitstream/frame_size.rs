//! Reads the coded frame size at the start of samples, and detects its changes within a stream.
//!
//! Containers declare one size; the samples decide. A parameter set alone proves nothing, because a stream may
//! contain sets that no frame uses, so a size counts when a slice refers to its set.

use super::nal_sizes::NalSizes;
use super::parameter_sets::SetCodec;
use super::{av1, mpeg_video, vp8, vp9};
use crate::model::{Codec, Size};

/// Different sizes that are kept of one stream.
const MAX_SIZES: usize = 64;

enum Reader {
    Nal(NalSizes),
    /// Every sample states its size, or none.
    Stateless(fn(&[u8]) -> Option<(u32, u32)>),
}

/// The frame sizes of a stream, in the order of their first appearance.
pub struct FrameSizes {
    reader: Reader,
    sizes: Vec<Size>,
    current: Option<Size>,
    changes: u32,
}

impl FrameSizes {
    /// Creates the sizes of a stream with this codec and this configuration record; `None` for a codec whose
    /// samples are not read.
    pub fn of(codec: &Codec, config: &[u8]) -> Option<FrameSizes> {
        let reader = match codec {
            Codec::H264 => Reader::Nal(NalSizes::from_config(SetCodec::Avc, config)),
            Codec::Hevc => Reader::Nal(NalSizes::from_config(SetCodec::Hevc, config)),
            Codec::Vp8 => Reader::Stateless(vp8::key_frame_size),
            Codec::Vp9 => Reader::Stateless(vp9::frame_size),
            Codec::Av1 => Reader::Stateless(av1::sequence_size),
            Codec::Mpeg1Video | Codec::Mpeg2Video => Reader::Stateless(mpeg_video::sequence_size),
            Codec::Mpeg4 => Reader::Stateless(mpeg_video::object_layer_size),
            _ => return None,
        };
        let mut sizes = FrameSizes { reader, sizes: Vec::new(), current: None, changes: 0 };
        // In these codecs only the record may state the first size.
        match codec {
            Codec::Mpeg1Video | Codec::Mpeg2Video | Codec::Mpeg4 => _ = sizes.add(config),
            Codec::Av1 => _ = sizes.add(config.get(4..).unwrap_or_default()),
            _ => {}
        }
        Some(sizes)
    }

    /// Returns whether only key frames can change the size, so that other samples need not be read.
    pub fn only_at_key_frames(&self) -> bool {
        matches!(self.reader, Reader::Nal(_))
    }

    /// Takes a new configuration record that the container announces.
    pub fn configure(&mut self, config: &[u8]) {
        match &mut self.reader {
            Reader::Nal(sizes) => sizes.configure(config),
            Reader::Stateless(_) => _ = self.add(config),
        }
    }

    /// Adds a sample, or its start. Returns whether its size is known.
    pub fn add(&mut self, sample: &[u8]) -> bool {
        let size = match &mut self.reader {
            Reader::Nal(sizes) => sizes.read(sample),
            Reader::Stateless(read) => read(sample).map(|(width, height)| Size::new(width, height)),
        };
        let Some(size) = size.filter(|size| size.width > 0 && size.height > 0) else { return false };
        if self.current != Some(size) {
            self.changes = self.changes.saturating_add(u32::from(self.current.is_some()));
            self.current = Some(size);
            if !self.sizes.contains(&size) && self.sizes.len() < MAX_SIZES {
                self.sizes.push(size);
            }
        }
        true
    }

    /// Returns the sizes if there is more than one, else nothing.
    pub fn several(&self) -> &[Size] {
        if self.sizes.len() > 1 { &self.sizes } else { &[] }
    }

    /// Returns how often the size changes.
    pub fn changes(&self) -> u32 {
        self.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vp8_key(width: u16, height: u16) -> Vec<u8> {
        let [w0, w1] = width.to_le_bytes();
        let [h0, h1] = height.to_le_bytes();
        vec![0x10, 2, 0, 0x9d, 0x01, 0x2a, w0, w1, h0, h1]
    }

    #[test]
    fn sizes_are_kept_in_the_order_of_their_first_appearance() {
        let mut sizes = FrameSizes::of(&Codec::Vp8, &[]).expect("a known codec");
        for (width, height) in [(640, 360), (640, 360)] {
            assert!(sizes.add(&vp8_key(width, height)));
        }
        assert!(!sizes.add(&[0x11, 0, 0, 1]), "a predicted frame has no size");
        assert_eq!((sizes.several(), sizes.changes()), (&[][..], 0));
        for (width, height) in [(480, 360), (640, 360)] {
            sizes.add(&vp8_key(width, height));
        }
        assert_eq!(sizes.several(), [Size::new(640, 360), Size::new(480, 360)]);
        assert_eq!(sizes.changes(), 2);
        assert!(FrameSizes::of(&Codec::from("pcm_s16le"), &[]).is_none());
    }
}
