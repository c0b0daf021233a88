//! `PULL_FROM_URL`: the platform fetches the video itself.
//!
//! The platform requires https and a verified domain. The sandbox fetches from the loopback only and treats
//! every other address as unverified.

use serde_json::{Value, json};

use super::app::App;
use super::call::Call;
use super::fetch::fetch;
use super::post_open::{caption_and_privacy, check_pending_drafts};
use super::post_reply::{PostHandlerResult, internal_error, invalid, refused};
use super::post_result::{log_effect, process};
use super::store::{Post, PostResult, Record};

/// The maximum size of a video in bytes.
const MAX_VIDEO_SIZE: u64 = 4_000_000_000;

fn is_verified(address: &str) -> bool {
    url::Url::parse(address).is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    })
}

/// Opens a post and fetches its video. If the video cannot be fetched, the post fails; the call succeeds.
pub(super) async fn open(app: &App, call: &mut Call, body: &Value, direct: bool) -> PostHandlerResult {
    let (title, privacy) = caption_and_privacy(body, direct)?;
    let address = body["source_info"]["video_url"].as_str().unwrap_or_default();
    if address.is_empty() {
        return Err(invalid("video_url is required."));
    }
    if !is_verified(address) {
        let text = "The ownership of the URL is not verified.";
        return Err(refused(403, "url_ownership_unverified", text));
    }
    check_pending_drafts(&app.store(), direct, app.clock.now())?;
    let fetched = fetch(app, address, MAX_VIDEO_SIZE, call.ordinal).await;
    let (now, number) = (app.clock.now(), app.store().state.records + 1);
    let size = fetched.as_ref().map_or(0, |video| video.size);
    let mut post = Post {
        id: format!("{}.75{number:017}", if direct { "v_pub_url~v2-1" } else { "v_inbox_url~v2" }),
        key: format!("{:016x}", app.random.bits("post", number)),
        direct,
        title,
        privacy,
        size,
        chunk: size.max(1),
        count: 1,
        received: size,
        created: now,
        cancelled: false,
        pulled: true,
        result: None,
    };
    post.result = Some(match &fetched {
        Ok(video) => process(app, &post, &video.path).await.map_err(|error| internal_error(&error))?,
        Err(_) => PostResult {
            md5: String::new(),
            ready: app.random_time(now, app.options.processing, "post-ready", number),
            stuck: false,
            fail_reason: Some("video_pull_failed".to_owned()),
            post_id: 0,
        },
    });
    app.store().put(vec![Record::Post(post.clone())]).map_err(|error| internal_error(&error))?;
    call.entry.publish_id = Some(post.id.clone());
    if fetched.is_ok() {
        log_effect(app, &post);
    }
    Ok(json!({"publish_id": post.id}))
}
