//! Reads boxes of ISO base media files (ISO/IEC 14496-12) that FFmpeg does not expose.
//!
//! Safe on hostile bytes: every size is checked, every loop is bounded, and no number from the file
//! determines an allocation.

mod boxes;
mod durations;
mod edits;
mod empty_samples;
mod fields;
mod fragments;
mod joined;
mod layout;
mod protection;
mod samples;
mod track;

pub use super::bytes::Bytes;
pub(crate) use boxes::{BoxHeader, boxes};
pub use durations::{MovieDurations, TrackDurations};
pub use edits::PlayedParts;
pub use empty_samples::EmptySamples;
pub(crate) use fields::FieldReader;
pub(crate) use layout::declares_fragments;
pub use layout::{IsoLayout, read};
pub use samples::Samples;
pub use track::IsoTrack;
