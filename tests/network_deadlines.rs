//! Every call ends although the server never ends its reply, or never reads the request: with short limits, against
//! a real server.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use greenlit::platform::tiktok_ads::{ClientOptions, MediaKind, NewAd, Tier, TikTokAds};
use greenlit::platform::tiktok_post::{NewPost, PostOptions, TikTokPost};
use greenlit::platform::{CallError, Class, OpenedUpload, Timeouts};
use greenlit::ship::landing::{LandingError, check_within};
use secrecy::SecretString;

#[path = "common/validated.rs"]
mod validated;

/// How a server holds a client.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Hold {
    /// The head of the reply never ends.
    Head,
    /// The body never ends.
    Body,
    /// The request is read, a few bytes at a time, and never answered.
    Reading,
    /// Nothing is read and nothing is sent.
    Silence,
}

const HOLDS: [Hold; 4] = [Hold::Head, Hold::Body, Hold::Reading, Hold::Silence];

/// Far more than any of the short limits.
const GENEROUS: Duration = Duration::from_secs(60);

/// Less often than the limit without a byte, so that only a limit for the whole ends a call.
const DRIP: Duration = Duration::from_millis(40);

fn server(hold: Hold) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || drip(client, hold));
        }
    });
    port
}

fn drip(mut client: TcpStream, hold: Hold) -> std::io::Result<()> {
    let mut some = [0; 64];
    match hold {
        Hold::Silence => std::thread::sleep(2 * GENEROUS),
        Hold::Reading => loop {
            client.read_exact(&mut some)?;
            std::thread::sleep(DRIP);
        },
        Hold::Head | Hold::Body => {
            // A reply before the request would be an error.
            let _ = client.read(&mut some)?;
            let mut rest = client.try_clone()?;
            std::thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
            client.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n")?;
            if hold == Hold::Body {
                client.write_all(b"content-length: 9999999\r\n\r\n")?;
            } else {
                client.write_all(b"x-drip: ")?;
            }
            loop {
                client.write_all(b"1")?;
                std::thread::sleep(DRIP);
            }
        }
    }
    Ok(())
}

fn short() -> Timeouts {
    Timeouts {
        connect: Duration::from_millis(200),
        idle: Duration::from_millis(200),
        upload_reply: Duration::from_millis(300),
        min_upload_rate: 10_000_000,
    }
}

/// Returns the error of a call that must end by itself.
async fn ends<T: std::fmt::Debug>(
    what: &str,
    hold: Hold,
    call: impl Future<Output = Result<T, CallError>>,
) -> CallError {
    let ended = tokio::time::timeout(GENEROUS, call).await;
    ended.unwrap_or_else(|_| panic!("{what} is held by {hold:?}")).unwrap_err()
}

fn ads(port: u16) -> TikTokAds {
    let base = format!("http://127.0.0.1:{port}/open_api/v1.3");
    let mut options = ClientOptions::new(&base, "7000000000000000001", SecretString::from("token"));
    options.tier = Tier::Ultimate;
    options.retry_wait = Duration::from_millis(1);
    options.timeouts = short();
    TikTokAds::new(options).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_of_ads_ends_and_may_be_repeated() {
    for hold in HOLDS {
        let client = ads(server(hold));
        let ids = ["1".to_owned()];
        let errors = [
            ends("access", hold, client.check_access()).await,
            ends("videos", hold, client.videos(&ids)).await,
            ends("search", hold, client.search_videos("a")).await,
            ends("name", hold, client.name_taken("a", MediaKind::Video)).await,
            ends("ads", hold, client.ads_of("1")).await,
        ];
        for error in errors {
            assert_eq!((error.class, error.code), (Class::Retry, None), "{hold:?}: {error}");
        }
    }
}

/// More bytes than the buffers of a connection hold.
const LARGE: usize = 24 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_of_ads_ends_and_its_outcome_is_unknown() {
    let dir = tempfile::tempdir().unwrap();
    for hold in HOLDS {
        for bytes in [vec![1; 1000], vec![2; LARGE]] {
            let path = dir.path().join("clip.mp4");
            std::fs::write(&path, &bytes).unwrap();
            let asset = validated::validated(&path, &bytes);
            let client = ads(server(hold));
            let video = ends("video", hold, client.upload_video(&asset, "a.mp4", &|_: u64| {})).await;
            let cover = validated::validated_cover(&path, bytes);
            let image = ends("image", hold, client.upload_image(&cover, "a.png")).await;
            let ad = NewAd { ad_name: "a".into(), ..NewAd::default() };
            let ad = ends("ad", hold, client.create_ad(&ad)).await;
            for error in [video, image, ad] {
                assert_eq!((error.class, error.code), (Class::Unknown, None), "{hold:?}: {error}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_for_posts_ends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.mp4");
    let bytes = vec![3; 6 << 20];
    std::fs::write(&path, &bytes).unwrap();
    let asset = validated::validated(&path, &bytes);
    for hold in HOLDS {
        let port = server(hold);
        let base = format!("http://127.0.0.1:{port}");
        let mut options = PostOptions::new(&base, "me", SecretString::from("token"));
        options.retry_wait = Duration::from_millis(1);
        options.timeouts = short();
        options.speed = 1000.0;
        let client = TikTokPost::new(options).unwrap();
        let opened =
            OpenedUpload { token: "1".to_owned(), address: SecretString::from(format!("{base}/upload/1")) };
        let post = NewPost::default();
        let repeatable = [
            ends("creator", hold, client.creator()).await,
            ends("status", hold, client.status("1")).await,
            ends("opening", hold, client.open_upload(&post, &asset)).await,
            ends("cancel", hold, client.cancel("1")).await,
        ];
        for error in repeatable {
            assert_eq!(error.class, Class::Retry, "{hold:?}: {error}");
        }
        let sent = ends("bytes", hold, client.upload_bytes(&opened, &asset, &|_| {})).await;
        assert_eq!(sent.class, Class::Unknown, "{hold:?}: {sent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visit_of_a_landing_page_ends() {
    for hold in [Hold::Head, Hold::Reading, Hold::Silence] {
        let url = format!("http://127.0.0.1:{}/", server(hold));
        let visit = check_within(&url, true, Duration::from_millis(300));
        let visited = tokio::time::timeout(GENEROUS, visit).await;
        let error = visited.unwrap_or_else(|_| panic!("held by {hold:?}")).unwrap_err();
        assert!(matches!(&error, LandingError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("within 0.3 s"), "{error}");
    }
    // The head tells enough: the body is not read.
    let url = format!("http://127.0.0.1:{}/", server(Hold::Body));
    let visited = tokio::time::timeout(GENEROUS, check_within(&url, true, GENEROUS)).await;
    assert_eq!(visited.expect("held by the body"), Ok(()));
}
