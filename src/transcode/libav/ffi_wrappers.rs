//! Owning wrappers of libav objects, and conversion of its error codes.

use std::ffi::{CStr, CString, c_int};
use std::ptr;

use ffmpeg_next::ffi;

use crate::job::JobError;

/// Libav's value for a missing timestamp.
pub(crate) const NOPTS: i64 = ffi::AV_NOPTS_VALUE;

pub(crate) use crate::probe::libav::error_text;

/// Turns a negative return into [`JobError::Failed`].
pub(crate) fn check(code: c_int, what: &str) -> Result<c_int, JobError> {
    if code >= 0 { Ok(code) } else { Err(failed(format!("{what}: {}", error_text(code)))) }
}

pub(crate) fn failed(text: impl Into<String>) -> JobError {
    JobError::Failed(text.into())
}

pub(crate) fn is_eagain(code: c_int) -> bool {
    code == ffi::AVERROR(ffi::EAGAIN)
}

pub(crate) fn is_eof(code: c_int) -> bool {
    code == ffi::AVERROR_EOF
}

/// Returns the duration of a frame in its stream's time base; 0 when unknown. FFmpeg 6 renamed the
/// field, FFmpeg 7 removed the old name.
pub(crate) fn frame_duration(frame: &ffi::AVFrame) -> i64 {
    #[cfg(ffmpeg_6_0)]
    return frame.duration;
    #[cfg(not(ffmpeg_6_0))]
    return frame.pkt_duration;
}

/// Sets the duration of a frame in its stream's time base.
pub(crate) fn set_frame_duration(frame: &mut ffi::AVFrame, duration: i64) {
    #[cfg(ffmpeg_6_0)]
    {
        frame.duration = duration;
    }
    #[cfg(not(ffmpeg_6_0))]
    {
        frame.pkt_duration = duration;
    }
}

pub(crate) fn no_memory() -> JobError {
    failed("FFmpeg is out of memory")
}

/// Converts text to a C string.
pub(crate) fn c_string(text: &str) -> Result<CString, JobError> {
    CString::new(text).map_err(|_| failed("an FFmpeg option contains a zero byte"))
}

/// Creates a rational for libav.
pub(crate) fn rational(num: i32, den: i32) -> ffi::AVRational {
    ffi::AVRational { num, den }
}

pub(crate) fn seconds(time: i64, base: ffi::AVRational) -> f64 {
    time as f64 * f64::from(base.num) / f64::from(base.den.max(1))
}

/// Converts seconds to the nearest unit of `base`.
pub(crate) fn units(seconds: f64, base: ffi::AVRational) -> i64 {
    (seconds * f64::from(base.den) / f64::from(base.num.max(1))).round() as i64
}

/// A dictionary of options for libav.
pub(crate) struct Options(*mut ffi::AVDictionary);

