//! Edit lists (ISO/IEC 14496-12, 8.6.6): do they describe the encoding or edit the video?

use std::io;

use super::{Bytes, Found, boxes, leaf};
use crate::model::{EditList, EditListKind};

/// The longest reorder delay or encoder priming that is not a trim, in seconds. Priming is 1024 to
/// 2112 samples, at 44.1 kHz below 0.05 s; two frames of reordering at 15 frames a second 0.14 s.
const MAX_DELAY_S: f64 = 0.15;
/// How much shorter than its media a track may be without being trimmed, in seconds.
const SLACK_S: f64 = 0.15;

struct Edit {
    duration: u64,
    media_time: i64,
    rate: u32,
}

/// Reads the edit list of a track.
pub(super) fn read<B: Bytes + ?Sized>(
    bytes: &B,
    trak: &Found,
    movie_scale: Option<(u32, u64)>,
    fragmented: bool,
) -> io::Result<Option<EditList>> {
    let child = |of: &Found, kind: &[u8; 4]| -> io::Result<Option<Found>> {
        let inside = boxes(bytes, of.content, of.end.min(bytes.len()?))?;
        Ok(inside.into_iter().find(|found| &found.kind == kind))
    };
    let Some(edts) = child(trak, b"edts")? else { return Ok(None) };
    let Some(elst) = child(&edts, b"elst")? else { return Ok(None) };
    let edits = parse(&leaf(bytes, &elst)?);
    if edits.is_empty() {
        return Ok(None);
    }
    let media = match child(trak, b"mdia")? {
        Some(mdia) => child(&mdia, b"mdhd")?,
        None => None,
    };
    let media = media.map(|mdhd| leaf(bytes, &mdhd)).transpose()?.and_then(|content| timescale(&content));
    let (kind, reason) = classify(&edits, movie_scale, media, fragmented);
    Ok(Some(EditList { kind, entries: edits.len() as u32, reason }))
}

/// Time scale and duration from the content of `mvhd` or `mdhd`, which begin alike.
pub(super) fn timescale(content: &[u8]) -> Option<(u32, u64)> {
    let number =
        |at: usize| -> Option<u32> { Some(u32::from_be_bytes(content.get(at..at + 4)?.try_into().ok()?)) };
    let (scale, duration) = if *content.first()? == 1 {
        (number(20)?, u64::from(number(24)?) << 32 | u64::from(number(28)?))
    } else {
        (number(12)?, u64::from(number(16)?))
    };
    (scale > 0).then_some((scale, duration))
}

fn parse(content: &[u8]) -> Vec<Edit> {
    let long = content.first() == Some(&1);
    let declared = content.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
    let entries = content.get(8..).unwrap_or_default().chunks_exact(if long { 20 } else { 12 });
    let word = |b: &[u8]| b.iter().fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    entries
        .take(declared as usize)
        .map(|entry| {
            let (duration, rest) = entry.split_at(if long { 8 } else { 4 });
            let (media, rate) = rest.split_at(if long { 8 } else { 4 });
            let media = word(media);
            let media_time = if long { media as i64 } else { i64::from(media as u32 as i32) };
            Edit { duration: word(duration), media_time, rate: word(rate) as u32 }
        })
        .collect()
}

fn classify(
    edits: &[Edit],
    movie: Option<(u32, u64)>,
    media: Option<(u32, u64)>,
    fragmented: bool,
) -> (EditListKind, String) {
    let editing = |reason: String| (EditListKind::Editing, reason);
    let [edit] = edits else {
        let delayed = edits.first().is_some_and(|edit| edit.media_time == -1);
        return editing(if delayed {
            "starts later than the video".into()
        } else {
            format!("{} pieces are put together", edits.len())
        });
    };
    if edit.media_time < 0 {
        return editing("shows nothing of the track".into());
    }
    if edit.rate != 1 << 16 {
        return editing(format!("plays at {} times the speed", f64::from(edit.rate) / 65536.0));
    }
    let Some((scale, length)) = media else { return editing("the track has no time scale".into()) };
    let start = edit.media_time as f64 / f64::from(scale);
    if start > MAX_DELAY_S {
        return editing(format!("hides the first {start:.3} s"));
    }
    let shown = movie.map(|(movie, _)| edit.duration as f64 / f64::from(movie));
    let cut = shown.map(|shown| length as f64 / f64::from(scale) - start - shown);
    match cut {
        Some(cut) if cut > SLACK_S && edit.duration > 0 && !fragmented => {
            editing(format!("hides the last {cut:.3} s"))
        }
        _ if start > 0.0 => (EditListKind::Benign, format!("encoder delay of {start:.3} s")),
        _ => (EditListKind::Benign, "shows the whole track".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(edits: &[(u64, i64, u32)]) -> EditListKind {
        let edits: Vec<Edit> = edits
            .iter()
            .map(|&(duration, media_time, rate)| Edit { duration, media_time, rate: rate << 16 })
            .collect();
        classify(&edits, Some((1000, 4000)), Some((15_360, 61_440)), false).0
    }

    #[test]
    fn delay_is_benign_and_everything_else_edits() {
        assert_eq!(kind(&[(4000, 0, 1)]), EditListKind::Benign);
        assert_eq!(kind(&[(4000, 1024, 1)]), EditListKind::Benign);
        assert_eq!(kind(&[(4000, 8704, 1)]), EditListKind::Editing);
        assert_eq!(kind(&[(3000, 0, 1)]), EditListKind::Editing);
        assert_eq!(kind(&[(478, -1, 1), (4000, 0, 1)]), EditListKind::Editing);
        assert_eq!(kind(&[(4000, 0, 2)]), EditListKind::Editing);
    }
}
