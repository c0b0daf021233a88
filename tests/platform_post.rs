//! Tests of the client for posts against the sandbox, over real HTTP.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenlit::platform::tiktok_post::{NewPost, PostMode, PostOptions, PostStatus, TikTokPost};
use greenlit::platform::{Class, OpenedUpload, Timeouts};
use greenlit::rules::ValidatedAsset;
use greenlit::sandbox::{Fault, SandboxOptions, TOKEN, UploadFacts, UploadProber};
use secrecy::SecretString;

#[path = "common/accepting_prober.rs"]
mod accepting_prober;
#[path = "common/in_process_sandbox.rs"]
mod in_process_sandbox;
use accepting_prober::good_facts;
use in_process_sandbox::InProcessSandbox;

/// Reports a video with this frame rate.
struct FrameRateProber(f64);

impl UploadProber for FrameRateProber {
    fn probe(&self, _file: File, _name: &str) -> Option<UploadFacts> {
        Some(UploadFacts { fps: Some(self.0), ..good_facts() })
    }
}

struct Bench {
    sandbox: InProcessSandbox,
}

/// Starts a sandbox whose clock runs 200 times faster.
async fn bench(faults: Vec<Fault>) -> Bench {
    bench_with(|options| options.faults = faults).await
}

async fn bench_with(change: impl FnOnce(&mut SandboxOptions)) -> Bench {
    let configure = |options: &mut SandboxOptions| {
        options.processing = (Duration::from_secs(1), Duration::from_secs(2));
        options.time_scale = 200.0;
        change(options);
    };
    Bench { sandbox: InProcessSandbox::start(FrameRateProber(30.0), configure).await }
}

impl Bench {
    fn client_with(&self, change: impl FnOnce(&mut PostOptions)) -> TikTokPost {
        let mut options = PostOptions::new(&self.sandbox.url(), "me", SecretString::from(TOKEN));
        options.retry_wait = Duration::from_millis(1);
        options.speed = 200.0;
        change(&mut options);
        TikTokPost::new(options).unwrap()
    }

    fn client(&self) -> TikTokPost {
        self.client_with(|_| {})
    }

    /// Returns a file of `size` bytes without two equal chunks.
    fn asset(&self, size: usize) -> ValidatedAsset {
        let bytes: Vec<u8> = (0..size as u64 / 8 + 1).flat_map(u64::to_le_bytes).take(size).collect();
        self.sandbox.asset("video.mp4", &bytes)
    }

    /// Returns the HTTP statuses of the uploads of bytes.
    fn put_statuses(&self) -> Vec<u64> {
        let puts = self.sandbox.log().into_iter().filter(|line| line["method"] == "PUT");
        puts.map(|line| line["http"].as_u64().unwrap_or(0)).collect()
    }

    fn posts(&self) -> Vec<serde_json::Value> {
        self.sandbox.effects("post_created")
    }
}

fn draft() -> NewPost {
    NewPost::default()
}

fn direct() -> NewPost {
    let (title, privacy_level) = (Some("Look".to_owned()), "PUBLIC_TO_EVERYONE".to_owned());
    NewPost { mode: PostMode::Direct, title, privacy_level, ..NewPost::default() }
}

async fn final_status(client: &TikTokPost, id: &str) -> PostStatus {
    for _ in 0..300 {
        match client.status(id).await.unwrap() {
            PostStatus::Uploading { .. } | PostStatus::Processing => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            status => return status,
        }
    }
    panic!("the post never reached a final status");
}

const CHUNKED: usize = 25_000_007;