impl Options {
    pub(crate) fn new(pairs: &[(&str, &str)]) -> Result<Options, JobError> {
        let mut options = Options(ptr::null_mut());
        for (key, value) in pairs {
            let (key, value) = (c_string(key)?, c_string(value)?);
            // SAFETY: the dictionary pointer is ours; key and value are copied.
            let code = unsafe { ffi::av_dict_set(&mut options.0, key.as_ptr(), value.as_ptr(), 0) };
            check(code, "cannot set an FFmpeg option")?;
        }
        Ok(options)
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut *mut ffi::AVDictionary {
        &mut self.0
    }

    /// Returns the name of an option that FFmpeg did not consume: misspelt, or unknown to this version.
    pub(crate) fn unused_option(&self) -> Option<String> {
        let empty = c"";
        // SAFETY: an empty key with this flag iterates; the entry lives as long as the dictionary.
        unsafe {
            let entry = ffi::av_dict_get(self.0, empty.as_ptr(), ptr::null(), ffi::AV_DICT_IGNORE_SUFFIX);
            (!entry.is_null()).then(|| CStr::from_ptr((*entry).key).to_string_lossy().into_owned())
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: frees what is there and nulls it.
        unsafe { ffi::av_dict_free(&mut self.0) }
    }
}

/// An owned packet.
pub(crate) struct Packet {
    raw: *mut ffi::AVPacket,
    /// Whether it is the first of its stream after the clock of the container jumped.
    pub(crate) after_jump: bool,
    /// Whether it is the first of a part that an edit list plays.
    pub(crate) begins_edit: bool,
}

// SAFETY: a packet is a heap object with reference-counted, atomically counted data.
unsafe impl Send for Packet {}

impl Packet {
    pub(crate) fn new() -> Result<Packet, JobError> {
        // SAFETY: plain allocation.
        let raw = unsafe { ffi::av_packet_alloc() };
        if raw.is_null() {
            Err(no_memory())
        } else {
            Ok(Packet { raw, after_jump: false, begins_edit: false })
        }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVPacket {
        self.raw
    }

    pub(crate) fn as_ptr(&self) -> *const ffi::AVPacket {
        self.raw
    }

    pub(crate) fn get(&self) -> &ffi::AVPacket {
        // SAFETY: never null, and borrowed as long as self.
        unsafe { &*self.raw }
    }

    pub(crate) fn get_mut(&mut self) -> &mut ffi::AVPacket {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { &mut *self.raw }
    }

    /// Returns whether it holds nothing, as where AVI repeats a frame.
    pub(crate) fn is_empty(&self) -> bool {
        self.get().size == 0 && self.get().side_data_elems == 0
    }

    pub(crate) fn data(&self) -> &[u8] {
        let packet = self.get();
        if packet.data.is_null() || packet.size <= 0 {
            return &[];
        }
        // SAFETY: libav keeps `size` readable bytes at `data` as long as the packet is referenced.
        unsafe { std::slice::from_raw_parts(packet.data, packet.size as usize) }
    }

    /// Creates another reference to the same data.
    pub(crate) fn share(&self) -> Result<Packet, JobError> {
        // SAFETY: self is a valid packet; clone makes a new owner.
        let raw = unsafe { ffi::av_packet_clone(self.raw) };
        if raw.is_null() {
            Err(no_memory())
        } else {
            Ok(Packet { raw, after_jump: false, begins_edit: false })
        }
    }

    pub(crate) fn clear(&mut self) {
        // SAFETY: drops the reference and resets the fields.
        unsafe { ffi::av_packet_unref(self.raw) }
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { ffi::av_packet_free(&mut self.raw) }
    }
}

/// An owned frame of video or audio.
pub(crate) struct Frame(*mut ffi::AVFrame);

// SAFETY: a frame is a heap object with reference-counted, atomically counted data.
unsafe impl Send for Frame {}

impl Frame {
    pub(crate) fn new() -> Result<Frame, JobError> {
        // SAFETY: plain allocation.
        let raw = unsafe { ffi::av_frame_alloc() };
        if raw.is_null() { Err(no_memory()) } else { Ok(Frame(raw)) }
    }

    /// Allocates a frame of planar float audio.
    pub(crate) fn audio(channels: u32, rate: u32, samples: usize) -> Result<Frame, JobError> {
        let mut frame = Frame::new()?;
        let raw = frame.get_mut();
        raw.nb_samples = samples as c_int;
        raw.sample_rate = rate as c_int;
        raw.format = ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP as c_int;
        // SAFETY: the layout is a fresh, zeroed one; the buffer follows from the fields above.
        let code = unsafe {
            ffi::av_channel_layout_default(&mut raw.ch_layout, channels as c_int);
            ffi::av_frame_get_buffer(raw, 0)
        };
        check(code, "cannot allocate an audio frame")?;
        Ok(frame)
    }

    /// Creates another reference to the same data.
    pub(crate) fn share(&self) -> Result<Frame, JobError> {
        // SAFETY: self is a valid frame; clone makes a new owner.
        let raw = unsafe { ffi::av_frame_clone(self.0) };
        if raw.is_null() { Err(no_memory()) } else { Ok(Frame(raw)) }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVFrame {
        self.0
    }

    pub(crate) fn as_ptr(&self) -> *const ffi::AVFrame {
        self.0
    }

    pub(crate) fn get(&self) -> &ffi::AVFrame {
        // SAFETY: never null, and borrowed as long as self.
        unsafe { &*self.0 }
    }

    pub(crate) fn get_mut(&mut self) -> &mut ffi::AVFrame {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { &mut *self.0 }
    }

    /// Returns one row of a plane.
    pub(crate) fn row(&self, plane: usize, y: usize, bytes: usize) -> &[u8] {
        let frame = self.get();
        let stride = frame.linesize[plane] as isize;
        assert!(stride.unsigned_abs() >= bytes && (y as i64) < i64::from(frame.height));
        // SAFETY: the row lies inside the plane: y is below the height and no row is longer than its
        // stride. Only called for packed and luma planes, which have `height` rows.
        unsafe { std::slice::from_raw_parts(frame.data[plane].offset(y as isize * stride), bytes) }
    }

    /// Returns the samples of one channel of planar float audio.
    pub(crate) fn samples(&self, channel: usize) -> &[f32] {
        let frame = self.get();
        assert!(frame.format == ffi::AVSampleFormat::AV_SAMPLE_FMT_FLTP as c_int);
        assert!((channel as c_int) < frame.ch_layout.nb_channels && frame.nb_samples >= 0);
        // SAFETY: planar float has one plane of `nb_samples` floats a channel in `extended_data`.
        unsafe {
            let plane = *frame.extended_data.add(channel);
            std::slice::from_raw_parts(plane.cast::<f32>(), frame.nb_samples as usize)
        }
    }

    /// Like [`Frame::samples`], for writing into an unshared frame.
    pub(crate) fn samples_mut(&mut self, channel: usize) -> &mut [f32] {
        let length = self.samples(channel).len();
        // SAFETY: checked by `samples`; the frame came from `Frame::audio` and is unshared.
        unsafe {
            let plane = *(*self.0).extended_data.add(channel);
            std::slice::from_raw_parts_mut(plane.cast::<f32>(), length)
        }
    }

    /// Returns a metadata value that a filter attached to the frame.
    pub(crate) fn metadata(&self, key: &CStr) -> Option<String> {
        // SAFETY: the dictionary belongs to the frame; the value is copied out.
        unsafe {
            let entry = ffi::av_dict_get(self.get().metadata, key.as_ptr(), ptr::null(), 0);
            (!entry.is_null()).then(|| CStr::from_ptr((*entry).value).to_string_lossy().into_owned())
        }
    }

    pub(crate) fn number(&self, key: &CStr) -> Option<f64> {
        self.metadata(key)?.trim().parse().ok()
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        // SAFETY: ours alone.
        unsafe { ffi::av_frame_free(&mut self.0) }
    }
}

/// An owned codec context, open or not.
pub(crate) struct CodecContext(*mut ffi::AVCodecContext);

// SAFETY: used by one thread at a time; its own threads are joined before it is freed.
unsafe impl Send for CodecContext {}

impl CodecContext {
    /// Allocates a context.
    ///
    /// # Safety
    /// `codec` is null or a codec of the library.
    pub(crate) unsafe fn for_codec(codec: *const ffi::AVCodec) -> Result<CodecContext, JobError> {
        // SAFETY: by the contract; null is allowed.
        let raw = unsafe { ffi::avcodec_alloc_context3(codec) };
        if raw.is_null() { Err(no_memory()) } else { Ok(CodecContext(raw)) }
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut ffi::AVCodecContext {
        self.0
    }

    pub(crate) fn get(&self) -> &ffi::AVCodecContext {
        // SAFETY: never null, and borrowed as long as self.
        unsafe { &*self.0 }
    }

    pub(crate) fn get_mut(&mut self) -> &mut ffi::AVCodecContext {
        // SAFETY: as above, and uniquely borrowed.
        unsafe { &mut *self.0 }
    }
}

impl Drop for CodecContext {
    fn drop(&mut self) {
        // SAFETY: ours alone; closes the codec first.
        unsafe { ffi::avcodec_free_context(&mut self.0) }
    }
}
