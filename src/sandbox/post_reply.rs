//! The replies of the posting API, and the faults that replace them. Error codes are words and come with a matching
//! HTTP status.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::app::{App, Ending};
use super::fault::{Fault, SLOW};
use super::reply::gateway_page;

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

pub(super) fn reply(result: &PostHandlerResult, log_id: &str) -> Response {
    let (status, body) = match result {
        Ok(data) => (200, json!({"data": data, "error": {"code": "ok", "message": "", "log_id": log_id}})),
        Err(PostRefusal { status, code, message }) => {
            (*status, json!({"data": {}, "error": {"code": code, "message": message, "log_id": log_id}}))
        }
    };
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}

pub(super) fn throttled() -> PostRefusal {
    refused(429, "rate_limit_exceeded", "Too many requests; try again later.")
}

pub(super) fn page() -> Response {
    (StatusCode::BAD_GATEWAY, gateway_page()).into_response()
}

/// Returns the ending of a request that a fault ends before it is handled.
pub(super) fn fault_before(app: &App, fault: Option<Fault>, ordinal: u64) -> Option<Ending> {
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
