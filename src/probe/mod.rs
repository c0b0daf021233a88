//! Reads the facts of a media file from its bytes.
//!
//! Begin with [`header_probe::probe`], which reads all facts of most MP4, MOV, Matroska and WebM files from their headers.
//!
//! [`isobmff`] and [`headers`] read the declarations of a container, [`bitstream`] reads a codec's
//! parameter sets, [`sniff`] detects whether bytes are media; all of them are plain Rust over positioned
//! reads. [`header_probe`] settles all facts of most MP4, MOV, Matroska and WebM files from them; `libav` gets the facts
//! of all other files from the media library.

pub mod bitstream;
pub(crate) mod bytes;
pub(crate) mod clock_jumps;
mod declared_facts;
pub mod decodable_start;
mod decode_rate;
mod display_matrix;
mod ebml;
mod first_frames;
pub mod header_probe;
pub mod headers;
pub mod isobmff;
#[cfg(feature = "libav")]
#[allow(unsafe_code)] // The media library has only a C interface.
pub(crate) mod libav;
mod packet;
mod packet_walk;
mod similar_audio;
pub mod sniff;
pub(crate) mod tags;
mod timing;
mod truncation;
mod video_packets;

pub use bytes::{Bytes, file_size};
