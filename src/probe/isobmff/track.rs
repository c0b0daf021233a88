//! The facts of a track.

use std::io;

use super::boxes::{BoxHeader, descendant, read_content};
use super::durations::TrackDurations;
use super::edits::PlayedParts;
use super::empty_samples::EmptySamples;
use super::samples::Samples;
use super::{durations, edits, empty_samples, fragments, protection, samples};
use crate::model::EditList;
use crate::probe::bytes::Bytes;

/// The facts of a track.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct IsoTrack {
    /// Its position among the tracks, equal to FFmpeg's stream index.
    pub position: u32,
    /// Its id; `None` when the track header is missing.
    pub(super) id: Option<u32>,
    /// Whether it is a video or audio track.
    pub is_media: bool,
    /// Whether the track header enables it (ISO/IEC 14496-12, 8.3.2); `None` when the box is missing.
    pub enabled: Option<bool>,
    /// Its edit list, classified.
    pub edit_list: Option<EditList>,
    /// Number of sample entries (codec configurations); `None` when the box is missing.
    pub sample_entries: Option<u32>,
    /// Its samples, for a video track of an unfragmented file.
    pub samples: Option<Samples>,
    /// The encryption scheme of its samples, if any are encrypted.
    pub encryption: Option<String>,
    /// Its declared and measured durations.
    pub durations: TrackDurations,
    /// Its samples without data.
    pub empty_samples: EmptySamples,
    /// Number of its samples, as far as the sample tables state it.
    pub sample_count: u64,
    /// What its edit list plays, for a video track of an unfragmented file with several parts.
    pub played: Option<PlayedParts>,
}

/// What the facts of a track depend on beyond its own box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Movie {
    /// Time scale and duration of the movie header.
    pub(super) scale: Option<(u32, u64)>,
    /// Whether the file has movie fragments.
    pub(super) fragmented: bool,
}

impl IsoTrack {
    /// Reads the track with this position.
    pub(super) fn read<B: Bytes + ?Sized>(
        bytes: &B,
        trak: &BoxHeader,
        position: u32,
        movie: Movie,
    ) -> io::Result<IsoTrack> {
        let handler = handler(bytes, trak)?;
        let mut track = IsoTrack {
            position,
            is_media: handler.is_some_and(|kind| matches!(&kind, b"vide" | b"soun")),
            edit_list: edits::read(bytes, trak, movie.scale, movie.fragmented)?,
            encryption: protection::read(bytes, trak)?,
            durations: durations::read(bytes, trak, movie.scale, movie.fragmented)?,
            ..IsoTrack::default()
        };
        if let Some(header) = descendant(bytes, trak, &[b"tkhd"])? {
            let content = read_content(bytes, &header)?;
            track.id = fragments::track_id(&content);
            // `track_enabled` is the lowest flag.
            track.enabled = content.get(3).map(|flags| flags & 1 == 1);
        }
        let Some(table) = descendant(bytes, trak, &[b"mdia", b"minf", b"stbl"])? else { return Ok(track) };
        track.sample_entries = sample_entries(bytes, &table)?;
        if movie.fragmented {
            return Ok(track);
        }
        if handler == Some(*b"vide") {
            track.samples = samples::read(bytes, &table)?;
            let scale = movie.scale.map(|(scale, _)| scale);
            track.played = edits::played_parts(bytes, trak, scale, samples::first_offset(bytes, &table)?)?;
        }
        if let Some(scale) = track_scale(bytes, trak)?.filter(|_| track.is_media) {
            track.empty_samples = empty_samples::read(bytes, trak, &table, scale)?;
            track.sample_count = samples::count(bytes, &table)?.map_or(0, u64::from);
        }
        Ok(track)
    }
}

/// Returns the time scale of a track.
fn track_scale<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<Option<u32>> {
    let Some(mdhd) = descendant(bytes, trak, &[b"mdia", b"mdhd"])? else { return Ok(None) };
    Ok(edits::timescale(&read_content(bytes, &mdhd)?).map(|(scale, _)| scale))
}

/// Returns the handler type of a track: `vide`, `soun`, …
pub(super) fn handler<B: Bytes + ?Sized>(bytes: &B, trak: &BoxHeader) -> io::Result<Option<[u8; 4]>> {
    let Some(handler) = descendant(bytes, trak, &[b"mdia", b"hdlr"])? else { return Ok(None) };
    Ok(read_content(bytes, &handler)?.get(8..12).and_then(|kind| kind.try_into().ok()))
}

/// Returns the entry count of the `stsd` box of a sample table.
fn sample_entries<B: Bytes + ?Sized>(bytes: &B, table: &BoxHeader) -> io::Result<Option<u32>> {
    let Some(entries) = descendant(bytes, table, &[b"stsd"])? else { return Ok(None) };
    let mut head = [0; 8];
    let count = bytes.read_at(entries.content, &mut head)?;
    let [.., a, b, c, d] = head;
    Ok((count == head.len()).then(|| u32::from_be_bytes([a, b, c, d])))
}
