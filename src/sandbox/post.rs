//! The Content Posting API: creator, opening, status, taking back. Errors are words, and come with the HTTP
//! status that fits them. The bytes themselves are in [`super::post_put`].
//!
//! Sources: developers portal, pages content-posting-api-reference-direct-post,
//! content-posting-api-media-transfer-guide (2026-09-11), post-status.

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::call::{Call, drain};
use super::clock::Millis;
use super::fault::Fault;
use super::limits::UploadFacts;
use super::options::TOKEN;
use super::post_pull;
use super::server::{App, Ending, SLOW};
use super::store::{Post, Record, Store};

/// Where the API lies.
pub(super) const PREFIX: &str = "/v2/post/publish/";
const MB: u64 = 1_000_000;
const DAY: Millis = 86_400_000;
/// Drafts that may wait in a day.
const MOST_PENDING: usize = 5;
/// Who may be let see a post of this creator.
const PRIVACY: [&str; 3] = ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"];
const MAX_JSON_BYTES: usize = 1 << 20;

/// A refusal: HTTP status, code and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

pub(super) type Answer = Result<Value, Refused>;

pub(super) fn refused(status: u16, code: &'static str, message: impl Into<String>) -> Refused {
    Refused { status, code, message: message.into() }
}

pub(super) fn invalid(message: impl Into<String>) -> Refused {
    refused(400, "invalid_params", message)
}

pub(super) fn broken(error: &std::io::Error) -> Refused {
    refused(500, "internal_error", format!("Something went wrong: {error}"))
}

fn reply(answer: &Answer, log_id: &str) -> Response {
    let (status, body) = match answer {
        Ok(data) => (200, json!({"data": data, "error": {"code": "ok", "message": "", "log_id": log_id}})),
        Err(Refused { status, code, message }) => {
            (*status, json!({"data": {}, "error": {"code": code, "message": message, "log_id": log_id}}))
        }
    };
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}

/// One call from its faults to its end.
pub(super) async fn serve(app: &App, tail: &str, request: Request, call: &mut Call) -> Ending {
    let known = ["creator_info/query/", "video/init/", "inbox/video/init/", "status/fetch/", "cancel/"];
    let Some(endpoint) = known.into_iter().find(|known| *known == tail) else {
        drain(request.into_body()).await;
        return Ending::Reply(super::reply::not_found(), None);
    };
    if request.method() != Method::POST {
        drain(request.into_body()).await;
        return Ending::Reply(StatusCode::METHOD_NOT_ALLOWED.into_response(), None);
    }
    let fault = app.chance.request_fault(&app.options.faults, false, call.ordinal);
    call.entry.fault = fault.map(Fault::name);
    let log_id = app.request_id(call.ordinal);
    if let Some(ending) = early(app, fault, request.headers(), call.ordinal) {
        if !matches!(ending, Ending::Cut(_)) {
            drain(request.into_body()).await;
        }
        return ending;
    }
    let answer = answer(app, endpoint, request, call).await;
    late(app, fault, reply(&answer, &log_id)).await
}

/// What ends a request before it is carried out.
pub(super) fn early(app: &App, fault: Option<Fault>, _headers: &HeaderMap, ordinal: u64) -> Option<Ending> {
    match fault {
        Some(Fault::DropBeforeRequest(_)) => Some(Ending::Cut(None)),
        Some(Fault::Http500(_)) => Some(Ending::Reply(
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response(),
            None,
        )),
        Some(Fault::Throttle(_)) => {
            Some(Ending::Reply(reply(&Err(throttled()), &app.request_id(ordinal)), None))
        }
        Some(Fault::HtmlBody(_)) if app.chance.bits("html-first", ordinal).is_multiple_of(2) => {
            Some(Ending::Reply(page(), None))
        }
        _ => None,
    }
}

