//! `stream-order`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    StreamOrder,
    "stream-order",
    what: "Checks whether the video stream comes before the audio stream.",
    why: "Files with the audio first failed on TikTok with an unexplained format error.",
    remedy: "Remux with the video stream first.",
    source: "public report (gitroomhq/postiz-app#814)",
    |subject, _limits, out| {
        let (Some(video), Some(audio)) = (subject.video(), subject.facts.main_audio()) else {
            return;
        };
        if audio.index < video.index {
            let message = "the audio stream comes before the video stream";
            out.add_verbatim(Violation::new(message, "audio first", "video first", Remedy::Remux).stated());
        }
    }
);
