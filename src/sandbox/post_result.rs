//! What becomes of a post once its bytes are complete.

use std::fs::File;
use std::path::Path;

use serde_json::json;

use super::app::App;
use super::fault::Fault;
use super::file_hash::md5_of;
use super::limits::UploadFacts;
use super::store::{Post, PostResult};

/// Determines the result of a post from its complete video.
pub(super) async fn process(app: &App, post: &Post, path: &Path) -> std::io::Result<PostResult> {
    let (prober, path) = (app.options.prober.clone(), path.to_owned());
    let probed = tokio::task::spawn_blocking(move || {
        let md5 = md5_of(&path)?;
        Ok::<_, std::io::Error>((md5, prober.probe(File::open(&path)?, "post")))
    });
    let (md5, facts) = probed.await.map_err(std::io::Error::other)??;
    let number = app.store().state.records + 1;
    let fault = app.random.video_fault(&app.options.faults, number);
    let internal = app.random.post_internal(&app.options.faults, number).then_some("internal");
    let rejects_media = matches!(fault, Some(Fault::ProcessingFailed(_)));
    let fail_reason = match &facts {
        None => Some("file_format_check_failed"),
        Some(_) if rejects_media => Some("file_format_check_failed"),
        Some(facts) => post_fail_reason(facts).or(internal),
    };
    let now = app.clock.now();
    Ok(PostResult {
        md5,
        ready: app.random_time(now, app.options.processing, "post-ready", number),
        stuck: matches!(fault, Some(Fault::NeverReady(_))),
        fail_reason: fail_reason.map(str::to_owned),
        post_id: 7_500_000_000_000_000_000 + post.created % 1_000_000_000 * 1000 + number,
    })
}

/// Logs that a post was created.
pub(super) fn log_effect(app: &App, post: &Post) {
    let result = post.result.as_ref();
    let fields = json!({
        "publish_id": post.id,
        "direct": post.direct,
        "title": post.title,
        "privacy_level": post.privacy,
        "size": post.size,
        "md5": result.map(|result| &result.md5),
        "fail_reason": result.and_then(|result| result.fail_reason.as_ref()),
    });
    app.log.effect("post_created", app.clock.now(), fields);
}

/// Returns the fail reason of a post with this media; `None` if it is accepted. The limits are the sandbox's
/// own, from the media transfer guide.
fn post_fail_reason(facts: &UploadFacts) -> Option<&'static str> {
    let UploadFacts { container, codec, width, height, duration, fps, .. } = facts;
    let is_supported = ["mp4", "mov", "webm"].contains(&container.as_str())
        && codec.as_deref().is_some_and(|codec| ["h264", "hevc", "vp8", "vp9"].contains(&codec));
    if !is_supported {
        return Some("file_format_check_failed");
    }
    if !duration.is_some_and(|seconds| seconds > 0.0 && seconds <= 600.0) {
        return Some("duration_check_failed");
    }
    if fps.is_some_and(|fps| !(22.99..=60.01).contains(&fps)) {
        return Some("frame_rate_check_failed");
    }
    let is_valid_side = |side: &Option<u32>| side.is_some_and(|side| (360..=4096).contains(&side));
    if is_valid_side(width) && is_valid_side(height) { None } else { Some("picture_size_check_failed") }
}
