//! Pictures in the layout, and in the memory, that an encoder takes.

use std::ffi::c_int;
use std::ptr;

use ffmpeg_next::ffi;

use super::av::{Codec, Frame, check, no_memory};
use crate::job::JobError;
use crate::transcode::settings::Layout;

/// Pictures of a VA-API device that may be in use at once beside those the encoder asks for.
const POOL: c_int = 20;

/// The pool of pictures in a device's memory.
struct Pool(*mut ffi::AVBufferRef);

// SAFETY: a counted reference to an object that libav guards itself.
unsafe impl Send for Pool {}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: our own reference; nulled by this.
        unsafe { ffi::av_buffer_unref(&mut self.0) }
    }
}

/// Brings pictures of three planes into what an encoder takes.
pub(crate) struct Loader {
    layout: Layout,
    pool: Option<Pool>,
}

impl Loader {
    /// Sets up the layout on an encoder that is not open yet; size and rate are set.
    pub(crate) fn attach(codec: &mut Codec, layout: Layout) -> Result<Loader, JobError> {
        let context = codec.get_mut();
        context.pix_fmt = match layout {
            Layout::Planar => ffi::AVPixelFormat::AV_PIX_FMT_YUV420P,
            Layout::Nv12 => ffi::AVPixelFormat::AV_PIX_FMT_NV12,
            Layout::Vaapi => ffi::AVPixelFormat::AV_PIX_FMT_VAAPI,
        };
        if layout != Layout::Vaapi {
            return Ok(Loader { layout, pool: None });
        }
        let mut device = ptr::null_mut();
        let kind = ffi::AVHWDeviceType::AV_HWDEVICE_TYPE_VAAPI;
        // SAFETY: null asks for the default device, without options; the reference becomes ours.
        let code = unsafe { ffi::av_hwdevice_ctx_create(&mut device, kind, ptr::null(), ptr::null_mut(), 0) };
        check(code, "cannot open the VA-API device")?;
        let device = Pool(device);
        // SAFETY: the device is open; the pool keeps a reference of its own to it.
        let pool = Pool(unsafe { ffi::av_hwframe_ctx_alloc(device.0) });
        if pool.0.is_null() {
            return Err(no_memory());
        }
        // SAFETY: the buffer of a pool of pictures holds this struct, which nobody else uses yet.
        unsafe {
            let frames = &mut *(*pool.0).data.cast::<ffi::AVHWFramesContext>();
            frames.format = ffi::AVPixelFormat::AV_PIX_FMT_VAAPI;
            frames.sw_format = ffi::AVPixelFormat::AV_PIX_FMT_NV12;
            frames.width = context.width;
            frames.height = context.height;
            frames.initial_pool_size = POOL;
        }
        // SAFETY: filled in above.
        check(unsafe { ffi::av_hwframe_ctx_init(pool.0) }, "the VA-API device gives no pictures")?;
        // SAFETY: another reference, which the context frees.
        context.hw_frames_ctx = unsafe { ffi::av_buffer_ref(pool.0) };
        if context.hw_frames_ctx.is_null() {
            return Err(no_memory());
        }
        Ok(Loader { layout, pool: Some(pool) })
    }

    /// The picture as the encoder takes it; `None` when that is what it is already.
    pub(crate) fn load(&self, frame: &Frame) -> Result<Option<Frame>, JobError> {
        if self.layout == Layout::Planar {
            return Ok(None);
        }
        let mut paired = nv12(frame)?;
        if let Some(pool) = &self.pool {
            let mut there = Frame::new()?;
            // SAFETY: pool and frames are valid; the buffer is the device's, the copy goes into it.
            let code = unsafe {
                match ffi::av_hwframe_get_buffer(pool.0, there.as_mut_ptr(), 0) {
                    code if code < 0 => code,
                    _ => ffi::av_hwframe_transfer_data(there.as_mut_ptr(), paired.as_ptr(), 0),
                }
            };
            check(code, "cannot copy a picture to the device")?;
            paired = there;
        }
        // SAFETY: both are valid frames; times, colour and the like are copied, no picture.
        check(unsafe { ffi::av_frame_copy_props(paired.as_mut_ptr(), frame.as_ptr()) }, "a picture")?;
        Ok(Some(paired))
    }
}

/// The same picture with the colour differences side by side.
pub(super) fn nv12(frame: &Frame) -> Result<Frame, JobError> {
    let (width, height) = (frame.get().width.max(0), frame.get().height.max(0));
    let mut paired = Frame::new()?;
    let raw = paired.get_mut();
    (raw.width, raw.height) = (width, height);
    raw.format = ffi::AVPixelFormat::AV_PIX_FMT_NV12 as c_int;
    // SAFETY: the buffer follows from the fields above.
    check(unsafe { ffi::av_frame_get_buffer(raw, 0) }, "cannot allocate a picture")?;
    let (columns, rows) = (width as usize, height as usize);
    for y in 0..rows {
        // SAFETY: a fresh picture has this many rows of its line size, which is no less than the width.
        let line = unsafe { row_mut(&mut paired, 0, y, columns) };
        line.copy_from_slice(frame.row(0, y, columns));
    }
    let half = columns.div_ceil(2);
    for y in 0..rows.div_ceil(2) {
        // SAFETY: as above; a row of pairs is as long as a row of the picture, rounded up.
        let line = unsafe { row_mut(&mut paired, 1, y, half * 2) };
        let colours = frame.row(1, y, half).iter().zip(frame.row(2, y, half));
        for (pair, (blue, red)) in line.chunks_exact_mut(2).zip(colours) {
            pair.copy_from_slice(&[*blue, *red]);
        }
    }
    Ok(paired)
}

/// # Safety
///
/// The plane has a row `y` of that many bytes, and the frame is its only owner.
unsafe fn row_mut(frame: &mut Frame, plane: usize, y: usize, bytes: usize) -> &mut [u8] {
    let raw = frame.get_mut();
    let start = raw.linesize[plane] as usize * y;
    // SAFETY: as the caller says.
    unsafe { std::slice::from_raw_parts_mut(raw.data[plane].add(start), bytes) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn colour_differences_lie_side_by_side_in_pictures_of_odd_sizes_too() {
        let mut frame = Frame::new().unwrap();
        let raw = frame.get_mut();
        (raw.width, raw.height) = (5, 3);
        raw.format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as c_int;
        // SAFETY: the buffer follows from the fields above.
        assert!(unsafe { ffi::av_frame_get_buffer(raw, 0) } >= 0);
        for (plane, (columns, rows)) in [(5, 3), (3, 2), (3, 2)].into_iter().enumerate() {
            for y in 0..rows {
                // SAFETY: the planes of a fresh 4:2:0 picture have these rows, and at least these columns.
                let line = unsafe { row_mut(&mut frame, plane, y, columns) };
                line.iter_mut().enumerate().for_each(|(x, byte)| *byte = (plane * 100 + y * 10 + x) as u8);
            }
        }
        let paired = nv12(&frame).unwrap();
        assert_eq!(
            (paired.row(0, 2, 5), paired.row(1, 0, 6)),
            (&[20, 21, 22, 23, 24][..], &[100, 200, 101, 201, 102, 202][..])
        );
        assert_eq!(paired.row(1, 1, 6), [110, 210, 111, 211, 112, 212]);
    }
}
