//! What the platform does by itself, asked for by the client, against the stand-in: fetched videos,
//! temporary files, names, Smart Fix and pre-review.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use greenlit::platform::tiktok_ads::{
    Audience, ClientOptions, FixStart, FixState, MOST_FIXES, MOST_REVIEWS, Opinion, Tier, TikTokAds,
};
use greenlit::platform::{AdsPlatform, Class};
use greenlit::sandbox::{self, ADVERTISER, Fault, SandboxOptions, TOKEN, UploadFacts, UploadProber};
use secrecy::SecretString;

#[path = "common/agreeable.rs"]
mod agreeable;
#[path = "common/stand_in.rs"]
mod stand_in;
use agreeable::good_facts;
use stand_in::{StandIn, ready};

/// Sees a small picture in what is called small, and a video that nobody can play in what is called odd.
struct ByName;

impl UploadProber for ByName {
    fn probe(&self, _file: File, name: &str) -> Option<UploadFacts> {
        let small = name.starts_with("small");
        let good = good_facts();
        Some(UploadFacts {
            codec: if name.contains("odd") { Some("mpeg4".into()) } else { good.codec },
            width: if small { Some(360) } else { good.width },
            height: if small { Some(640) } else { good.height },
            ..good
        })
    }
}

struct Bench {
    stand_in: StandIn,
    client: TikTokAds,
}

async fn bench(faults: Vec<Fault>) -> Bench {
    let quick = |options: &mut SandboxOptions| {
        options.processing = (Duration::from_secs(100), Duration::from_secs(200));
        options.time_scale = 1000.0;
        options.tier = sandbox::Tier::Ultimate;
        options.faults = faults;
    };
    let stand_in = StandIn::start(ByName, quick).await;
    let mut options = ClientOptions::new(&stand_in.url(), ADVERTISER, SecretString::from(TOKEN));
    options.tier = Tier::Ultimate;
    let client = TikTokAds::new(options).unwrap();
    Bench { stand_in, client }
}

impl Bench {
    async fn upload(&self, name: &str) -> String {
        let asset = self.stand_in.asset(name, name.as_bytes());
        self.client.upload_video(&asset, name, &|_: u64| {}).await.unwrap()
    }

    fn videos_made(&self) -> usize {
        self.stand_in.effects("video_created").len()
    }
}

