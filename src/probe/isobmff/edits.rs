//! Classifies edit lists (ISO/IEC 14496-12, 8.6.6): harmless encoder delay, or an edit of the video.

use std::io;

use super::boxes::{BoxHeader, boxes, descendant, read_content};
use super::samples;
use crate::model::{EditList, EditListKind};
use crate::probe::bytes::Bytes;

/// The longest reorder delay or encoder priming that does not count as a trim, in seconds. Priming is 1024
/// to 2112 samples, below 0.05 s at 44.1 kHz; reordering by two frames at 15 frames/s takes 0.14 s.
const MAX_DELAY_S: f64 = 0.15;
/// How much shorter than its media a track may be without counting as trimmed, in seconds.
const SLACK_S: f64 = 0.15;

struct Edit {
    duration: u64,
    media_time: i64,
    rate: u32,
}

impl Edit {
    /// Returns the speed at which the media is played; 0 shows one frame.
    fn speed(&self) -> f64 {
        f64::from(self.rate as i32) / f64::from(1 << 16)
    }

    fn changes_speed(&self) -> bool {
        self.media_time >= 0 && self.rate != 1 << 16
    }
}

/// Reads the edit list of a track.
pub(super) fn read<B: Bytes + ?Sized>(
    bytes: &B,
    trak: &BoxHeader,
    movie_scale: Option<(u32, u64)>,
    fragmented: bool,
) -> io::Result<Option<EditList>> {
    let child = |parent: &BoxHeader, kind: &[u8; 4]| -> io::Result<Option<BoxHeader>> {
        let inside = boxes(bytes, parent.content, parent.end.min(bytes.len()?))?;
        Ok(inside.into_iter().find(|found| &found.kind == kind))
    };
    let Some(edts) = child(trak, b"edts")? else { return Ok(None) };
    let Some(elst) = child(&edts, b"elst")? else { return Ok(None) };
    let edits = parse(&read_content(bytes, &elst)?);
    if edits.is_empty() {
        return Ok(None);
    }
    let media = match child(trak, b"mdia")? {
        Some(mdia) => child(&mdia, b"mdhd")?,
        None => None,
    };
    let media =
        media.map(|mdhd| read_content(bytes, &mdhd)).transpose()?.and_then(|content| timescale(&content));
    // The samples decide how long the media is; headers may lie.
    let sampled = match descendant(bytes, trak, &[b"mdia", b"minf", b"stbl"])? {
        Some(table) if !fragmented => samples::total_duration(bytes, &table)?,
        _ => None,
    };
    let media =
        media.map(|(scale, declared)| (scale, sampled.filter(|ticks| *ticks > 0).unwrap_or(declared)));
    let (kind, reason) = classify(&edits, movie_scale, media, fragmented);
    let delay_only = is_delay_only(&edits, movie_scale, media, fragmented);
    let changes_speed = edits.iter().any(Edit::changes_speed);
    Ok(Some(EditList { kind, entries: edits.len() as u32, delay_only, changes_speed, reason }))
}

/// Parses time scale and duration from the content of `mvhd` or `mdhd`, which have the same start.
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

/// Returns the duration that is presented of `ticks` of media, in seconds: all of it without an edit list; `None`
/// for an edit list that is repeated (flag 1 of `elst`). `first_offset` is the composition time of the first sample.
pub(super) fn presented_s<B: Bytes + ?Sized>(
    bytes: &B,
    trak: &BoxHeader,
    movie_scale: Option<u32>,
    media_scale: u32,
    ticks: u64,
    first_offset: i64,
) -> io::Result<Option<f64>> {
    let media_s = ticks as f64 / f64::from(media_scale);
    // Edits count in composition times.
    let end_s = media_s + first_offset as f64 / f64::from(media_scale);
    let Some(edits) = unrepeated(bytes, trak)? else { return Ok(None) };
    let Some(movie_scale) = movie_scale.filter(|_| !edits.is_empty()) else { return Ok(Some(media_s)) };
    let shown = edits.iter().map(|edit| {
        let edit_s = edit.duration as f64 / f64::from(movie_scale);
        if edit.media_time < 0 {
            return edit_s;
        }
        let rest_s = (end_s - edit.media_time as f64 / f64::from(media_scale)).max(0.0);
        if edit.rate == 0 {
            return edit_s;
        }
        let rest_s = rest_s / edit.speed().abs();
        // A duration of zero shows the rest of the media.
        if edit.duration == 0 { rest_s } else { edit_s.min(rest_s) }
    });
    Ok(Some(shown.sum()))
}

/// Returns how long a track pauses at its start, in seconds.
pub(super) fn delay_s<B: Bytes + ?Sized>(
    bytes: &B,
    trak: &BoxHeader,
    movie_scale: Option<u32>,
) -> io::Result<f64> {
    let (Some(edits), Some(scale)) = (unrepeated(bytes, trak)?, movie_scale) else { return Ok(0.0) };
    let ticks: u64 = edits.iter().take_while(|edit| edit.media_time < 0).map(|edit| edit.duration).sum();
    Ok(ticks as f64 / f64::from(scale))
}

/// The parts of a track that an edit list plays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlayedParts {
    /// Duration in seconds, and start in units of the media's time scale; `None` for a pause.
    pub parts: Vec<(f64, Option<i64>)>,
    /// The composition time of the first sample, in the same units.
    pub first_offset: i64,
}