#[tokio::test(flavor = "multi_thread")]
async fn uploads_a_file_in_chunks_and_creates_a_post() {
    let bench = bench(Vec::new()).await;
    let client = bench.client();
    let creator = client.creator().await.unwrap();
    assert_eq!(creator.max_duration_s, Some(600));
    let asset = bench.asset(CHUNKED);
    let opened = client.open_upload(&direct(), &asset).await.unwrap();
    assert_eq!(client.status(&opened.token).await, Ok(PostStatus::Uploading { received: Some(0) }));
    let reported = AtomicU64::new(0);
    client.upload_bytes(&opened, &asset, &|bytes| reported.store(bytes, Ordering::SeqCst)).await.unwrap();
    assert_eq!(reported.load(Ordering::SeqCst), CHUNKED as u64);
    assert_eq!(bench.put_statuses(), [206, 201]);
    let posts = bench.posts();
    assert_eq!((posts.len(), &posts[0]["title"]), (1, &"Look".into()));
    assert_eq!(posts[0]["md5"], asset.content().md5.as_str());
    let PostStatus::Posted { post_ids } = final_status(&client, &opened.token).await else { panic!() };
    assert_eq!(post_ids.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_reaches_the_inbox_and_at_most_five_may_be_pending() {
    let bench = bench(Vec::new()).await;
    let (client, asset) = (bench.client(), bench.asset(3000));
    let opened = client.open_upload(&draft(), &asset).await.unwrap();
    client.upload_bytes(&opened, &asset, &|_| {}).await.unwrap();
    assert_eq!(final_status(&client, &opened.token).await, PostStatus::InInbox);
    for _ in 0..4 {
        client.open_upload(&draft(), &asset).await.unwrap();
    }
    let error = client.open_upload(&draft(), &asset).await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, Some(403)));
    assert!(error.message.contains("at most 5 drafts"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resumes_after_lost_replies_from_the_platforms_position() {
    // More than half of the calls have a fault, before or after they are handled.
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
        let mut result = None;
        for _ in 0..20 {
            // An opened upload without bytes creates nothing.
            let Ok(opened) = client.open_upload(&direct(), &asset).await else { continue };
            result = Some(client.upload_bytes(&opened, &asset, &|_| {}).await.map(|()| opened));
            break;
        }
        let posts = bench.posts();
        match result.unwrap() {
            Ok(_) => {
                assert_eq!(posts.len(), 1, "seed {seed}");
                assert_eq!(posts[0]["md5"], asset.content().md5.as_str());
            }
            // An unknown outcome is allowed, a wrong one is not.
            Err(error) => assert_eq!(error.class, Class::Unknown, "seed {seed}: {error}"),
        }
        assert!(posts.len() <= 1, "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_upload_url_is_unknown_and_the_post_can_be_cancelled() {
    let bench = bench_with(|options| options.time_scale = 100_000.0).await;
    let (client, asset) = (bench.client(), bench.asset(3000));
    let opened = client.open_upload(&draft(), &asset).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let error = client.upload_bytes(&opened, &asset, &|_| {}).await.unwrap_err();
    assert_eq!(error.class, Class::Unknown);
    assert!(error.message.contains("expired"), "{error}");
    client.cancel(&opened.token).await.unwrap();
    let status = client.status(&opened.token).await.unwrap();
    assert_eq!(status, PostStatus::Failed { reason: "publish_cancelled".into() });
    assert_eq!(bench.posts().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn sends_nothing_to_a_foreign_host_or_from_a_changed_file() {
    let bench = bench(Vec::new()).await;
    let (client, asset) = (bench.client(), bench.asset(3000));
    let elsewhere = OpenedUpload {
        token: "p".into(),
        address: SecretString::from("https://upload.evil.example/steal?upload_id=secret-key"),
    };
    let error = client.upload_bytes(&elsewhere, &asset, &|_| {}).await.unwrap_err();
    assert_eq!(error.class, Class::Permanent);
    assert!(!format!("{error:?} {elsewhere:?}").contains("secret-key"));
    let opened = client.open_upload(&draft(), &asset).await.unwrap();
    std::fs::write(asset.path(), vec![1; 3000]).unwrap();
    let error = client.upload_bytes(&opened, &asset, &|_| {}).await.unwrap_err();
    assert!(error.class == Class::Permanent && error.message.contains("changed"), "{error}");
    assert_eq!(bench.posts().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_a_class_and_do_not_contain_the_token() {
    let bench = bench(Vec::new()).await;
    let asset = bench.asset(3000);
    let unauthorised = bench.client_with(|options| options.token = SecretString::from("not-the-token"));
    let error = unauthorised.creator().await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::ReAuthenticate, Some(401)));
    assert!(!format!("{error:?} {unauthorised:?}").contains("not-the-token"));
    let invalid = NewPost { privacy_level: "FRIENDS_OF_MINE".into(), ..direct() };
    let error = bench.client().open_upload(&invalid, &asset).await.unwrap_err();
    assert_eq!(error.class, Class::Permanent);
    assert!(error.message.contains("use a privacy_level that the platform offers this creator"), "{error}");
    let error = bench.client().status("unknown-id").await.unwrap_err();
    assert_eq!((error.class, error.code), (Class::Permanent, Some(400)));
    let timeouts = Timeouts { connect: Duration::from_millis(200), ..Timeouts::default() };
    let unreachable = bench.client_with(|options| {
        options.base_url = "http://127.0.0.1:1".into();
        options.timeouts = timeouts;
    });
    assert_eq!(unreachable.creator().await.unwrap_err().class, Class::Retry);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_video_fails_with_the_platforms_reason() {
    let bench = bench_with(|options| options.prober = Arc::new(FrameRateProber(72.0))).await;
    let (client, asset) = (bench.client(), bench.asset(3000));
    let opened = client.open_upload(&draft(), &asset).await.unwrap();
    client.upload_bytes(&opened, &asset, &|_| {}).await.unwrap();
    let status = final_status(&client, &opened.token).await;
    assert_eq!(status, PostStatus::Failed { reason: "frame_rate_check_failed".into() });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_stays_within_the_rate_limit_that_the_sandbox_enforces() {
    let bench = bench_with(|options| options.time_scale = 60.0).await;
    // The sandbox's minute lasts a second; this client assumes far shorter minutes and calls too often.
    let (fast_client, asset) = (bench.client_with(|options| options.speed = 1e6), bench.asset(3000));
    let mut throttled = 0;
    for _ in 0..8 {
        let opened = fast_client.open_upload(&direct(), &asset).await;
        throttled += u32::from(opened.is_err_and(|error| error.class == Class::Throttle));
    }
    assert!(throttled > 0);
    let bench = bench_with(|options| options.time_scale = 60.0).await;
    let client = bench.client_with(|options| options.speed = 60.0);
    for _ in 0..8 {
        client.open_upload(&direct(), &asset).await.unwrap();
    }
}
