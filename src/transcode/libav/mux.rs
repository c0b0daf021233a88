//! Writes the container to a descriptor.

use std::ffi::c_int;
use std::io::{self, Seek, SeekFrom, Write};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ffmpeg_next::ffi;
use ffmpeg_next::format::context::StreamIo;

use super::writer::Store;
use crate::job::JobError;
use crate::libav::codec_context::CodecContext;
use crate::libav::error::{check, failed, no_memory};
use crate::libav::ffi_enums;
use crate::libav::input::Input;
use crate::libav::options::{Options, c_string};
use crate::libav::packet::Packet;
use crate::libav::time::NOPTS;
use crate::plan::OutputContainer;

/// Metadata keys that contain the recording location; these are never copied.
const LOCATION_KEYS: [&str; 4] = ["location", "xyz", "gps", "geo"];

/// Ticks per second of the movie header and of edit lists: those of encoded audio. The default of 1000 rounds
/// away the last packet of an edit list if it has less than a millisecond of samples.
const MOVIE_TIMESCALE: &str = "48000";

/// State shared between the writer and the muxer, because libav only passes on error codes.
#[derive(Debug, Default)]
struct WriterState {
    length: AtomicU64,
    error: Mutex<Option<JobError>>,
}

/// Writes to a store by offset, up to a size limit.
struct LimitedWriter {
    store: Box<dyn Store>,
    at: u64,
    limit: Option<u64>,
    state: Arc<WriterState>,
}

impl LimitedWriter {
    fn fail(&self, error: JobError) -> io::Error {
        if let Ok(mut slot) = self.state.error.lock() {
            slot.get_or_insert(error);
        }
        io::Error::other("writing stopped")
    }
}

impl Write for LimitedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let end = self.at + bytes.len() as u64;
        if let Some(limit) = self.limit.filter(|limit| end > *limit) {
            return Err(self.fail(size_limit_error(limit)));
        }
        match self.store.store(bytes, self.at) {
            Ok(count) => {
                self.at += count as u64;
                self.state.length.fetch_max(self.at, Ordering::Relaxed);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.fail(JobError::Io(format!("cannot write the output: {error}")))),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for LimitedWriter {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.state.length.load(Ordering::Relaxed), by),
        };
        self.at = base.checked_add_signed(by).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Returns the error for an exceeded size limit.
pub(crate) fn size_limit_error(limit: u64) -> JobError {
    failed(format!("the output would exceed the maximum size of {limit} bytes"))
}

/// Writes an MP4 or MOV file.
pub(crate) struct Muxer {
    context: *mut ffi::AVFormatContext,
    state: Arc<WriterState>,
    /// The last decode time of each stream, in its time base.
    last_dts: Vec<i64>,
    // Freed after the context that points to it.
    _io: StreamIo,
}

// SAFETY: used by one thread at a time.
unsafe impl Send for Muxer {}

