//! Reading packets from an open input.

use std::ffi::CStr;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_next::ffi;

use super::av::{Packet, check, eof, failed, message, rational};
use super::share;
use crate::job::JobError;
use crate::model::knows_no_times;
use crate::probe::libav::{MediaInput, is_endless, open_input};

/// Read errors in a row after which a file is given up.
const MAX_READ_ERRORS: u32 = 100;

/// An open input.
pub(crate) struct Input {
    media: MediaInput,
    file: File,
    name: String,
    cancel: Arc<AtomicBool>,
    /// Reads that failed and were passed over.
    pub(crate) read_errors: u64,
}

impl Input {
    /// Opens media from a descriptor and completes what the header leaves open.
    pub(crate) fn open(file: File, name: &str, cancel: Arc<AtomicBool>) -> Result<Input, JobError> {
        let mut input = Input::open_own(file, name, cancel)?;
        input.media.read_stream_info()?;
        Ok(input)
    }

    /// The same file once more, at its start.
    pub(crate) fn again(&self) -> Result<Input, JobError> {
        Input::open(share(&self.file)?, &self.name, self.cancel.clone())
    }

    /// As [`Input::open`] for a file that we have written: its header leaves nothing open.
    pub(crate) fn open_own(file: File, name: &str, cancel: Arc<AtomicBool>) -> Result<Input, JobError> {
        let media = open_input(share(&file)?, name, cancel.clone())?;
        Ok(Input { media, file, name: name.to_owned(), cancel, read_errors: 0 })
    }

    /// Whether going back to the start gives the very same packets once more. Containers without an
    /// index of them are searched for a place near by.
    pub(crate) fn is_repeatable(&mut self) -> bool {
        self.demuxer().starts_with("mov,")
    }

    /// The name of what reads the container.
    fn demuxer(&mut self) -> &str {
        // SAFETY: the context is open; a demuxer's name is a static string of ASCII letters.
        unsafe { CStr::from_ptr((*(*self.as_mut_ptr()).iformat).name) }.to_str().unwrap_or_default()
    }

    /// Whether the container knows no times: what a demuxer says of them is a guess.
    pub(crate) fn is_without_times(&mut self) -> bool {
        // SAFETY: the context is open; a plain field of its demuxer.
        let flagged = unsafe { (*(*self.as_mut_ptr()).iformat).flags & ffi::AVFMT_NOTIMESTAMPS != 0 };
        flagged || knows_no_times(self.demuxer())
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVFormatContext {
        self.media.as_ptr()
    }

    /// A stream by its index.
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

    /// The first stream of a kind that is no cover picture.
    pub(crate) fn first(&mut self, kind: ffi::AVMediaType) -> Option<u32> {
        let context = self.as_mut_ptr();
        // SAFETY: as in `stream`; codec parameters are always there.
        unsafe {
            (0..(*context).nb_streams).find(|i| {
                let stream = *(*context).streams.add(*i as usize);
                let picture = (*stream).disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0;
                (*(*stream).codecpar).codec_type == kind
                    && !picture
                    && !ffi::avcodec_find_decoder((*(*stream).codecpar).codec_id).is_null()
            })
        }
    }

    /// The duration the container declares for a stream, in seconds, where it declares one.
    pub(crate) fn declared_s(&mut self, stream: u32) -> Result<Option<f64>, JobError> {
        if self.is_without_times() {
            return Ok(None);
        }
        let stream = self.stream(stream)?;
        // SAFETY: the stream belongs to the open input; plain fields.
        let (duration, base, endless) =
            unsafe { ((*stream).duration, (*stream).time_base, is_endless(&*stream)) };
        Ok((duration > 0 && !endless).then(|| super::av::seconds(duration, base)))
    }

    /// The duration of the container in seconds.
    pub(crate) fn duration_s(&mut self) -> Option<f64> {
        // SAFETY: a plain field.
        let duration = unsafe { (*self.as_mut_ptr()).duration };
        (duration > 0).then(|| duration as f64 / f64::from(ffi::AV_TIME_BASE))
    }

    /// The next packet; `false` at the end.
    pub(crate) fn read(&mut self, packet: &mut Packet) -> Result<bool, JobError> {
        packet.clear();
        for _ in 0..MAX_READ_ERRORS {
            if self.cancel.load(Ordering::Relaxed) {
                return Err(JobError::Cancelled);
            }
            // SAFETY: both are valid; the packet is empty.
            let code = unsafe { ffi::av_read_frame(self.as_mut_ptr(), packet.as_mut_ptr()) };
            match code {
                0.. => return Ok(true),
                code if eof(code) => return self.media.check_reads().map(|()| false),
                code if code == ffi::AVERROR(ffi::EIO) => {
                    return Err(JobError::Io(format!("cannot read the input: {}", message(code))));
                }
                _ => self.read_errors += 1,
            }
        }
        Ok(false)
    }

    /// Goes to the key frame at or before `at_s`.
    pub(crate) fn seek(&mut self, at_s: f64) -> Result<(), JobError> {
        let target = super::av::units(at_s, rational(1, ffi::AV_TIME_BASE));
        // SAFETY: a valid context; stream -1 takes AV_TIME_BASE units.
        let code = unsafe { ffi::avformat_seek_file(self.as_mut_ptr(), -1, i64::MIN, target, target, 0) };
        check(code, "cannot seek in the input").map(|_| ())
    }

    /// Goes back to the start.
    pub(crate) fn rewind(&mut self) -> Result<(), JobError> {
        let context = self.as_mut_ptr();
        // SAFETY: a plain field of a valid context.
        let start = unsafe { (*context).start_time };
        let start_s =
            if start == super::av::NOPTS { 0.0 } else { start as f64 / f64::from(ffi::AV_TIME_BASE) };
        self.seek(start_s)
    }
}
