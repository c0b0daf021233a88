//! Finds frames that are missing within a stream, because later frames refer to them.
//!
//! Decoders replace a missing reference by another frame without an error. The headers of some codecs show it: H.264
//! numbers its reference frames, each HEVC frame lists those it needs, and MPEG-2 counts the frames of a group. Other
//! losses show in the display order, which AV1 states, too.

mod av1;
mod avc;
mod check;
mod display_order;
mod hevc;
mod mpeg2;
mod sample_info;
mod slices;

pub use check::References;
pub use display_order::Hole;
pub use sample_info::SampleInfo;
