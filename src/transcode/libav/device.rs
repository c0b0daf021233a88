//! Converts frames to the pixel layout, and uploads them to the device memory, that an encoder needs.

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next::ffi;

use crate::job::JobError;
use crate::libav::codec_context::CodecContext;
use crate::libav::error::{check, no_memory};
use crate::libav::frame::Frame;
use crate::transcode::settings::PixelLayout;

/// Number of VA-API frames in use at once beside those the encoder allocates.
const POOL_SIZE: c_int = 20;

/// An owned reference to a libav buffer: a device or a pool of frames in its memory.
struct BufferRef(*mut ffi::AVBufferRef);

// SAFETY: a counted reference to an object that libav guards itself.
unsafe impl Send for BufferRef {}

impl Drop for BufferRef {
    fn drop(&mut self) {
        // SAFETY: our own reference; nulled by this.
        unsafe { ffi::av_buffer_unref(&mut self.0) }
    }
}

/// Converts planar frames to the layout of an encoder.
pub(crate) struct FrameUploader {
    layout: PixelLayout,
    pool: Option<BufferRef>,
}

impl FrameUploader {
    /// Sets the pixel layout of an encoder that is not open yet; its size must be set.
    pub(crate) fn attach(codec: &mut CodecContext, layout: PixelLayout) -> Result<FrameUploader, JobError> {
        let context = codec.get_mut();
        context.pix_fmt = match layout {
            PixelLayout::Planar => ffi::AVPixelFormat::AV_PIX_FMT_YUV420P,
            PixelLayout::Nv12 => ffi::AVPixelFormat::AV_PIX_FMT_NV12,
            PixelLayout::Vaapi => ffi::AVPixelFormat::AV_PIX_FMT_VAAPI,
        };
        if layout != PixelLayout::Vaapi {
            return Ok(FrameUploader { layout, pool: None });
        }
        let mut device = ptr::null_mut();
        let kind = ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI;
        // SAFETY: null asks for the default device, without options; the reference becomes ours.
        let code = unsafe { ffi::av_hwdevice_ctx_create(&mut device, kind, ptr::null(), ptr::null_mut(), 0) };
        check(code, "cannot open the VA-API device")?;
        let device = BufferRef(device);
        // SAFETY: the device is open; the pool keeps a reference of its own to it.
        let pool = BufferRef(unsafe { ffi::av_hwframe_ctx_alloc(device.0) });
        if pool.0.is_null() {
            return Err(no_memory());
        }
        // SAFETY: the buffer of a frame pool holds this struct, which is not shared yet.
        unsafe {
            let frames = &mut *(*pool.0).data.cast::<ffi::AVHWFramesContext>();
            frames.format = ffi::AVPixelFormat::AV_PIX_FMT_VAAPI;
            frames.sw_format = ffi::AVPixelFormat::AV_PIX_FMT_NV12;
            frames.width = context.width;
            frames.height = context.height;
            frames.initial_pool_size = POOL_SIZE;
        }
        // SAFETY: filled in above.
        check(unsafe { ffi::av_hwframe_ctx_init(pool.0) }, "the VA-API device cannot allocate frames")?;
        // SAFETY: another reference, which the context frees.
        context.hw_frames_ctx = unsafe { ffi::av_buffer_ref(pool.0) };
        if context.hw_frames_ctx.is_null() {
            return Err(no_memory());
        }
        Ok(FrameUploader { layout, pool: Some(pool) })
    }

