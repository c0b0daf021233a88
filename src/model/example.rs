//! Sample facts for tests and benchmarks, also of code that uses this library.

use super::{AudioStream, ColorTags, Completeness, MediaFacts, Rational, Timing, VideoStream};

/// Returns the facts of a portrait video of 15 seconds that complies with every built-in profile for
/// portrait video.
pub fn media() -> MediaFacts {
    MediaFacts {
        container: Some("mp4".into()),
        major_brand: Some("isom".into()),
        size_bytes: 10_000_000,
        duration_s: Some(15.0),
        bit_rate: Some(5_333_333),
        fast_start: Some(true),
        fragmented: Some(false),
        completeness: Completeness::Whole,
        video: vec![video_stream()],
        audio: vec![audio_stream()],
        ..MediaFacts::default()
    }
}

/// Returns the facts of a compliant cover with the aspect ratio of [`media`].
pub fn image() -> MediaFacts {
    MediaFacts {
        container: Some("png_pipe".into()),
        size_bytes: 800_000,
        video: vec![VideoStream {
            index: 0,
            codec: Some("png".into()),
            pixel_format: Some("rgb24".into()),
            bit_depth: Some(8),
            chroma: Some("rgb".into()),
            alpha: Some(false),
            width: Some(720),
            height: Some(1280),
            sample_aspect_ratio: Some(Rational::ONE),
            frames: Some(1),
            decodable: true,
            ..VideoStream::default()
        }],
        ..MediaFacts::default()
    }
}

fn video_stream() -> VideoStream {
    let bt709 = || Some("bt709".to_owned());
    VideoStream {
        index: 0,
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
        sample_aspect_ratio: Some(Rational::ONE),
        frame_rate: Rational::new(30, 1),
        variable_frame_rate: Some(false),
        field_order: Some("progressive".into()),
        color: ColorTags { range: Some("tv".into()), primaries: bt709(), transfer: bt709(), matrix: bt709() },
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
    }
}

fn audio_stream() -> AudioStream {
    AudioStream {
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
    }
}
