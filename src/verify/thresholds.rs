//! The numbers that decide whether a proof holds.
//!
//! Veryfast at CRF 23 gives a mean SSIM of 0.98 on grainy footage; a wrong turn, a shift by a frame
//! in motion, or a broken group of pictures falls far below these.

/// The mean SSIM over all frames must reach this.
pub const MEAN_SSIM: f64 = 0.90;
/// The SSIM of every single frame must reach this.
pub const FRAME_SSIM: f64 = 0.80;
/// Encoded audio is compared in windows of this many seconds.
pub const AUDIO_WINDOW_S: f64 = 0.1;
/// Windows of the source quieter than this (RMS, full scale is 1) are not compared.
pub const QUIET_RMS: f64 = 0.003;
/// Windows may differ by this factor in loudness.
pub const AUDIO_FACTOR: f64 = 4.0;
/// This share of the loud windows may differ more.
pub const AUDIO_OUTLIERS: f64 = 0.05;
/// A distance between frames of more than this many usual ones is looked into with a strict decoder.
pub const HOLE_FRAMES: f64 = 1.5;
/// Decoded frames may fall short of packets by this many: leading pictures that cannot be shown.
pub const LOST_FRAMES: u64 = 2;
/// Ends of picture and audio may differ by this many seconds on top of a frame of each.
pub const END_SKEW_S: f64 = 0.03;
/// Besides the worst frame, about this many are drawn a second time by another way and compared with the
/// slow metric, at even distances.
pub const REFERENCE_SAMPLES: usize = 12;
/// Such samples lie at least this many frames apart.
pub const REFERENCE_SAMPLE_EVERY: u64 = 60;
/// The mean SSIMULACRA2 of these samples must reach this. Right ones of the corpus reach 32 to 100 at the
/// fastest preset, most of them 65 and more; a wrong turn, mirror or crop falls below zero.
pub const REFERENCE_MEAN: f64 = 5.0;
/// The picture of a source may end this many seconds before the end its container declares.
pub const MISSING_TAIL_S: f64 = 0.5;
/// The output may differ from the planned duration by this many seconds on top of a frame: plans
/// are made from what containers declare.
pub const PLAN_SLACK_S: f64 = 0.3;
/// A copied picture that is cut may end this many seconds early: only between groups of pictures that lean on
/// each other, of which encoders make at most 17 (`bframes` of x264 and one).
pub const CUT_SLACK_S: f64 = 1.0;
/// So many frames of an encoded stream are decoded by what the container says of it.
pub const HEADER_FRAMES: u64 = 3;
