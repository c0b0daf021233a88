//! Reads packets from an input.

use std::collections::HashMap;
use std::ffi::c_int;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_next::ffi;

use super::edit_timeline::{EditPart, EditTimeline};
use super::error::{check, error_text, failed, is_eof};
use super::ffi_enums;
use super::file::share;
use super::media_input::{EditLists, MediaInput, open_as, open_input};
use super::packet::Packet;
use super::time::{NOPTS, is_duration_unknown, rational, seconds, units};
use crate::job::JobError;
use crate::model::{Codec, Container, DecodeError, DecodeErrorKind};
use crate::probe::bytes::BlockCache;
use crate::probe::headers;

/// Maximum number of errors kept with details; further errors are only counted.
pub(crate) const MAX_DAMAGE: usize = 20;
/// Consecutive read errors after which the file counts as ended.
const MAX_READ_ERRORS: u32 = 100;
/// Edit lists count in the time scale of the movie, often milliseconds.
const EDIT_ROUNDING_S: f64 = 0.002;

/// An open input.
pub(crate) struct Input {
    media: MediaInput,
    file: File,
    name: String,
    cancel: Arc<AtomicBool>,
    /// The video streams whose edit lists play several parts.
    edited: Vec<(u32, EditTimeline)>,
    /// Number of failed reads that were skipped.
    pub(crate) read_errors: u64,
    /// The first of them, with the time of the packet before.
    pub(crate) unread: Vec<DecodeError>,
    /// Time stamp and stream of the latest packet.
    latest: Option<(i64, c_int)>,
}

impl Input {
    /// Opens media from a descriptor and analyses its streams.
    pub(crate) fn open(file: File, name: &str, cancel: Arc<AtomicBool>) -> Result<Input, JobError> {
        let mut input = Input::open_output(file, name, cancel)?;
        input.media.read_stream_info()?;
        input.edited = edited_streams(&mut input)?;
        Ok(input)
    }

    /// Opens the same file again, at its start.
    pub(crate) fn reopen(&self) -> Result<Input, JobError> {
        Input::open(share(&self.file)?, &self.name, self.cancel.clone())
    }

    /// Like [`Input::open`] without stream analysis, for outputs of greenlit, whose headers are complete.
    pub(crate) fn open_output(file: File, name: &str, cancel: Arc<AtomicBool>) -> Result<Input, JobError> {
        let media = open_input(share(&file)?, name, cancel.clone())?;
        Ok(Input {
            media,
            file,
            name: name.to_owned(),
            cancel,
            edited: Vec::new(),
            read_errors: 0,
            unread: Vec::new(),
            latest: None,
        })
    }

    /// Returns whether rewinding gives the same packets again. In containers without a packet index, seeking
    /// is only approximate.
    pub(crate) fn is_repeatable(&mut self) -> bool {
        self.demuxer() == Container::Mov
    }

    /// Returns the container that the demuxer stands for.
    fn demuxer(&mut self) -> Container {
        // SAFETY: the context is open.
        unsafe { ffi_enums::demuxer(self.as_mut_ptr()) }
    }

