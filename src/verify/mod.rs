//! Verifies that an output is complete and shows the same video as its source.
//!
//! [`libav`] decodes the output with new contexts and compares it with the source processed by the plan.
//! [`reference_render`] renders single frames independently of FFmpeg's filters. [`thresholds`] holds the
//! limits.

pub mod libav;
pub mod reference_render;
pub mod thresholds;
