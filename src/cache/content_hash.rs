//! The identity of a file's bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes that are read and hashed at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Returns the BLAKE3 of a file in hexadecimal digits. Reads by offset, so that the position of the descriptor stays.
///
/// # Errors
///
/// If the file cannot be read.
pub fn content_hash(file: &File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    let (mut buffer, mut at) = (vec![0; BUFFER_BYTES], 0);
    loop {
        match file.read_at(&mut buffer, at) {
            Ok(0) => return Ok(hasher.finalize().to_hex().to_string()),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                at += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
