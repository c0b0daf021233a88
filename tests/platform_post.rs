//! The client of posts against the stand-in, over real HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenlit::platform::tiktok_post::{PostOptions, TikTokPost};
use greenlit::platform::{Class, NewPost, Opened, PostMode, PostPlatform, PostStatus, Timeouts};
use greenlit::rules::ValidatedAsset;
use greenlit::sandbox::{Fault, SandboxOptions, TOKEN, UploadFacts, UploadProber};
use secrecy::SecretString;

#[path = "common/agreeable.rs"]
mod agreeable;
#[path = "common/stand_in.rs"]
mod stand_in;
use agreeable::good_facts;
use stand_in::StandIn;

/// Sees a video of this many frames a second.
struct Seen(f64);

impl UploadProber for Seen {
    fn probe(&self, _file: File, _name: &str) -> Option<UploadFacts> {
        Some(UploadFacts { fps: Some(self.0), ..good_facts() })
    }
}

struct Bench {
    stand_in: StandIn,
}

/// A stand-in on which an hour passes in a few seconds.
async fn bench(faults: Vec<Fault>) -> Bench {
    bench_with(|options| options.faults = faults).await
}

async fn bench_with(change: impl FnOnce(&mut SandboxOptions)) -> Bench {
    let quick = |options: &mut SandboxOptions| {
        options.processing = (Duration::from_secs(1), Duration::from_secs(2));
        options.time_scale = 200.0;
        change(options);
    };
    Bench { stand_in: StandIn::start(Seen(30.0), quick).await }
}

impl Bench {
    fn client_with(&self, change: impl FnOnce(&mut PostOptions)) -> TikTokPost {
        let mut options = PostOptions::new(&self.stand_in.url(), "me", SecretString::from(TOKEN));
        options.retry_wait = Duration::from_millis(1);
        options.speed = 200.0;
        change(&mut options);
        TikTokPost::new(options).unwrap()
    }

    fn client(&self) -> TikTokPost {
        self.client_with(|_| {})
    }

    /// A file of so many bytes, no two chunks of it alike.
    fn asset(&self, size: usize) -> ValidatedAsset {
        let bytes: Vec<u8> = (0..size as u64 / 8 + 1).flat_map(u64::to_le_bytes).take(size).collect();
        self.stand_in.asset("film.mp4", &bytes)
    }

    fn puts(&self) -> Vec<u64> {
        let puts = self.stand_in.log().into_iter().filter(|line| line["method"] == "PUT");
        puts.map(|line| line["http"].as_u64().unwrap_or(0)).collect()
    }

    fn posts(&self) -> Vec<serde_json::Value> {
        self.stand_in.effects("post_created")
    }
}

fn draft() -> NewPost {
    NewPost::default()
}

fn direct() -> NewPost {
    let (title, privacy_level) = (Some("Look".to_owned()), "PUBLIC_TO_EVERYONE".to_owned());
    NewPost { mode: PostMode::Direct, title, privacy_level, ..NewPost::default() }
}

async fn end(client: &TikTokPost, id: &str) -> PostStatus {
    for _ in 0..300 {
        match client.status(id).await.unwrap() {
            PostStatus::Uploading { .. } | PostStatus::Processing => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            ended => return ended,
        }
    }
    panic!("never ended");
}

const CHUNKED: usize = 25_000_007;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_up_in_chunks_and_becomes_a_post() {
    let bench = bench(Vec::new()).await;
    let client = bench.client();
    let creator = client.creator().await.unwrap();
    assert_eq!((creator.username.as_deref(), creator.max_duration_s), (Some("sandbox_creator"), Some(600)));
    let asset = bench.asset(CHUNKED);
    let opened = client.open(&direct(), &asset).await.unwrap();
    assert_eq!(client.status(&opened.publish_id).await, Ok(PostStatus::Uploading { received: Some(0) }));
    let told = AtomicU64::new(0);
    client.fill(&opened, &asset, &|bytes| told.store(bytes, Ordering::SeqCst)).await.unwrap();
    assert_eq!(told.load(Ordering::SeqCst), CHUNKED as u64);
    assert_eq!(bench.puts(), [206, 201]);
    let posts = bench.posts();
    assert_eq!((posts.len(), &posts[0]["title"]), (1, &"Look".into()));
    assert_eq!(posts[0]["md5"], asset.content().md5.as_str());
    let PostStatus::Posted { post_ids } = end(&client, &opened.publish_id).await else { panic!() };
    assert_eq!(post_ids.len(), 1);
}

