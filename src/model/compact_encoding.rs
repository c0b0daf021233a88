//! A compact binary encoding of facts, for the channel between processes and for the probe cache.
//!
//! A run whose files are all cached decodes thousands of entries, and parsing JSON would take half of
//! that run. The encoding has no version: writer and reader are of the same build, which the workers'
//! handshake and the worker information in the cache ensure.

use super::{
    AudioStream, Codec, ColorTags, Completeness, Container, DolbyVision, EditList, EditListKind, Flip,
    FrameLoss, Hdr, HdrKind, ImageHeader, ImageMetadata, ImageObstacle, LossKind, MediaFacts, OtherKind,
    OtherStream, PrivacyTags, ProbedBy, Rational, Rotation, Size, Timing, VideoStream,
};

/// Capacity reserved for a list before its first item is read.
const MAX_RESERVED_ITEMS: usize = 16;

/// The largest amount of a fractional number: seconds, frames a second, degrees.
const MAX_AMOUNT: f64 = 1e9;

/// A value with a compact binary encoding.
pub(crate) trait Compact: Sized {
    /// Appends the value to `out`.
    fn put(&self, out: &mut Vec<u8>);
    /// Takes the value from the front of `input`; `None` if the bytes are invalid.
    fn take(input: &mut &[u8]) -> Option<Self>;
}

fn byte(input: &mut &[u8]) -> Option<u8> {
    let (first, rest) = input.split_first()?;
    *input = rest;
    Some(*first)
}

impl Compact for u64 {
    /// Writes LEB128: seven bits per byte, the lowest first.
    fn put(&self, out: &mut Vec<u8>) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
    }

    fn take(input: &mut &[u8]) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let next = byte(input)?;
            value |= u64::from(next & 0x7f) << shift;
            if next < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl Compact for u32 {
    fn put(&self, out: &mut Vec<u8>) {
        u64::from(*self).put(out);
    }

    fn take(input: &mut &[u8]) -> Option<u32> {
        u32::try_from(u64::take(input)?).ok()
    }
}

impl Compact for i32 {
    fn put(&self, out: &mut Vec<u8>) {
        self.cast_unsigned().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<i32> {
        u32::take(input).map(u32::cast_signed)
    }
}

impl Compact for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn take(input: &mut &[u8]) -> Option<u8> {
        byte(input)
    }
}

impl Compact for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(input: &mut &[u8]) -> Option<bool> {
        match byte(input)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Compact for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Option<f64> {
        let (bytes, rest) = input.split_first_chunk()?;
        *input = rest;
        let value = f64::from_le_bytes(*bytes);
        // No fact is infinite or larger; the writer may be a worker that a hostile file has taken over.
        value.is_finite().then(|| value.clamp(-MAX_AMOUNT, MAX_AMOUNT))
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    (text.len() as u64).put(out);
    out.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(u64::take(input)?).ok()?;
    let (text, rest) = input.split_at_checked(length)?;
    *input = rest;
    std::str::from_utf8(text).ok()
}

/// Encodes text, and the names that enums stand for.
macro_rules! texts {
    ($($name:ident: $text:ident),*) => {$(
        impl Compact for $name {
            fn put(&self, out: &mut Vec<u8>) {
                put_text(self.$text(), out);
            }

            fn take(input: &mut &[u8]) -> Option<$name> {
                take_text(input).map($name::from)
            }
        }
    )*};
}

texts!(String: as_str, Codec: name, Container: name);

impl<T: Compact> Compact for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn take(input: &mut &[u8]) -> Option<Option<T>> {
        if bool::take(input)? { T::take(input).map(Some) } else { Some(None) }
    }
}

impl<T: Compact> Compact for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|item| item.put(out));
    }

    fn take(input: &mut &[u8]) -> Option<Vec<T>> {
        let count = usize::try_from(u64::take(input)?).ok()?;
        // Enough for every normal file. A longer list grows item by item, so a corrupt length does
        // not allocate memory.
        let mut items = Vec::with_capacity(count.min(MAX_RESERVED_ITEMS));
        for _ in 0..count {
            items.push(T::take(input)?);
        }
        Some(items)
    }
}

