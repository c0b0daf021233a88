//! Computes the duration of a file like the library, before it decodes anything.

use ffmpeg_next::ffi;

use super::super::streams::{is_ignored_for_duration, ratio};

const NO_TIME: i64 = i64::MIN;
const MICROSECONDS: ffi::AVRational = ffi::AVRational { num: 1, den: 1_000_000 };

/// Returns the declared duration; otherwise, like the library, the time from the earliest start to the
/// latest end of the streams. In microseconds; `None` when a stream has no start or duration, or is text.
///
/// FFmpeg up to 6 reports the duration in the header of an ISO file, from 7 on it computes it.
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
            if is_ignored_for_duration(stream) {
                return None;
            }
            let (stream_start, duration) = ((*stream).start_time, (*stream).duration);
            if stream_start == NO_TIME || duration == NO_TIME || ratio((*stream).time_base).is_none() {
                return None;
            }
            let stream_start = ffi::av_rescale_q(stream_start, (*stream).time_base, MICROSECONDS);
            let duration = ffi::av_rescale_q(duration, (*stream).time_base, MICROSECONDS);
            start = start.min(stream_start);
            end = end.max(stream_start.checked_add(duration)?);
            longest = longest.max(duration);
        }
    }
    Some(longest.max(end.checked_sub(start)?)).filter(|&duration| duration > 0)
}
