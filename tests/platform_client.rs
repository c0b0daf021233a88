//! Tests of the client for ads against the sandbox, over real HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use greenlit::platform::tiktok_ads::{
    ADS, ClientOptions, CodeTable, MediaKind, NewAd, Pauses, Tier, TikTokAds,
};
use greenlit::platform::{
    CallError, Class, EffectKind, Mutation, Platform, SentEffect, Sighting, UploadObserver,
};
use greenlit::rules::ValidatedCover;
use greenlit::sandbox::{self, ADGROUP, ADVERTISER, Fault, IDENTITY, SandboxOptions, TOKEN};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[path = "common/accepting_prober.rs"]
mod accepting_prober;
#[path = "common/connection.rs"]
mod connection;
#[path = "common/in_process_sandbox.rs"]
mod in_process_sandbox;
use accepting_prober::AcceptingProber;
use connection::connection;
use in_process_sandbox::{InProcessSandbox, ready, validated, validated_cover};

struct Bench {
    sandbox: InProcessSandbox,
}

/// Starts a sandbox whose clock runs a thousand times faster.
async fn bench(faults: Vec<Fault>) -> Bench {
    bench_with(|options| options.faults = faults).await
}

async fn bench_with(change: impl FnOnce(&mut SandboxOptions)) -> Bench {
    let configure = |options: &mut SandboxOptions| {
        options.processing = (Duration::from_secs(100), Duration::from_secs(200));
        options.time_scale = 1000.0;
        options.tier = sandbox::Tier::Ultimate;
        change(options);
    };
    Bench { sandbox: InProcessSandbox::start(AcceptingProber, configure).await }
}

impl Bench {
    fn options(&self) -> ClientOptions {
        fast_options(&self.sandbox.url())
    }

    fn client(&self) -> TikTokAds {
        TikTokAds::new(self.options()).unwrap()
    }

    fn cover(&self) -> ValidatedCover {
        let path = self.sandbox.dir.path().join("cover.png");
        image::RgbImage::new(720, 1280).save(&path).unwrap();
        validated_cover(&path, std::fs::read(&path).unwrap())
    }

    /// Returns the number of requests to an endpoint in the sandbox's log.
    fn requests(&self, endpoint: &str) -> usize {
        let log = self.sandbox.log();
        log.iter().filter(|line| line["path"].as_str().is_some_and(|path| path.contains(endpoint))).count()
    }

    fn effects(&self, effect: &str) -> usize {
        self.sandbox.effects(effect).len()
    }
}

fn fast_options(base: &str) -> ClientOptions {
    let mut options = ClientOptions::new(base, ADVERTISER, SecretString::from(TOKEN));
    options.tier = Tier::Ultimate;
    options.retry_wait = Duration::from_millis(1);
    options.pauses = Pauses { first: Duration::from_millis(1), second: Duration::from_millis(20) };
    options
}

fn ad(video_id: &str, image_id: &str) -> NewAd {
    NewAd {
        adgroup_id: ADGROUP.into(),
        ad_name: "video-one".into(),
        identity_type: "CUSTOMIZED_USER".into(),
        identity_id: IDENTITY.into(),
        identity_authorized_bc_id: None,
        ad_text: "Buy now".into(),
        call_to_action: Some("SHOP_NOW".into()),
        landing_page_url: Some("https://example.com/".into()),
        display_name: None,
        video_id: video_id.into(),
        image_id: image_id.into(),
        enable: false,
    }
}

fn ignore(_: u64) {}

/// Returns the error of a call; asserts that it does not contain the token.
async fn error_of<T: std::fmt::Debug>(call: impl Future<Output = Result<T, CallError>>) -> CallError {
    let error = call.await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(TOKEN), "an error contains the token");
    error
}

