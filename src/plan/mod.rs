//! From findings to the least-loss remedy.
//!
//! Pure: media facts, findings and the user's consents in, a [`FixPlan`] out. The plan is complete:
//! whoever carries it out decides nothing, so the same plan gives the same file everywhere.

mod as_is;
mod case;
mod effort;
mod explain;
mod fit;
mod length;
mod mendable;
mod options;
mod outcome;
mod picture;
mod planner;
mod rates;
mod refusal;
mod rung;
pub mod sample;
mod sound;
mod spec;
mod still;

pub use effort::{ENCODE_PIXELS_PER_S, Effort};
pub use options::{Extend, Fit, FixOptions, Machine};
pub use outcome::{Action, Applicability, FixPlan, Step};
pub use planner::plan;
pub use refusal::Refusal;
pub use spec::{
    AudioEncode, AudioPlan, Canvas, ExtendKind, Extension, Fill, OutputContainer, OutputSpec, Preset,
    RateControl, Subtraction, ToneMap, VideoEncode, VideoEncoder, VideoPlan, VideoTags, X264Profile,
};

#[cfg(test)]
mod tests;
