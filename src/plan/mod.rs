//! Plans the fix that loses the least, from facts and findings.
//!
//! Pure: takes media facts, findings and the user's consents, and returns a [`FixPlan`]. The plan is complete;
//! the code that executes it makes no decisions, so the same plan gives the same file on every machine.

mod additions;
mod audio;
mod audio_tracks;
mod colors;
mod consents;
mod damage;
mod decodable_start;
mod duration;
mod encode_mode;
mod encode_rates;
mod escalation;
#[doc(hidden)]
pub mod example;
mod fixable;
mod geometry;
mod image_geometry;
mod input;
mod left_out;
mod options;
mod outcome;
mod output_spec;
mod part_geometry;
mod passthrough;
mod planner;
mod producible;
mod refusal;
mod remaining;
mod resources;
mod steps;
mod still_image;
mod video;

pub use encode_mode::{EncodeMode, UnknownEncodeMode};
pub use options::{AudioTrackChoice, CopyFailure, CopyFailureCause, Extend, Fit, FixOptions, Machine};
pub use outcome::{
    Action, Addition, AdditionKind, Applicability, DroppedStream, FixPlan, FixStep, StreamType,
};
pub use output_spec::{
    AudioEncode, AudioPlan, Canvas, CropMargins, Fill, ImageEncode, JoinKind, JoinedTracks, Lengthening,
    LengtheningKind, OutputContainer, OutputSpec, PartFit, Preset, RateControl, ToneMap, VideoEncode,
    VideoEncoder, VideoPlan, VideoTags, X264Profile,
};
pub use planner::plan;
pub use refusal::Refusal;
pub use resources::{ENCODE_PIXELS_PER_S, ResourceEstimate};

#[cfg(test)]
mod any_limits_tests;
#[cfg(test)]
mod stream_tests;
#[cfg(test)]
mod tests;
