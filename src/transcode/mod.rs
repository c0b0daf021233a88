//! Turns a plan into a file.
//!
//! [`libav`] carries out an [`OutputSpec`](crate::plan::OutputSpec): one decode, one filter graph and one
//! encode per stream, or copied packets. The other modules are pure: [`filter_graph`] writes the filter graph as
//! text, [`frame_pacing`] decides which frame is shown when, [`settings`] translates the plan into encoder
//! options, and `trim` finds where a copied stream can end. [`faststart`] puts `moov` first, and [`reserved_moov`]
//! estimates its size.
//!
//! The caller of [`libav`] hands in the verifier of the outputs.

pub mod available_filters;
pub mod faststart;
pub mod filter_graph;
pub mod frame_pacing;
mod gamut;
pub(crate) mod image;
pub mod libav;
pub mod reserved_moov;
pub mod settings;
mod shown_times;
mod tone_map;
pub(crate) mod trim;