impl Muxer {
    pub(crate) fn new(
        store: Box<dyn Store>,
        container: OutputContainer,
        limit: Option<u64>,
    ) -> Result<Muxer, JobError> {
        let state = Arc::new(WriterState::default());
        let staged = LimitedWriter { store, at: 0, limit, state: state.clone() };
        let mut io = StreamIo::from_write_seek_with_capacity(staged, 256 << 10)
            .map_err(|e| failed(format!("cannot set up the output: {e}")))?;
        let name = c_string(container.extension())?;
        let mut context = ptr::null_mut();
        // SAFETY: the name is ours; on success the context is new and points to our IO, which it
        // does not close because of the flag.
        unsafe {
            let code =
                ffi::avformat_alloc_output_context2(&mut context, ptr::null(), name.as_ptr(), ptr::null());
            check(code, "cannot set up the container")?;
            (*context).pb = io.as_mut_ptr();
            // By default libav flushes after every packet for custom IO.
            (*context).flush_packets = 0;
            (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO as c_int | ffi::AVFMT_FLAG_BITEXACT as c_int;
        }
        Ok(Muxer { context, state, last_dts: Vec::new(), _io: io })
    }

    fn new_stream(&mut self) -> Result<*mut ffi::AVStream, JobError> {
        // SAFETY: the context is ours; the stream belongs to it.
        let stream = unsafe { ffi::avformat_new_stream(self.context, ptr::null()) };
        if stream.is_null() { Err(no_memory()) } else { Ok(stream) }
    }

    /// Adds the stream of an encoder. Returns the index of the stream.
    pub(crate) fn add_encoded(&mut self, codec: &CodecContext) -> Result<usize, JobError> {
        let stream = self.new_stream()?;
        let context = codec.get();
        // SAFETY: the stream is new; parameters are copied from an open encoder.
        unsafe {
            let code = ffi::avcodec_parameters_from_context((*stream).codecpar, context);
            check(code, "cannot set the parameters of an output stream")?;
            (*stream).time_base = context.time_base;
            if context.framerate.num > 0 {
                (*stream).avg_frame_rate = context.framerate;
            }
            if ffi_enums::is_video(context) {
                (*stream).sample_aspect_ratio = context.sample_aspect_ratio;
            }
            Ok((*stream).index as usize)
        }
    }

    /// Adds a stream whose packets are copied, with its display matrix and other side data. Returns its index.
    ///
    /// # Safety
    /// `source` belongs to an open input, and `parameters` are valid.
    pub(crate) unsafe fn add_copied(
        &mut self,
        source: *mut ffi::AVStream,
        parameters: *const ffi::AVCodecParameters,
        tag: Option<&str>,
        keep_language: bool,
    ) -> Result<usize, JobError> {
        let stream = self.new_stream()?;
        // SAFETY: source belongs to an open input; everything is copied from it.
        unsafe {
            check(
                ffi::avcodec_parameters_copy((*stream).codecpar, parameters),
                "cannot set the parameters of an output stream",
            )?;
            let target = (*stream).codecpar;
            (*target).codec_tag = match tag {
                Some(tag) => four_cc(tag)?,
                None => self.kept_tag(&*parameters),
            };
            (*stream).time_base = (*source).time_base;
            (*stream).avg_frame_rate = (*source).avg_frame_rate;
            // The container's aspect ratio overrides the bitstream's.
            if (*source).sample_aspect_ratio.num > 0 {
                (*target).sample_aspect_ratio = (*source).sample_aspect_ratio;
            }
            (*stream).sample_aspect_ratio = (*target).sample_aspect_ratio;
            for i in 0..(*source).nb_side_data as usize {
                if !ffi_enums::copy_side_data(stream, (*source).side_data.add(i)) {
                    return Err(no_memory());
                }
            }
            if keep_language {
                let entry = ffi::av_dict_get((*source).metadata, c"language".as_ptr(), ptr::null(), 0);
                if !entry.is_null() {
                    let key = c"language".as_ptr();
                    ffi::av_dict_set(&mut (*stream).metadata, key, (*entry).value, 0);
                }
            }
            Ok((*stream).index as usize)
        }
    }

    /// Returns the input's codec tag if the container supports it for this codec, as the ffmpeg tool does.
    fn kept_tag(&self, parameters: &ffi::AVCodecParameters) -> u32 {
        // SAFETY: the tag table is static data of the output format.
        unsafe {
            let tags = (*(*self.context).oformat).codec_tag;
            let id = ffi_enums::codec_for_tag(tags, parameters.codec_tag);
            if id == ffi_enums::codec_id(parameters) { parameters.codec_tag } else { 0 }
        }
    }

    /// Copies the metadata of the source, except for the recording location.
    pub(crate) fn copy_metadata(&mut self, source: &mut Input) {
        let source = source.as_mut_ptr();
        // SAFETY: both contexts are valid; the iteration ends with null; strings are copied.
        unsafe {
            let mut entry: *const ffi::AVDictionaryEntry = ptr::null();
            loop {
                let flags = ffi::AV_DICT_IGNORE_SUFFIX;
                entry = ffi::av_dict_get((*source).metadata, c"".as_ptr(), entry, flags);
                if entry.is_null() {
                    return;
                }
                let key = std::ffi::CStr::from_ptr((*entry).key).to_string_lossy().to_lowercase();
                let brand = ["major_brand", "minor_version", "compatible_brands"].contains(&key.as_str());
                if !brand && !LOCATION_KEYS.iter().any(|location| key.contains(location)) {
                    ffi::av_dict_set(&mut (*self.context).metadata, (*entry).key, (*entry).value, 0);
                }
            }
        }
    }

    /// Writes the header. The time bases of the streams are final afterwards.
    pub(crate) fn start(&mut self) -> Result<(), JobError> {
        let mut options = Options::new(&[("write_tmcd", "0"), ("movie_timescale", MOVIE_TIMESCALE)])?;
        // SAFETY: the context is complete.
        let code = unsafe { ffi::avformat_write_header(self.context, options.as_mut_ptr()) };
        self.check_write(code, "cannot write the header of the output")?;
        match options.unused_option() {
            Some(name) => Err(failed(format!("the muxer does not support the option `{name}`"))),
            None => Ok(()),
        }
    }

    /// Returns the time base of an output stream.
    pub(crate) fn base(&self, index: usize) -> ffi::AVRational {
        // SAFETY: indexes come from `add_encoded` and `add_copied`.
        unsafe { (**(*self.context).streams.add(index)).time_base }
    }

    /// Writes a packet whose times are in `base`; the packet is empty afterwards.
    pub(crate) fn write(
        &mut self,
        index: usize,
        packet: &mut Packet,
        base: ffi::AVRational,
    ) -> Result<(), JobError> {
        let target = self.base(index);
        // SAFETY: valid packet and context; libav takes the reference.
        let code = unsafe {
            ffi::av_packet_rescale_ts(packet.as_mut_ptr(), base, target);
            packet.get_mut().stream_index = index as c_int;
            packet.get_mut().pos = -1;
            keep_increasing(&mut self.last_dts, index, packet.get_mut());
            ffi::av_interleaved_write_frame(self.context, packet.as_mut_ptr())
        };
        self.check_write(code, "cannot write to the output file")
    }

    /// Writes the trailer. The file is then complete, with `moov` at its end.
    pub(crate) fn finish(mut self) -> Result<(), JobError> {
        // SAFETY: the header was written; flushing is harmless.
        let code = unsafe {
            let code = ffi::av_write_trailer(self.context);
            ffi::avio_flush((*self.context).pb);
            if code < 0 { code } else { (*(*self.context).pb).error }
        };
        self.check_write(code, "cannot write the index (moov) of the output")
    }

    /// Returns the length of the output so far in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.state.length.load(Ordering::Relaxed)
    }

