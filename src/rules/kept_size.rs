//! Estimates whether the streams that a fix keeps fit a size limit: padding, free boxes, other tracks and attachments
//! cost no quality when a remux leaves them out.

use crate::model::{Container, MediaFacts};

use super::finding::Remedy;

/// The share of a file that boxes and index take: a few bytes for each packet.
const OVERHEAD: f64 = 0.01;
/// Bytes of a container without any packet.
const FIXED_OVERHEAD: f64 = 16_384.0;
/// Bits per second of the audio after a re-encode.
const ENCODED_AUDIO: f64 = 128_000.0;

/// Returns the cheapest change after which the file has at most `max` bytes.
///
/// If the sizes of the streams are unknown, a remux is tried where it leaves something out: the output is measured,
/// and re-encoded only if it is still too large.
pub(super) fn remedy_for_size(facts: &MediaFacts, max: u64) -> Remedy {
    let fits = |media: f64| media * (1.0 + OVERHEAD) + FIXED_OVERHEAD <= max as f64;
    let duration = facts.effective_duration_s();
    let bytes = |rate: Option<u64>, seconds: Option<f64>| {
        Some(rate? as f64 / 8.0 * seconds.or(duration).filter(|seconds| *seconds > 0.0)?)
    };
    let audio = facts.main_audio();
    let video_bytes = facts.main_video().and_then(|video| bytes(video.bit_rate, video.duration_s));
    let audio_bytes = audio.map_or(Some(0.0), |audio| bytes(audio.bit_rate, audio.duration_s));
    let encoded_bytes = audio.and_then(|audio| bytes(Some(ENCODED_AUDIO as u64), audio.duration_s));
    match (video_bytes, audio_bytes, encoded_bytes) {
        (Some(video), Some(audio), _) if fits(video + audio) => Remedy::Remux,
        (Some(video), _, Some(encoded)) if fits(video + encoded) => Remedy::ReencodeAudio,
        (None, _, _) if leaves_something_out(facts) => Remedy::Remux,
        _ => Remedy::ReencodeVideo,
    }
}

/// Returns whether a remux leaves out streams, or the packet headers and stuffing of a broadcast container.
fn leaves_something_out(facts: &MediaFacts) -> bool {
    let broadcast = facts.container_is(Container::is_mpeg_stream);
    broadcast || facts.video.len() + facts.audio.len() > 2 || !facts.other.is_empty()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{AudioStream, OtherKind, OtherStream, VideoStream};

    fn facts(video: Option<u64>, audio: Option<u64>) -> MediaFacts {
        MediaFacts {
            duration_s: Some(80.0),
            video: vec![VideoStream { bit_rate: video, ..VideoStream::default() }],
            audio: vec![AudioStream { bit_rate: audio, ..AudioStream::default() }],
            ..MediaFacts::default()
        }
    }

    #[test]
    fn the_kept_streams_decide() {
        // 80 s at 1 Mb/s are 10 MB.
        let remedy = |video, audio| remedy_for_size(&facts(video, audio), 12_000_000);
        assert_eq!(remedy(Some(1_000_000), Some(128_000)), Remedy::Remux);
        assert_eq!(remedy(Some(1_000_000), Some(4_608_000)), Remedy::ReencodeAudio);
        assert_eq!(remedy(Some(1_000_000), None), Remedy::ReencodeAudio);
        assert_eq!(remedy(Some(1_200_000), Some(128_000)), Remedy::ReencodeVideo);
        assert_eq!(remedy(None, None), Remedy::ReencodeVideo);
    }

    #[test]
    fn streams_of_unknown_size_are_remuxed_where_something_is_left_out() {
        let mut unknown = facts(None, None);
        unknown.other = vec![OtherStream {
            index: 2,
            kind: OtherKind::CoverArt,
            codec: Some("mjpeg".into()),
            language: None,
            duration_s: None,
        }];
        assert_eq!(remedy_for_size(&unknown, 1000), Remedy::Remux);
        unknown.other.clear();
        unknown.container = Some("mpegts".into());
        assert_eq!(remedy_for_size(&unknown, 1000), Remedy::Remux);
    }
}
