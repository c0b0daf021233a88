//! Reads facts with FFmpeg's libraries.

mod describe;
mod ending;
mod facts;
mod fast_path;
mod index;
mod memory;
mod open;
mod raw;
mod streams;
mod tags;
mod timing;
mod version;
mod walk;

pub(crate) use describe::{encoders, library};
pub(crate) use facts::probe;
pub(crate) use memory::{keep_freed_memory, zero_allocations};
pub(crate) use open::{MediaInput, error_text, init, open_input};
pub(crate) use streams::is_duration_unknown;
