//! The Content Posting API: creator info, opening an upload, status, cancelling. Error codes are words and come
//! with a matching HTTP status. Uploads of bytes are in [`super::post_put`].
//!
//! Sources: developers portal, pages content-posting-api-reference-direct-post,
//! content-posting-api-media-transfer-guide (2026-09-11), post-status.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::app::{App, Ending};
use super::call::{Call, drain};
use super::clock::Millis;
use super::fault::Fault;
use super::limits::UploadFacts;
use super::options::TOKEN;
use super::post_pull;
use super::read_fault::{MALFORMED, ReadFailure, VERY_SLOW, redirect};
use super::server::SLOW;
use super::store::{Post, Record, Store};

/// The path of the API.
pub(super) const PREFIX: &str = "/v2/post/publish/";
const MB: u64 = 1_000_000;
const DAY: Millis = 86_400_000;
/// The most pending drafts in a day.
const MAX_PENDING_DRAFTS: usize = 5;
/// The audiences that a post of this creator may have.
const PRIVACY: [&str; 3] = ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"];
const MAX_JSON_BYTES: usize = 1 << 20;

/// A refusal: HTTP status, code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PostRefusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

pub(super) type PostHandlerResult = Result<Value, PostRefusal>;

pub(super) fn refused(status: u16, code: &'static str, message: impl Into<String>) -> PostRefusal {
    PostRefusal { status, code, message: message.into() }
}

pub(super) fn invalid(message: impl Into<String>) -> PostRefusal {
    refused(400, "invalid_params", message)
}

pub(super) fn internal_error(error: &std::io::Error) -> PostRefusal {
    refused(500, "internal_error", format!("Something went wrong: {error}"))
}

fn reply(result: &PostHandlerResult, log_id: &str) -> Response {
    let (status, body) = match result {
        Ok(data) => (200, json!({"data": data, "error": {"code": "ok", "message": "", "log_id": log_id}})),
        Err(PostRefusal { status, code, message }) => {
            (*status, json!({"data": {}, "error": {"code": code, "message": message, "log_id": log_id}}))
        }
    };
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}

/// Handles one call, including its fault.
pub(super) async fn serve(app: &App, tail: &str, request: Request, call: &mut Call) -> Ending {
    let endpoints = ["creator_info/query/", "video/init/", "inbox/video/init/", "status/fetch/", "cancel/"];
    let Some(endpoint) = endpoints.into_iter().find(|endpoint| *endpoint == tail) else {
        drain(request.into_body()).await;
        return Ending::Reply(super::reply::not_found(), None);
    };
    if request.method() != Method::POST {
        drain(request.into_body()).await;
        return Ending::Reply(StatusCode::METHOD_NOT_ALLOWED.into_response(), None);
    }
    if let Some(failure) = app.read_failure(endpoint, call.ordinal) {
        return failed_read(app, failure, endpoint, request, call).await;
    }
    let fault = app.random.request_fault(&app.options.faults, false, call.ordinal);
    call.entry.fault = fault.map(Fault::name);
    let log_id = app.request_id(call.ordinal);
    if let Some(ending) = fault_before(app, fault, request.headers(), call.ordinal) {
        if !matches!(ending, Ending::Cut(_)) {
            drain(request.into_body()).await;
        }
        return ending;
    }
    let result = handle(app, endpoint, request, call).await;
    fault_after(app, fault, reply(&result, &log_id)).await
}

