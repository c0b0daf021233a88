//! From bytes to facts.

pub mod bitstream;
