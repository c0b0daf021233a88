//! Two gigabytes over real HTTP: in constant memory, and taken up where they were cut.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenlit::model::ContentHash;
use greenlit::platform::tiktok_ads::{ClientOptions, Tier, TikTokAds};
use greenlit::platform::{AdsPlatform, UploadLog};
use greenlit::rules::ValidatedAsset;
use md5::{Digest, Md5};
use secrecy::SecretString;

#[path = "common/validated.rs"]
mod clip;

const SIZE: u64 = 2_000_000_000;
const CHUNK: u64 = 20 << 20;
/// Chunks that arrive before the connection is cut.
const BEFORE: usize = 40;
/// A chunk, what is sent of it, and the rest of the test are far smaller; the file is not.
const MEMORY: u64 = 150_000_000;

/// Takes uploads and keeps nothing of them but the place and the digest of each chunk.
#[derive(Default)]
struct Sink {
    /// Offset and MD5 of the chunks that arrived, in turn.
    chunks: Mutex<Vec<(u64, String)>>,
    /// Bytes of uploads in one piece.
    whole: Mutex<u64>,
    /// Whether chunks after the first [`BEFORE`] are cut halfway.
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

    /// One request a connection.
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
        let transfers = path == "file/transfer/upload/";
        let cut = transfers && self.cut.load(Ordering::SeqCst) && self.chunks.lock().unwrap().len() >= BEFORE;
        // The fields come before the file, and are short.
        let mut fields = Vec::new();
        let mut left = if cut { length / 2 } else { length };
        let mut piece = vec![0; 64 << 10];
        while left > 0 {
            let count = stream.read(&mut piece).unwrap_or(0);
            if count == 0 {
                return;
            }
            fields.extend_from_slice(&piece[..count.min(2000_usize.saturating_sub(fields.len()))]);
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
                *self.whole.lock().unwrap() += length;
                r#"[{"video_id":"v1"}]"#.to_owned()
            }
            other => panic!("nobody asks for {other}"),
        };
        let body = format!(r#"{{"code":0,"message":"OK","request_id":"r","data":{data}}}"#);
        let reply =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(reply.as_bytes()).unwrap();
    }
}

/// The value of a field of a form.
fn field(form: &[u8], name: &str) -> String {
    let text = String::from_utf8_lossy(form);
    let (_, rest) = text.split_once(&format!("name=\"{name}\"")).unwrap();
    rest.trim_start().lines().next().unwrap().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file that holds next to nothing on the disk, with no two chunks alike, and the digest of each.
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
    (clip::validated_as(path, content), chunks)
}

/// The most memory that this process ever held, the test and the platform in it included.
fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[derive(Default)]
struct Keeper(Mutex<Option<String>>);

impl UploadLog for Keeper {
    fn sent(&self, _bytes: u64) {}

    fn kept(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }

    fn keep(&self, mark: Option<&str>) {
        *self.0.lock().unwrap() = mark.map(str::to_owned);
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
async fn two_gigabytes_take_little_memory_and_go_on_where_they_were_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.mp4");
    let (asset, chunks) = video(&path);
    let (sink, base) = Sink::start();

    sink.cut.store(true, Ordering::SeqCst);
    let keeper = Keeper::default();
    let error = client(&base, 1).upload_video(&asset, "long.mp4", &keeper).await.unwrap_err();
    assert_eq!(sink.chunks.lock().unwrap().len(), BEFORE, "{error}");
    assert!(keeper.kept().is_some(), "{error}");
    sink.cut.store(false, Ordering::SeqCst);
    // A client that knows nothing but the mark, as after a crash.
    let id = client(&base, 1).upload_video(&asset, "long.mp4", &keeper).await.unwrap();
    assert_eq!(id, "v1");
    assert!(*sink.chunks.lock().unwrap() == chunks, "every chunk arrived once, in turn, and whole");

    // And in one piece.
    *sink.whole.lock().unwrap() = 0;
    client(&base, u64::MAX).upload_video(&asset, "long.mp4", &|_: u64| {}).await.unwrap();
    assert!(*sink.whole.lock().unwrap() > SIZE);
    println!("{} MB at most for {} MB", peak() / 1_000_000, SIZE / 1_000_000);
    assert!(peak() < MEMORY, "{} bytes", peak());
}