    /// Returns whether the container stores no timestamps, so that the demuxer's are guesses.
    pub(crate) fn lacks_timestamps(&mut self) -> bool {
        // SAFETY: the context is open; a plain field of its demuxer.
        let flagged = unsafe { (*(*self.as_mut_ptr()).iformat).flags & ffi::AVFMT_NOTIMESTAMPS != 0 };
        flagged || self.demuxer().lacks_timestamps()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVFormatContext {
        self.media.as_ptr()
    }

    /// Returns a stream by its index.
    pub(crate) fn stream(&mut self, index: u32) -> Result<*mut ffi::AVStream, JobError> {
        let context = self.as_mut_ptr();
        // SAFETY: the array has `nb_streams` valid pointers.
        unsafe {
            if index >= (*context).nb_streams {
                return Err(failed(format!("the input has no stream {index}")));
            }
            Ok(*(*context).streams.add(index as usize))
        }
    }

    /// Returns the first decodable stream of a kind that is not a cover image.
    pub(crate) fn first(&mut self, kind: ffi::AVMediaType) -> Option<u32> {
        let context = self.as_mut_ptr();
        // SAFETY: as in `stream`; codec parameters are always there.
        unsafe {
            (0..(*context).nb_streams).find(|i| {
                let stream = *(*context).streams.add(*i as usize);
                let is_cover = (*stream).disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0;
                ffi_enums::media_type((*stream).codecpar) == kind as c_int
                    && !is_cover
                    && ffi_enums::has_decoder(ffi_enums::codec_id((*stream).codecpar))
            })
        }
    }

    /// Returns the decodable video and audio streams that are not cover images.
    pub(crate) fn decodable_streams(&mut self) -> Vec<u32> {
        let context = self.as_mut_ptr();
        // SAFETY: as in `first`.
        unsafe {
            let decodable = |index: &u32| {
                let stream = *(*context).streams.add(*index as usize);
                let kind = ffi_enums::media_type((*stream).codecpar);
                (kind == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO as c_int
                    || kind == ffi::AVMediaType::AVMEDIA_TYPE_AUDIO as c_int)
                    && (*stream).disposition & ffi::AV_DISPOSITION_ATTACHED_PIC == 0
                    && ffi_enums::has_decoder(ffi_enums::codec_id((*stream).codecpar))
            };
            (0..(*context).nb_streams).filter(decodable).collect()
        }
    }

    /// Returns the number of streams.
    pub(crate) fn stream_count(&mut self) -> u32 {
        // SAFETY: a plain field of an open context.
        unsafe { (*self.as_mut_ptr()).nb_streams }
    }

    /// Makes the demuxer discard all other streams.
    pub(crate) fn discard_all_but(&mut self, streams: &[u32]) {
        // All streams together show where the clock starts over.
        if self.media.clock_may_start_over() {
            return;
        }
        let context = self.as_mut_ptr();
        // SAFETY: the array has `nb_streams` valid pointers.
        unsafe {
            for index in (0..(*context).nb_streams).filter(|index| !streams.contains(index)) {
                (**(*context).streams.add(index as usize)).discard = ffi::AVDiscard::AVDISCARD_ALL;
            }
        }
    }

    /// Returns the duration in seconds that the container declares for a stream, if any.
    pub(crate) fn declared_s(&mut self, stream: u32) -> Result<Option<f64>, JobError> {
        if self.lacks_timestamps() {
            return Ok(None);
        }
        let stream = self.stream(stream)?;
        // SAFETY: the stream belongs to the open input; plain fields.
        let (duration, base, unknown) =
            unsafe { ((*stream).duration, (*stream).time_base, is_duration_unknown(&*stream)) };
        Ok((duration > 0 && !unknown).then(|| seconds(duration, base)))
    }

    /// Returns the duration of the container in seconds.
    pub(crate) fn duration_s(&mut self) -> Option<f64> {
        // SAFETY: a plain field.
        let duration = unsafe { (*self.as_mut_ptr()).duration };
        (duration > 0).then(|| duration as f64 / f64::from(ffi::AV_TIME_BASE))
    }

    /// Returns the end of the file in seconds, as the container or the library states it; `None` if unknown.
    pub(crate) fn declared_end_s(&mut self) -> Option<f64> {
        if self.lacks_timestamps() || self.has_joints() {
            return None;
        }
        let from_zero = self.demuxer().declares_duration_from_zero();
        // SAFETY: a plain field of an open context.
        let start = unsafe { (*self.as_mut_ptr()).start_time };
        let start_s = match start {
            NOPTS => 0.0,
            _ if from_zero => 0.0,
            start => start as f64 / f64::from(ffi::AV_TIME_BASE),
        };
        self.duration_s().map(|duration_s| start_s + duration_s)
    }

    /// Returns whether the clock of the container jumped in the packets read so far.
    pub(crate) fn has_joints(&self) -> bool {
        !self.media.joints_s().is_empty()
    }

    /// Reads the next packet; returns `false` at the end.
    pub(crate) fn read(&mut self, packet: &mut Packet) -> Result<bool, JobError> {
        packet.clear();
        for _ in 0..MAX_READ_ERRORS {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(JobError::Cancelled);
            }
            // SAFETY: both are valid; the packet is empty.
            let code = unsafe { self.media.read_packet(packet.as_mut_ptr()) };
            packet.after_jump = self.media.begins_part();
            match code {
                0.. => {
                    let raw = packet.get();
                    let time = [raw.pts, raw.dts].into_iter().find(|time| *time != NOPTS);
                    self.latest = time.map(|time| (time, raw.stream_index)).or(self.latest);
                    self.place_edited(packet);
                    return Ok(true);
                }
                code if is_eof(code) => return self.media.check_reads().map(|()| false),
                code if code == ffi::AVERROR(ffi::EIO) => {
                    return Err(JobError::Io(format!("cannot read the input: {}", error_text(code))));
                }
                code => self.add_unread(code),
            }
        }
        Ok(false)
    }

    fn add_unread(&mut self, code: c_int) {
        self.read_errors += 1;
        if self.unread.len() >= MAX_DAMAGE {
            return;
        }
        let stream = self.latest.and_then(|(_, stream)| u32::try_from(stream).ok());
        let base = stream.and_then(|stream| self.stream(stream).ok());
        // SAFETY: the stream belongs to the open input; a plain field.
        let base = base.map(|stream| unsafe { (*stream).time_base });
        let at_s = self.latest.zip(base).map(|((time, _), base)| seconds(time, base));
        let kind = DecodeErrorKind::Unread;
        self.unread.push(DecodeError { stream: stream.unwrap_or(0), at_s, message: error_text(code), kind });
    }

