//! Plans the fix that loses the least, from facts and findings.
//!
//! Pure: takes media facts, findings and the user's consents, and returns a [`FixPlan`]. The plan is complete;
//! the code that executes it makes no decisions, so the same plan gives the same file on every machine.

mod audio;
mod duration;
mod escalation;
mod explain;
mod fixable;
mod geometry;
mod input;
mod options;
mod outcome;
mod passthrough;
mod planner;
mod rates;
mod refusal;
mod resources;
pub mod sample;
mod spec;
mod still_image;
mod video;

pub use options::{Extend, Fit, FixOptions, Machine};
pub use outcome::{Action, Applicability, FixPlan, FixStep};
pub use planner::plan;
pub use refusal::Refusal;
pub use resources::{ENCODE_PIXELS_PER_S, ResourceEstimate};
pub use spec::{
    AudioEncode, AudioPlan, Canvas, CropMargins, Fill, Lengthening, LengtheningKind, OutputContainer,
    OutputSpec, Preset, RateControl, ToneMap, VideoEncode, VideoEncoder, VideoPlan, VideoTags, X264Profile,
};

#[cfg(test)]
mod tests;
