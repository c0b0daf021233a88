//! The Content Posting API: creator info, opening an upload ([`super::post_open`]), status, cancelling. Uploads of
//! bytes are in [`super::post_put`].
//!
//! Sources: developers portal, pages content-posting-api-reference-direct-post,
//! content-posting-api-media-transfer-guide (2026-09-11), post-status.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::app::{App, Ending};
use super::call::{Call, drain};
use super::fault::Fault;
use super::options::TOKEN;
use super::post_open::{PRIVACY, open};
use super::post_pull;
use super::post_reply::{
    PostHandlerResult, PostRefusal, fault_after, fault_before, internal_error, invalid, page, refused, reply,
    throttled,
};
use super::read_fault::{MALFORMED, ReadFailure, VERY_SLOW, redirect};
use super::store::{Post, Record};

/// The path of the API.
pub(super) const PREFIX: &str = "/v2/post/publish/";
const MAX_JSON_BYTES: usize = 1 << 20;

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
    if let Some(ending) = fault_before(app, fault, call.ordinal) {
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
