//! The ads API: each call with its fault, access token, rate limit and parameters, before its handler.

use std::sync::atomic::Ordering;

use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use serde_json::Value;

use super::app::{App, Ending};
use super::call::{Call, drain};
use super::fault::{Fault, SLOW, SeededRandom};
use super::limits::MAX_VIDEO_BYTES;
use super::read_fault::{MALFORMED, ReadFailure, VERY_SLOW, redirect};
use super::reply::{self, HandlerResult, Refusal, envelope, gateway_page, not_found, throttled};
use super::routes::{ROUTES, dispatch};

/// The path of the API.
pub(super) const PREFIX: &str = "/open_api/v1.3/";

/// Handles one call of the ads API, including its fault.
pub(super) async fn serve(app: &App, tail: &str, request: Request, call: &mut Call) -> Ending {
    match ROUTES.iter().find(|(route, _)| *route == tail) {
        None => {
            drain(request.into_body()).await;
            Ending::Reply(not_found(), None)
        }
        Some((_, expected)) if *expected != *request.method() => {
            drain(request.into_body()).await;
            let text = "405 method not allowed";
            Ending::Reply((StatusCode::METHOD_NOT_ALLOWED, text).into_response(), None)
        }
        Some((endpoint, _)) => {
            call.ordinal = app.next_ordinal();
            serve_endpoint(app, endpoint, request, call).await
        }
    }
}

async fn serve_endpoint(app: &App, endpoint: &'static str, request: Request, call: &mut Call) -> Ending {
    let is_change = *request.method() == Method::POST;
    if is_change {
        app.any_change.store(true, Ordering::SeqCst);
    } else if let Some(failure) = app.read_failure(endpoint, call.ordinal) {
        return failed_read(app, failure, endpoint, request, call).await;
    }
    let scripted = match is_change {
        true => SeededRandom::scripted(&app.options.faults, app.next_mutation()),
        false => None,
    };
    let drawn = app.random.request_fault(&app.options.faults, endpoint == "ad/create/", call.ordinal);
    let fault = scripted.or(drawn);
    call.entry.fault = fault.map(Fault::name);
    let request_id = app.request_id(call.ordinal);
    match fault {
        Some(Fault::DropBeforeRequest(_)) => return Ending::Cut(None),
        Some(Fault::Throttle(_)) => {
            drain(request.into_body()).await;
            let refusal = throttled();
            return Ending::Reply(envelope(&Err(refusal), &request_id), Some(reply::THROTTLED));
        }
        Some(Fault::Answer(code, _)) => {
            drain(request.into_body()).await;
            let refusal = Refusal::new(code, "This code was requested with the fault answer-CODE.");
            return Ending::Reply(envelope(&Err(refusal), &request_id), Some(code));
        }
        Some(Fault::Http500(_)) => {
            drain(request.into_body()).await;
            let text = "Internal Server Error";
            return Ending::Reply((StatusCode::INTERNAL_SERVER_ERROR, text).into_response(), None);
        }
        Some(Fault::HtmlBody(_)) if app.random.bits("html-first", call.ordinal).is_multiple_of(2) => {
            drain(request.into_body()).await;
            return Ending::Reply(gateway_page().into_response(), None);
        }
        _ => {}
    }
    call.pretend_not_ready = matches!(fault, Some(Fault::NotReadyOnCreate(_)));
    let result = handle(app, endpoint, request, call).await;
    let code = Some(result.as_ref().err().map_or(0, |refusal| refusal.code));
    match fault {
        Some(Fault::DropAfterEffect(_)) => Ending::Cut(code),
        Some(Fault::HtmlBody(_)) => Ending::Reply(gateway_page().into_response(), code),
        Some(Fault::SlowReply(_)) => {
            tokio::time::sleep(app.clock.real(SLOW)).await;
            Ending::Reply(envelope(&result, &request_id), code)
        }
        _ => Ending::Reply(envelope(&result, &request_id), code),
    }
}

async fn handle(app: &App, endpoint: &'static str, request: Request, call: &mut Call) -> HandlerResult {
    let admitted = app.authorise(request.headers(), call.ordinal).and_then(|()| app.admit(endpoint));
    if let Err(refusal) = admitted {
        drain(request.into_body()).await;
        return Err(refusal);
    }
    call.read(request, &app.tmp(), MAX_VIDEO_BYTES).await?;
    call.entry.advertiser_id = call.text("advertiser_id").map(str::to_owned);
    call.entry.video_id = call.text("video_id").map(str::to_owned);
    call.entry.file_name = call.text("file_name").map(str::to_owned);
    call.entry.md5 = call.file.as_ref().map(|file| file.md5.clone());
    dispatch(app, endpoint, call).await
}

/// Ends a read that fails.
async fn failed_read(
    app: &App,
    failure: ReadFailure,
    endpoint: &'static str,
    request: Request,
    call: &mut Call,
) -> Ending {
    call.entry.fault = Some(failure.name());
    let request_id = app.request_id(call.ordinal);
    if failure == ReadFailure::Slow {
        let result = handle(app, endpoint, request, call).await;
        tokio::time::sleep(app.clock.real(VERY_SLOW)).await;
        let code = result.as_ref().err().map_or(0, |refusal| refusal.code);
        return Ending::Reply(envelope(&result, &request_id), Some(code));
    }
    drain(request.into_body()).await;
    let response = match failure {
        ReadFailure::Refused | ReadFailure::Reset | ReadFailure::Slow => return Ending::Cut(None),
        ReadFailure::Http500 => (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error").into_response(),
        ReadFailure::Http404 => (StatusCode::NOT_FOUND, gateway_page()).into_response(),
        ReadFailure::Redirect => redirect(),
        ReadFailure::Html => gateway_page().into_response(),
        ReadFailure::Throttled => {
            return Ending::Reply(envelope(&Err(throttled()), &request_id), Some(reply::THROTTLED));
        }
        ReadFailure::Malformed => MALFORMED.into_response(),
        ReadFailure::WithoutList => {
            return Ending::Reply(envelope(&Ok(Value::Object(Default::default())), &request_id), Some(0));
        }
    };
    Ending::Reply(response, None)
}