#[tokio::test]
async fn uploads_a_video_and_creates_an_ad() {
    let bench = bench(vec![]).await;
    let client = bench.client();
    client.check_access().await.unwrap();
    let bytes = vec![3; 1_000_000];
    let asset = bench.sandbox.asset("video.mp4", &bytes);
    let reported = AtomicU64::new(0);
    let sent = |count: u64| {
        assert!(reported.swap(count, Ordering::SeqCst) < count, "the byte count must grow");
    };
    assert!(!client.name_taken("video-ä.mp4", MediaKind::Video).await.unwrap());
    let id = client.upload_video(&asset, "video-ä.mp4", &sent).await.unwrap();
    assert_eq!(reported.load(Ordering::SeqCst), 1_000_000);
    let video = ready(&client, &id, &asset.content().md5).await;
    assert_eq!((video.file_name.as_deref(), video.size_bytes), (Some("video-ä.mp4"), Some(1_000_000)));
    assert!(client.name_taken("video-ä.mp4", MediaKind::Video).await.unwrap());
    let found = client.search_videos("video-ä").await.unwrap();
    assert_eq!(found.iter().map(|video| &video.video_id).collect::<Vec<_>>(), [&id]);

    let image = client.upload_image(&bench.cover(), "cover.png").await.unwrap();
    let created = client.create_ad(&ad(&id, &image)).await.unwrap();
    let mut listed = Vec::new();
    for _ in 0..3000 {
        listed = client.ads_of(ADGROUP).await.unwrap();
        if !listed.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((&listed[0].ad_id, listed[0].ad_name.as_str()), (&created, "video-one"));
    assert_eq!(listed[0].video_id.as_ref(), Some(&id));
}

#[tokio::test]
async fn uploads_a_large_file_in_chunks() {
    let bench = bench(vec![]).await;
    let mut options = bench.options();
    options.chunk_above = 1_000_000;
    let client = TikTokAds::new(options).unwrap();
    let bytes: Vec<u8> = (0..45_000_000_u32).map(|at| (at >> 7) as u8).collect();
    let asset = bench.sandbox.asset("long.mp4", &bytes);
    let reported = AtomicU64::new(0);
    let id = client
        .upload_video(&asset, "long.mp4", &|count: u64| reported.store(count, Ordering::SeqCst))
        .await
        .unwrap();
    assert_eq!((reported.load(Ordering::SeqCst), bench.requests("file/transfer/upload/")), (45_000_000, 3));
    ready(&client, &id, &asset.content().md5).await;
}

/// Stores resume tokens and may panic after a number of them.
#[derive(Default)]
struct TokenStore {
    token: Mutex<Option<String>>,
    saved: AtomicUsize,
    /// The number of saved tokens after which it panics; 0 for never.
    panic_after: usize,
}

impl UploadObserver for TokenStore {
    fn sent(&self, _bytes: u64) {}

    fn resume_token(&self) -> Option<String> {
        self.token.lock().unwrap().clone()
    }

    fn save_resume_token(&self, token: Option<&str>) {
        *self.token.lock().unwrap() = token.map(str::to_owned);
        let saved = self.saved.fetch_add(usize::from(token.is_some()), Ordering::SeqCst) + 1;
        assert_ne!(saved, self.panic_after, "panics as configured");
    }
}

#[tokio::test]
async fn resumes_an_interrupted_chunked_upload() {
    let bench = bench(vec![]).await;
    let client = || {
        let mut options = bench.options();
        options.chunk_above = 1_000_000;
        TikTokAds::new(options).unwrap()
    };
    let bytes: Vec<u8> = (0..45_000_000_u32).map(|at| (at >> 7) as u8).collect();
    let asset = bench.sandbox.asset("long.mp4", &bytes);
    // The first token is saved at the start, the second after the first chunk: there the upload panics, before
    // it sends the next chunk.
    let store = TokenStore { panic_after: 2, ..TokenStore::default() };
    let first = client();
    let mut upload = std::pin::pin!(first.upload_video(&asset, "long.mp4", &store));
    let panicked = std::future::poll_fn(|context| {
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| upload.as_mut().poll(context)));
        result.map_or(Poll::Ready(true), |poll| poll.map(|_| false))
    });
    assert!(panicked.await, "the upload was not interrupted");
    let store = TokenStore { token: Mutex::new(store.resume_token()), ..TokenStore::default() };
    let before = bench.requests("file/transfer/upload/");
    let id = client().upload_video(&asset, "long.mp4", &store).await.unwrap();
    ready(&client(), &id, &asset.content().md5).await;
    assert_eq!((before, bench.requests("file/transfer/upload/")), (1, 3), "a chunk was sent again");
    assert_eq!(bench.requests("file/start/upload/"), 1);

    // An upload that the platform no longer knows starts over.
    *store.token.lock().unwrap() = Some("20971520 41943040 expired-upload".into());
    let other = bench.sandbox.asset("other.mp4", &bytes[1..]);
    let id = client().upload_video(&other, "other.mp4", &store).await.unwrap();
    ready(&client(), &id, &other.content().md5).await;
    assert_eq!(bench.requests("file/start/upload/"), 2);
}

