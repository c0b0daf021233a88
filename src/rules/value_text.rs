//! Formats values for messages.

use crate::model::{Hdr, HdrKind, OtherKind, Rational};

/// Returns the extension of a file name in lower case; `None` for hidden files such as `.mp4`.
pub(crate) fn extension(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
}

/// Formats a number of bytes with a decimal unit.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}

/// Formats bits per second with a unit.
pub(crate) fn bit_rate(rate: u64) -> String {
    match rate {
        0..1_000_000 => format!("{:.0} kb/s", rate as f64 / 1e3),
        _ => format!("{:.2} Mb/s", rate as f64 / 1e6),
    }
}

/// Formats seconds, from two minutes on as minutes and seconds.
pub(crate) fn seconds(time: f64) -> String {
    if time.abs() < 120.0 {
        format!("{} s", trimmed(time, 3))
    } else {
        format!("{:.0} min {:.0} s", (time / 60.0).floor(), time % 60.0)
    }
}

/// Describes frames at the start that cannot be decoded; `at` is the time of the first that can, in seconds.
pub(crate) fn lost_start(frames: u64, at: f64) -> String {
    let (which, whose) = if frames == 1 {
        ("the first frame".to_owned(), "its")
    } else {
        (format!("the first {frames} frames"), "their")
    };
    format!(
        "{which} cannot be decoded because {whose} key frame is missing; the video can be shown from {}",
        seconds(at)
    )
}

/// Describes a video without any key frame among its first frames.
pub(crate) fn no_key_frame(frames: u64) -> String {
    format!("the video cannot be decoded: none of its first {frames} frames is a key frame")
}

/// At most this many times are named in a message.
const NAMED_TIMES: usize = 5;

/// Formats times in seconds for the middle of a message: ` (at 1.20 s, 2.00 s)`; nothing without times.
pub(crate) fn times(times: &[f64]) -> String {
    let mut named: Vec<String> = times.iter().take(NAMED_TIMES).map(|at| format!("{at:.2} s")).collect();
    if let (true, Some(last)) = (times.len() > NAMED_TIMES, times.last()) {
        named.push(format!("… {last:.2} s"));
    }
    if named.is_empty() { String::new() } else { format!(" (at {})", named.join(", ")) }
}

/// Formats frames per second: `29.97 fps`.
pub(crate) fn rate(rate: Rational) -> String {
    format!("{} fps", trimmed(rate.as_f64(), 3))
}

/// Formats a ratio, with its decimal value if the numbers are large.
pub(crate) fn ratio(ratio: Rational) -> String {
    let text = ratio.with_colon();
    if ratio.num().max(ratio.den()) > 100 { format!("{text} ({:.3})", ratio.as_f64()) } else { text }
}

/// Formats a list of ratios: `9:16, 1:1`.
pub(crate) fn ratios(ratios: &[Rational]) -> String {
    ratios.iter().map(|ratio| ratio.with_colon()).collect::<Vec<_>>().join(", ")
}

/// Returns the name of an HDR format.
pub(crate) fn hdr(hdr: Hdr) -> String {
    match (hdr.kind, hdr.dolby_vision) {
        (HdrKind::Hlg, _) => "HLG".to_owned(),
        (HdrKind::Pq, _) => "PQ (SMPTE 2084)".to_owned(),
        (HdrKind::Hdr10, _) => "HDR10".to_owned(),
        (HdrKind::DolbyVision, Some(vision)) => {
            format!("Dolby Vision profile {}.{}", vision.profile, vision.compatibility)
        }
        (HdrKind::DolbyVision, None) => "Dolby Vision".to_owned(),
    }
}

/// Returns the name of a kind of stream that is neither video nor audio.
pub(crate) fn stream_kind(kind: OtherKind) -> &'static str {
    match kind {
        OtherKind::Data => "data",
        OtherKind::Subtitle => "subtitle",
        OtherKind::Attachment => "attachment",
        OtherKind::CoverArt => "cover art",
    }
}

/// Formats a number without trailing zeros.
fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn formats_values_with_units() {
        assert_eq!(seconds(12.5), "12.5 s");
        assert_eq!(seconds(601.0), "10 min 1 s");
        assert_eq!(rate(Rational::new(30000, 1001).unwrap()), "29.97 fps");
        assert_eq!(bytes(500_000_000), "500.0 MB");
        assert_eq!(bit_rate(516_000), "516 kb/s");
        assert_eq!(ratio(Rational::new(1920, 1017).unwrap()), "640:339 (1.888)");
    }

    #[test]
    fn finds_extensions_and_none_in_hidden_files() {
        assert_eq!(extension("A.B.MP4").as_deref(), Some("mp4"));
        assert_eq!(extension(".mp4"), None);
        assert_eq!(extension("video"), None);
    }
}
