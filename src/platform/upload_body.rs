//! Files on their way, for every destination: opened once, hashed before and while they are sent, at a
//! measured pace.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, DuplexStream};

/// What is read and hashed at a time.
const PIECE: usize = 128 << 10;

/// How long the client waits for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// Without a byte coming in or going out.
    pub idle: Duration,
    /// For the reply, once a file is sent in full: the platform reads it through first.
    pub upload_reply: Duration,
    /// Bytes a second that an upload must reach on average, beyond one `idle` time.
    pub min_upload_rate: u64,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            upload_reply: Duration::from_secs(300),
            min_upload_rate: 16 << 10,
        }
    }
}

/// Both digests of the bytes seen so far.
#[derive(Clone)]
struct Digests {
    md5: Md5,
    blake3: blake3::Hasher,
    bytes: u64,
}

/// The digests of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::platform) struct Hashed {
    pub(in crate::platform) md5: String,
    pub(in crate::platform) blake3: String,
    pub(in crate::platform) size: u64,
}

impl Digests {
    fn new() -> Digests {
        Digests { md5: Md5::new(), blake3: blake3::Hasher::new(), bytes: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.blake3.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn finish(self) -> Hashed {
        let blake3 = self.blake3.finalize().to_hex().to_string();
        Hashed { md5: hex(&self.md5.finalize()), blake3, size: self.bytes }
    }
}

/// The MD5 of bytes, as the platform wants it.
pub(in crate::platform) fn md5_of(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Opens a file and hashes it through. The file is at its start again; what is sent is this very file,
/// whatever the path comes to point to.
pub(in crate::platform) async fn open(path: &Path) -> std::io::Result<(tokio::fs::File, Hashed)> {
    let path = path.to_owned();
    let work = move || {
        let mut file = std::fs::File::open(path)?;
        let (mut digests, mut piece) = (Digests::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece)? {
                0 => break,
                count => digests.update(&piece[..count]),
            }
        }
        file.seek(SeekFrom::Start(0))?;
        Ok((tokio::fs::File::from_std(file), digests.finish()))
    };
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// Why a file stopped being sent.
#[derive(Debug)]
pub(in crate::platform) enum Stopped {
    /// It is not what it was; the last piece was not sent.
    Changed,
    /// It cannot be read; the last piece was not sent.
    Unreadable(std::io::Error),
    /// The connection took nothing for a while, or too little on the whole.
    Stalled(&'static str),
    /// Nobody takes the bytes any more: the reply says why.
    NotTaken,
}

/// Reads a file in turn and proves at its end that it was the expected one.
pub(in crate::platform) struct Source<'a> {
    file: &'a mut tokio::fs::File,
    digests: Digests,
    expected: &'a Hashed,
}

impl<'a> Source<'a> {
    pub(in crate::platform) fn new(file: &'a mut tokio::fs::File, expected: &'a Hashed) -> Source<'a> {
        Source { file, digests: Digests::new(), expected }
    }

    /// At most `most` further bytes. The bytes that end the file are given only when the whole is as expected.
    pub(in crate::platform) async fn next(&mut self, most: usize) -> Result<Vec<u8>, Stopped> {
        let left = self.expected.size - self.digests.bytes;
        let want = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        let mut piece = vec![0; want];
        if let Err(error) = self.file.read_exact(&mut piece).await {
            let short = error.kind() == std::io::ErrorKind::UnexpectedEof;
            return Err(if short { Stopped::Changed } else { Stopped::Unreadable(error) });
        }
        self.digests.update(&piece);
        if self.digests.bytes == self.expected.size {
            let more = self.file.read(&mut [0]).await.map_err(Stopped::Unreadable)?;
            let seen = std::mem::replace(&mut self.digests, Digests::new()).finish();
            self.digests.bytes = seen.size;
            if more > 0 || seen != *self.expected {
                return Err(Stopped::Changed);
            }
        }
        Ok(piece)
    }

    pub(in crate::platform) fn left(&self) -> u64 {
        self.expected.size - self.digests.bytes
    }

    /// How far it has come.
    pub(in crate::platform) fn at(&self) -> u64 {
        self.digests.bytes
    }

    /// Where it stands, to come back to.
    pub(in crate::platform) fn mark(&self) -> Mark {
        Mark(self.digests.clone())
    }

    /// Goes back to where it stood.
    pub(in crate::platform) async fn back_to(&mut self, mark: &Mark) -> Result<(), Stopped> {
        self.digests = mark.0.clone();
        let at = SeekFrom::Start(self.digests.bytes);
        self.file.seek(at).await.map(drop).map_err(Stopped::Unreadable)
    }

    /// Reads on to `at` without giving the bytes: they have arrived already.
    pub(in crate::platform) async fn skip_to(&mut self, at: u64) -> Result<(), Stopped> {
        while self.digests.bytes < at.min(self.expected.size) {
            let most = usize::try_from(at - self.digests.bytes).unwrap_or(usize::MAX).min(PIECE);
            self.next(most).await?;
        }
        Ok(())
    }
}

/// A place in a [`Source`].
pub(in crate::platform) struct Mark(Digests);

/// Sends the next `bytes` of a source into `out` and closes it, unless the file is stopped: then it stays
/// open, so that the request is broken off instead of being ended early.
pub(in crate::platform) async fn pump_part(
    source: &mut Source<'_>,
    bytes: u64,
    out: &mut DuplexStream,
    (timeouts, pacer): (&Timeouts, &Pacer),
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), Stopped> {
    let end = source.at() + bytes;
    let (mut done, mut spent) = (0, Duration::ZERO);
    while source.at() < end {
        let most = usize::try_from(end - source.at()).unwrap_or(usize::MAX).min(PIECE);
        let piece = source.next(most).await?;
        pacer.wait(piece.len()).await;
        let begun = Instant::now();
        match tokio::time::timeout(timeouts.idle, out.write_all(&piece)).await {
            Err(_) => return Err(Stopped::Stalled("the connection took no bytes for too long")),
            Ok(Err(_)) => return Err(Stopped::NotTaken),
            Ok(Ok(())) => {}
        }
        spent += begun.elapsed();
        done += piece.len() as u64;
        if spent > longest(timeouts, done) {
            return Err(Stopped::Stalled("the connection is slower than the smallest rate allowed"));
        }
        sent(source.at());
    }
    out.shutdown().await.map_err(|_| Stopped::NotTaken)
}

/// Sends a file into `out` and closes it, unless the file is stopped: then it stays open, so that the
/// request is broken off instead of being ended early.
pub(in crate::platform) async fn pump(
    file: &mut tokio::fs::File,
    expected: &Hashed,
    out: &mut DuplexStream,
    with: (&Timeouts, &Pacer),
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), Stopped> {
    let mut source = Source::new(file, expected);
    let all = source.left();
    pump_part(&mut source, all, out, with, sent).await
}

/// The longest that `bytes` may take. Waiting for our own cap on the bandwidth does not count.
pub(in crate::platform) fn longest(timeouts: &Timeouts, bytes: u64) -> Duration {
    timeouts.idle + Duration::from_secs_f64(bytes as f64 / timeouts.min_upload_rate as f64)
}

/// Shares a bandwidth between all uploads.
#[derive(Debug)]
pub(in crate::platform) struct Pacer {
    rate: Option<u64>,
    free: Mutex<Option<Instant>>,
}

impl Pacer {
    pub(in crate::platform) fn new(rate: Option<u64>) -> Pacer {
        Pacer { rate, free: Mutex::new(None) }
    }

    /// Waits until `bytes` may go.
    pub(in crate::platform) async fn wait(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let now = Instant::now();
        let wait = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            let (wait, next) = book(*free, now, bytes, rate);
            *free = Some(next);
            wait
        };
        tokio::time::sleep(wait).await;
    }
}

/// How long `bytes` wait when the line is taken until `free`, and until when it is taken then.
fn book(free: Option<Instant>, now: Instant, bytes: usize, rate: u64) -> (Duration, Instant) {
    let start = free.map_or(now, |free| free.max(now));
    (start - now, start + Duration::from_secs_f64(bytes as f64 / rate as f64))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_cap_is_shared_and_idle_time_is_not_saved_up() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let (wait, free) = book(None, now, 1000, 1000);
        assert_eq!((wait, free), (Duration::ZERO, now + second));
        assert_eq!(book(Some(free), now, 500, 1000), (second, now + second * 3 / 2));
        let later = now + second * 9;
        assert_eq!(book(Some(free), later, 1000, 1000), (Duration::ZERO, later + second));
    }

    #[tokio::test]
    async fn the_end_of_a_changed_file_is_withheld() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let bytes = vec![7; PIECE * 2 + 5];
        std::fs::write(&path, &bytes).unwrap();
        let (mut file, whole) = open(&path).await.unwrap();
        assert_eq!(whole.md5, md5_of(&bytes));
        let mut other = bytes.clone();
        other[1] = 8;
        for changed in [other, bytes[1..].to_vec(), [&bytes[..], b"x"].concat()] {
            std::fs::write(&path, &changed).unwrap();
            file.seek(SeekFrom::Start(0)).await.unwrap();
            let (mut near, mut far) = tokio::io::duplex(PIECE * 4);
            let (timeouts, pacer) = (Timeouts::default(), Pacer::new(None));
            let end = pump(&mut file, &whole, &mut near, (&timeouts, &pacer), &|_| {}).await;
            assert!(matches!(end, Err(Stopped::Changed)), "{end:?}");
            drop(near);
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            assert_eq!(got.len(), PIECE * 2);
        }
    }
}
