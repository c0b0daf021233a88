//! Reads facts with FFmpeg's libraries.

mod declared_facts;
mod decode_rate;
mod facts;
mod fast_path;
mod first_frames;
mod identical_audio;
mod key_frame_sizes;
mod packet_walk;
mod recognize;
mod sample_index;
mod streams;
mod tags;
mod timing;
mod truncation;
mod video_packets;

pub(crate) use facts::probe;
pub(crate) use recognize::is_recognized;