/// What becomes of the answer to a request that was carried out.
pub(super) async fn late(app: &App, fault: Option<Fault>, response: Response) -> Ending {
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

fn throttled() -> Refused {
    refused(429, "rate_limit_exceeded", "Too many requests; try again later.")
}

async fn answer(app: &App, endpoint: &'static str, request: Request, call: &mut Call) -> Answer {
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
    let body = json_of(request.into_body()).await?;
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

fn authorise(app: &App, headers: &HeaderMap, ordinal: u64) -> Result<(), Refused> {
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

async fn json_of(body: Body) -> Answer {
    let bytes = axum::body::to_bytes(body, MAX_JSON_BYTES).await;
    let bytes = bytes.map_err(|_| invalid("The request body cannot be read or is too long."))?;
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    let value: Value =
        serde_json::from_slice(&bytes).map_err(|_| invalid("The request body is not JSON."))?;
    if value.is_object() { Ok(value) } else { Err(invalid("The request body is not a JSON object.")) }
}

/// Caption and audience of a direct post, as far as they are allowed; a draft has neither.
pub(super) fn captioned(body: &Value, direct: bool) -> Result<(String, String), Refused> {
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

/// Whether one more draft may wait.
pub(super) fn room_for_draft(store: &Store, direct: bool, now: Millis) -> Result<(), Refused> {
    let waits = |post: &&Post| !post.direct && !post.cancelled && post.created + DAY > now;
    if !direct && store.world.posts.values().filter(waits).count() >= MOST_PENDING {
        let text = "Too many pending shares in 24 hours.";
        return Err(refused(403, "spam_risk_too_many_pending_share", text));
    }
    Ok(())
}

fn open(app: &App, call: &mut Call, body: &Value, direct: bool) -> Answer {
    let (title, privacy) = captioned(body, direct)?;
    let source = &body["source_info"];
    if source["source"] != "FILE_UPLOAD" {
        return Err(invalid("The source is FILE_UPLOAD or PULL_FROM_URL."));
    }
    let whole = |name: &str| source[name].as_u64().ok_or_else(|| invalid(format!("{name} is required.")));
    let (size, chunk, count) = (whole("video_size")?, whole("chunk_size")?, whole("total_chunk_count")?);
    check_chunks(size, chunk, count)?;
    let (mut store, now) = (app.store(), app.clock.now());
    room_for_draft(&store, direct, now)?;
    let number = store.world.records + 1;
    let kind = if direct { "v_pub_file~v2-1" } else { "v_inbox_file~v2" };
    let post = Post {
        id: format!("{kind}.75{number:017}"),
        key: format!("{:016x}", app.chance.bits("post", number)),
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
        whole: None,
    };
    store.put(vec![Record::Post(post.clone())]).map_err(|error| broken(&error))?;
    call.entry.publish_id = Some(post.id.clone());
    let url = format!("{}/upload/{}?upload_id={number}", app.base, post.key);
    Ok(json!({"publish_id": post.id, "upload_url": url}))
}

/// The rules of the guide: decimal megabytes, the count rounded down, the last chunk up to 128 MB.
fn check_chunks(size: u64, chunk: u64, count: u64) -> Result<(), Refused> {
    let wrong = |what: &str| Err(invalid(format!("The {what} is invalid.")));
    if size == 0 || size > 4000 * MB {
        return wrong("video size");
    }
    if chunk == 0 || chunk > size {
        return wrong("chunk size");
    }
    if count != size / chunk || count > 1000 {
        return wrong("total chunk count");
    }
    let good = match count {
        // A single chunk is the whole file, and at most 64 MB.
        1 => chunk == size && size <= 64 * MB,
        _ => (5 * MB..=64 * MB).contains(&chunk),
    };
    if good { Ok(()) } else { wrong("chunk size") }
}

fn named(app: &App, call: &mut Call, body: &Value) -> Result<Post, Refused> {
    let id = body["publish_id"].as_str().unwrap_or_default();
    call.entry.publish_id = Some(id.to_owned());
    let found = app.store().world.posts.get(id).cloned();
    found.ok_or_else(|| refused(400, "invalid_publish_id", "The publish_id does not exist."))
}

fn status(app: &App, call: &mut Call, body: &Value) -> Answer {
    let post = named(app, call, body)?;
    if post.cancelled {
        return Ok(
            json!({"status": "FAILED", "fail_reason": "publish_cancelled", "uploaded_bytes": post.received}),
        );
    }
    let now = app.clock.now();
    let Some(whole) = post.whole.as_ref().filter(|whole| now >= whole.ready && !whole.stuck) else {
        return Ok(match post.pulled {
            false => json!({"status": "PROCESSING_UPLOAD", "uploaded_bytes": post.received}),
            true => json!({"status": "PROCESSING_DOWNLOAD", "downloaded_bytes": post.received}),
        });
    };
    Ok(match (&whole.fail_reason, post.direct) {
        (Some(reason), _) => json!({"status": "FAILED", "fail_reason": reason, "uploaded_bytes": post.size}),
        (None, false) => json!({"status": "SEND_TO_USER_INBOX", "uploaded_bytes": post.size}),
        (None, true) => {
            // Only what everybody may see has an id for everybody; a number, as the page says.
            let public = post.privacy == "PUBLIC_TO_EVERYONE";
            let ids: Vec<u64> = public.then_some(whole.post_id).into_iter().collect();
            json!({
                "status": "PUBLISH_COMPLETE", "publicaly_available_post_id": ids, "uploaded_bytes": post.size,
            })
        }
    })
}

fn cancel(app: &App, call: &mut Call, body: &Value) -> Answer {
    let mut post = named(app, call, body)?;
    if post.whole.is_some() {
        return Err(refused(400, "publish_not_cancellable", "The post cannot be cancelled any more."));
    }
    post.cancelled = true;
    app.store().put(vec![Record::Post(post)]).map_err(|error| broken(&error))?;
    Ok(json!({}))
}

/// Why a post would fail for this media; `None` when it would be made. The stand-in's own limits, from the
/// media transfer guide.
pub(super) fn judge_post(facts: &UploadFacts) -> Option<&'static str> {
    let UploadFacts { container, codec, width, height, duration, fps, .. } = facts;
    let formats = ["mp4", "mov", "webm"].contains(&container.as_str())
        && codec.as_deref().is_some_and(|codec| ["h264", "hevc", "vp8", "vp9"].contains(&codec));
    if !formats {
        return Some("file_format_check_failed");
    }
    if !duration.is_some_and(|seconds| seconds > 0.0 && seconds <= 600.0) {
        return Some("duration_check_failed");
    }
    if fps.is_some_and(|fps| !(22.99..=60.01).contains(&fps)) {
        return Some("frame_rate_check_failed");
    }
    let side = |side: &Option<u32>| side.is_some_and(|side| (360..=4096).contains(&side));
    if side(width) && side(height) { None } else { Some("picture_size_check_failed") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_judged_by_the_guide() {
        let ok = |size, chunk, count| check_chunks(size, chunk, count).is_ok();
        assert!(ok(50_000_123, 10_000_000, 5));
        assert!(ok(4_000_000, 4_000_000, 1) && ok(64 * MB, 64 * MB, 1));
        // Rounded up, binary megabytes, whole but too large, a chunk that is not the file.
        assert!(!ok(50_000_123, 10_000_000, 6));
        assert!(!ok(200_000_000, 64 << 20, 2));
        assert!(!ok(65 * MB, 65 * MB, 1));
        assert!(!ok(15 * MB, 10 * MB, 1));
        assert!(!ok(12 * MB, 4 * MB, 3));
    }
}
