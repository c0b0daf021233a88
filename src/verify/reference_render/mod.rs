//! Renders the expected output independently of FFmpeg's filters.
//!
//! Every output pixel is mapped through the plan to its position in the source. This shares no code with the
//! filter graph, so it detects a wrong rotation, crop, matrix or tone map, which a comparison with the encoder's
//! input cannot detect. Pure: samples in, RGB out.

mod color_check;
mod colors;
mod gamut;
mod image;
mod low_pass;
mod pixel_mapper;
mod render;

pub use self::color_check::{ColorEvidence, Misreading, color_evidence};
pub use self::image::{Colors, Image, PlanarFrame, Plane, Region};
pub use self::low_pass::low_frequencies;
pub use self::render::{common_size, comparison_size, render, render_region};