#[tokio::test]
async fn a_rejected_token_is_an_authentication_error() {
    let bench = bench(vec![]).await;
    let mut options = bench.options();
    options.token = SecretString::from("another-token");
    let client = TikTokAds::new(options).unwrap();
    let error = error_of(client.check_access()).await;
    assert_eq!((error.class, error.code), (Class::ReAuthenticate, Some(40105)));
    assert!(error.message.contains("authorise the app again") && error.request_id.is_some(), "{error:?}");
    assert!(!format!("{client:?} {error:?}").contains("another-token"));
    let mut options = bench.options();
    options.advertiser_id = "7000000000000000009".into();
    let error = error_of(TikTokAds::new(options).unwrap().check_access()).await;
    assert_eq!((error.class, error.code), (Class::Permanent, Some(40001)));
}

#[tokio::test]
async fn an_overridden_code_sets_the_class_of_a_reply() {
    let bench = bench(vec![]).await;
    let mut options = bench.options();
    options.token = SecretString::from("somebody-else");
    let table = "[40105]\nclass = \"configuration\"\naction = \"ask the office\"\n";
    options.codes = CodeTable::read(&toml::Value::Table(table.parse().unwrap()), "code").unwrap();
    let client = TikTokAds::new(options).unwrap();
    let error = error_of(client.check_access()).await;
    assert_eq!((error.class, error.code), (Class::Configuration, Some(40105)));
    assert!(error.message.contains("ask the office"), "{error}");
}

