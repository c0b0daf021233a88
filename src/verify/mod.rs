//! Is the output whole, and is it still the same video?
//!
//! [`libav`] decodes the output with fresh contexts and runs the source through the plan once more
//! to compare. [`thresholds`] holds every number that decides.

pub mod libav;
pub mod reference_render;
pub mod thresholds;
