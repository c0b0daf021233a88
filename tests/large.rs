//! Uploads two gigabytes over real HTTP, in constant memory and with resumption.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenlit::model::ContentHash;
use greenlit::platform::UploadObserver;
use greenlit::platform::tiktok_ads::{ClientOptions, Tier, TikTokAds};
use greenlit::rules::ValidatedAsset;
use md5::{Digest, Md5};
use secrecy::SecretString;

#[path = "common/validated.rs"]
mod assets;

const SIZE: u64 = 2_000_000_000;
const CHUNK: u64 = 20 << 20;
/// The number of chunks that arrive before the connection is cut.
const CHUNKS_BEFORE_CUT: usize = 40;
/// The memory limit in bytes: far more than a chunk and the test need, far less than the file.
const MEMORY_LIMIT: u64 = 150_000_000;

/// Accepts uploads and stores only offset and digest of each chunk.
#[derive(Default)]
struct Sink {
    /// Offset and MD5 of the received chunks, in order.
    chunks: Mutex<Vec<(u64, String)>>,
    /// Received bytes of uploads without chunks.
    whole_bytes: Mutex<u64>,
    /// Whether the connection is cut in the middle of chunks after the first [`CHUNKS_BEFORE_CUT`].
    cut: AtomicBool,
}

impl Sink {
    fn start() -> (Arc<Sink>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let sink = Arc::new(Sink::default());
        let shared = sink.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let sink = shared.clone();
                std::thread::spawn(move || sink.serve(stream.unwrap()));
            }
        });
        (sink, base)
    }

    /// Handles the single request of a connection.
    fn serve(&self, mut stream: TcpStream) {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte).unwrap_or(0) == 0 {
                return;
            }
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let length: u64 = length.trim().parse().unwrap();
        let path = head.split(' ').nth(1).unwrap().trim_start_matches("/open_api/v1.3/");
        let is_transfer = path == "file/transfer/upload/";
        let received = self.chunks.lock().unwrap().len();
        let cut = is_transfer && self.cut.load(Ordering::SeqCst) && received >= CHUNKS_BEFORE_CUT;
        // The fields are short and precede the file.
        let mut fields = Vec::new();
        let mut left = if cut { length / 2 } else { length };
        let mut buffer = vec![0; 64 << 10];
        while left > 0 {
            let count = stream.read(&mut buffer).unwrap_or(0);
            if count == 0 {
                return;
            }
            fields.extend_from_slice(&buffer[..count.min(2000_usize.saturating_sub(fields.len()))]);
            left = left.saturating_sub(count as u64);
        }
        if cut {
            return;
        }
        let data = match path {
            "file/start/upload/" => format!(r#"{{"upload_id":"u1","start_offset":0,"end_offset":{CHUNK}}}"#),
            "file/transfer/upload/" => {
                let offset: u64 = field(&fields, "start_offset").parse().unwrap();
                self.chunks.lock().unwrap().push((offset, field(&fields, "signature")));
                let next = (offset + CHUNK).min(SIZE);
                format!(r#"{{"start_offset":{next},"end_offset":{}}}"#, (next + CHUNK).min(SIZE))
            }
            "file/finish/upload/" => r#"{"file_id":"f1"}"#.to_owned(),
            "file/video/ad/upload/" => {
                *self.whole_bytes.lock().unwrap() += length;
                r#"[{"video_id":"v1"}]"#.to_owned()
            }
            other => panic!("unexpected request for {other}"),
        };
        let body = format!(r#"{{"code":0,"message":"OK","request_id":"r","data":{data}}}"#);
        let reply =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).unwrap();
    }
}

/// Returns the value of a form field.
fn field(form: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(form);
    let (_, rest) = text.split_once(&format!("name=\"{name}\"")).unwrap();
    rest.trim_start().lines().next().unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Creates a sparse file without two equal chunks; returns it with offset and digest of each chunk.
fn video(path: &Path) -> (ValidatedAsset, Vec<(u64, String)>) {
    let mut file = File::options().read(true).write(true).create_new(true).open(path).unwrap();
    file.set_len(SIZE).unwrap();
    for offset in (0..SIZE).step_by(CHUNK as usize) {
        file.seek(SeekFrom::Start(offset)).unwrap();
        file.write_all(&offset.to_be_bytes()).unwrap();
    }
    file.rewind().unwrap();
    let (mut md5, mut blake3, mut chunks) = (Md5::new(), blake3::Hasher::new(), Vec::new());
    let mut chunk = Vec::new();
    for offset in (0..SIZE).step_by(CHUNK as usize) {
        chunk.clear();
        Read::by_ref(&mut file).take(CHUNK).read_to_end(&mut chunk).unwrap();
        md5.update(&chunk);
        blake3.update(&chunk);
        chunks.push((offset, hex(&Md5::digest(&chunk))));
    }
    let content = ContentHash {
        blake3: blake3.finalize().to_hex().to_string(),
        md5: hex(&md5.finalize()),
        size_bytes: SIZE,
    };
    (assets::validated_as(path, content), chunks)
}

/// Returns the peak memory of this process in bytes, including the test and its server.
fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[derive(Default)]
struct TokenStore(Mutex<Option<String>>);

impl UploadObserver for TokenStore {
    fn sent(&self, _bytes: u64) {}

    fn resume_token(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }

    fn save_resume_token(&self, token: Option<&str>) {
        *self.0.lock().unwrap() = token.map(str::to_owned);
    }
}

fn client(base: &str, chunk_above: u64) -> TikTokAds {
    let mut options = ClientOptions::new(base, "7", SecretString::from("token"));
    options.tier = Tier::Ultimate;
    options.retry_wait = Duration::from_millis(1);
    options.chunk_above = chunk_above;
    TikTokAds::new(options).unwrap()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
#[ignore = "hashes and sends two gigabytes, several times"]
async fn uploads_and_resumes_two_gigabytes_in_constant_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.mp4");
    let (asset, chunks) = video(&path);
    let (sink, base) = Sink::start();

    sink.cut.store(true, Ordering::SeqCst);
    let store = TokenStore::default();
    let error = client(&base, 1).upload_video(&asset, "long.mp4", &store).await.unwrap_err();
    assert_eq!(sink.chunks.lock().unwrap().len(), CHUNKS_BEFORE_CUT, "{error}");
    assert!(store.resume_token().is_some(), "{error}");
    sink.cut.store(false, Ordering::SeqCst);
    // A new client that has only the resume token, as after a crash.
    let id = client(&base, 1).upload_video(&asset, "long.mp4", &store).await.unwrap();
    assert_eq!(id, "v1");
    assert!(*sink.chunks.lock().unwrap() == chunks, "a chunk is missing, repeated, damaged or out of order");

    // Without chunks.
    *sink.whole_bytes.lock().unwrap() = 0;
    client(&base, u64::MAX).upload_video(&asset, "long.mp4", &|_: u64| {}).await.unwrap();
    assert!(*sink.whole_bytes.lock().unwrap() > SIZE);
    println!("peak memory {} MB for an upload of {} MB", peak_memory() / 1_000_000, SIZE / 1_000_000);
    assert!(peak_memory() < MEMORY_LIMIT, "{} bytes", peak_memory());
}
