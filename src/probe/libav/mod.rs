//! Reads facts with FFmpeg's libraries.

mod alpha;
mod declared_facts;
mod decode_rate;
mod describe;
mod facts;
mod fast_path;
pub(crate) mod ffi_enums;
mod first_frames;
mod identical_audio;
mod key_frame_sizes;
mod memory;
mod open;
mod packet_reader;
mod packet_walk;
mod positioned_file;
mod recognize;
mod sample_index;
mod streams;
mod tags;
mod timing;
mod truncation;
mod version;
mod video_packets;

pub(crate) use alpha::alpha_decoder;
pub(crate) use describe::{encoders, library};
pub(crate) use facts::probe;
pub(crate) use memory::{keep_freed_memory, zero_allocations};
pub(crate) use open::{EditLists, MediaInput, error_text, init, open_as, open_input};
pub(crate) use recognize::is_recognized;
pub(crate) use streams::is_duration_unknown;
pub(crate) use version::packet_side_data;