#[tokio::test]
async fn a_throttled_call_is_reported_and_not_repeated() {
    let bench = bench(vec![Fault::Throttle(1.0)]).await;
    let pauses = Arc::new(AtomicUsize::new(0));
    let mut options = bench.options();
    let count = pauses.clone();
    options.on_pause = Some(Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let client = TikTokAds::new(options).unwrap();
    assert_eq!(error_of(client.check_access()).await.class, Class::Throttle);
    assert_eq!(error_of(client.create_ad(&ad("v", "i"))).await.class, Class::Throttle);
    assert_eq!(pauses.load(Ordering::SeqCst), 2);
    assert_eq!((bench.requests("ad/search/"), bench.requests("ad/create/")), (1, 1));
}

#[tokio::test]
async fn failed_reads_are_repeated_and_mutations_are_not() {
    for fault in [Fault::HtmlBody(1.0), Fault::Http500(1.0), Fault::DropBeforeRequest(1.0)] {
        let bench = bench(vec![fault]).await;
        let client = bench.client();
        let error = error_of(client.ads_of(ADGROUP)).await;
        assert_eq!((error.class, error.code), (Class::Retry, None), "{fault}");
        assert_eq!(bench.requests("ad/get/"), 3, "{fault}");
        let error = error_of(client.create_ad(&ad("v", "i"))).await;
        assert_eq!(error.class, Class::Unknown, "{fault}");
        assert_eq!(bench.requests("ad/create/"), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_lost_reply_to_an_upload_is_unknown() {
    let bench = bench(vec![Fault::DropAfterEffect(1.0)]).await;
    let client = bench.client();
    let asset = bench.sandbox.asset("video.mp4", b"video");
    let error = error_of(client.upload_video(&asset, "video.mp4", &ignore)).await;
    assert_eq!((error.class, error.code), (Class::Unknown, None));
    assert_eq!(bench.effects("video_created"), 1);
}

#[tokio::test]
async fn a_cover_is_given_another_name_where_images_cannot_be_searched() {
    let bench = bench(vec!["reads-http-404=1@file/image/ad/search/".parse().unwrap()]).await;
    let connected = ADS.connect(connection(bench.sandbox.url(), ADVERTISER, "ultimate")).unwrap();
    let sent = SentEffect {
        kind: EffectKind::Cover,
        scope: String::new(),
        name: "cover-0123.png".into(),
        md5: None,
        size_bytes: None,
        token: None,
        video_id: None,
        was_refused: false,
    };
    assert_eq!(connected.look(&sent).await.unwrap(), Sighting::Absent { name_is_taken: false });
    connected.send(&Mutation::Cover(&bench.cover()), &sent.name, None, &ignore).await.unwrap();
    assert_eq!(connected.look(&sent).await.unwrap(), Sighting::NameOfOther);
}

#[tokio::test]
async fn a_duplicate_name_is_read_again() {
    let bench = bench(vec![]).await;
    let client = bench.client();
    client.upload_video(&bench.sandbox.asset("a.mp4", b"one"), "same.mp4", &ignore).await.unwrap();
    let error =
        error_of(client.upload_video(&bench.sandbox.asset("b.mp4", b"two"), "same.mp4", &ignore)).await;
    assert_eq!((error.class, error.code), (Class::NameTaken, Some(40911)));
}

#[tokio::test]
async fn does_not_send_a_file_that_changed_since_its_check() {
    let bench = bench(vec![]).await;
    let client = bench.client();
    let asset = bench.sandbox.asset("video.mp4", b"checked");
    std::fs::write(asset.path(), b"CHECKED").unwrap();
    let error = error_of(client.upload_video(&asset, "video.mp4", &ignore)).await;
    assert_eq!((error.class, error.code), (Class::Permanent, None));
    assert!(error.message.contains("changed"), "{error}");
    assert_eq!(bench.requests("ad/upload/"), 0);
}

#[tokio::test]
async fn a_file_that_changes_during_the_upload_creates_no_video() {
    let bench = bench(vec![]).await;
    let client = bench.client();
    let bytes = vec![1; 3_000_000];
    let asset = bench.sandbox.asset("video.mp4", &bytes);
    let change = |_: u64| {
        let mut other = bytes.clone();
        other[2_999_999] = 2;
        std::fs::write(asset.path(), other).unwrap();
    };
    let error = error_of(client.upload_video(&asset, "video.mp4", &change)).await;
    assert_eq!(error.class, Class::Permanent, "{error}");
    assert!(error.message.contains("changed"), "{error}");
    assert_eq!(bench.effects("video_created"), 0);
}

#[tokio::test]
async fn a_refused_connection_may_be_retried_even_for_a_mutation() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = TikTokAds::new(fast_options(&base)).unwrap();
    assert_eq!(error_of(client.create_ad(&ad("v", "i"))).await.class, Class::Retry);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.mp4");
    std::fs::write(&path, b"x").unwrap();
    let asset = validated(&path, b"x");
    assert_eq!(error_of(client.upload_video(&asset, "c.mp4", &ignore)).await.class, Class::Retry);
}

/// Answers each connection with the next of `replies` and returns the requests.
async fn serve_replies(replies: Vec<&'static str>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut requests = Vec::new();
        for reply in replies {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 16 << 10];
            let count = stream.read(&mut request).await.unwrap();
            requests.push(String::from_utf8_lossy(&request[..count]).into_owned());
            stream.write_all(reply.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        requests
    });
    (base, task)
}

#[tokio::test]
async fn a_read_repeats_after_a_truncated_reply_and_reads_every_page() {
    let ok = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let page = |number: u32| {
        let body = format!(
            r#"{{"code":0,"data":{{"list":[{{"ad_id":"{number}","ad_name":"n"}}],"page_info":{{"total_page":2}}}}}}"#
        );
        &*Box::leak(format!("{ok}{body}").into_boxed_str())
    };
    let truncated = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"code\":0,";
    let (base, task) = serve_replies(vec![truncated, page(1), page(2)]).await;
    let ads = TikTokAds::new(fast_options(&base)).unwrap().ads_of("55").await.unwrap();
    assert_eq!(ads.iter().map(|ad| ad.ad_id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    let requests = task.await.unwrap();
    assert!(
        requests[2].starts_with("GET /open_api/v1.3/ad/get/?advertiser_id=7000000000000000001&filtering=")
    );
    assert!(requests[2].contains("&page=2&page_size=1000"), "{}", requests[2]);
}

#[tokio::test]
async fn redirects_are_not_followed_and_a_missing_list_is_an_error() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n";
    let (base, _task) = serve_replies(vec![redirect]).await;
    assert_eq!(
        error_of(TikTokAds::new(fast_options(&base)).unwrap().check_access()).await.class,
        Class::Configuration
    );
    let without_list = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"code\":0,\"data\":{}}";
    let (base, _task) = serve_replies(vec![without_list]).await;
    assert_eq!(error_of(TikTokAds::new(fast_options(&base)).unwrap().ads_of("55")).await.class, Class::Retry);
}

#[tokio::test]
async fn splits_many_ids_into_several_calls() {
    let bench = bench(vec![]).await;
    let ids: Vec<String> = (0..130).map(|number| format!("v{number}")).collect();
    assert_eq!(bench.client().videos(&ids).await.unwrap(), []);
    assert_eq!(bench.requests("file/video/ad/info/"), 3);
}

#[tokio::test]
async fn every_call_has_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = fast_options(&format!("http://{}", listener.local_addr().unwrap()));
    options.timeouts.connect = Duration::from_millis(200);
    options.timeouts.idle = Duration::from_millis(100);
    options.timeouts.upload_reply = Duration::from_millis(100);
    let client = TikTokAds::new(options).unwrap();
    // The system accepts connections that nothing serves: no byte is read or answered.
    assert_eq!(error_of(client.check_access()).await.class, Class::Retry);
    assert_eq!(error_of(client.create_ad(&ad("v", "i"))).await.class, Class::Unknown);
    let dir = tempfile::tempdir().unwrap();
    for (size, words) in [(10, "no reply"), (30_000_000, "accepted no bytes")] {
        let (path, bytes) = (dir.path().join("c.mp4"), vec![5; size]);
        std::fs::write(&path, &bytes).unwrap();
        let error = error_of(client.upload_video(&validated(&path, &bytes), "c.mp4", &ignore)).await;
        assert_eq!(error.class, Class::Unknown, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_reply_that_trickles_for_ever_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = fast_options(&format!("http://{}", listener.local_addr().unwrap()));
    options.timeouts.idle = Duration::from_millis(300);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
                let mut sent = stream.write_all(head).await;
                // Each byte comes in time, but the reply has no end.
                while sent.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    sent = stream.write_all(b" ").await;
                }
            });
        }
    });
    let client = TikTokAds::new(options).unwrap();
    let error = error_of(client.check_access()).await;
    assert_eq!(error.class, Class::Retry, "{error}");
    assert!(error.message.contains("too slow"), "{error}");
    assert_eq!(error_of(client.create_ad(&ad("v", "i"))).await.class, Class::Unknown);
}

