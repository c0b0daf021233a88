//! From a plan to a file.
//!
//! [`libav`] carries out an [`OutputSpec`](crate::plan::OutputSpec): one decode, one filter graph
//! and one encode a stream, or packets copied. [`graph`] writes the filter graph as text and
//! [`pace`] decides which frame is shown when, [`settings`] what an encoder is told, and
//! `gaps` keeps where pictures are missing, `cut` finds where a copy may end; all are pure. [`faststart`] puts `moov` first, and [`room`]
//! foretells its size.

pub mod faststart;
pub mod frame_pacing;
pub(crate) mod gaps;
pub mod graph;
pub mod libav;
pub mod reserved_moov;
pub mod settings;
pub(crate) mod trim;
