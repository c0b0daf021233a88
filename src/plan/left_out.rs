//! Names the streams of the source that an output leaves out.

use crate::model::{MediaFacts, OtherKind, VideoStream};

use super::outcome::{DroppedStream, FixStep, StreamType};

/// Returns the streams that are neither audio nor the main video, each with the reason.
pub(super) fn streams(facts: &MediaFacts, main: &VideoStream) -> Vec<DroppedStream> {
    let videos = facts.video.iter().filter(|video| video.index != main.index).map(|video| DroppedStream {
        stream: video.index,
        kind: StreamType::Video,
        codec: video.codec_or_tag().map(str::to_owned),
        language: video.language.clone(),
        duration_s: video.duration_s,
        reason: video_reason(video, main),
        repeats_kept: video.empty,
    });
    let others = facts.other.iter().map(|other| DroppedStream {
        stream: other.index,
        kind: StreamType::Other(other.kind),
        codec: other.codec.clone(),
        language: other.language.clone(),
        duration_s: other.duration_s,
        reason: "the output has video and audio only".to_owned(),
        repeats_kept: false,
    });
    videos.chain(others).collect()
}

fn video_reason(video: &VideoStream, main: &VideoStream) -> String {
    let main_index = main.index;
    if video.empty {
        "it has no samples".to_owned()
    } else if video.is_single_image() {
        format!("it shows a single image; the main video is stream {main_index}")
    } else if video.enabled == Some(false) && main.enabled != Some(false) {
        format!("the file disables it; the main video is stream {main_index}")
    } else {
        format!("the output has one video stream; the main video is stream {main_index}")
    }
}

/// Returns the step that says that chapters are left out; outputs never have any.
pub(super) fn chapters(facts: &MediaFacts) -> Option<FixStep> {
    match facts.chapters {
        0 => None,
        1 => Some(FixStep::lossless("1 chapter mark left out")),
        count => Some(FixStep::lossless(format!("{count} chapter marks left out"))),
    }
}

/// Returns a step for each stream that is left out.
pub(super) fn steps(dropped: &[DroppedStream], consented: bool) -> Vec<FixStep> {
    let step = |stream: &DroppedStream| {
        let mut parts = vec![format!("stream {}", stream.stream)];
        parts.extend(stream.codec.clone());
        parts.extend(stream.language.clone());
        parts.extend(stream.duration_s.map(|seconds| format!("{seconds:.1} s")));
        let kind = match stream.kind {
            StreamType::Video => "video",
            StreamType::Audio => "audio track",
            StreamType::Other(OtherKind::Data) => "data",
            StreamType::Other(OtherKind::Subtitle) => "subtitles",
            StreamType::Other(OtherKind::Attachment) => "attachment",
            StreamType::Other(OtherKind::CoverArt) => "cover art",
        };
        let text = format!("{kind} left out ({}): {}", parts.join(", "), stream.reason);
        match stream.kind {
            StreamType::Audio if consented => FixStep::consented(text),
            _ => FixStep::lossless(text),
        }
    };
    dropped.iter().map(step).collect()
}
