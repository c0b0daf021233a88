//! Reads the runs of samples in fragments.

use std::collections::BTreeMap;
use std::io;

use super::super::boxes::{BoxHeader, boxes, read_content};
use super::super::empty_samples::EmptySamples;
use super::super::fields::FieldReader;
use super::movie::{TrackDefaults, movie, track_id};
use crate::probe::bytes::Bytes;

/// Fragments whose samples are counted.
const MAX_COUNTED: usize = 4096;
/// Samples read per run.
const MAX_SAMPLES: u32 = 1 << 20;

/// Where the samples of the tracks end.
#[derive(Debug, Default)]
pub(super) struct FragmentEnds {
    /// The end of the last fragment read, in seconds, by track.
    pub(super) by_track: BTreeMap<u32, f64>,
    /// The start of the first fragment read, in seconds.
    pub(super) start_s: Option<f64>,
    /// The time of the first missing sample, in seconds.
    pub(super) first_missing_s: Option<f64>,
    /// What the samples of each track add up to.
    samples: BTreeMap<u32, Totals>,
}

/// What samples add up to.
#[derive(Debug, Default)]
struct Totals {
    count: u64,
    bytes: u64,
    /// Their duration, in units of the track.
    ticks: u64,
    empty: EmptySamples,
}

impl Totals {
    /// Returns bits per second, for a track with this many units per second.
    fn bit_rate(&self, scale: u32) -> Option<u64> {
        let rate = (u128::from(self.bytes) * 8 * u128::from(scale)).checked_div(u128::from(self.ticks))?;
        u64::try_from(rate).ok().filter(|rate| *rate > 0)
    }
}

impl FragmentEnds {
    /// Reads fragments.
    pub(super) fn read<'a, B: Bytes + ?Sized>(
        bytes: &B,
        fragments: impl IntoIterator<Item = &'a &'a BoxHeader>,
        size: u64,
        tracks: &BTreeMap<u32, TrackDefaults>,
    ) -> io::Result<FragmentEnds> {
        let mut ends = FragmentEnds::default();
        for moof in fragments {
            read_fragment(bytes, moof, size, tracks, &mut ends)?;
        }
        Ok(ends)
    }

    /// Returns the end of the track that ends last, in seconds.
    pub(super) fn last_s(&self) -> Option<f64> {
        self.by_track.values().copied().reduce(f64::max)
    }
}

/// Returns the fragments that the file contains whole.
pub(super) fn whole_fragments(top: &[BoxHeader], size: u64) -> Vec<&BoxHeader> {
    top.iter().filter(|found| &found.kind == b"moof" && found.end <= size).collect()
}

/// The samples of a track in the fragments.
#[derive(Clone, Debug, Default)]
pub(crate) struct CountedSamples {
    /// Their number.
    pub(crate) count: u64,
    /// Those without data.
    pub(crate) empty: EmptySamples,
    /// How long they last after the start of the first fragment in seconds, if all fragments were read.
    pub(crate) duration_s: Option<f64>,
    /// Their bits per second, if all fragments were read.
    pub(crate) bit_rate: Option<u64>,
}

/// Returns the samples of the tracks by id.
pub(crate) fn counted_samples<B: Bytes + ?Sized>(
    bytes: &B,
    top: &[BoxHeader],
) -> io::Result<BTreeMap<u32, CountedSamples>> {
    let size = bytes.len()?;
    let Some(moov) = top.iter().find(|found| &found.kind == b"moov") else { return Ok(BTreeMap::new()) };
    let (tracks, _) = movie(bytes, moov, size)?;
    let complete = whole_fragments(top, size);
    let FragmentEnds { by_track, start_s, samples, .. } =
        FragmentEnds::read(bytes, complete.iter().take(MAX_COUNTED), size, &tracks)?;
    let is_read = complete.len() <= MAX_COUNTED;
    let end_of = |id: &u32| by_track.get(id).copied().filter(|_| is_read);
    let counted = samples.into_iter().map(|(id, totals)| {
        let duration_s = end_of(&id).map(|end| end - start_s.unwrap_or(0.0));
        let scale = tracks.get(&id).map(|track| track.scale).filter(|_| is_read);
        let bit_rate = scale.and_then(|scale| totals.bit_rate(scale));
        (id, CountedSamples { count: totals.count, empty: totals.empty, duration_s, bit_rate })
    });
    Ok(counted.collect())
}