    /// Checks a libav result; an error of the writer takes precedence over libav's error code.
    fn check_write(&mut self, code: c_int, what: &str) -> Result<(), JobError> {
        if let Some(error) = self.state.error.lock().ok().and_then(|mut slot| slot.take()) {
            return Err(error);
        }
        check(code, what).map(|_| ())
    }
}

/// Makes the decode time of a packet later than that of its predecessor, as muxers require: times that differ by less
/// than a unit of the output, after a source starts over, become equal when they are rescaled.
fn keep_increasing(last_dts: &mut Vec<i64>, index: usize, packet: &mut ffi::AVPacket) {
    if last_dts.len() <= index {
        last_dts.resize(index + 1, NOPTS);
    }
    if packet.dts != NOPTS {
        if last_dts[index] != NOPTS && packet.dts <= last_dts[index] {
            packet.dts = last_dts[index] + 1;
            packet.pts = packet.pts.max(packet.dts);
        }
        last_dts[index] = packet.dts;
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // SAFETY: ours alone; the IO is freed by its own owner afterwards.
        unsafe {
            (*self.context).pb = ptr::null_mut();
            ffi::avformat_free_context(self.context);
        }
    }
}

fn four_cc(tag: &str) -> Result<u32, JobError> {
    let bytes: [u8; 4] = tag.as_bytes().try_into().map_err(|_| {
        failed(format!(
            "the codec tag `{tag}` of the plan must have four characters: this is a bug, please report it"
        ))
    })?;
    Ok(u32::from_le_bytes(bytes))
}
