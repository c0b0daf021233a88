//! Facts by way of FFmpeg's libraries.

mod open;

pub(crate) use open::{MediaInput, error_text, init, open_input};
