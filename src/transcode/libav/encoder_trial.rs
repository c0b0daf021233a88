//! Whether an encoder works: libraries list encoders of devices that are not there.

use std::ffi::c_int;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ffmpeg_next::ffi;

use super::av::{Frame, check, failed};
use super::encode::Encoder;
use crate::job::JobError;
use crate::plan::VideoEncode;

/// Pictures encoded: more than any encoder holds back.
const PICTURES: u64 = 30;

/// Encodes some grey pictures as planned.
///
/// # Errors
///
/// [`JobError::Failed`] with the library's reason; [`JobError::Cancelled`].
pub fn trial(plan: &VideoEncode, cancel: &Arc<AtomicBool>) -> Result<(), JobError> {
    let size = plan.canvas.as_ref().map_or(plan.scale, |canvas| canvas.size);
    let mut encoder = Encoder::video(plan, 1)?;
    let mut bytes = 0;
    let mut sink = |packet: &mut super::av::Packet| {
        bytes += packet.data().len();
        Ok(())
    };
    for _ in 0..PICTURES {
        if cancel.load(Ordering::Relaxed) {
            return Err(JobError::Cancelled);
        }
        encoder.encode_frame(&mut grey(size.width, size.height)?, 1, &mut sink)?;
    }
    encoder.finish(&mut sink)?;
    if bytes == 0 { Err(failed("the encoder takes pictures and gives nothing")) } else { Ok(()) }
}

fn grey(width: u32, height: u32) -> Result<Frame, JobError> {
    let mut frame = Frame::new()?;
    let raw = frame.get_mut();
    (raw.width, raw.height) = (width as c_int, height as c_int);
    raw.format = ffi::AVPixelFormat::AV_PIX_FMT_YUV420P as c_int;
    // SAFETY: the buffer follows from the fields above.
    check(unsafe { ffi::av_frame_get_buffer(raw, 0) }, "cannot allocate a picture")?;
    for plane in 0..3 {
        let rows = if plane == 0 { height } else { height.div_ceil(2) };
        let bytes = raw.linesize[plane] as usize * rows as usize;
        // SAFETY: a fresh plane holds its rows of its line size.
        unsafe { raw.data[plane].write_bytes(128, bytes) };
    }
    Ok(frame)
}