/// Returns the parts of a track whose edit list plays several of them at the normal speed, once.
pub(super) fn played_parts<B: Bytes + ?Sized>(
    bytes: &B,
    trak: &BoxHeader,
    movie_scale: Option<u32>,
    first_offset: i64,
) -> io::Result<Option<PlayedParts>> {
    let Some(edits) = unrepeated(bytes, trak)? else { return Ok(None) };
    let Some(movie_scale) = movie_scale.filter(|_| !edits.iter().any(Edit::changes_speed)) else {
        return Ok(None);
    };
    let several = edits.iter().filter(|edit| edit.media_time >= 0 && edit.duration > 0).count() > 1;
    let part = |edit: &Edit| {
        (edit.duration as f64 / f64::from(movie_scale), Some(edit.media_time).filter(|media| *media >= 0))
    };
    Ok(several.then(|| PlayedParts { parts: edits.iter().map(part).collect(), first_offset }))
}

/// Returns whether a track has an edit list that shows none of its samples: every edit is empty, lasts no time, or
/// begins at or after `end`, the composition time at which the media ends.
pub(super) fn shows_nothing<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader, end: i64) -> io::Result<bool> {
    let Some(edits) = unrepeated(bytes, trak)? else { return Ok(false) };
    let shows = |edit: &Edit| edit.duration > 0 && (0..end).contains(&edit.media_time);
    Ok(!edits.is_empty() && !edits.iter().any(shows))
}

/// Returns the composition time at which the first edit that shows something begins; zero without an edit list.
pub(super) fn media_start<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<i64> {
    let edits = unrepeated(bytes, trak)?.unwrap_or_default();
    Ok(edits.iter().map(|edit| edit.media_time).find(|time| *time >= 0).unwrap_or(0))
}

/// Returns the edits of a track, none if it has no list; `None` for a list that is repeated (flag 1), because that has
/// durations of its own.
fn unrepeated<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<Option<Vec<Edit>>> {
    let Some(elst) = descendant(bytes, trak, &[b"edts", b"elst"])? else {
        return Ok(Some(Vec::new()));
    };
    let content = read_content(bytes, &elst)?;
    let repeated = content.get(3).is_some_and(|flags| flags & 1 != 0);
    Ok((!repeated).then(|| parse(&content)))
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

/// Returns whether the edits are an empty one, which delays the track, and one that plays the whole track.
fn is_delay_only(
    edits: &[Edit],
    movie: Option<(u32, u64)>,
    media: Option<(u32, u64)>,
    fragmented: bool,
) -> bool {
    matches!(edits, [empty, rest] if empty.media_time == -1 && empty.rate == 1 << 16
        && classify(std::slice::from_ref(rest), movie, media, fragmented).0 == EditListKind::Benign)
}

fn classify(
    edits: &[Edit],
    movie: Option<(u32, u64)>,
    media: Option<(u32, u64)>,
    fragmented: bool,
) -> (EditListKind, String) {
    let editing = |reason: String| (EditListKind::Editing, reason);
    if let Some(edit) = edits.iter().find(|edit| edit.changes_speed()) {
        return editing(match edit.rate {
            0 => "the track stands still in a part".to_owned(),
            _ => format!("the track plays at {} times the normal speed", edit.speed()),
        });
    }
    let [edit] = edits else {
        let delayed = edits.first().is_some_and(|edit| edit.media_time == -1);
        return editing(if delayed {
            "the track starts later than the video".into()
        } else {
            format!("the track consists of {} edits", edits.len())
        });
    };
    if edit.media_time < 0 {
        return editing("the track is empty".into());
    }
    let Some((scale, length)) = media else { return editing("the track has no time scale".into()) };
    let start = edit.media_time as f64 / f64::from(scale);
    if start > MAX_DELAY_S {
        return editing(format!("the first {start:.3} s are hidden"));
    }
    let edit_s = movie.map(|(movie, _)| edit.duration as f64 / f64::from(movie));
    let hidden = edit_s.map(|edit_s| length as f64 / f64::from(scale) - start - edit_s);
    match hidden {
        Some(hidden) if hidden > SLACK_S && edit.duration > 0 && !fragmented => {
            editing(format!("the last {hidden:.3} s are hidden"))
        }
        _ if start > 0.0 => (EditListKind::Benign, format!("encoder delay of {start:.3} s")),
        _ => (EditListKind::Benign, "the whole track is shown".into()),
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
    fn an_empty_edit_before_the_whole_track_only_delays_it() {
        let delay_only = |edits: &[(u64, i64)]| {
            let edit = |&(duration, media_time)| Edit { duration, media_time, rate: 1 << 16 };
            let edits: Vec<Edit> = edits.iter().map(edit).collect();
            is_delay_only(&edits, Some((1000, 4000)), Some((15_360, 61_440)), false)
        };
        assert!(delay_only(&[(478, -1), (4000, 0)]));
        assert!(delay_only(&[(478, -1), (4000, 1024)]), "with encoder delay");
        assert!(!delay_only(&[(478, -1), (3000, 0)]), "the end is hidden");
        assert!(!delay_only(&[(478, -1), (4000, 8704)]), "the start is hidden");
        assert!(!delay_only(&[(478, -1), (1000, 0), (3000, 15_360)]), "a piece is played later");
        assert!(!delay_only(&[(4000, 0)]));
    }

    #[test]
    fn encoder_delay_is_benign_and_other_edits_are_editing() {
        assert_eq!(kind(&[(4000, 0, 1)]), EditListKind::Benign);
        assert_eq!(kind(&[(4000, 1024, 1)]), EditListKind::Benign);
        assert_eq!(kind(&[(4000, 8704, 1)]), EditListKind::Editing);
        assert_eq!(kind(&[(3000, 0, 1)]), EditListKind::Editing);
        assert_eq!(kind(&[(478, -1, 1), (4000, 0, 1)]), EditListKind::Editing);
        assert_eq!(kind(&[(4000, 0, 2)]), EditListKind::Editing);
        assert_eq!(kind(&[(1000, 0, 0), (4000, 0, 1)]), EditListKind::Editing);
    }
}
