//! The client of the platform against the stand-in, over real HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use greenlit::platform::tiktok_ads::{ClientOptions, CodeTable, Pauses, Tier, TikTokAds};
use greenlit::platform::{AdsPlatform, CallError, Class, NewAd, UploadLog};
use greenlit::sandbox::{self, ADGROUP, ADVERTISER, Fault, IDENTITY, SandboxOptions, TOKEN};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[path = "common/agreeable.rs"]
mod agreeable;
#[path = "common/stand_in.rs"]
mod stand_in;
use agreeable::Agreeable;
use stand_in::{StandIn, ready, validated};

struct Bench {
    stand_in: StandIn,
}

/// A stand-in on which an hour passes in a few milliseconds.
async fn bench(faults: Vec<Fault>) -> Bench {
    bench_with(|options| options.faults = faults).await
}

async fn bench_with(change: impl FnOnce(&mut SandboxOptions)) -> Bench {
    let quick = |options: &mut SandboxOptions| {
        options.processing = (Duration::from_secs(100), Duration::from_secs(200));
        options.time_scale = 1000.0;
        options.tier = sandbox::Tier::Ultimate;
        change(options);
    };
    Bench { stand_in: StandIn::start(Agreeable, quick).await }
}

impl Bench {
    fn options(&self) -> ClientOptions {
        quick(&self.stand_in.url())
    }

    fn client(&self) -> TikTokAds {
        TikTokAds::new(self.options()).unwrap()
    }

    fn cover(&self) -> PathBuf {
        let path = self.stand_in.dir.path().join("cover.png");
        image::RgbImage::new(720, 1280).save(&path).unwrap();
        path
    }

    /// Requests to an endpoint that the stand-in saw.
    fn log(&self, endpoint: &str) -> usize {
        let log = self.stand_in.log();
        log.iter().filter(|line| line["path"].as_str().is_some_and(|path| path.contains(endpoint))).count()
    }

    fn effects(&self, effect: &str) -> usize {
        self.stand_in.effects(effect).len()
    }
}

fn quick(base: &str) -> ClientOptions {
    let mut options = ClientOptions::new(base, ADVERTISER, SecretString::from(TOKEN));
    options.tier = Tier::Ultimate;
    options.retry_wait = Duration::from_millis(1);
    options.pauses = Pauses { first: Duration::from_millis(1), second: Duration::from_millis(20) };
    options
}

