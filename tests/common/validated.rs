//! A file with its proof, for tests of what happens after validation.

use std::path::Path;

use greenlit::model::{
    AudioStream, ColorTags, Completeness, ContentHash, MediaFacts, Rational, Timing, VideoStream,
};
use greenlit::profile::Profile;
use greenlit::rules::{Selection, Subject, ValidatedAsset, assess};
use md5::{Digest, Md5};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The facts of a clip that nothing is wrong with.
fn facts(size: u64) -> MediaFacts {
    let bt709 = || Some("bt709".to_owned());
    MediaFacts {
        container: Some("mp4".into()),
        major_brand: Some("isom".into()),
        size_bytes: size,
        duration_s: Some(15.0),
        bit_rate: Some(5_333_333),
        fast_start: Some(true),
        fragmented: Some(false),
        completeness: Completeness::Whole,
        video: vec![VideoStream {
            codec: Some("h264".into()),
            codec_tag: Some("avc1".into()),
            profile: Some("High".into()),
            level: Some(40),
            pixel_format: Some("yuv420p".into()),
            bit_depth: Some(8),
            chroma: Some("4:2:0".into()),
            alpha: Some(false),
            width: Some(1080),
            height: Some(1920),
            sample_aspect_ratio: Rational::new(1, 1),
            frame_rate: Rational::new(30, 1),
            variable_frame_rate: Some(false),
            field_order: Some("progressive".into()),
            color: ColorTags {
                range: Some("tv".into()),
                primaries: bt709(),
                transfer: bt709(),
                matrix: bt709(),
            },
            bit_rate: Some(5_000_000),
            duration_s: Some(15.0),
            start_s: Some(0.0),
            frames: Some(450),
            closed_gop: Some(true),
            max_gop_frames: Some(60),
            parameter_changes: Some(0),
            timing: Some(Timing::default()),
            decodable: true,
            ..VideoStream::default()
        }],
        audio: vec![AudioStream {
            index: 1,
            codec: Some("aac".into()),
            codec_tag: Some("mp4a".into()),
            profile: Some("LC".into()),
            sample_rate: Some(48_000),
            channels: Some(2),
            channel_layout: Some("stereo".into()),
            bit_rate: Some(128_000),
            duration_s: Some(15.0),
            start_s: Some(0.0),
            decodable: true,
            ..AudioStream::default()
        }],
        ..MediaFacts::default()
    }
}

/// The proof that `bytes`, which lie at `path`, comply.
pub(crate) fn validated(path: &Path, bytes: &[u8]) -> ValidatedAsset {
    let content = ContentHash {
        blake3: blake3::hash(bytes).to_hex().to_string(),
        md5: hex(&Md5::digest(bytes)),
        size_bytes: bytes.len() as u64,
    };
    let facts = facts(10_000_000);
    let profile = Profile::builtin("tiktok-ads").unwrap();
    let subject = Subject { facts: &facts, file_name: "clip.mp4", deep: None };
    let assessment = assess(&subject, &profile, &Selection::default());
    assessment.validate(path.to_owned(), content).unwrap_or_else(|| panic!("{assessment:?}"))
}
