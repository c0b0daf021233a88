//! Which measured values comply with a limit. Rules ask here whether a file complies, and plans ask whether an output
//! will, so that both answer alike at every edge.

use super::parameters::{
    AspectRatioLimits, AudioBitRateLimits, AvDurationLimits, FrameRateLimits, ImageAspectRatioLimits,
    LoudnessLimits, ResolutionLimits, StartTimeLimits,
};
use crate::model::{Rational, Size};

/// Seconds by which a duration may miss a limit: one frame more or less is rounding in the container.
pub const DURATION_TOLERANCE_S: f64 = 0.05;
/// The share of a lowest frame rate that satisfies it: 23.976 satisfies a published minimum of 24.
const FRAME_RATE_SHARE: f64 = 0.998;
/// The share of a lowest audio bit rate that satisfies it: encoders stay below the rate they are asked for.
const AUDIO_BIT_RATE_SHARE: f64 = 0.9;
/// Shares that are equal after rounding in binary fractions.
const EPSILON: f64 = 1e-9;
/// Seconds after zero, and between video and audio, at which a video may start if the profile does not say.
const DEFAULT_START_S: f64 = 0.1;
/// Seconds by which video and audio may differ in length if the profile does not say.
const DEFAULT_APART_S: f64 = 1.0;
/// Loudness units around the target if the profile does not say.
const DEFAULT_TOLERANCE_LU: f64 = 1.0;

/// Returns whether a duration is above an upper limit, both in seconds.
pub fn is_longer(duration_s: f64, max_s: f64) -> bool {
    duration_s > max_s + DURATION_TOLERANCE_S
}

/// Returns whether a duration is below a lower limit, both in seconds.
pub fn is_shorter(duration_s: f64, min_s: f64) -> bool {
    duration_s < min_s - DURATION_TOLERANCE_S
}

/// Returns whether two ratios differ by at most `tolerance`, as a share of the wanted one.
pub fn within_tolerance(found: Rational, wanted: Rational, tolerance: f64) -> bool {
    (found.as_f64() / wanted.as_f64() - 1.0).abs() <= tolerance + EPSILON
}

impl FrameRateLimits {
    /// Returns whether a rate in frames per second complies.
    pub fn allows(&self, rate: f64) -> bool {
        !self.min.is_some_and(|min| rate < min * FRAME_RATE_SHARE) && !self.max.is_some_and(|max| rate > max)
    }
}

impl AudioBitRateLimits {
    /// Returns whether a rate in bits per second is below the lower limit.
    pub fn is_low(&self, rate: f64) -> bool {
        self.min.is_some_and(|min| rate < min * AUDIO_BIT_RATE_SHARE)
    }
}

impl AspectRatioLimits {
    /// Returns whether `ratio` is one of the allowed ones, if they are listed.
    pub fn is_listed(&self, ratio: Rational) -> bool {
        self.allow.is_empty() || self.allow.iter().any(|allowed| self.is_near(ratio, *allowed))
    }

    /// Returns whether `ratio` lies between the narrowest and the widest one.
    pub fn is_between(&self, ratio: Rational) -> bool {
        let low = self.min.is_some_and(|min| ratio < min && !self.is_near(ratio, min));
        let high = self.max.is_some_and(|max| ratio > max && !self.is_near(ratio, max));
        !low && !high
    }

    /// Returns whether a frame with this ratio complies.
    pub fn allows(&self, ratio: Rational) -> bool {
        self.is_listed(ratio) && self.is_between(ratio)
    }

    fn is_near(&self, ratio: Rational, allowed: Rational) -> bool {
        within_tolerance(ratio, allowed, self.tolerance())
    }

    /// Returns the share by which a ratio may differ.
    pub fn tolerance(&self) -> f64 {
        self.tolerance.unwrap_or(0.0)
    }
}

impl ImageAspectRatioLimits {
    /// Returns the share by which a ratio may differ.
    pub fn tolerance(&self) -> f64 {
        self.tolerance.unwrap_or(0.0)
    }
}

impl ResolutionLimits {
    /// Returns the smallest and the largest width and height, in pixels, that a frame of the shape `shape` may have.
    pub fn frame(&self, shape: Size) -> FrameBounds {
        let mut least = Size::new(0, 0);
        if let Some(size) = super::size_for_nearest_ratio(shape, &self.min_for_ratio) {
            least = Size::new(size.width, size.height);
        }
        let low = |own: u32, key: Option<f64>| {
            [key, self.min_side].into_iter().flatten().map(|min| min.ceil() as u32).fold(own, u32::max)
        };
        let high = |key: Option<f64>| {
            [key, self.max_side].into_iter().flatten().map(|max| max.floor() as u32).min().unwrap_or(u32::MAX)
        };
        FrameBounds {
            least: Size::new(low(least.width, self.min_width), low(least.height, self.min_height)),
            most: Size::new(high(self.max_width), high(self.max_height)),
        }
    }
}

/// The smallest and the largest width and height of a frame, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameBounds {
    /// At least.
    pub least: Size,
    /// At most.
    pub most: Size,
}

impl FrameBounds {
    /// Returns whether a frame complies.
    pub fn allow(&self, size: Size) -> bool {
        let within = |side: u32, least: u32, most: u32| (least..=most).contains(&side);
        within(size.width, self.least.width, self.most.width)
            && within(size.height, self.least.height, self.most.height)
    }
}

impl StartTimeLimits {
    /// Returns the seconds after zero, and between video and audio, at which a video may start.
    pub fn max_s(&self) -> f64 {
        self.max_s.unwrap_or(DEFAULT_START_S)
    }
}

impl AvDurationLimits {
    /// Returns the seconds by which video and audio may differ in length.
    pub fn max_s(&self) -> f64 {
        self.max_s.unwrap_or(DEFAULT_APART_S)
    }
}

impl LoudnessLimits {
    /// Returns the loudness units by which a video may miss the target.
    pub fn tolerance_lu(&self) -> f64 {
        self.tolerance_lu.unwrap_or(DEFAULT_TOLERANCE_LU)
    }
}