fn ad(video_id: &str, image_id: &str) -> NewAd {
    NewAd {
        adgroup_id: ADGROUP.into(),
        ad_name: "clip-one".into(),
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

fn quiet(_: u64) {}

async fn fails<T: std::fmt::Debug>(call: impl Future<Output = Result<T, CallError>>) -> CallError {
    let error = call.await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(TOKEN), "an error shows the token");
    error
}

#[tokio::test]
async fn a_clip_becomes_an_ad() {
    let bench = bench(vec![]).await;
    let client = bench.client();
    client.check_access().await.unwrap();
    let bytes = vec![3; 1_000_000];
    let asset = bench.stand_in.asset("clip.mp4", &bytes);
    let seen = AtomicU64::new(0);
    let sent = |count: u64| {
        assert!(seen.swap(count, Ordering::SeqCst) < count, "the count must grow");
    };
    assert!(!client.name_taken("clip-ä.mp4").await.unwrap());
    let id = client.upload_video(&asset, "clip-ä.mp4", &sent).await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 1_000_000);
    let video = ready(&client, &id, &asset.content().md5).await;
    assert_eq!((video.file_name.as_deref(), video.size_bytes), (Some("clip-ä.mp4"), Some(1_000_000)));
    assert!(client.name_taken("clip-ä.mp4").await.unwrap());
    let found = client.search_videos("clip-ä").await.unwrap();
    assert_eq!(found.iter().map(|video| &video.video_id).collect::<Vec<_>>(), [&id]);
    assert_eq!(client.suggest_cover(&id).await.unwrap()[0].width, Some(720));

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
    assert_eq!((&listed[0].ad_id, listed[0].ad_name.as_str()), (&created, "clip-one"));
    assert_eq!(listed[0].video_id.as_ref(), Some(&id));
    let mut images = Vec::new();
    for _ in 0..3000 {
        images = client.images(std::slice::from_ref(&image)).await.unwrap();
        if !images.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(images[0].height, Some(1280));
}

#[tokio::test]
async fn a_large_file_goes_up_in_chunks() {
    let bench = bench(vec![]).await;
    let mut options = bench.options();
    options.chunk_above = 1_000_000;
    let client = TikTokAds::new(options).unwrap();
    let bytes: Vec<u8> = (0..45_000_000_u32).map(|at| (at >> 7) as u8).collect();
    let asset = bench.stand_in.asset("long.mp4", &bytes);
    let seen = AtomicU64::new(0);
    let id = client
        .upload_video(&asset, "long.mp4", &|count: u64| seen.store(count, Ordering::SeqCst))
        .await
        .unwrap();
    assert_eq!((seen.load(Ordering::SeqCst), bench.log("file/transfer/upload/")), (45_000_000, 3));
    ready(&client, &id, &asset.content().md5).await;
}

/// Keeps what it is told to, and may die of it.
#[derive(Default)]
struct Keeper {
    mark: Mutex<Option<String>>,
    marks: AtomicUsize,
    /// The mark after which nothing more happens; none at 0.
    last: usize,
}

impl UploadLog for Keeper {
    fn sent(&self, _bytes: u64) {}

    fn kept(&self) -> Option<String> {
        self.mark.lock().unwrap().clone()
    }

    fn keep(&self, mark: Option<&str>) {
        *self.mark.lock().unwrap() = mark.map(str::to_owned);
        let marks = self.marks.fetch_add(usize::from(mark.is_some()), Ordering::SeqCst) + 1;
        assert_ne!(marks, self.last, "dead, as was asked for");
    }
}

#[tokio::test]
async fn a_chunked_upload_that_was_cut_goes_on_where_it_was() {
    let bench = bench(vec![]).await;
    let client = || {
        let mut options = bench.options();
        options.chunk_above = 1_000_000;
        TikTokAds::new(options).unwrap()
    };
    let bytes: Vec<u8> = (0..45_000_000_u32).map(|at| (at >> 7) as u8).collect();
    let asset = bench.stand_in.asset("long.mp4", &bytes);
    // One mark says where it begins, the second that a chunk has arrived: there the process dies, before
    // anything of the next chunk is sent.
    let keeper = Keeper { last: 2, ..Keeper::default() };
    let first = client();
    let mut upload = std::pin::pin!(first.upload_video(&asset, "long.mp4", &keeper));
    let died = std::future::poll_fn(|context| {
        let step = std::panic::catch_unwind(AssertUnwindSafe(|| upload.as_mut().poll(context)));
        step.map_or(Poll::Ready(true), |step| step.map(|_| false))
    });
    assert!(died.await, "the upload came to its end");
    let keeper = Keeper { mark: Mutex::new(keeper.kept()), ..Keeper::default() };
    let before = bench.log("file/transfer/upload/");
    let id = client().upload_video(&asset, "long.mp4", &keeper).await.unwrap();
    ready(&client(), &id, &asset.content().md5).await;
    assert_eq!((before, bench.log("file/transfer/upload/")), (1, 3), "a chunk was sent again");
    assert_eq!(bench.log("file/start/upload/"), 1);

    // What the platform does not know any more is begun anew.
    *keeper.mark.lock().unwrap() = Some("20971520 41943040 up-of-last-year".into());
    let other = bench.stand_in.asset("other.mp4", &bytes[1..]);
    let id = client().upload_video(&other, "other.mp4", &keeper).await.unwrap();
    ready(&client(), &id, &other.content().md5).await;
    assert_eq!(bench.log("file/start/upload/"), 2);
}

#[tokio::test]
async fn a_token_that_is_not_accepted_stops_everything() {
    let bench = bench(vec![]).await;
    let mut options = bench.options();
    options.token = SecretString::from("another-token");
    let client = TikTokAds::new(options).unwrap();
    let error = fails(client.check_access()).await;
    assert_eq!((error.class, error.code), (Class::ReAuthenticate, Some(40105)));
    assert!(error.message.contains("authorise the app again") && error.request_id.is_some(), "{error:?}");
    assert!(!format!("{client:?} {error:?}").contains("another-token"));
    let mut options = bench.options();
    options.advertiser_id = "7000000000000000009".into();
    let error = fails(TikTokAds::new(options).unwrap().check_access()).await;
    assert_eq!((error.class, error.code), (Class::Permanent, Some(40001)));
}

#[tokio::test]
async fn an_own_entry_of_the_table_of_codes_decides_what_an_answer_means() {
    let bench = bench(vec![]).await;
    let mut options = bench.options();
    options.token = SecretString::from("somebody-else");
    let own = "[40105]\nclass = \"configuration\"\naction = \"ask the office\"\n";
    options.codes = CodeTable::read(&toml::Value::Table(own.parse().unwrap()), "code").unwrap();
    let client = TikTokAds::new(options).unwrap();
    let error = fails(client.check_access()).await;
    assert_eq!((error.class, error.code), (Class::Configuration, Some(40105)));
    assert!(error.message.contains("ask the office"), "{error}");
}

#[tokio::test]
async fn a_throttle_is_told_and_never_answered_by_sending_again() {
    let bench = bench(vec![Fault::Throttle(1.0)]).await;
    let pauses = Arc::new(AtomicUsize::new(0));
    let mut options = bench.options();
    let count = pauses.clone();
    options.on_pause = Some(Arc::new(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    }));
    let client = TikTokAds::new(options).unwrap();
    assert_eq!(fails(client.check_access()).await.class, Class::Throttle);
    assert_eq!(fails(client.create_ad(&ad("v", "i"))).await.class, Class::Throttle);
    assert_eq!(pauses.load(Ordering::SeqCst), 2);
    assert_eq!((bench.log("ad/search/"), bench.log("ad/create/")), (1, 1));
}

