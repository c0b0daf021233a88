//! Facts about media files, without any assessment.
//!
//! All types are plain data without FFmpeg objects, because they are passed between threads and
//! processes and printed in the JSON report. An absent or unknown fact is `None`, never a zero, an
//! empty string or a default.

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
    DecodeError, DecodeErrorKind, DecodeReport, DeepReport, LoudnessReport, TimeRange,
};
pub use frame_loss::{FrameLoss, LossKind, set_loss};
pub use frame_rates::common_frame_rates;
pub use geometry::{Flip, Rotation, Size, display_aspect_ratio, display_size};
pub use hash::ContentHash;
pub use media::{Completeness, EncryptedStream, MAX_HELD_FRAME_S, MediaFacts, PrivacyTags, contradicts};
pub use named::UnlistedName;
pub(crate) use named::display_name;
pub use source_damage::SourceDamage;
pub use still_image::{ImageFormat, StillImage};
pub use streams::{AudioStream, OtherKind, OtherStream, VideoStream};
pub use track_timing::{EditList, EditListKind, Timing};
pub use units::{ParseRationalError, Rational, count};
