//! `video-profile`.

use super::super::finding::Remedy;
use super::super::rule::{Violation, rule};

rule!(
    VideoProfile,
    "video-profile",
    what: "Codec profile and level.",
    why: "Phones decode only up to a profile and level; WhatsApp on Android stumbles over High profile with B-frames.",
    remedy: "Encode the picture again in the profile that is allowed.",
    source: "WhatsApp media documentation",
    |subject, limits, out| {
let Some(video) = subject.video() else { return };
let allowed = limits.words("allow");
if let Some(profile) = video.profile.as_ref().filter(|profile| !allowed.is_empty() && !allowed.contains(profile)) {
    let says = format!("the video profile is {profile}");
    out.breach(Violation::new(says, profile.clone(), allowed.join(", "), Remedy::ReencodeVideo).at(video.index));
}
if let (Some(max), Some(level)) = (limits.number("max_level"), video.level)
    && f64::from(level) > max
{
    let says = format!("the video level is {}", f64::from(level) / 10.0);
    let allowed = format!("level at most {}", max / 10.0);
    out.breach(Violation::new(says, level.to_string(), allowed, Remedy::ReencodeVideo).at(video.index));
}
    }
);