#[tokio::test]
async fn reads_are_repeated_a_little_and_mutations_never() {
    for fault in [Fault::HtmlBody(1.0), Fault::Http500(1.0), Fault::DropBeforeRequest(1.0)] {
        let bench = bench(vec![fault]).await;
        let client = bench.client();
        let error = fails(client.ads_of(ADGROUP)).await;
        assert_eq!((error.class, error.code), (Class::Retry, None), "{fault}");
        assert_eq!(bench.log("ad/get/"), 3, "{fault}");
        let error = fails(client.create_ad(&ad("v", "i"))).await;
        assert_eq!(error.class, Class::Unknown, "{fault}");
        assert_eq!(bench.log("ad/create/"), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_reply_lost_after_the_effect_leaves_it_unknown() {
    let bench = bench(vec![Fault::DropAfterEffect(1.0)]).await;
    let client = bench.client();
    let asset = bench.stand_in.asset("clip.mp4", b"clip");
    let error = fails(client.upload_video(&asset, "clip.mp4", &quiet)).await;
    assert_eq!((error.class, error.code), (Class::Unknown, None));
    assert_eq!(bench.effects("video_created"), 1);
}

#[tokio::test]
async fn a_name_that_is_taken_is_read_again() {
    let bench = bench(vec![]).await;
    let client = bench.client();
    client.upload_video(&bench.stand_in.asset("a.mp4", b"one"), "same.mp4", &quiet).await.unwrap();
    let error = fails(client.upload_video(&bench.stand_in.asset("b.mp4", b"two"), "same.mp4", &quiet)).await;
    assert_eq!((error.class, error.code), (Class::ReRead, Some(40911)));
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_checked_is_not_sent() {
    let bench = bench(vec![]).await;
    let client = bench.client();
    let asset = bench.stand_in.asset("clip.mp4", b"checked");
    std::fs::write(asset.path(), b"CHECKED").unwrap();
    let error = fails(client.upload_video(&asset, "clip.mp4", &quiet)).await;
    assert_eq!((error.class, error.code), (Class::Permanent, None));
    assert!(error.message.contains("changed"), "{error}");
    assert_eq!(bench.log("ad/upload/"), 0);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_makes_no_video() {
    let bench = bench(vec![]).await;
    let client = bench.client();
    let bytes = vec![1; 3_000_000];
    let asset = bench.stand_in.asset("clip.mp4", &bytes);
    let change = |_: u64| {
        let mut other = bytes.clone();
        other[2_999_999] = 2;
        std::fs::write(asset.path(), other).unwrap();
    };
    let error = fails(client.upload_video(&asset, "clip.mp4", &change)).await;
    assert_eq!(error.class, Class::Permanent, "{error}");
    assert!(error.message.contains("changed"), "{error}");
    assert_eq!(bench.effects("video_created"), 0);
}

#[tokio::test]
async fn a_mutation_that_found_nobody_may_be_sent_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = TikTokAds::new(quick(&base)).unwrap();
    assert_eq!(fails(client.create_ad(&ad("v", "i"))).await.class, Class::Retry);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.mp4");
    std::fs::write(&path, b"x").unwrap();
    let asset = validated(&path, b"x");
    assert_eq!(fails(client.upload_video(&asset, "c.mp4", &quiet)).await.class, Class::Retry);
}

/// Answers each connection with the next of `replies`, and gives what was asked first.
async fn canned(replies: Vec<&'static str>) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        let mut asked = Vec::new();
        for reply in replies {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 16 << 10];
            let count = stream.read(&mut request).await.unwrap();
            asked.push(String::from_utf8_lossy(&request[..count]).into_owned());
            stream.write_all(reply.as_bytes()).await.unwrap();
            stream.shutdown().await.unwrap();
        }
        asked
    });
    (base, task)
}

#[tokio::test]
async fn a_read_goes_on_after_a_reply_cut_halfway_and_follows_every_page() {
    let ok = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
    let page = |number: u32| {
        let body = format!(
            r#"{{"code":0,"data":{{"list":[{{"ad_id":"{number}","ad_name":"n"}}],"page_info":{{"total_page":2}}}}}}"#
        );
        &*Box::leak(format!("{ok}{body}").into_boxed_str())
    };
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"code\":0,";
    let (base, task) = canned(vec![cut, page(1), page(2)]).await;
    let ads = TikTokAds::new(quick(&base)).unwrap().ads_of("55").await.unwrap();
    assert_eq!(ads.iter().map(|ad| ad.ad_id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    let asked = task.await.unwrap();
    assert!(asked[2].starts_with("GET /open_api/v1.3/ad/get/?advertiser_id=7000000000000000001&filtering="));
    assert!(asked[2].contains("&page=2&page_size=1000"), "{}", asked[2]);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_missing_list_is_no_empty_one() {
    let away = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n";
    let (base, _task) = canned(vec![away]).await;
    assert_eq!(fails(TikTokAds::new(quick(&base)).unwrap().check_access()).await.class, Class::Configuration);
    let bare = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"code\":0,\"data\":{}}";
    let (base, _task) = canned(vec![bare]).await;
    assert_eq!(fails(TikTokAds::new(quick(&base)).unwrap().ads_of("55")).await.class, Class::Retry);
}

#[tokio::test]
async fn more_ids_than_one_call_takes_are_asked_for_in_several() {
    let bench = bench(vec![]).await;
    let ids: Vec<String> = (0..130).map(|number| format!("v{number}")).collect();
    assert_eq!(bench.client().videos(&ids).await.unwrap(), []);
    assert_eq!(bench.log("file/video/ad/info/"), 3);
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = quick(&format!("http://{}", listener.local_addr().unwrap()));
    options.timeouts.connect = Duration::from_millis(200);
    options.timeouts.idle = Duration::from_millis(100);
    options.timeouts.upload_reply = Duration::from_millis(100);
    let client = TikTokAds::new(options).unwrap();
    // Connections are made by the system and never served: no byte is read, none is answered.
    assert_eq!(fails(client.check_access()).await.class, Class::Retry);
    assert_eq!(fails(client.create_ad(&ad("v", "i"))).await.class, Class::Unknown);
    let dir = tempfile::tempdir().unwrap();
    for (size, words) in [(10, "no reply"), (30_000_000, "took no bytes")] {
        let (path, bytes) = (dir.path().join("c.mp4"), vec![5; size]);
        std::fs::write(&path, &bytes).unwrap();
        let error = fails(client.upload_video(&validated(&path, &bytes), "c.mp4", &quiet)).await;
        assert_eq!(error.class, Class::Unknown, "{error}");
        assert!(error.message.contains(words), "{error}");
    }
}

#[tokio::test]
async fn many_calls_at_once_stay_under_the_tiers_limits() {
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
    assert_eq!(bench.log("ad/search/"), 25);
}
