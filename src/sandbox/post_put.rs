//! Uploads of a post's bytes: consecutive `PUT` requests, each with its range.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::pin::Pin;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::io::AsyncWriteExt;

use super::app::{App, Ending};
use super::call::{Call, drain};
use super::fault::Fault;
use super::post_reply::{fault_after, fault_before};
use super::post_result::{log_effect, process};
use super::store::{Post, Record};

/// The lifetime of an upload URL in milliseconds.
const URL_LIFE: u64 = 3_600_000;

pub(super) async fn serve(app: &App, key: &str, request: Request, call: &mut Call) -> Ending {
    app.any_change.store(true, std::sync::atomic::Ordering::SeqCst);
    let fault = app.random.request_fault(&app.options.faults, false, call.ordinal);
    call.entry.fault = fault.map(Fault::name);
    // Uploads of bytes have no published rate limit.
    let fault = fault.filter(|fault| !matches!(fault, Fault::Throttle(_)));
    if let Some(ending) = fault_before(app, fault, call.ordinal) {
        if !matches!(ending, Ending::Cut(_)) {
            drain(request.into_body()).await;
        }
        return ending;
    }
    let response = put(app, key, request, call).await;
    fault_after(app, fault, response).await
}

fn empty_response(status: StatusCode) -> Response {
    status.into_response()
}

/// Returns a response with the range of the bytes received so far.
fn progress_response(status: StatusCode, post: &Post) -> Response {
    let range = match post.received {
        0 => format!("bytes */{}", post.size),
        received => format!("bytes 0-{}/{}", received - 1, post.size),
    };
    let mut response = status.into_response();
    if let Ok(range) = HeaderValue::from_str(&range) {
        response.headers_mut().insert(header::CONTENT_RANGE, range);
    }
    response
}

async fn put(app: &App, key: &str, request: Request, call: &mut Call) -> Response {
    if request.method() != Method::PUT {
        drain(request.into_body()).await;
        return empty_response(StatusCode::METHOD_NOT_ALLOWED);
    }
    let found = app.store().state.posts.values().find(|post| post.key == key).cloned();
    let refusal = match &found {
        None => Some(empty_response(StatusCode::NOT_FOUND)),
        Some(post) if post.cancelled => Some(empty_response(StatusCode::NOT_FOUND)),
        Some(post) if app.clock.now() > post.created + URL_LIFE => {
            Some(empty_response(StatusCode::FORBIDDEN))
        }
        Some(post) => refuse_range(post, request.headers()),
    };
    let (Some(mut post), None) = (found, &refusal) else {
        drain(request.into_body()).await;
        return refusal.unwrap_or_else(|| empty_response(StatusCode::NOT_FOUND));
    };
    call.entry.publish_id = Some(post.id.clone());
    let path = app.tmp().join(format!("{}.chunk", call.ordinal));
    let wanted = next_chunk(&post);
    let received = receive(request.into_body(), &path, wanted).await;
    let response = match received {
        Ok(bytes) if bytes == wanted => store_chunk(app, &mut post, &path, wanted).await,
        // Fewer bytes than announced, or a broken connection: the chunk is discarded.
        _ => Ok(empty_response(StatusCode::BAD_REQUEST)),
    };
    let _ = std::fs::remove_file(&path);
    response.unwrap_or_else(|_| empty_response(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Returns the size of the next chunk in bytes.
fn next_chunk(post: &Post) -> u64 {
    let index = post.received / post.chunk;
    if index + 1 >= post.count { post.size - post.received } else { post.chunk }
}

fn refuse_range(post: &Post, headers: &HeaderMap) -> Option<Response> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = text(header::CONTENT_TYPE).unwrap_or("");
    if !["video/mp4", "video/quicktime", "video/webm"].contains(&kind)
        || headers.contains_key("Authorization")
    {
        return Some(empty_response(StatusCode::BAD_REQUEST));
    }
    let Some((start, end, total)) = text(header::CONTENT_RANGE).and_then(range_of) else {
        return Some(empty_response(StatusCode::BAD_REQUEST));
    };
    let length = text(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if total != post.size || end < start || length != Some(end - start + 1) {
        return Some(empty_response(StatusCode::BAD_REQUEST));
    }
    if start != post.received || post.received == post.size {
        return Some(progress_response(StatusCode::RANGE_NOT_SATISFIABLE, post));
    }
    (length != Some(next_chunk(post))).then(|| empty_response(StatusCode::BAD_REQUEST))
}

/// Parses `bytes 0-9/10` as first byte, last byte and total.
fn range_of(text: &str) -> Option<(u64, u64, u64)> {
    let (span, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, end) = span.split_once('-')?;
    Some((start.parse().ok()?, end.parse().ok()?, total.parse().ok()?))
}

async fn receive(mut body: Body, path: &Path, most: u64) -> std::io::Result<u64> {
    let mut out = tokio::fs::File::create(path).await?;
    let mut bytes = 0;
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(std::io::Error::other)?.into_data() else { continue };
        bytes += data.len() as u64;
        if bytes > most {
            return Ok(bytes);
        }
        out.write_all(&data).await?;
    }
    out.flush().await?;
    out.sync_all().await?;
    Ok(bytes)
}

async fn store_chunk(app: &App, post: &mut Post, chunk: &Path, bytes: u64) -> std::io::Result<Response> {
    let upload_path = app.store().chunk_path(&post.key);
    append(&upload_path, chunk, post.received)?;
    post.received += bytes;
    if post.received < post.size {
        record(app, post)?;
        return Ok(progress_response(StatusCode::PARTIAL_CONTENT, post));
    }
    post.result = Some(process(app, post, &upload_path).await?);
    record(app, post)?;
    log_effect(app, post);
    Ok(progress_response(StatusCode::CREATED, post))
}

fn record(app: &App, post: &Post) -> std::io::Result<()> {
    let mut store = app.store();
    let now = store.state.posts.get(&post.id);
    if now.is_none_or(|now| now.received >= post.received || now.cancelled) {
        return Err(std::io::Error::other("another request writes to this upload"));
    }
    store.put(vec![Record::Post(post.clone())])
}

fn append(to: &Path, from: &Path, at: u64) -> std::io::Result<()> {
    let mut out = OpenOptions::new().create(true).truncate(false).write(true).open(to)?;
    out.set_len(at)?;
    out.seek(SeekFrom::Start(at))?;
    std::io::copy(&mut File::open(from)?, &mut out)?;
    out.sync_all()
}