/// Serves `bytes` at `/video one.mp4`, and text everywhere else.
fn shelf(bytes: &'static [u8]) -> String {
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
async fn a_video_is_fetched_from_its_address() {
    let bytes = b"a video on a shelf";
    let (bench, base) = (bench(vec![]).await, shelf(bytes));
    let address = format!("{base}/video one.mp4");
    let id = bench.client.upload_by_url(&address, "fetched.mp4").await.unwrap();
    let md5 = bench.stand_in.asset("same.mp4", bytes).content().md5.clone();
    let video = ready(&bench.client, &id, &md5).await;
    assert_eq!((video.file_name.as_deref(), video.size_bytes), (Some("fetched.mp4"), Some(17)));

    // What the platform cannot fetch made nothing, so it may be tried again.
    let error = bench.client.upload_by_url(&format!("{base}/page"), "other.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Retry, Some(40902)));
    let error = bench.client.upload_by_url(&address, "fetched.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::ReRead, Some(40911)));
    let error = bench.client.upload_by_url("file:///etc/hosts", "other.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, None));
    assert_eq!(bench.videos_made(), 1);
}

#[tokio::test]
async fn a_lost_reply_about_a_fetched_video_leaves_it_unknown() {
    let (bench, base) = (bench(vec![Fault::DropAfterEffect(1.0)]).await, shelf(b"video"));
    let error = bench.client.upload_by_url(&format!("{base}/video one.mp4"), "a.mp4").await.unwrap_err();
    assert_eq!((error.class, bench.videos_made()), (Class::Unknown, 1));
}

#[tokio::test]
async fn a_temporary_file_becomes_a_video_under_its_id() {
    let bench = bench(vec![]).await;
    let asset = bench.stand_in.asset("film.mp4", b"left for a day");
    let file = bench.client.upload_temporarily(&asset, "left.mp4").await.unwrap();
    assert_eq!(bench.videos_made(), 0, "a temporary file is no video");
    let id = bench.client.upload_by_file_id(&file, "one.mp4").await.unwrap();
    ready(&bench.client, &id, &asset.content().md5).await;
    let error = bench.client.upload_by_file_id("file-of-nobody", "two.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, Some(40007)));

    std::fs::write(asset.path(), b"LEFT FOR A DAY").unwrap();
    let error = bench.client.upload_temporarily(&asset, "left.mp4").await.unwrap_err();
    assert!(error.message.contains("changed"), "{error}");
}

#[tokio::test]
async fn a_video_gets_another_name() {
    let bench = bench(vec![]).await;
    let id = bench.upload("one.mp4").await;
    bench.client.rename_video(&id, "two.mp4").await.unwrap();
    assert!(bench.client.name_taken("two.mp4").await.unwrap());
    assert!(!bench.client.name_taken("one.mp4").await.unwrap());
    assert_eq!(bench.client.rename_video(&id, "").await.unwrap_err().class, Class::Permanent);
}

#[tokio::test]
async fn flaws_are_fixed_by_a_task_and_a_clean_video_stays() {
    let bench = bench(vec![]).await;
    let (clean, small) = (bench.upload("clean.mp4").await, bench.upload("small.mp4").await);
    let begun = bench.client.start_fixes(&[clean.clone(), small.clone()], true).await.unwrap();
    assert_eq!(begun[0], FixStart::Clean { video_id: clean });
    let FixStart::Task { task_id, flaws } = &begun[1] else { panic!("{begun:?}") };
    assert_eq!(flaws, &["LOW_RESOLUTION"]);
    assert_eq!(bench.client.fix_state(task_id).await.unwrap(), FixState::Processing);
    let ended = loop {
        match bench.client.fix_state(task_id).await.unwrap() {
            FixState::Processing => tokio::time::sleep(Duration::from_millis(20)).await,
            ended => break ended,
        }
    };
    let FixState::Done { video_ids } = ended else { panic!("{ended:?}") };
    assert!(video_ids.len() == 1 && video_ids[0] != small, "{video_ids:?}");
    // The bytes are the platform's own by now; what is known of them is that they can be shown.
    let found = loop {
        match bench.client.videos(&video_ids).await.unwrap().pop() {
            Some(video) if video.displayable == Some(true) => break video,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!((found.width, found.height), (Some(720), Some(1280)));
    // What no new size cures stays as it is, and says so.
    let odd = bench.upload("small-odd.mp4").await;
    let FixStart::Task { task_id, .. } = &bench.client.start_fixes(&[odd], true).await.unwrap()[0] else {
        panic!("a small picture is a flaw")
    };
    let why = loop {
        match bench.client.fix_state(task_id).await.unwrap() {
            FixState::Processing => tokio::time::sleep(Duration::from_millis(20)).await,
            FixState::Failed { why } => break why,
            done @ FixState::Done { .. } => panic!("{done:?}"),
        }
    };
    assert!(why.contains("cannot be fixed"), "{why}");

    let too_many = vec![small; MOST_FIXES + 1];
    for ids in [&too_many[..], &[]] {
        let error = bench.client.start_fixes(ids, false).await.unwrap_err();
        assert_eq!((error.class, error.code), (Class::Permanent, None));
    }
}

#[tokio::test]
async fn a_review_says_of_each_video_what_the_platform_thinks() {
    let bench = bench(vec![]).await;
    let (fine, odd) = (bench.upload("fine.mp4").await, bench.upload("odd.mp4").await);
    let audience = Audience { location_codes: vec!["6252001".into()], ecommerce: false };
    let ids = [fine.clone(), odd.clone()];
    let task = bench.client.start_review(&ids, &audience).await.unwrap();
    assert_eq!(bench.client.review_state(&task).await.unwrap(), None);
    let opinions = loop {
        match bench.client.review_state(&task).await.unwrap() {
            None => tokio::time::sleep(Duration::from_millis(20)).await,
            Some(opinions) => break opinions,
        }
    };
    assert_eq!(opinions, [(fine.clone(), Opinion::Approved), (odd, Opinion::Unavailable)]);

    let nobody = Audience::default();
    let error = bench.client.start_review(&ids, &nobody).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, Some(40002)));
    let error = bench.client.start_review(&vec![fine; MOST_REVIEWS + 1], &audience).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, None));
    assert!(bench.stand_in.sandbox.addr().ip().is_loopback());
}
