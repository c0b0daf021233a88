//! Timestamps of the media library.

use ffmpeg_next::ffi;

/// Libav's value for a missing timestamp.
pub(crate) const NOPTS: i64 = ffi::AV_NOPTS_VALUE;

/// Creates a rational for libav.
pub(crate) fn rational(num: i32, den: i32) -> ffi::AVRational {
    ffi::AVRational { num, den }
}

/// Converts units of `base` to seconds.
pub(crate) fn seconds(time: i64, base: ffi::AVRational) -> f64 {
    time as f64 * f64::from(base.num) / f64::from(base.den.max(1))
}

/// Converts seconds to the nearest unit of `base`.
pub(crate) fn units(seconds: f64, base: ffi::AVRational) -> i64 {
    (seconds * f64::from(base.den) / f64::from(base.num.max(1))).round() as i64
}

/// Returns whether an ISO file declares the duration of a stream as unknown: all bits are set (ISO/IEC 14496-12,
/// 8.4.2.3), which the library reads as a number.
pub(crate) fn is_duration_unknown(stream: &ffi::AVStream) -> bool {
    stream.duration == i64::from(u32::MAX)
}