    /// Places a packet of a video whose edit list plays several parts.
    fn place_edited(&mut self, packet: &mut Packet) {
        let raw = packet.get();
        let (stream, position, pts, duration) = (raw.stream_index, raw.pos, raw.pts, raw.duration);
        let Some((_, timeline)) = self.edited.iter_mut().find(|(edited, _)| *edited as i32 == stream) else {
            return;
        };
        let Some(placed) = timeline.place(position, pts, duration) else { return };
        let raw = packet.get_mut();
        raw.pts = placed.pts;
        let discard = ffi::AV_PKT_FLAG_DISCARD;
        raw.flags = if placed.shown { raw.flags & !discard } else { raw.flags | discard };
        packet.begins_edit = placed.begins;
    }

    /// Seeks to the key frame at or before `at_s`.
    pub(crate) fn seek(&mut self, at_s: f64) -> Result<(), JobError> {
        let target = units(at_s, rational(1, ffi::AV_TIME_BASE));
        // SAFETY: a valid context; stream -1 takes AV_TIME_BASE units.
        let code = unsafe { ffi::avformat_seek_file(self.as_mut_ptr(), -1, i64::MIN, target, target, 0) };
        self.media.restart_packets();
        self.edited.iter_mut().for_each(|(_, timeline)| timeline.restart());
        check(code, "cannot seek in the input").map(|_| ())
    }

    /// Seeks to the start.
    pub(crate) fn rewind(&mut self) -> Result<(), JobError> {
        let start_s = self.start_s();
        self.seek(start_s)
    }

    /// Returns the start of the file in seconds.
    pub(crate) fn start_s(&mut self) -> f64 {
        // SAFETY: a plain field of a valid context.
        let start = unsafe { (*self.as_mut_ptr()).start_time };
        if start == NOPTS { 0.0 } else { start as f64 / f64::from(ffi::AV_TIME_BASE) }
    }
}

/// Returns the codec of a stream.
pub(crate) fn stream_codec(input: &mut Input, stream: u32) -> Option<Codec> {
    let stream = input.stream(stream).ok()?;
    // SAFETY: the stream belongs to the open input; codec parameters are always there.
    ffi_enums::codec(unsafe { ffi_enums::codec_id((*stream).codecpar) })
}

/// Returns the video streams whose edit lists play several parts.
fn edited_streams(input: &mut Input) -> Result<Vec<(u32, EditTimeline)>, JobError> {
    if !input.is_repeatable() {
        return Ok(Vec::new());
    }
    let unreadable = |error: std::io::Error| JobError::Io(error.to_string());
    let declared = headers::read(&BlockCache::new(&input.file).map_err(unreadable)?).map_err(unreadable)?;
    let mut edited = Vec::new();
    for track in &declared.tracks {
        let Some(played) = &track.played else { continue };
        let base = {
            let stream = input.stream(track.position)?;
            // SAFETY: the stream belongs to the open input; a plain field.
            unsafe { (*stream).time_base }
        };
        let mut at = 0;
        let mut parts = Vec::new();
        for (length_s, media) in &played.parts {
            let length = units(*length_s, base);
            // The library applies a pause at the start as a delay.
            if media.is_some() || !parts.is_empty() {
                parts.push(EditPart { at, length, media: *media });
            }
            at += length;
        }
        let composition = composition_times(input, track.position, played.first_offset)?;
        let rounding = units(EDIT_ROUNDING_S, base);
        edited.push((track.position, EditTimeline::new(parts, composition, rounding)));
    }
    Ok(edited)
}

/// Returns the number and the composition time of the sample at each position of the file, without edit lists.
fn composition_times(
    input: &Input,
    stream: u32,
    first_offset: i64,
) -> Result<HashMap<i64, (usize, i64)>, JobError> {
    let file = share(&input.file)?;
    let media = open_as(file, &input.name, input.cancel.clone(), EditLists::Ignored)?;
    let mut plain = Input {
        media,
        file: share(&input.file)?,
        name: input.name.clone(),
        cancel: input.cancel.clone(),
        edited: Vec::new(),
        read_errors: 0,
        unread: Vec::new(),
        latest: None,
    };
    plain.discard_all_but(&[stream]);
    let mut times = HashMap::new();
    let mut shift = None;
    let mut packet = Packet::new()?;
    while plain.read(&mut packet)? {
        let raw = packet.get();
        if raw.stream_index == stream as i32 && raw.pts != NOPTS {
            // The library moves composition times that may be negative.
            let shift = *shift.get_or_insert(raw.pts - first_offset);
            times.insert(raw.pos, (times.len(), raw.pts - shift));
        }
    }
    Ok(times)
}
