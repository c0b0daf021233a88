//! Outputs made and proven through the library, judged by FFmpeg's own tools.
#![allow(clippy::unwrap_used)]

mod bench;
#[path = "../common/mod.rs"]
mod common;
mod copies;
mod looks;
mod pictures;
mod proof;
mod runs;
mod sounds;
