//! File bodies of uploads, for every platform: a file is opened once, hashed before and while it is sent, and
//! sent within the bandwidth limit.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, DuplexStream};

/// Bytes read and hashed at a time.
const READ_SIZE: usize = 128 << 10;

/// The timeouts of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The limit for a connection, TLS included.
    pub connect: Duration,
    /// The limit without a byte received or sent.
    pub idle: Duration,
    /// The limit for the reply after a whole file was sent: the platform reads the file first.
    pub upload_reply: Duration,
    /// Bytes per second that an upload, and the body of a reply, must reach on average, beyond one `idle` time.
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

/// Both digests of the bytes read so far.
#[derive(Clone)]
struct RunningDigests {
    md5: Md5,
    blake3: blake3::Hasher,
    bytes: u64,
}

/// The digests of a whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileDigests {
    pub(super) md5: String,
    pub(super) blake3: String,
    pub(super) size: u64,
}

impl RunningDigests {
    fn new() -> RunningDigests {
        RunningDigests { md5: Md5::new(), blake3: blake3::Hasher::new(), bytes: 0 }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.md5.update(bytes);
        self.blake3.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    fn finish(self) -> FileDigests {
        let blake3 = self.blake3.finalize().to_hex().to_string();
        FileDigests { md5: hex(&self.md5.finalize()), blake3, size: self.bytes }
    }
}

/// Returns the MD5 of `bytes` in lower-case hex.
pub(super) fn md5_of(bytes: &[u8]) -> String {
    hex(&Md5::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Opens a file, hashes it and rewinds it. The open file is what is sent, even if the path is replaced later.
pub(super) async fn open_and_hash(path: &Path) -> std::io::Result<(tokio::fs::File, FileDigests)> {
    let path = path.to_owned();
    let hash_file = move || {
        let mut file = std::fs::File::open(path)?;
        let (mut digests, mut chunk) = (RunningDigests::new(), vec![0; READ_SIZE]);
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                count => digests.update(&chunk[..count]),
            }
        }
        file.seek(SeekFrom::Start(0))?;
        Ok((tokio::fs::File::from_std(file), digests.finish()))
    };
    tokio::task::spawn_blocking(hash_file).await.map_err(std::io::Error::other)?
}

/// Why sending a file stopped.
#[derive(Debug)]
pub(super) enum SendError {
    /// The file changed; its last bytes were not sent.
    Changed,
    /// The file cannot be read; its last bytes were not sent.
    Unreadable(std::io::Error),
    /// The connection accepted no bytes for too long, or was too slow.
    Stalled(&'static str),
    /// The receiver closed the connection; its reply may say why.
    ConnectionClosed,
}

/// Reads a file in order and verifies its digests before it returns the last bytes.
pub(super) struct ChecksummedReader<'a> {
    file: &'a mut tokio::fs::File,
    digests: RunningDigests,
    expected: &'a FileDigests,
}

impl<'a> ChecksummedReader<'a> {
    pub(super) fn new(file: &'a mut tokio::fs::File, expected: &'a FileDigests) -> ChecksummedReader<'a> {
        ChecksummedReader { file, digests: RunningDigests::new(), expected }
    }

    /// Returns at most `most` further bytes. The last bytes of the file are returned only if its digests match.
    pub(super) async fn next(&mut self, most: usize) -> Result<Vec<u8>, SendError> {
        let left = self.expected.size - self.digests.bytes;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        let mut chunk = vec![0; wanted];
        if let Err(error) = self.file.read_exact(&mut chunk).await {
            let is_short = error.kind() == std::io::ErrorKind::UnexpectedEof;
            return Err(if is_short { SendError::Changed } else { SendError::Unreadable(error) });
        }
        self.digests.update(&chunk);
        if self.digests.bytes == self.expected.size {
            let more = self.file.read(&mut [0]).await.map_err(SendError::Unreadable)?;
            let actual = std::mem::replace(&mut self.digests, RunningDigests::new()).finish();
            self.digests.bytes = actual.size;
            if more > 0 || actual != *self.expected {
                return Err(SendError::Changed);
            }
        }
        Ok(chunk)
    }

    /// Returns the number of bytes not read yet.
    pub(super) fn left(&self) -> u64 {
        self.expected.size - self.digests.bytes
    }

    /// Returns the number of bytes read so far.
    pub(super) fn at(&self) -> u64 {
        self.digests.bytes
    }

    /// Returns the current position, for [`ChecksummedReader::seek_to`].
    pub(super) fn position(&self) -> ReaderPosition {
        ReaderPosition(self.digests.clone())
    }

    /// Returns to an earlier position.
    pub(super) async fn seek_to(&mut self, position: &ReaderPosition) -> Result<(), SendError> {
        self.digests = position.0.clone();
        let at = SeekFrom::Start(self.digests.bytes);
        self.file.seek(at).await.map(drop).map_err(SendError::Unreadable)
    }

    /// Reads up to `at` and drops the bytes, which have arrived already.
    pub(super) async fn skip_to(&mut self, at: u64) -> Result<(), SendError> {
        while self.digests.bytes < at.min(self.expected.size) {
            let most = usize::try_from(at - self.digests.bytes).unwrap_or(usize::MAX).min(READ_SIZE);
            self.next(most).await?;
        }
        Ok(())
    }
}