#[tokio::test]
async fn concurrent_calls_stay_within_the_limits_of_the_tier() {
    let bench = bench_with(|options| {
        options.time_scale = 1.0;
        options.tier = sandbox::Tier::Basic;
    })
    .await;
    let mut options = bench.options();
    options.tier = Tier::Basic;
    let client = Arc::new(TikTokAds::new(options).unwrap());
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..25 {
        let client = client.clone();
        calls.spawn(async move { client.check_access().await });
    }
    while let Some(call) = calls.join_next().await {
        call.unwrap().unwrap();
    }
    assert_eq!(bench.requests("ad/search/"), 25);
}

#[tokio::test]
async fn learns_the_time_of_the_platform_from_the_replies_of_its_api() {
    for (faults, no_date, learns) in
        [(&[][..], false, true), (&[], true, false), (&["html-body=1"], false, false)]
    {
        // The sandbox's clock is far ahead of this machine's.
        let bench = bench_with(|options| {
            options.time_scale = 1e6;
            options.no_date = no_date;
            options.faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        })
        .await;
        let connected = ADS.connect(connection(bench.sandbox.url(), ADVERTISER, "ultimate")).unwrap();
        assert_eq!(connected.time(), None);
        assert_eq!(connected.check_access().await.is_ok(), faults.is_empty());
        let ahead = connected.time().map(|time| time.duration_since(SystemTime::now()).unwrap());
        assert_eq!(ahead.is_some_and(|ahead| ahead > Duration::from_secs(100)), learns, "{ahead:?}");
    }
}
