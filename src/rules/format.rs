//! How measured values read in a sentence.

use crate::model::{Hdr, HdrKind, OtherKind, Rational};

/// The lowercase ending of a file name.
pub(crate) fn extension(name: &str) -> Option<String> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then(|| extension.to_lowercase())
}

/// The endings that are natural for a container; empty where any will do.
pub(crate) fn extensions_of(container: &str) -> &'static [&'static str] {
    match container {
        "mp4" => &["mp4", "m4v"],
        "mov" => &["mov", "qt"],
        "3gp" => &["3gp", "3gpp", "3g2"],
        "webm" => &["webm"],
        "matroska" => &["mkv"],
        "avi" => &["avi"],
        "mpegps" => &["mpg", "mpeg", "vob"],
        "mpegts" => &["ts", "m2ts", "mts"],
        "flv" => &["flv"],
        "gif" => &["gif"],
        "jpeg" => &["jpg", "jpeg"],
        "png" => &["png"],
        "webp" => &["webp"],
        _ => &[],
    }
}

/// Bytes with a decimal unit.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}

/// Bits a second with a unit.
pub(crate) fn bit_rate(rate: u64) -> String {
    match rate {
        0..1_000_000 => format!("{:.0} kb/s", rate as f64 / 1e3),
        _ => format!("{:.2} Mb/s", rate as f64 / 1e6),
    }
}

/// Seconds, minutes where there are any.
pub(crate) fn seconds(time: f64) -> String {
    if time.abs() < 120.0 {
        format!("{} s", trimmed(time, 3))
    } else {
        format!("{:.0} min {:.0} s", (time / 60.0).floor(), time % 60.0)
    }
}

/// Frames a second: 29.97 fps.
pub(crate) fn rate(rate: Rational) -> String {
    format!("{} fps", trimmed(rate.as_f64(), 3))
}

/// A ratio, with its value where the numbers are unwieldy.
pub(crate) fn ratio(ratio: Rational) -> String {
    let text = ratio.with_colon();
    if ratio.num().max(ratio.den()) > 100 { format!("{text} ({:.3})", ratio.as_f64()) } else { text }
}

/// Ratios in a row: `9:16, 1:1`.
pub(crate) fn ratios(ratios: &[Rational]) -> String {
    ratios.iter().map(|ratio| ratio.with_colon()).collect::<Vec<_>>().join(", ")
}

/// Whether two ratios differ by no more than `tolerance` as a share of the wanted one.
pub(crate) fn near(found: Rational, wanted: Rational, tolerance: f64) -> bool {
    (found.as_f64() / wanted.as_f64() - 1.0).abs() <= tolerance + 1e-9
}

/// The name of a dynamic range.
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

/// The kind of a track that is neither picture nor audio.
pub(crate) fn kind(kind: OtherKind) -> &'static str {
    match kind {
        OtherKind::Data => "data",
        OtherKind::Subtitle => "subtitle",
        OtherKind::Attachment => "attachment",
        OtherKind::CoverArt => "cover art",
    }
}

fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_read_well() {
        assert_eq!(seconds(12.5), "12.5 s");
        assert_eq!(seconds(601.0), "10 min 1 s");
        assert_eq!(rate(Rational::new(30000, 1001).unwrap()), "29.97 fps");
        assert_eq!(bytes(500_000_000), "500.0 MB");
        assert_eq!(bit_rate(516_000), "516 kb/s");
        assert_eq!(ratio(Rational::new(1920, 1017).unwrap()), "640:339 (1.888)");
    }

    #[test]
    fn endings_are_found_and_hidden_files_have_none() {
        assert_eq!(extension("A.B.MP4").as_deref(), Some("mp4"));
        assert_eq!(extension(".mp4"), None);
        assert_eq!(extension("video"), None);
    }
}