/// Ends a read of the status that fails.
async fn failed_read(
    app: &App,
    failure: ReadFailure,
    endpoint: &'static str,
    request: Request,
    call: &mut Call,
) -> Ending {
    call.entry.fault = Some(failure.name());
    let log_id = app.request_id(call.ordinal);
    if failure == ReadFailure::Slow {
        let result = handle(app, endpoint, request, call).await;
        tokio::time::sleep(app.clock.real(VERY_SLOW)).await;
        return Ending::Reply(reply(&result, &log_id), None);
    }
    drain(request.into_body()).await;
    Ending::Reply(
        match failure {
            ReadFailure::Refused | ReadFailure::Reset | ReadFailure::Slow => return Ending::Cut(None),
            ReadFailure::Http500 => {
                (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response()
            }
            ReadFailure::Http404 => (StatusCode::NOT_FOUND, page()).into_response(),
            ReadFailure::Redirect => redirect(),
            ReadFailure::Html => page(),
            ReadFailure::Throttled => reply(&Err(throttled()), &log_id),
            ReadFailure::Malformed => MALFORMED.into_response(),
            ReadFailure::WithoutList => reply(&Ok(json!({})), &log_id),
        },
        None,
    )
}

/// Returns the ending of a request that a fault ends before it is handled.
pub(super) fn fault_before(
    app: &App,
    fault: Option<Fault>,
    _headers: &HeaderMap,
    ordinal: u64,
) -> Option<Ending> {
    match fault {
        Some(Fault::DropBeforeRequest(_)) => Some(Ending::Cut(None)),
        Some(Fault::Http500(_)) => Some(Ending::Reply(
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response(),
            None,
        )),
        Some(Fault::Throttle(_)) => {
            Some(Ending::Reply(reply(&Err(throttled()), &app.request_id(ordinal)), None))
        }
        Some(Fault::HtmlBody(_)) if app.random.bits("html-first", ordinal).is_multiple_of(2) => {
            Some(Ending::Reply(page(), None))
        }
        _ => None,
    }
}

/// Applies a fault to the reply of a handled request.
pub(super) async fn fault_after(app: &App, fault: Option<Fault>, response: Response) -> Ending {
    match fault {
        Some(Fault::DropAfterEffect(_)) => Ending::Cut(None),
        Some(Fault::HtmlBody(_)) => Ending::Reply(page(), None),
        Some(Fault::SlowReply(_)) => {
            tokio::time::sleep(app.clock.real(SLOW)).await;
            Ending::Reply(response, None)
        }
        _ => Ending::Reply(response, None),
    }
}

fn page() -> Response {
    let text = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
    (StatusCode::BAD_GATEWAY, Html(text)).into_response()
}

fn throttled() -> PostRefusal {
    refused(429, "rate_limit_exceeded", "Too many requests; try again later.")
}

async fn handle(app: &App, endpoint: &'static str, request: Request, call: &mut Call) -> PostHandlerResult {
    let admitted = authorise(app, request.headers(), call.ordinal).and_then(|()| {
        let most = match endpoint {
            "creator_info/query/" => 20,
            "status/fetch/" => 30,
            _ => 6,
        };
        if app.admit_post(endpoint, most) { Ok(()) } else { Err(throttled()) }
    });
    if let Err(refused) = admitted {
        drain(request.into_body()).await;
        return Err(refused);
    }
    let body = read_json(request.into_body()).await?;
    match endpoint {
        "creator_info/query/" => Ok(json!({
            "creator_username": "sandbox_creator",
            "creator_nickname": "Sandbox",
            "creator_avatar_url": format!("{}/media/avatar", app.base),
            "privacy_level_options": PRIVACY,
            "comment_disabled": false,
            "duet_disabled": false,
            "stitch_disabled": false,
            "max_video_post_duration_sec": 600,
        })),
        "video/init/" | "inbox/video/init/" => {
            let direct = endpoint == "video/init/";
            if body["source_info"]["source"] == "PULL_FROM_URL" {
                return post_pull::open(app, call, &body, direct).await;
            }
            open(app, call, &body, direct)
        }
        "status/fetch/" => status(app, call, &body),
        _ => cancel(app, call, &body),
    }
}

fn authorise(app: &App, headers: &HeaderMap, ordinal: u64) -> Result<(), PostRefusal> {
    let given = headers.get("Authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
    let revoked = app.options.faults.iter().any(|fault| match fault {
        Fault::TokenRevokedAfter(calls) => ordinal >= *calls,
        _ => false,
    });
    if given.strip_prefix("Bearer ") == Some(TOKEN) && !revoked {
        return Ok(());
    }
    let text = "The access token is invalid or not found in the request.";
    Err(refused(401, "access_token_invalid", text))
}

async fn read_json(body: Body) -> PostHandlerResult {
    let bytes = axum::body::to_bytes(body, MAX_JSON_BYTES).await;
    let bytes = bytes.map_err(|_| invalid("The request body cannot be read or is too long."))?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|_| invalid("The request body is not JSON."))?;
    if value.is_object() { Ok(value) } else { Err(invalid("The request body is not a JSON object.")) }
}

/// Returns the validated caption and privacy level of a direct post; both are empty for a draft.
pub(super) fn caption_and_privacy(body: &Value, direct: bool) -> Result<(String, String), PostRefusal> {
    if !direct {
        return Ok((String::new(), String::new()));
    }
    let info = &body["post_info"];
    let privacy = info["privacy_level"].as_str().unwrap_or_default().to_owned();
    let title = info["title"].as_str().unwrap_or_default().to_owned();
    if privacy.is_empty() {
        return Err(invalid("privacy_level is required."));
    }
    if !PRIVACY.contains(&privacy.as_str()) {
        return Err(refused(403, "privacy_level_option_mismatch", "The privacy level is not offered."));
    }
    if title.encode_utf16().count() > 2200 {
        return Err(invalid("The title is too long."));
    }
    Ok((title, privacy))
}

/// Refuses a draft when too many are pending.
pub(super) fn check_pending_drafts(store: &Store, direct: bool, now: Millis) -> Result<(), PostRefusal> {
    let is_pending = |post: &&Post| !post.direct && !post.cancelled && post.created + DAY > now;
    if !direct && store.state.posts.values().filter(is_pending).count() >= MAX_PENDING_DRAFTS {
        let text = "Too many pending shares in 24 hours.";
        return Err(refused(403, "spam_risk_too_many_pending_share", text));
    }
    Ok(())
}

fn open(app: &App, call: &mut Call, body: &Value, direct: bool) -> PostHandlerResult {
    let (title, privacy) = caption_and_privacy(body, direct)?;
    let source = &body["source_info"];
    if source["source"] != "FILE_UPLOAD" {
        return Err(invalid("The source is FILE_UPLOAD or PULL_FROM_URL."));
    }
    let number = |name: &str| source[name].as_u64().ok_or_else(|| invalid(format!("{name} is required.")));
    let (size, chunk, count) = (number("video_size")?, number("chunk_size")?, number("total_chunk_count")?);
    check_chunks(size, chunk, count)?;
    let (mut store, now) = (app.store(), app.clock.now());
    check_pending_drafts(&store, direct, now)?;
    let number = store.state.records + 1;
    let kind = if direct { "v_pub_file~v2-1" } else { "v_inbox_file~v2" };
    let post = Post {
        id: format!("{kind}.75{number:017}"),
        key: format!("{:016x}", app.random.bits("post", number)),
        direct,
        title,
        privacy,
        size,
        chunk,
        count,
        received: 0,
        created: now,
        cancelled: false,
        pulled: false,
        result: None,
    };
    store.put(vec![Record::Post(post.clone())]).map_err(|error| internal_error(&error))?;
    call.entry.publish_id = Some(post.id.clone());
    let url = format!("{}/upload/{}?upload_id={number}", app.base, post.key);
    Ok(json!({"publish_id": post.id, "upload_url": url}))
}

/// Checks the guide's rules: decimal megabytes, the count rounded down, the last chunk up to 128 MB.
fn check_chunks(size: u64, chunk: u64, count: u64) -> Result<(), PostRefusal> {
    let invalid_field = |what: &str| Err(invalid(format!("The {what} is invalid.")));
    if size == 0 || size > 4000 * MB {
        return invalid_field("video size");
    }
    if chunk == 0 || chunk > size {
        return invalid_field("chunk size");
    }
    if count != size / chunk || count > 1000 {
        return invalid_field("total chunk count");
    }
    let is_valid = match count {
        // A single chunk is the whole file, and at most 64 MB.
        1 => chunk == size && size <= 64 * MB,
        _ => (5 * MB..=64 * MB).contains(&chunk),
    };
    if is_valid { Ok(()) } else { invalid_field("chunk size") }
}

fn find_post(app: &App, call: &mut Call, body: &Value) -> Result<Post, PostRefusal> {
    let id = body["publish_id"].as_str().unwrap_or_default();
    call.entry.publish_id = Some(id.to_owned());
    let found = app.store().state.posts.get(id).cloned();
    found.ok_or_else(|| refused(400, "invalid_publish_id", "The publish_id does not exist."))
}

fn status(app: &App, call: &mut Call, body: &Value) -> PostHandlerResult {
    let post = find_post(app, call, body)?;
    if post.cancelled {
        return Ok(
            json!({"status": "FAILED", "fail_reason": "publish_cancelled", "uploaded_bytes": post.received}),
        );
    }
    let now = app.clock.now();
    let Some(result) = post.result.as_ref().filter(|result| now >= result.ready && !result.stuck) else {
        return Ok(match post.pulled {
            false => json!({"status": "PROCESSING_UPLOAD", "uploaded_bytes": post.received}),
            true => json!({"status": "PROCESSING_DOWNLOAD", "downloaded_bytes": post.received}),
        });
    };
    Ok(match (&result.fail_reason, post.direct) {
        (Some(reason), _) => json!({"status": "FAILED", "fail_reason": reason, "uploaded_bytes": post.size}),
        (None, false) => json!({"status": "SEND_TO_USER_INBOX", "uploaded_bytes": post.size}),
        (None, true) => {
            // Only a public post has a public id; it is a number, as the page says.
            let public = post.privacy == "PUBLIC_TO_EVERYONE";
            let ids: Vec<u64> = public.then_some(result.post_id).into_iter().collect();
            json!({
                "status": "PUBLISH_COMPLETE", "publicaly_available_post_id": ids, "uploaded_bytes": post.size,
            })
        }
    })
}

fn cancel(app: &App, call: &mut Call, body: &Value) -> PostHandlerResult {
    let mut post = find_post(app, call, body)?;
    if post.result.is_some() {
        return Err(refused(400, "publish_not_cancellable", "The post cannot be cancelled any more."));
    }
    post.cancelled = true;
    app.store().put(vec![Record::Post(post)]).map_err(|error| internal_error(&error))?;
    Ok(json!({}))
}

/// Returns the fail reason of a post with this media; `None` if it is accepted. The limits are the sandbox's
/// own, from the media transfer guide.
pub(super) fn post_fail_reason(facts: &UploadFacts) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_chunks_that_obey_the_guide() {
        let is_accepted = |size, chunk, count| check_chunks(size, chunk, count).is_ok();
        assert!(is_accepted(50_000_123, 10_000_000, 5));
        assert!(is_accepted(4_000_000, 4_000_000, 1) && is_accepted(64 * MB, 64 * MB, 1));
        // The count rounded up, binary megabytes, a single chunk too large, a single chunk smaller than the file.
        assert!(!is_accepted(50_000_123, 10_000_000, 6));
        assert!(!is_accepted(200_000_000, 64 << 20, 2));
        assert!(!is_accepted(65 * MB, 65 * MB, 1));
        assert!(!is_accepted(15 * MB, 10 * MB, 1));
        assert!(!is_accepted(12 * MB, 4 * MB, 3));
    }
}
