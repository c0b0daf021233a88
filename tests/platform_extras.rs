//! Tests of the platform's own functions against the sandbox: fetched videos, temporary files, names, Smart Fix
//! and pre-review.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use greenlit::platform::tiktok_ads::{
    Audience, ClientOptions, FixStart, FixState, MAX_FIXES, MAX_REVIEWS, ReviewVerdict, Tier, TikTokAds,
};
use greenlit::platform::{AdsPlatform, Class};
use greenlit::sandbox::{self, ADVERTISER, Fault, SandboxOptions, TOKEN, UploadFacts, UploadProber};
use secrecy::SecretString;

#[path = "common/accepting_prober.rs"]
mod accepting_prober;
#[path = "common/in_process_sandbox.rs"]
mod in_process_sandbox;
use accepting_prober::good_facts;
use in_process_sandbox::{InProcessSandbox, ready};

/// Reports a small frame size for names that start with `small`, and an unsupported codec for `unsupported`.
struct ProbeByName;

impl UploadProber for ProbeByName {
    fn probe(&self, _file: File, name: &str) -> Option<UploadFacts> {
        let small = name.starts_with("small");
        let good = good_facts();
        Some(UploadFacts {
            codec: if name.contains("unsupported") { Some("mpeg4".into()) } else { good.codec },
            width: if small { Some(360) } else { good.width },
            height: if small { Some(640) } else { good.height },
            ..good
        })
    }
}

struct Bench {
    sandbox: InProcessSandbox,
    client: TikTokAds,
}

async fn bench(faults: Vec<Fault>) -> Bench {
    let configure = |options: &mut SandboxOptions| {
        options.processing = (Duration::from_secs(100), Duration::from_secs(200));
        options.time_scale = 1000.0;
        options.tier = sandbox::Tier::Ultimate;
        options.faults = faults;
    };
    let sandbox = InProcessSandbox::start(ProbeByName, configure).await;
    let mut options = ClientOptions::new(&sandbox.url(), ADVERTISER, SecretString::from(TOKEN));
    options.tier = Tier::Ultimate;
    let client = TikTokAds::new(options).unwrap();
    Bench { sandbox, client }
}

impl Bench {
    async fn upload(&self, name: &str) -> String {
        let asset = self.sandbox.asset(name, name.as_bytes());
        self.client.upload_video(&asset, name, &|_: u64| {}).await.unwrap()
    }

    fn videos_made(&self) -> usize {
        self.sandbox.effects("video_created").len()
    }
}

/// Serves `bytes` at `/video one.mp4`, and HTML at every other path.
fn serve_video(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 2048];
            let count = stream.read(&mut head).unwrap();
            let found = head[..count].starts_with(b"GET /video%20one.mp4 ");
            let (kind, body) = if found { ("video/mp4", bytes) } else { ("text/html", &b"no"[..]) };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        }
    });
    base
}