/// Serves a video at `/film.mp4`, a page at every other path.
fn shelf() -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), [0; 2048]);
            let count = stream.read(&mut head).unwrap();
            let kind = if head[..count].starts_with(b"GET /film.mp4 ") { "video/mp4" } else { "text/html" };
            let reply = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\nfilm");
            stream.write_all(reply.as_bytes()).unwrap();
        }
    });
    base
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_is_pulled_from_its_address() {
    let (bench, base) = (bench(Vec::new()).await, shelf());
    let client = bench.client();
    let id = client.pull(&direct(), &format!("{base}/film.mp4")).await.unwrap();
    let PostStatus::Posted { post_ids } = end(&client, &id).await else { panic!() };
    assert_eq!(post_ids.len(), 1);
    let posts = bench.posts();
    assert_eq!((posts.len(), &posts[0]["title"], &posts[0]["size"]), (1, &"Look".into(), &4.into()));
    let id = client.pull(&draft(), &format!("{base}/film.mp4")).await.unwrap();
    assert_eq!(end(&client, &id).await, PostStatus::InInbox);

    // What cannot be fetched ends the post with a reason of its own.
    let id = client.pull(&direct(), &format!("{base}/page")).await.unwrap();
    assert_eq!(end(&client, &id).await, PostStatus::Failed { reason: "video_pull_failed".into() });
    let error = client.pull(&direct(), "https://example.com/film.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Configuration, Some(403)));
    assert!(error.message.contains("url_ownership_unverified"), "{error}");
    let error = client.pull(&direct(), "film.mp4").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, None));
    assert_eq!(bench.posts().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_reply_about_a_pulled_video_leaves_it_unknown_and_is_not_asked_twice() {
    let (bench, base) = (bench(vec![Fault::DropAfterEffect(1.0)]).await, shelf());
    let error = bench.client().pull(&direct(), &format!("{base}/film.mp4")).await.unwrap_err();
    assert_eq!((error.class, bench.posts().len()), (Class::Unknown, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_lands_in_the_inbox_and_five_may_wait() {
    let bench = bench(Vec::new()).await;
    let (client, asset) = (bench.client(), bench.asset(3000));
    let opened = client.open(&draft(), &asset).await.unwrap();
    client.fill(&opened, &asset, &|_| {}).await.unwrap();
    assert_eq!(end(&client, &opened.publish_id).await, PostStatus::InInbox);
    for _ in 0..4 {
        client.open(&draft(), &asset).await.unwrap();
    }
    let error = client.open(&draft(), &asset).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, Some(403)));
    assert!(error.message.contains("at most 5 drafts"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_are_made_up_for_from_where_the_platform_stands() {
    // Whichever call is struck: half of them are, before or after they are carried out.
    for seed in 0..4 {
        let bench = bench_with(|options| {
            options.seed = seed;
            options.faults = vec![
                Fault::DropAfterEffect(0.25),
                Fault::Http500(0.15),
                Fault::DropBeforeRequest(0.15),
                Fault::HtmlBody(0.1),
            ];
        })
        .await;
        let (client, asset) = (bench.client(), bench.asset(CHUNKED));
        let mut filled = None;
        for _ in 0..20 {
            // What is opened and not filled makes nothing.
            let Ok(opened) = client.open(&direct(), &asset).await else { continue };
            filled = Some(client.fill(&opened, &asset, &|_| {}).await.map(|()| opened));
            break;
        }
        let posts = bench.posts();
        match filled.unwrap() {
            Ok(_) => {
                assert_eq!(posts.len(), 1, "seed {seed}");
                assert_eq!(posts[0]["md5"], asset.content().md5.as_str());
            }
            // In doubt is allowed, wrong is not.
            Err(error) => assert_eq!(error.class, Class::Unknown, "seed {seed}: {error}"),
        }
        assert!(posts.len() <= 1, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_expired_leaves_the_post_in_doubt_and_it_can_be_taken_back() {
    let bench = bench_with(|options| options.time_scale = 100_000.0).await;
    let (client, asset) = (bench.client(), bench.asset(3000));
    let opened = client.open(&draft(), &asset).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = client.fill(&opened, &asset, &|_| {}).await.unwrap_err();
    assert_eq!(error.class, Class::Unknown);
    assert!(error.message.contains("expired"), "{error}");
    client.cancel(&opened.publish_id).await.unwrap();
    let ended = client.status(&opened.publish_id).await.unwrap();
    assert_eq!(ended, PostStatus::Failed { reason: "publish_cancelled".into() });
    assert_eq!(bench.posts().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_nowhere_but_to_the_platform_and_not_when_they_changed() {
    let bench = bench(Vec::new()).await;
    let (client, asset) = (bench.client(), bench.asset(3000));
    let elsewhere = Opened {
        publish_id: "p".into(),
        upload_url: SecretString::from("https://upload.evil.example/steal?upload_id=secret-key"),
    };
    let error = client.fill(&elsewhere, &asset, &|_| {}).await.unwrap_err();
    assert_eq!(error.class, Class::Permanent);
    assert!(!format!("{error:?} {elsewhere:?}").contains("secret-key"));
    let opened = client.open(&draft(), &asset).await.unwrap();
    std::fs::write(asset.path(), vec![1; 3000]).unwrap();
    let error = client.fill(&opened, &asset, &|_| {}).await.unwrap_err();
    assert!(error.class == Class::Permanent && error.message.contains("changed"), "{error}");
    assert_eq!(bench.posts().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_their_class_and_never_show_the_token() {
    let bench = bench(Vec::new()).await;
    let asset = bench.asset(3000);
    let stranger = bench.client_with(|options| options.token = SecretString::from("not-the-token"));
    let error = stranger.creator().await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::ReAuthenticate, Some(401)));
    assert!(!format!("{error:?} {stranger:?}").contains("not-the-token"));
    let odd = NewPost { privacy_level: "FRIENDS_OF_MINE".into(), ..direct() };
    let error = bench.client().open(&odd, &asset).await.unwrap_err();
    assert_eq!(error.class, Class::Permanent);
    assert!(error.message.contains("use a privacy_level that the creator is offered"), "{error}");
    let error = bench.client().status("nobody").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, Some(400)));
    let timeouts = Timeouts { connect: Duration::from_millis(200), ..Timeouts::default() };
    let nowhere = bench.client_with(|options| {
        options.base_url = "http://127.0.0.1:1".into();
        options.timeouts = timeouts;
    });
    assert_eq!(nowhere.creator().await.unwrap_err().class, Class::Retry);
}

#[tokio::test(flavor = "multi_thread")]
async fn media_the_platform_refuses_ends_with_its_word_for_it() {
    let bench = bench_with(|options| options.prober = Arc::new(Seen(72.0))).await;
    let (client, asset) = (bench.client(), bench.asset(3000));
    let opened = client.open(&draft(), &asset).await.unwrap();
    client.fill(&opened, &asset, &|_| {}).await.unwrap();
    let ended = end(&client, &opened.publish_id).await;
    assert_eq!(ended, PostStatus::Failed { reason: "frame_rate_check_failed".into() });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stand_in_throttles_whoever_calls_too_often_and_the_client_does_not() {
    let bench = bench_with(|options| options.time_scale = 60.0).await;
    // A minute is a second there; this client believes in whole minutes and may call six times.
    let (hasty, asset) = (bench.client_with(|options| options.speed = 1e6), bench.asset(3000));
    let mut throttled = 0;
    for _ in 0..8 {
        let opened = hasty.open(&direct(), &asset).await;
        throttled += u32::from(opened.is_err_and(|error| error.class == Class::Throttle));
    }
    assert!(throttled > 0);
    let bench = bench_with(|options| options.time_scale = 60.0).await;
    let patient = bench.client_with(|options| options.speed = 60.0);
    for _ in 0..8 {
        patient.open(&direct(), &asset).await.unwrap();
    }
}
