//! Facts about media files, without any assessment.
//!
//! All types are plain data without FFmpeg objects, because they are passed between threads and
//! processes and printed in the JSON report. An absent or unknown fact is `None`, never a zero, an
//! empty string or a default.
//!
//! A program that has facts from elsewhere starts from [`MediaFacts::default`] and sets what it knows, or reads the `facts`
//! of a report. A stream that it adds needs its `index`, and `decodable` unless it cannot be decoded:
//!
//! ```
//! use greenlit::model::{Codec, Container, MediaFacts, Rational, VideoStream};
//!
//! let mut video = VideoStream::default();
//! (video.index, video.decodable) = (0, true);
//! video.codec = Some(Codec::H264);
//! (video.width, video.height) = (Some(1080), Some(1920));
//! video.frame_rate = Rational::new(30, 1);
//! let mut facts = MediaFacts::default();
//! facts.container = Some(Container::Mp4);
//! (facts.size_bytes, facts.duration_s) = (3_000_000, Some(12.5));
//! facts.video.push(video);
//! assert_eq!(facts.main_video().and_then(VideoStream::codec_or_tag), Some("h264"));
//! ```

mod codec;
mod color;
mod color_reading;
mod compact_encoding;
mod container;
mod content_analysis;
#[doc(hidden)]
pub mod example;
mod frame_loss;
mod frame_rates;
mod geometry;
mod hash;
mod image_header;
mod main_stream;
mod media;
mod named;
mod source_damage;
mod still_image;
mod streams;
mod track_timing;
mod units;

pub use codec::Codec;
pub use color::{ColorTags, DolbyVision, Hdr, HdrKind, Primaries};
pub use color_reading::{Matrix, MatrixReason, Transfer, UndeclaredColors};
pub(crate) use compact_encoding::Compact;
pub use container::Container;
pub use content_analysis::{
    DecodeError, DecodeErrorKind, DecodeReport, DeepReport, LoudnessCurve, LoudnessReport, TimeRange,
};
pub use frame_loss::{FrameLoss, LossKind, set_loss};
pub use frame_rates::common_frame_rates;
pub use geometry::{Flip, Rotation, Size, display_aspect_ratio, display_size};
pub use hash::ContentHash;
pub use image_header::{ImageHeader, ImageMetadata, ImageObstacle};
pub use media::{
    Completeness, EncryptedStream, MAX_HELD_FRAME_S, MediaFacts, PrivacyTags, ProbedBy, contradicts,
};
pub use named::UnlistedName;
pub(crate) use named::display_name;
pub use source_damage::SourceDamage;
pub use still_image::{ImageFormat, StillImage};
pub use streams::{AudioStream, OtherKind, OtherStream, VideoStream};
pub use track_timing::{EditList, EditListKind, Timing};
pub use units::{ParseRationalError, Rational, count};
