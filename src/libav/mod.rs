//! FFmpeg's libraries: owned packets, frames and contexts, opened inputs, decoders and filter graphs.
//!
//! The adapters in `probe`, `transcode` and `verify` use this module. It uses none of them, only the parsers of `probe`,
//! which know no media library. It opens no files: inputs are descriptors, read by offset.

pub(crate) mod allocator;
pub(crate) mod alpha_decoder;
pub(crate) mod channel_layout;
pub(crate) mod codec_context;
pub(crate) mod decoder;
pub(crate) mod demuxers;
pub(crate) mod display_times;
pub(crate) mod edit_timeline;
pub(crate) mod error;
pub(crate) mod ffi_enums;
pub(crate) mod file;
pub(crate) mod filter;
pub(crate) mod frame;
pub(crate) mod frame_format;
pub(crate) mod input;
pub(crate) mod library;
pub(crate) mod media_input;
pub(crate) mod options;
pub(crate) mod output_length;
pub(crate) mod packet;
pub(crate) mod packet_index;
pub(crate) mod packet_reader;
pub(crate) mod positioned_file;
pub(crate) mod sample;
pub(crate) mod side_data;
pub(crate) mod source_reading;
pub(crate) mod start_cut;
pub(crate) mod stream_kind;
pub(crate) mod time;
pub(crate) mod timestamp_gaps;
pub(crate) mod verify_tap;
