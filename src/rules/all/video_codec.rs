//! `video-codec`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    VideoCodec,
    "video-codec",
    what: "How the picture is encoded, and for HEVC how it is stored: as hvc1 or as hev1.",
    why: "Other codecs fail in processing, often hours after the upload was accepted. Platforms that publish no list are known to take H.264 everywhere and HEVC mostly. A video stored as hev1 neither plays nor previews on Apple devices.",
    remedy: "Encode the picture again as H.264; the audio is copied when it complies. hev1 becomes hvc1 without encoding.",
    source: "third-party lists and public reports",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let allowed = limits.words("allow");
match &video.codec {
    _ if allowed.is_empty() => {}
    None => out.unknown(),
    Some(codec) if allowed.contains(codec) => {
        if codec == "hevc" && video.codec_tag.as_deref() == Some("hev1") {
            let says = "HEVC is stored as hev1, which Apple devices do not play; hvc1 plays everywhere";
            let breach = Violation::new(says, "hev1", "hvc1", Remedy::BitstreamFilter).at(video.index);
            out.say(breach.as_warning());
        }
    }
    Some(codec) => {
        let says = format!("the video codec is {codec}");
        out.breach(Violation::new(says, codec.clone(), allowed.join(", "), Remedy::ReencodeVideo).at(video.index));
    }
}
    }
);