#[tokio::test]
async fn the_platform_fetches_a_video_from_its_url() {
    let bytes = b"a hosted video";
    let (bench, base) = (bench(vec![]).await, serve_video(bytes));
    let address = format!("{base}/video one.mp4");
    let id = bench.client.upload_by_url(&address, "fetched.mp4").await.unwrap();
    let md5 = bench.sandbox.asset("same.mp4", bytes).content().md5.clone();
    let video = ready(&bench.client, &id, &md5).await;
    assert_eq!(
        (video.file_name.as_deref(), video.size_bytes),
        (Some("fetched.mp4"), Some(bytes.len() as u64))
    );

    // A failed fetch created nothing, so the call may be repeated.
    let error = bench.client.upload_by_url(&format!("{base}/page"), "other.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Retry, Some(40902)));
    let error = bench.client.upload_by_url(&address, "fetched.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::NameTaken, Some(40911)));
    let error = bench.client.upload_by_url("file:///etc/hosts", "other.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, None));
    assert_eq!(bench.videos_made(), 1);
}

#[tokio::test]
async fn a_lost_reply_to_an_upload_by_url_is_unknown() {
    let (bench, base) = (bench(vec![Fault::DropAfterEffect(1.0)]).await, serve_video(b"video"));
    let error = bench.client.upload_by_url(&format!("{base}/video one.mp4"), "a.mp4").await.unwrap_err();
    assert_eq!((error.class, bench.videos_made()), (Class::Unknown, 1));
}

#[tokio::test]
async fn a_temporary_file_becomes_a_video() {
    let bench = bench(vec![]).await;
    let asset = bench.sandbox.asset("video.mp4", b"left for a day");
    let file = bench.client.upload_temporarily(&asset, "left.mp4").await.unwrap();
    assert_eq!(bench.videos_made(), 0, "a temporary file must not create a video");
    let id = bench.client.upload_by_file_id(&file, "one.mp4").await.unwrap();
    ready(&bench.client, &id, &asset.content().md5).await;
    let error = bench.client.upload_by_file_id("unknown-file", "two.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, Some(40007)));

    std::fs::write(asset.path(), b"LEFT FOR A DAY").unwrap();
    let error = bench.client.upload_temporarily(&asset, "left.mp4").await.unwrap_err();
    assert!(error.message.contains("changed"), "{error}");
}

#[tokio::test]
async fn renames_a_video() {
    let bench = bench(vec![]).await;
    let id = bench.upload("one.mp4").await;
    bench.client.rename_video(&id, "two.mp4").await.unwrap();
    assert!(bench.client.name_taken("two.mp4").await.unwrap());
    assert!(!bench.client.name_taken("one.mp4").await.unwrap());
    assert_eq!(bench.client.rename_video(&id, "").await.unwrap_err().class, Class::Permanent);
}

#[tokio::test]
async fn smart_fix_creates_a_task_only_for_a_video_with_flaws() {
    let bench = bench(vec![]).await;
    let (clean, small) = (bench.upload("clean.mp4").await, bench.upload("small.mp4").await);
    let results = bench.client.start_fixes(&[clean.clone(), small.clone()], true).await.unwrap();
    assert_eq!(results[0], FixStart::Clean { video_id: clean });
    let FixStart::Task { task_id, flaws } = &results[1] else { panic!("{results:?}") };
    assert_eq!(flaws, &["LOW_RESOLUTION"]);
    assert_eq!(bench.client.fix_state(task_id).await.unwrap(), FixState::Processing);
    let state = loop {
        match bench.client.fix_state(task_id).await.unwrap() {
            FixState::Processing => tokio::time::sleep(Duration::from_millis(20)).await,
            state => break state,
        }
    };
    let FixState::Done { video_ids } = state else { panic!("{state:?}") };
    assert!(video_ids.len() == 1 && video_ids[0] != small, "{video_ids:?}");
    // The platform re-encoded the video, so its MD5 is unknown; only `displayable` can be checked.
    let found = loop {
        match bench.client.videos(&video_ids).await.unwrap().pop() {
            Some(video) if video.displayable == Some(true) => break video,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!((found.width, found.height), (Some(720), Some(1280)));
    // A flaw that a new size does not remove fails the task.
    let unsupported = bench.upload("small-unsupported.mp4").await;
    let FixStart::Task { task_id, .. } = &bench.client.start_fixes(&[unsupported], true).await.unwrap()[0]
    else {
        panic!("a small frame size is a flaw")
    };
    let reason = loop {
        match bench.client.fix_state(task_id).await.unwrap() {
            FixState::Processing => tokio::time::sleep(Duration::from_millis(20)).await,
            FixState::Failed { reason } => break reason,
            done @ FixState::Done { .. } => panic!("{done:?}"),
        }
    };
    assert!(reason.contains("cannot be fixed"), "{reason}");

    let too_many = vec![small; MAX_FIXES + 1];
    for ids in [&too_many[..], &[]] {
        let error = bench.client.start_fixes(ids, false).await.unwrap_err();
        assert_eq!((error.class, error.code), (Class::Permanent, None));
    }
}

#[tokio::test]
async fn a_review_returns_a_verdict_per_video() {
    let bench = bench(vec![]).await;
    let (fine, unsupported) = (bench.upload("fine.mp4").await, bench.upload("unsupported.mp4").await);
    let audience = Audience { location_codes: vec!["6252001".into()], ecommerce: false };
    let ids = [fine.clone(), unsupported.clone()];
    let task = bench.client.start_review(&ids, &audience).await.unwrap();
    assert_eq!(bench.client.review_state(&task).await.unwrap(), None);
    let verdicts = loop {
        match bench.client.review_state(&task).await.unwrap() {
            None => tokio::time::sleep(Duration::from_millis(20)).await,
            Some(verdicts) => break verdicts,
        }
    };
    assert_eq!(
        verdicts,
        [(fine.clone(), ReviewVerdict::Approved), (unsupported, ReviewVerdict::Unavailable)]
    );

    let no_locations = Audience::default();
    let error = bench.client.start_review(&ids, &no_locations).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, Some(40002)));
    let error = bench.client.start_review(&vec![fine; MAX_REVIEWS + 1], &audience).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, None));
    assert!(bench.sandbox.server.addr().ip().is_loopback());
}
