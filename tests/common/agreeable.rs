//! A good clip, as the stand-in sees it, for tests that are not about media.

#![allow(dead_code, reason = "no test needs both")]

use std::fs::File;

use greenlit::sandbox::{UploadFacts, UploadProber};

/// Calls anything a good clip.
pub(crate) struct Agreeable;

impl UploadProber for Agreeable {
    fn probe(&self, _file: File, _name: &str) -> Option<UploadFacts> {
        Some(good_facts())
    }
}

/// Facts that break no limit.
pub(crate) fn good_facts() -> UploadFacts {
    UploadFacts {
        container: "mp4".into(),
        codec: Some("h264".into()),
        width: Some(720),
        height: Some(1280),
        duration: Some(9.0),
        fps: Some(30.0),
        pixel_format: Some("yuv420p".into()),
        bit_rate: Some(2_000_000),
        audio_codec: Some("aac".into()),
    }
}
