//! Adds the streams of tracks to the facts.

use super::tracks::{AudioTrack, Track, TrackContent, VideoTrack};
use crate::model::{AudioStream, MediaFacts, OtherKind, OtherStream, VideoStream};
use crate::probe::tags::parse_clock;

/// Adds the stream of a track, which has this position, as far as the track declares it.
pub(super) fn add_stream(track: &Track, position: u32, duration: Option<&str>, facts: &mut MediaFacts) {
    let duration_s = duration.and_then(parse_clock);
    match &track.content {
        TrackContent::Video(video) => facts.video.push(video_stream(track, video, position, duration_s)),
        TrackContent::Audio(audio) => facts.audio.push(audio_stream(track, audio, position, duration_s)),
        TrackContent::Subtitle(codec) => facts.other.push(OtherStream {
            index: position,
            kind: OtherKind::Subtitle,
            codec: Some((*codec).to_owned()),
            language: track.language.clone(),
            duration_s: None,
        }),
    }
}

fn video_stream(track: &Track, video: &VideoTrack, index: u32, duration_s: Option<f64>) -> VideoStream {
    VideoStream {
        index,
        codec: Some(video.codec.clone()),
        width: Some(video.width),
        height: Some(video.height),
        sample_aspect_ratio: video.sample_aspect_ratio,
        frame_rate: video.frame_rate,
        field_order: video.field_order.map(str::to_owned),
        duration_s,
        decodable: true,
        language: track.language.clone(),
        default: Some(track.is_default),
        ..VideoStream::default()
    }
}

fn audio_stream(track: &Track, audio: &AudioTrack, index: u32, duration_s: Option<f64>) -> AudioStream {
    AudioStream {
        index,
        codec: Some(audio.codec.clone()),
        sample_rate: Some(audio.sample_rate),
        channels: Some(audio.channels).filter(|channels| *channels > 0),
        bit_rate: Some(u64::from(audio.sample_rate) * u64::from(audio.frame_bytes) * 8)
            .filter(|rate| *rate > 0),
        duration_s,
        decodable: true,
        language: track.language.clone(),
        default: Some(track.is_default),
        title: track.name.clone().filter(|title| !title.trim().is_empty()),
        ..AudioStream::default()
    }
}
