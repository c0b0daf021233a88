//! Tests whether an encoder works: FFmpeg lists hardware encoders whose device is absent.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_next::ffi;

use super::encode::Encoder;
use crate::job::JobError;
use crate::libav::error::{check, failed};
use crate::libav::frame::Frame;
use crate::plan::VideoEncode;

/// Number of frames encoded: more than any encoder buffers.
const FRAMES: u64 = 30;

/// Encodes some grey frames as planned.
///
/// # Errors
///
/// [`JobError::Failed`] with FFmpeg's reason; [`JobError::Cancelled`].
pub fn trial(plan: &VideoEncode, cancel: &Arc<AtomicBool>) -> Result<(), JobError> {
    let size = plan.canvas.as_ref().map_or(plan.scale, |canvas| canvas.size);
    let mut encoder = Encoder::video(plan, 1)?;
    let mut bytes = 0;
    let mut sink = |packet: &mut crate::libav::packet::Packet| {
        bytes += packet.data().len();
        Ok(())
    };
    for _ in 0..FRAMES {
        if cancel.load(Ordering::Relaxed) {
            return Err(JobError::Cancelled);
        }
        encoder.encode_frame(&mut grey_frame(size.width, size.height)?, 1, &mut sink)?;
    }
    encoder.finish(&mut sink)?;
    if bytes == 0 { Err(failed("the encoder returned no packets")) } else { Ok(()) }
}

fn grey_frame(width: u32, height: u32) -> Result<Frame, JobError> {
    let mut frame = Frame::new()?;
    let raw = frame.get_mut();
    (raw.width, raw.height) = (width as c_int, height as c_int);
    raw.format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as c_int;
    // SAFETY: the buffer follows from the fields above.
    check(unsafe { ffi::av_frame_get_buffer(raw, 0) }, "cannot allocate a video frame")?;
    for plane in 0..3 {
        let rows = if plane == 0 { height } else { height.div_ceil(2) };
        let bytes = raw.linesize[plane] as usize * rows as usize;
        // SAFETY: a new plane holds `rows` rows of its line size.
        unsafe { raw.data[plane].write_bytes(128, bytes) };
    }
    Ok(frame)
}
