//! Bytes to facts.
//!
//! [`isobmff`] and [`declared`] read what a container declares about itself, [`bitstream`] what a
//! codec's parameter sets declare, [`sniff`] says whether bytes are media at all; all of them are
//! plain Rust over positioned reads. `libav` asks the media library for the rest.

pub mod bitstream;
mod bytes;
pub mod declared;
mod display_matrix;
pub mod isobmff;
#[allow(unsafe_code)] // The one way to reach the media library is its C interface.
pub(crate) mod libav;
pub mod sniff;

pub use bytes::Bytes;
