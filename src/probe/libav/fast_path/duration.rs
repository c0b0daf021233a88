//! How long a file is in the library's eyes, before it has decoded anything.

use ffmpeg_next::ffi;

use super::super::streams::{is_text, ratio};

const NO_TIME: i64 = i64::MIN;
const MICROSECONDS: ffi::AVRational = ffi::AVRational { num: 1, den: 1_000_000 };

/// What the container says; else, as the library will reckon, the time from the earliest start to the
/// latest end of the streams, in microseconds. `None` where one of them lacks either, or is text.
///
/// FFmpeg up to 6 says what the header of an ISO file says, from 7 on it reckons.
///
/// # Safety
/// `context` is open.
pub(super) unsafe fn duration_us(context: *mut ffi::AVFormatContext) -> Option<i64> {
    let (mut start, mut end, mut longest) = (i64::MAX, i64::MIN, i64::MIN);
    // SAFETY: the library keeps `nb_streams` valid pointers; the calls take any numbers.
    unsafe {
        if (*context).duration != NO_TIME {
            return Some((*context).duration);
        }
        for position in 0..(*context).nb_streams as usize {
            let stream = *(*context).streams.add(position);
            if is_text(stream) {
                return None;
            }
            let (begins, lasts) = ((*stream).start_time, (*stream).duration);
            if begins == NO_TIME || lasts == NO_TIME || ratio((*stream).time_base).is_none() {
                return None;
            }
            let begins = ffi::av_rescale_q(begins, (*stream).time_base, MICROSECONDS);
            let lasts = ffi::av_rescale_q(lasts, (*stream).time_base, MICROSECONDS);
            start = start.min(begins);
            end = end.max(begins.checked_add(lasts)?);
            longest = longest.max(lasts);
        }
    }
    Some(longest.max(end.checked_sub(start)?)).filter(|&duration| duration > 0)
}