/// A position in a [`ChecksummedReader`].
pub(super) struct ReaderPosition(RunningDigests);

/// Sends the next `bytes` of a file into `out` and closes it. After an error `out` stays open, so that the
/// request is aborted and does not end early.
pub(super) async fn stream_range(
    reader: &mut ChecksummedReader<'_>,
    bytes: u64,
    out: &mut DuplexStream,
    (timeouts, bandwidth): (&Timeouts, &BandwidthLimiter),
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), SendError> {
    let end = reader.at() + bytes;
    let (mut done, mut spent) = (0, Duration::ZERO);
    while reader.at() < end {
        let most = usize::try_from(end - reader.at()).unwrap_or(usize::MAX).min(READ_SIZE);
        let chunk = reader.next(most).await?;
        bandwidth.wait(chunk.len()).await;
        let started = Instant::now();
        match tokio::time::timeout(timeouts.idle, out.write_all(&chunk)).await {
            Err(_) => return Err(SendError::Stalled("the connection accepted no bytes for too long")),
            Ok(Err(_)) => return Err(SendError::ConnectionClosed),
            Ok(Ok(())) => {}
        }
        spent += started.elapsed();
        done += chunk.len() as u64;
        if spent > time_limit(timeouts, done) {
            return Err(SendError::Stalled("the connection is slower than the minimum upload rate"));
        }
        sent(reader.at());
    }
    out.shutdown().await.map_err(|_| SendError::ConnectionClosed)
}

/// Sends a whole file into `out`, like [`stream_range`].
pub(super) async fn stream_file(
    file: &mut tokio::fs::File,
    expected: &FileDigests,
    out: &mut DuplexStream,
    limits: (&Timeouts, &BandwidthLimiter),
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<(), SendError> {
    let mut reader = ChecksummedReader::new(file, expected);
    let all = reader.left();
    stream_range(&mut reader, all, out, limits, sent).await
}

/// Returns the time that sending `bytes` may take, not counting waits for the bandwidth limit.
pub(super) fn time_limit(timeouts: &Timeouts, bytes: u64) -> Duration {
    timeouts.idle + Duration::from_secs_f64(bytes as f64 / timeouts.min_upload_rate as f64)
}

/// Returns how long to wait for the next bytes of a reply, of which `bytes` arrived since `began`. Without the bound on
/// the whole, a server that sends a byte now and then would never be given up.
pub(super) fn chunk_limit(timeouts: &Timeouts, began: Instant, bytes: u64) -> Duration {
    time_limit(timeouts, bytes).saturating_sub(began.elapsed()).min(timeouts.idle)
}

/// Shares a bandwidth in bytes per second between all uploads.
#[derive(Debug)]
pub(super) struct BandwidthLimiter {
    rate: Option<u64>,
    /// When the bytes booked so far will have been sent.
    free_at: Mutex<Option<Instant>>,
}

impl BandwidthLimiter {
    pub(super) fn new(rate: Option<u64>) -> BandwidthLimiter {
        BandwidthLimiter { rate, free_at: Mutex::new(None) }
    }

    /// Waits until `bytes` may be sent.
    pub(super) async fn wait(&self, bytes: usize) {
        let Some(rate) = self.rate else { return };
        let now = Instant::now();
        let wait = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let (wait, next) = schedule(*free_at, now, bytes, rate);
            *free_at = Some(next);
            wait
        };
        tokio::time::sleep(wait).await;
    }
}

/// Returns how long `bytes` must wait if the connection is busy until `free_at`, and until when it is busy then.
fn schedule(free_at: Option<Instant>, now: Instant, bytes: usize, rate: u64) -> (Duration, Instant) {
    let start = free_at.map_or(now, |free_at| free_at.max(now));
    (start - now, start + Duration::from_secs_f64(bytes as f64 / rate as f64))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn uploads_share_the_bandwidth_and_idle_time_is_not_saved() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let (wait, free_at) = schedule(None, now, 1000, 1000);
        assert_eq!((wait, free_at), (Duration::ZERO, now + second));
        assert_eq!(schedule(Some(free_at), now, 500, 1000), (second, now + second * 3 / 2));
        let later = now + second * 9;
        assert_eq!(schedule(Some(free_at), later, 1000, 1000), (Duration::ZERO, later + second));
    }

    #[tokio::test]
    async fn the_last_bytes_of_a_changed_file_are_not_sent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let bytes = vec![7; READ_SIZE * 2 + 5];
        std::fs::write(&path, &bytes).unwrap();
        let (mut file, digests) = open_and_hash(&path).await.unwrap();
        assert_eq!(digests.md5, md5_of(&bytes));
        let mut other = bytes.clone();
        other[1] = 8;
        for changed in [other, bytes[1..].to_vec(), [&bytes[..], b"x"].concat()] {
            std::fs::write(&path, &changed).unwrap();
            file.seek(SeekFrom::Start(0)).await.unwrap();
            let (mut near, mut far) = tokio::io::duplex(READ_SIZE * 4);
            let (timeouts, bandwidth) = (Timeouts::default(), BandwidthLimiter::new(None));
            let end = stream_file(&mut file, &digests, &mut near, (&timeouts, &bandwidth), &|_| {}).await;
            assert!(matches!(end, Err(SendError::Changed)), "{end:?}");
            drop(near);
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            assert_eq!(got.len(), READ_SIZE * 2);
        }
    }
}
