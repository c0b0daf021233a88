//! The format of replies, and the sandbox's own table of return codes.
//!
//! Source: official appendix (doc 1737172488964097, captured 2026-08-13). API errors come with HTTP 200.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal: a return code of the platform with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u32,
    pub(super) message: String,
}

/// The result of a handler: the data of the reply, or a refusal.
pub(super) type HandlerResult = Result<Value, Refusal>;

impl Refusal {
    pub(super) fn new(code: u32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Creates a refusal with 40002, the general code for an invalid parameter.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(PARAMETER, message)
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::parameter(format!("{name}: Missing data for required field."))
    }

    /// Creates a refusal for an error of the sandbox itself, such as a full disk.
    pub(super) fn system(what: &std::io::Error) -> Self {
        Self::new(SYSTEM, format!("System error: {what}"))
    }
}

pub(super) const NO_PERMISSION: u32 = 40001;
pub(super) const PARAMETER: u32 = 40002;
pub(super) const NOT_FOUND: u32 = 40007;
pub(super) const TOO_MANY_IDS: u32 = 40011;
pub(super) const BAD_VIDEO_ID: u32 = 40053;
pub(super) const THROTTLED: u32 = 40100;
pub(super) const TOKEN_EXPIRED: u32 = 40102;
pub(super) const TOKEN_EMPTY: u32 = 40104;
pub(super) const TOKEN_INVALID: u32 = 40105;
pub(super) const NO_ADVERTISER: u32 = 40300;
pub(super) const SIGNATURE: u32 = 40900;
pub(super) const TRANSCODING: u32 = 40901;
pub(super) const FETCH_FAILED: u32 = 40902;
pub(super) const BAD_IMAGE: u32 = 40904;
pub(super) const FILE_MISSING: u32 = 40905;
pub(super) const FILE_EMPTY: u32 = 40906;
pub(super) const FILE_TOO_LARGE: u32 = 40907;
pub(super) const FILE_TYPE: u32 = 40908;
pub(super) const FILE_EXPIRED: u32 = 40910;
pub(super) const DUPLICATE_NAME: u32 = 40911;
pub(super) const FILE_SPECIFICATIONS: u32 = 40915;
pub(super) const SYSTEM: u32 = 50000;

pub(super) fn throttled() -> Refusal {
    Refusal::new(
        THROTTLED,
        "Due to too many requests, requests from App 7000000000000000000 are temporarily restricted.",
    )
}

/// Renders a reply, with the header `X-TT-LOGID` that clients log.
pub(super) fn envelope(result: &HandlerResult, request_id: &str) -> Response {
    let body = match result {
        Ok(data) => json!({"code": 0, "message": "OK", "request_id": request_id, "data": data}),
        Err(Refusal { code, message }) => {
            json!({"code": code, "message": message, "request_id": request_id, "data": {}})
        }
    };
    ([("X-TT-LOGID", request_id.to_owned())], Json(body)).into_response()
}

pub(super) fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "404 page not found").into_response()
}

/// The page of a gateway that does not reach the platform.
pub(super) fn gateway_page() -> Html<&'static str> {
    Html("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")
}
