//! A prober that accepts every upload, for tests that do not depend on media.

#![allow(dead_code, reason = "no test uses both items")]

use std::fs::File;

use greenlit::sandbox::{UploadFacts, UploadProber};

/// Reports [`good_facts`] for every upload.
pub(crate) struct AcceptingProber;

impl UploadProber for AcceptingProber {
    fn probe(&self, _file: File, _name: &str) -> Option<UploadFacts> {
        Some(good_facts())
    }
}

/// Returns facts that keep every limit.
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
