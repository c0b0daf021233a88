//! `video-codec`.

use super::super::finding::Remedy;
use super::super::rule::{Breach, rule};

rule!(
    VideoCodec,
    "video-codec",
    what: "How the picture is encoded.",
    why: "Other codecs fail in processing, often hours after the upload was accepted. Platforms that publish no list are known to take H.264 everywhere and HEVC mostly.",
    remedy: "Encode the picture again as H.264; the sound is copied when it complies.",
    source: "third-party lists and public reports",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let allowed = limits.words("allow");
match &video.codec {
    _ if allowed.is_empty() => {}
    None => out.unknown(),
    Some(codec) if allowed.contains(codec) => {}
    Some(codec) => {
        let says = format!("the video codec is {codec}");
        out.breach(Breach::new(says, codec.clone(), allowed.join(", "), Remedy::ReencodeVideo).at(video.index));
    }
}
    }
);
