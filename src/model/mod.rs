//! What a media file is: facts only, no judgement.
//!
//! Everything here is plain data. It crosses threads, processes and the JSON report, so no FFmpeg
//! object and no path into a library ever appears in it. A fact that is absent or could not be
//! established is `None`; it is never a zero, an empty string or a default.

mod color;
mod compact;
mod content;
mod geometry;
mod hash;
mod media;
#[doc(hidden)]
pub mod sample;
mod still_image;
mod units;

pub use color::{ColorTags, DolbyVision, Hdr, HdrKind};
pub(crate) use compact::Compact;
pub use content::{Damage, DecodeReport, DeepReport, LoudnessReport, TimeRange};
pub use geometry::{Flip, Rotation, Size, display_aspect_ratio, display_size};
pub use hash::ContentHash;
pub use media::{
    AudioStream, Completeness, EditList, EditListKind, MediaFacts, OtherKind, OtherStream, PrivacyTags,
    Timing, VideoStream, knows_no_times,
};
pub use still_image::Still;
pub use units::{ParseRationalError, Rational};