/// Reads the runs of one fragment.
fn read_fragment<B: Bytes + ?Sized>(
    bytes: &B,
    moof: &BoxHeader,
    size: u64,
    tracks: &BTreeMap<u32, TrackDefaults>,
    ends: &mut FragmentEnds,
) -> io::Result<()> {
    for traf in boxes(bytes, moof.content, moof.end)? {
        if &traf.kind != b"traf" {
            continue;
        }
        let mut run: Option<SampleRun> = None;
        for found in boxes(bytes, traf.content, traf.end.min(moof.end))? {
            let content = read_content(bytes, &found)?;
            match (&found.kind, &mut run) {
                (b"tfhd", _) => run = SampleRun::new(&content, moof.start, tracks),
                (b"tfdt", Some(run)) => {
                    run.decode_time = start_time(&content);
                    let start_s = run.decode_time.map(|time| time as f64 / f64::from(run.track.scale));
                    ends.start_s = [ends.start_s, start_s].into_iter().flatten().reduce(f64::min);
                }
                (b"trun", Some(run)) => run.read(&content, size, ends),
                _ => {}
            }
        }
        if let Some(SampleRun { id, decode_time: Some(end), track, .. }) = run {
            ends.by_track.insert(id, end as f64 / f64::from(track.scale));
        }
    }
    Ok(())
}

/// Returns the start of each track in a fragment, in units of the track.
pub(crate) fn start_times<B: Bytes + ?Sized>(bytes: &B, moof: &BoxHeader) -> io::Result<BTreeMap<u32, u64>> {
    let mut times = BTreeMap::new();
    for traf in boxes(bytes, moof.content, moof.end)?.iter().filter(|found| &found.kind == b"traf") {
        let (mut id, mut time) = (None, None);
        for found in boxes(bytes, traf.content, traf.end.min(moof.end))? {
            match &found.kind {
                b"tfhd" => id = track_id(&read_content(bytes, &found)?),
                b"tfdt" => time = start_time(&read_content(bytes, &found)?),
                _ => {}
            }
        }
        times.extend(id.zip(time));
    }
    Ok(times)
}

fn start_time(tfdt: &[u8]) -> Option<u64> {
    let mut fields = FieldReader(tfdt);
    let (version, _) = fields.head()?;
    fields.wide(version)
}

/// The samples of a track in a fragment.
struct SampleRun {
    id: u32,
    track: TrackDefaults,
    base: u64,
    /// Offset of the next sample in the file.
    offset: u64,
    /// Decode time of the next sample, when the fragment states it.
    decode_time: Option<u64>,
}

impl SampleRun {
    /// Creates a run from the content of `tfhd`.
    fn new(content: &[u8], moof: u64, tracks: &BTreeMap<u32, TrackDefaults>) -> Option<SampleRun> {
        let mut fields = FieldReader(content);
        let (_, flags) = fields.head()?;
        let id = fields.word()?;
        let mut track = *tracks.get(&id)?;
        let base = if flags & 1 != 0 { fields.take(8)? } else { moof };
        if flags & 2 != 0 {
            fields.word()?;
        }
        if flags & 8 != 0 {
            track.duration = fields.word()?;
        }
        if flags & 0x10 != 0 {
            track.size = fields.word()?;
        }
        Some(SampleRun { id, track, base, offset: base, decode_time: None })
    }

    /// Reads the samples of a `trun`.
    fn read(&mut self, content: &[u8], end_of_file: u64, ends: &mut FragmentEnds) {
        let mut fields = FieldReader(content);
        let Some(((_, flags), count)) = fields.head().zip(fields.word()) else { return };
        if flags & 1 != 0 {
            let Some(offset) = fields.word() else { return };
            self.offset = self.base.saturating_add_signed(i64::from(offset as i32));
        }
        if flags & 4 != 0 {
            fields.word();
        }
        for _ in 0..count.min(MAX_SAMPLES) {
            let mut listed = |flag: u32| if flags & flag != 0 { fields.word().map(Some) } else { Some(None) };
            let Some((duration, size)) = listed(0x100).zip(listed(0x200)) else { return };
            let Some(((), offset)) = listed(0x400).map(|_| ()).zip(listed(0x800)) else { return };
            let size = size.unwrap_or(self.track.size);
            let duration = u64::from(duration.unwrap_or(self.track.duration));
            let totals = ends.samples.entry(self.id).or_default();
            totals.count += 1;
            totals.bytes = totals.bytes.saturating_add(u64::from(size));
            totals.ticks = totals.ticks.saturating_add(duration);
            if size == 0 {
                let offset = i64::from(offset.unwrap_or(0) as i32);
                let time = self.decode_time.map(|time| time.saturating_add_signed(offset));
                totals.empty.add(time.map(|time| time as f64 / f64::from(self.track.scale)));
            }
            self.offset = self.offset.saturating_add(u64::from(size));
            if self.offset > end_of_file {
                if let Some(time) = self.decode_time {
                    let at = time as f64 / f64::from(self.track.scale);
                    ends.first_missing_s = Some(ends.first_missing_s.map_or(at, |first| first.min(at)));
                }
                return;
            }
            self.decode_time = self.decode_time.map(|time| time.saturating_add(duration));
        }
    }
}
