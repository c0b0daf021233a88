//! Owned frames of video and audio.

use std::ffi::{CStr, c_int};
use std::ptr;

use ffmpeg_next::ffi;

use super::error::{check, no_memory};
use crate::job::JobError;

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
