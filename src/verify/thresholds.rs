//! The limits of the verification.
//!
//! Preset veryfast at CRF 23 gives a mean SSIM of 0.98 on grainy footage; a wrong rotation, a shift by a
//! frame in motion, or a broken group of pictures falls far below the limits.

/// Minimum of the mean SSIM over all frames.
pub const MEAN_SSIM: f64 = 0.90;
/// Minimum SSIM of every single frame.
pub const FRAME_SSIM: f64 = 0.80;
/// Length in seconds of the windows in which encoded audio is compared.
pub const AUDIO_WINDOW_S: f64 = 0.1;
/// Minimum RMS level (full scale is 1) of the source for a window to be compared.
pub const QUIET_RMS: f64 = 0.003;
/// Maximum factor between the RMS levels of a window in source and output.
pub const AUDIO_FACTOR: f64 = 4.0;
/// Maximum share of the compared windows that may differ by more.
pub const AUDIO_OUTLIERS: f64 = 0.05;
/// A distance between frames of more than this many frame durations is checked with a strict decoder.
pub const GAP_FRAMES: f64 = 1.5;
/// Maximum number of packets without a decoded frame: leading frames that cannot be shown.
pub const LOST_FRAMES: u64 = 2;
/// Maximum difference in seconds between the ends of video and audio, in addition to a frame of each.
pub const END_SKEW_S: f64 = 0.03;
/// Approximate number of evenly spaced frames, besides the worst frame, that are rendered independently and
/// compared by SSIMULACRA2.
pub const REFERENCE_SAMPLES: usize = 12;
/// Minimum distance between these samples in frames.
pub const REFERENCE_SAMPLE_EVERY: u64 = 60;
/// Minimum of the mean SSIMULACRA2 of these samples. Correct outputs of the corpus reach 32 to 100 at the
/// fastest preset, most of them at least 65; a wrong rotation, flip or crop falls below zero.
pub const REFERENCE_MEAN: f64 = 5.0;
/// A sample that scores less is compared once more without its fine detail. Correct outputs with one-pixel patterns
/// fall to -100 at full detail and reach 80 and more without it; a wrong rotation, flip or crop stays below zero.
pub const FINE_DETAIL_BELOW: f64 = 40.0;
/// Minimum share of the way from misread colours to the planned ones that an output must cover: correct outputs cover
/// about all of it, misread ones nothing.
pub const MIN_COLOR_SHARE: f64 = 0.3;
/// Maximum seconds by which the video of a source may end before the end declared by its container.
pub const MISSING_TAIL_S: f64 = 0.5;
/// Maximum difference in seconds between output and planned duration, in addition to a frame: plans rely on
/// declared durations.
pub const PLAN_SLACK_S: f64 = 0.3;
/// Maximum seconds by which a trimmed copy may end early: it can only end between groups of interdependent
/// frames, of at most 17 frames (x264's maximum of `bframes` plus one).
pub const TRIM_SLACK_S: f64 = 1.0;
/// Maximum seconds by which the last frame may be held beyond the end of the source, in addition to a frame.
pub const HELD_SLACK_S: f64 = 0.1;
/// Number of frames of an encoded stream that are decoded with the parameters in its container.
pub const HEADER_FRAMES: u64 = 3;
/// Minimum SSIMULACRA2 of a JPEG against the pixels that were encoded. Photographs reach 85 and more, noise 70 at the
/// quality 80.
pub const IMAGE_SCORE: f64 = 30.0;
/// Maximum mean difference between their colour values, of 255. It also counts for images too small for a score; noise
/// reaches 20 at the lowest quality.
pub const IMAGE_DIFFERENCE: f64 = 28.0;