    /// Converts a frame for the encoder; `None` when no conversion is needed.
    pub(crate) fn convert(&self, frame: &Frame) -> Result<Option<Frame>, JobError> {
        if self.layout == PixelLayout::Planar {
            return Ok(None);
        }
        let mut converted = nv12(frame)?;
        if let Some(pool) = &self.pool {
            let mut uploaded = Frame::new()?;
            // SAFETY: pool and frames are valid; the buffer is the device's, the copy goes into it.
            let code = unsafe {
                match ffi::av_hwframe_get_buffer(pool.0, uploaded.as_mut_ptr(), 0) {
                    code if code < 0 => code,
                    _ => ffi::av_hwframe_transfer_data(uploaded.as_mut_ptr(), converted.as_ptr(), 0),
                }
            };
            check(code, "cannot upload a frame to the VA-API device")?;
            converted = uploaded;
        }
        // SAFETY: both are valid frames; only properties such as times and colours are copied.
        let code = unsafe { ffi::av_frame_copy_props(converted.as_mut_ptr(), frame.as_ptr()) };
        check(code, "cannot copy the properties of a frame")?;
        Ok(Some(converted))
    }
}

/// Converts a planar 4:2:0 frame to NV12.
pub(super) fn nv12(frame: &Frame) -> Result<Frame, JobError> {
    let (width, height) = (frame.get().width.max(0), frame.get().height.max(0));
    let mut converted = Frame::new()?;
    let raw = converted.get_mut();
    (raw.width, raw.height) = (width, height);
    raw.format = ffi::AVPixelFormat::AV_PIX_FMT_NV12 as c_int;
    // SAFETY: the buffer follows from the fields above.
    check(unsafe { ffi::av_frame_get_buffer(raw, 0) }, "cannot allocate a video frame")?;
    let (columns, rows) = (width as usize, height as usize);
    for y in 0..rows {
        // SAFETY: a new frame has this many rows of its line size, which is no less than the width.
        let line = unsafe { row_mut(&mut converted, 0, y, columns) };
        line.copy_from_slice(frame.row(0, y, columns));
    }
    let chroma_columns = columns.div_ceil(2);
    for y in 0..rows.div_ceil(2) {
        // SAFETY: as above; a row of chroma pairs is as long as a luma row, rounded up.
        let line = unsafe { row_mut(&mut converted, 1, y, chroma_columns * 2) };
        let chroma = frame.row(1, y, chroma_columns).iter().zip(frame.row(2, y, chroma_columns));
        for (pair, (blue, red)) in line.chunks_exact_mut(2).zip(chroma) {
            pair.copy_from_slice(&[*blue, *red]);
        }
    }
    Ok(converted)
}

/// # Safety
///
/// The plane has a row `y` of that many bytes, and the frame is its only owner.
unsafe fn row_mut(frame: &mut Frame, plane: usize, y: usize, bytes: usize) -> &mut [u8] {
    let raw = frame.get_mut();
    let start = raw.linesize[plane] as usize * y;
    // SAFETY: guaranteed by the caller.
    unsafe { std::slice::from_raw_parts_mut(raw.data[plane].add(start), bytes) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nv12_interleaves_chroma_for_odd_sizes() {
        let mut frame = Frame::new().unwrap();
        let raw = frame.get_mut();
        (raw.width, raw.height) = (5, 3);
        raw.format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as c_int;
        // SAFETY: the buffer follows from the fields above.
        assert!(unsafe { ffi::av_frame_get_buffer(raw, 0) } >= 0);
        for (plane, (columns, rows)) in [(5, 3), (3, 2), (3, 2)].into_iter().enumerate() {
            for y in 0..rows {
                // SAFETY: the planes of a new 4:2:0 frame have these rows, and at least these columns.
                let line = unsafe { row_mut(&mut frame, plane, y, columns) };
                line.iter_mut().enumerate().for_each(|(x, byte)| *byte = (plane * 100 + y * 10 + x) as u8);
            }
        }
        let converted = nv12(&frame).unwrap();
        assert_eq!(
            (converted.row(0, 2, 5), converted.row(1, 0, 6)),
            (&[20, 21, 22, 23, 24][..], &[100, 200, 101, 201, 102, 202][..])
        );
        assert_eq!(converted.row(1, 1, 6), [110, 210, 111, 211, 112, 212]);
    }
}
