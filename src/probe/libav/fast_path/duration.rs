//! Computes the duration of a file like the library, before it decodes anything.

use ffmpeg_next::ffi;

use super::super::streams::{is_ignored_for_duration, ratio, seconds};
use crate::libav::time::NOPTS;
use crate::model::MediaFacts;

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
        if (*context).duration != NOPTS {
            return Some((*context).duration).filter(|&duration| duration > 0);
        }
        for position in 0..(*context).nb_streams as usize {
            let stream = *(*context).streams.add(position);
            if is_ignored_for_duration(stream) {
                return None;
            }
            let (stream_start, duration) = ((*stream).start_time, (*stream).duration);
            if stream_start == NOPTS || duration == NOPTS || ratio((*stream).time_base).is_none() {
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

/// Sets the start time of every stream, as far as the library knows it.
///
/// # Safety
/// `context` is open.
pub(super) unsafe fn set_starts(context: *mut ffi::AVFormatContext, facts: &mut MediaFacts) {
    // SAFETY: by the contract; the indices are those of its streams.
    let start = |index: u32| unsafe {
        let stream = *(*context).streams.add(index as usize);
        seconds((*stream).start_time, (*stream).time_base)
    };
    facts.video.iter_mut().for_each(|video| video.start_s = start(video.index));
    facts.audio.iter_mut().for_each(|audio| audio.start_s = start(audio.index));
}
