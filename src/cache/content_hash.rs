//! The identity of a file's bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes that are read and hashed at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// Buffers in use when one thread reads and another hashes.
const BUFFERS: usize = 3;
/// Size in bytes from which a second thread costs less than it saves.
const TWO_THREADS_FROM: u64 = 16 << 20;

/// Returns the BLAKE3 of a file in hexadecimal digits. Reads by offset, so that the position of the descriptor stays.
///
/// # Errors
///
/// If the file cannot be read.
pub fn content_hash(file: &File) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    if file.metadata()?.len() < TWO_THREADS_FROM {
        let mut buffer = vec![0; BUFFER_BYTES];
        read_all(|at| {
            let count = read_at(file, &mut buffer, at)?;
            hasher.update(&buffer[..count]);
            Ok(count)
        })?;
    } else {
        hash_while_reading(file, &mut hasher)?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// Hashes each buffer while another thread reads the next one.
fn hash_while_reading(file: &File, hasher: &mut blake3::Hasher) -> io::Result<()> {
    let (full, to_hash) = sync_channel::<(Vec<u8>, usize)>(BUFFERS);
    let (used, to_fill) = sync_channel(BUFFERS);
    thread::scope(|scope| {
        let reader = scope.spawn(move || fill_buffers(file, &full, &to_fill));
        for _ in 0..BUFFERS {
            // The reader that ended early returns its error below.
            let _ = used.send(vec![0; BUFFER_BYTES]);
        }
        for (buffer, count) in to_hash {
            hasher.update(&buffer[..count]);
            let _ = used.send(buffer);
        }
        reader.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread ended unexpectedly")))
    })
}

fn fill_buffers(
    file: &File,
    full: &SyncSender<(Vec<u8>, usize)>,
    to_fill: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    let ended = || io::Error::other("the hashing thread ended unexpectedly");
    read_all(|at| {
        let mut buffer = to_fill.recv().map_err(|_| ended())?;
        let count = read_at(file, &mut buffer, at)?;
        full.send((buffer, count)).map_err(|_| ended())?;
        Ok(count)
    })
}

/// Calls `read` with the offset of each part until it returns 0 bytes.
fn read_all(mut read: impl FnMut(u64) -> io::Result<usize>) -> io::Result<()> {
    let mut at = 0;
    loop {
        match read(at)? {
            0 => return Ok(()),
            count => at += count as u64,
        }
    }
}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::{Seek, Write};

    #[test]
    fn small_and_large_files_have_the_blake3_of_their_bytes() {
        for length in [0, 1, BUFFER_BYTES, TWO_THREADS_FROM as usize - 1, TWO_THREADS_FROM as usize + 12_345]
        {
            let bytes: Vec<u8> = (0..length).map(|index| (index ^ (index >> 8)) as u8).collect();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&bytes).unwrap();
            assert_eq!(content_hash(&file).unwrap(), blake3::hash(&bytes).to_hex().to_string(), "{length}");
            assert_eq!(file.stream_position().unwrap(), length as u64);
        }
    }

    #[test]
    fn a_descriptor_that_cannot_be_read_is_an_error_in_either_way() {
        for length in [10, TWO_THREADS_FROM] {
            let file = tempfile::NamedTempFile::new().unwrap();
            file.as_file().set_len(length).unwrap();
            let unreadable = File::options().write(true).open(file.path()).unwrap();
            assert!(content_hash(&unreadable).is_err(), "{length}");
        }
    }
}
