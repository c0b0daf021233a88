//! The frame rate of H.264 without a declared duration of frames: the library takes it from the stream, or from the times
//! of its frames.

use super::super::effort::ANALYSED_BYTES;
use super::frame_rate::average;
use super::tracks::{Clock, Track};
use crate::model::{Codec, Rational};
use crate::probe::bitstream::avc_record;

/// Frames after which the library certainly knows that none is reordered.
const FRAMES_IN_ORDER: u64 = 20;
/// Frames that it decodes before it takes their times for those of decoding.
pub(super) const DECODED_FIRST: u64 = 7;
/// Milliseconds in which the library must have found these frames, which it analyses a little longer.
const ANALYSED_MS: i64 = 4000;
const MILLISECOND: i64 = 1_000_000;
/// The slowest rate that the library does not take for one.
const TOO_FAST: u64 = 1000;
/// Builds of an encoder from which on it states the frame rate correctly.
const CORRECT_BUILD: u32 = 44;

/// How the library finds the frame rate of a stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamRate {
    /// The rate that the stream states, and how many ticks a frame lasts, rounded down. Otherwise the times of frames
    /// tell it.
    pub(super) stated: Option<(Rational, i64)>,
    /// The frames that the library needs.
    pub(super) needed: u64,
    latest: i64,
}

impl StreamRate {
    /// Returns how the library finds the rate of a track; `None` for other codecs, and for rare forms.
    pub(super) fn of(track: &Track, clock: Clock) -> Option<StreamRate> {
        let usability =
            avc_record::usability(&track.config).filter(|_| track.codec() == Some(&Codec::H264))?;
        let reordered = usability.reordered_frames?;
        let stated = match usability.frame_rate {
            Some(rate) => Some(stated(rate, clock)?),
            // The times of reordered frames are those of decoding.
            None if usability.states_rate || reordered > 0 => return None,
            None => None,
        };
        let needed = match u64::from(reordered) {
            0 => FRAMES_IN_ORDER,
            // The library begins to keep presentation times with the second frame.
            frames => frames + 2,
        };
        let latest = ANALYSED_MS * (MILLISECOND / i64::try_from(clock.scale).ok()?.max(1)).max(1);
        Some(StreamRate { stated, needed: needed.max(3), latest })
    }

    /// Returns whether the library has read a frame at this time after the first, behind so many bytes, when it decides.
    pub(super) fn is_in_time(&self, time: i64, bytes: u64) -> bool {
        time <= self.latest && bytes < ANALYSED_BYTES
    }

    /// Returns whether the encoder of a stream with this first frame stated its rate correctly.
    pub(super) fn is_correct(first: &[u8]) -> bool {
        const ENCODER: &[u8] = b"x264 - core ";
        let Some(at) = first.windows(ENCODER.len()).position(|text| text == ENCODER) else { return true };
        let digits = first[at + ENCODER.len()..].iter().take_while(|byte| byte.is_ascii_digit()).take(6);
        digits.fold(0, |build, digit| 10 * build + u32::from(digit - b'0')) >= CORRECT_BUILD
    }
}

/// Returns a rate that a stream states as the library rounds it, and how many ticks a frame lasts; `None` for rates that
/// it does not trust.
fn stated((num, den): (u32, u32), clock: Clock) -> Option<(Rational, i64)> {
    let (num, den) = (u64::from(num), u64::from(den));
    let (per_s, of_s) = (u64::try_from(clock.base.den).ok()?, u64::try_from(clock.base.num).ok()?);
    let is_usual = num < den.checked_mul(TOO_FAST)? && num.max(den) < 1 << 30 && per_s >= 1000 * of_s;
    let ticks = per_s.checked_mul(den)?.checked_div(of_s.checked_mul(num)?).filter(|_| is_usual)?;
    let ticks = i64::try_from(ticks).ok().filter(|ticks| *ticks > 0)?;
    Some((average(1, ticks, clock.base)?, ticks))
}
