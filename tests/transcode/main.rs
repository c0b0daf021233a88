//! Outputs written and verified through the library, checked with FFmpeg's own tools.
#![allow(clippy::unwrap_used)]

mod analysis;
mod audio;
mod bench;
#[path = "../common/mod.rs"]
mod common;
mod end_to_end;
mod stream_copies;
mod verification;
mod video;