impl Compact for Rational {
    fn put(&self, out: &mut Vec<u8>) {
        self.num().put(out);
        self.den().put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Rational> {
        Rational::new(u32::take(input)?, u32::take(input)?)
    }
}

/// Encodes the fields of structs in order. Both directions name every field, so the compiler reports
/// a new field that is missing here.
macro_rules! fields {
    ($($name:ident: [$($field:ident),* $(,)?];)*) => {$(
        impl Compact for $name {
            fn put(&self, out: &mut Vec<u8>) {
                let $name { $($field),* } = self;
                $($field.put(out);)*
            }

            fn take(input: &mut &[u8]) -> Option<$name> {
                Some($name { $($field: Compact::take(input)?),* })
            }
        }
    )*};
}

/// Encodes the variants of an enum without fields as numbers.
macro_rules! variants {
    ($name:ident { $($variant:ident = $number:literal),* $(,)? }) => {
        impl Compact for $name {
            fn put(&self, out: &mut Vec<u8>) {
                out.push(match self { $($name::$variant => $number),* });
            }

            fn take(input: &mut &[u8]) -> Option<$name> {
                match byte(input)? {
                    $($number => Some($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

fields! {
    MediaFacts: [
        probed_by, container, major_brand, size_bytes, duration_s, measured_duration_s,
        contradicted_duration_s, second_recording_byte, bit_rate, fast_start, fragmented,
        completeness, video, audio, other, chapters, privacy, clock_jumps_s, image,
    ];
    ImageHeader: [color_profile, metadata, alpha, obstacle];
    Size: [width, height];
    FrameLoss: [kind, count, of, at_s];
    VideoStream: [
        index, codec, codec_tag, profile, level, pixel_format, bit_depth, chroma, alpha, width,
        height, sample_aspect_ratio, bitstream_sample_aspect_ratio, rotation, flip, frame_rate,
        modal_frame_rate, variable_frame_rate, field_order, color, hdr, bit_rate, duration_s,
        start_s, frames, closed_gop, max_gop_frames, parameter_changes, edit_list, timing,
        decodable, encryption, empty, language, default, enabled, first_decodable_s,
        undecodable_frames, frame_sizes, lost_frames,
    ];
    AudioStream: [
        index, codec, codec_tag, profile, sample_rate, channels, channel_layout, bit_rate,
        duration_s, start_s, edit_list, decodable, encryption, empty, language, default, enabled,
        title, same_as, lost_frames,
    ];
    OtherStream: [index, kind, codec, language, duration_s];
    EditList: [kind, entries, delay_only, reason, changes_speed];
    Timing: [
        min_interval_s, max_interval_s, modal_interval_s, first_interval_s, duplicates,
        negative_dts_s,
    ];
    PrivacyTags: [location, device];
    ColorTags: [range, primaries, transfer, matrix];
    Hdr: [kind, dolby_vision];
    DolbyVision: [profile, compatibility];
}
variants!(ImageMetadata { Exif = 0, Gps = 1, Xmp = 2, Iptc = 3, Text = 4 });
variants!(ImageObstacle { Cmyk = 0, ComposedItems = 1 });
variants!(ProbedBy { Headers = 0, Ffmpeg = 1 });
variants!(Rotation { None = 0, Quarter = 1, Half = 2, ThreeQuarters = 3 });
variants!(LossKind { MissingReference = 0, Empty = 1, TimeGap = 2, MissingFrame = 3 });
variants!(Flip { Horizontal = 0, Vertical = 1 });
variants!(HdrKind { Hlg = 0, Pq = 1, Hdr10 = 2, DolbyVision = 3 });
variants!(EditListKind { Benign = 0, Editing = 1 });
variants!(OtherKind { Data = 0, Subtitle = 1, Attachment = 2, CoverArt = 3 });

impl Compact for Completeness {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Completeness::Unknown => out.push(0),
            Completeness::Whole => out.push(1),
            Completeness::Missing { first_missing_s, reason } => {
                out.push(2);
                first_missing_s.put(out);
                reason.put(out);
            }
        }
    }

    fn take(input: &mut &[u8]) -> Option<Completeness> {
        match byte(input)? {
            0 => Some(Completeness::Unknown),
            1 => Some(Completeness::Whole),
            2 => Some(Completeness::Missing {
                first_missing_s: Compact::take(input)?,
                reason: Compact::take(input)?,
            }),
            _ => None,
        }
    }
}
