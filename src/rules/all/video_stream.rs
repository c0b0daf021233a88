//! `video-stream`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    VideoStreamRule,
    "video-stream",
    what: "Whether there is a moving picture that can be decoded.",
    why: "A file with audio alone, or whose picture nobody can decode, is no video ad.",
    remedy: "None: there is nothing to show.",
    source: "video ad formats of every destination",
    |subject, _limits, out| {
match subject.video() {
    None => out.say(Violation::new("the file has no moving picture", "none", "one video stream", Remedy::Refuse)),
    Some(video) if !video.decodable => {
        let codec = video.codec.clone().or_else(|| video.codec_tag.clone()).unwrap_or_else(|| "unknown".to_owned());
        let says = format!("no decoder is known for the picture ({codec})");
        out.say(Violation::new(says, codec, "a video stream that can be decoded", Remedy::Refuse).at(video.index));
    }
    Some(video) if video.width == Some(0) || video.height == Some(0) => {
        out.say(Violation::new("the picture has no size", "0x0", "a picture", Remedy::Refuse).at(video.index));
    }
    Some(video) => {
        if let Some(still) = subject.facts.still() {
            let says = format!("the file is a still picture ({})", still.format);
            out.say(Violation::new(says, still.format, "a moving picture", Remedy::Refuse).at(video.index));
        }
    }
}
    }
);
