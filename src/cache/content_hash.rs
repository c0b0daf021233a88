//! The identity of a file's bytes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use md5::{Digest, Md5};

/// Bytes that are read and hashed at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// Buffers in use when one thread reads and another hashes.
const BUFFERS: usize = 3;
/// Size in bytes from which a second thread costs less than it saves.
const TWO_THREADS_FROM: u64 = 16 << 20;

/// The hashes of a file's bytes that were computed in one pass over them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashes {
    /// BLAKE3, lowercase hexadecimal.
    pub blake3: String,
    /// MD5, lowercase hexadecimal; `None` if it was not asked for, because it costs more than BLAKE3.
    pub md5: Option<String>,
}

/// The hashes of the bytes so far.
struct Hashers {
    blake3: blake3::Hasher,
    md5: Option<Md5>,
}

impl Hashers {
    fn new(with_md5: bool) -> Hashers {
        Hashers { blake3: blake3::Hasher::new(), md5: with_md5.then(Md5::new) }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.blake3.update(bytes);
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    fn finish(self) -> Hashes {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let md5 = self.md5.map(|md5| hex(&md5.finalize()));
        Hashes { blake3: self.blake3.finalize().to_hex().to_string(), md5 }
    }
}

/// Returns the BLAKE3 of a file in hexadecimal digits. Reads by offset, so that the position of the descriptor stays.
///
/// # Errors
///
/// If the file cannot be read.
pub fn content_hash(file: &File) -> io::Result<String> {
    Ok(hash_file(file, false)?.blake3)
}

/// Like [`content_hash`], with MD5 if asked for, in one pass.
pub(super) fn hash_file(file: &File, with_md5: bool) -> io::Result<Hashes> {
    let mut hashers = Hashers::new(with_md5);
    if file.metadata()?.len() < TWO_THREADS_FROM {
        let mut buffer = vec![0; BUFFER_BYTES];
        read_all(|at| {
            let count = read_at(file, &mut buffer, at)?;
            hashers.update(&buffer[..count]);
            Ok(count)
        })?;
    } else {
        hash_while_reading(file, &mut hashers)?;
    }
    Ok(hashers.finish())
}

/// Hashes each buffer while another thread reads the next one.
fn hash_while_reading(file: &File, hashers: &mut Hashers) -> io::Result<()> {
    let (full, to_hash) = sync_channel::<(Vec<u8>, usize)>(BUFFERS);
    let (used, to_fill) = sync_channel(BUFFERS);
    thread::scope(|scope| {
        let reader = scope.spawn(move || fill_buffers(file, &full, &to_fill));
        for _ in 0..BUFFERS {
            // The reader that ended early returns its error below.
            let _ = used.send(vec![0; BUFFER_BYTES]);
        }
        for (buffer, count) in to_hash {
            hashers.update(&buffer[..count]);
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
