//! Reads the declarations of a container, without decoding anything.

mod asf_encryption;
mod avi_header;
mod declared;
mod exif;
mod extent;
mod icc;
mod image_header;
mod images;
mod joined;
mod jpeg;
mod matroska;
mod matroska_header;
mod riff;
mod scrambling;
mod stream_marks;
mod streams;

pub(crate) use declared::INVALID_DATA;
pub use declared::{Declared, OpenError, container, read};
pub use image_header::DeclaredImage;
pub(crate) use image_header::item_profile;
pub(crate) use matroska::last_block;
pub use stream_marks::{Encryption, StreamSelector};
