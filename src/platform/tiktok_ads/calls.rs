//! Sends every call: waits for the rate limit, sends the request, reads the reply and classifies it.

use std::pin::pin;
use std::time::{Duration, Instant};

use reqwest::header::HeaderValue;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio_util::io::ReaderStream;

use super::TikTokAds;
use super::call_limiter::CallPermit;
use super::codes::{self, CallKind};
use super::wire::Envelope;
use crate::platform::server_clock::ServerTime;
use crate::platform::upload_body::{FileDigests, SendError, chunk_limit, stream_file};
use crate::platform::{CallError, Class};

/// The maximum number of attempts of a read.
const MAX_ATTEMPTS: u32 = 3;
/// The maximum size of a reply in bytes.
const MAX_REPLY: usize = 32 << 20;
/// The buffer between the file and the connection, in bytes.
const BUFFER: usize = 256 << 10;

/// The path and kind of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    pub(super) kind: CallKind,
}

/// Declares a read.
pub(super) const fn read(path: &'static str) -> Endpoint {
    Endpoint { path, kind: CallKind::Read }
}

/// Declares a call that must not be repeated without asking.
pub(super) const fn mutation(path: &'static str) -> Endpoint {
    Endpoint { path, kind: CallKind::Mutation }
}

/// The content of a call; can be sent more than once.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// Parameters of a GET request, besides the advertiser.
    Query(Vec<(&'static str, String)>),
    /// A JSON object, sent by POST.
    Json(Value),
    /// A form with one part in memory.
    Form(Vec<(&'static str, String)>, FormPart),
}

/// Bytes in memory, as a part of a form.
#[derive(Clone, Debug)]
pub(super) struct FormPart {
    pub(super) name: &'static str,
    pub(super) file_name: String,
    pub(super) media_type: &'static str,
    pub(super) bytes: Vec<u8>,
}

impl FormPart {
    /// Returns a piece of a file.
    pub(super) fn chunk(bytes: Vec<u8>) -> FormPart {
        let media_type = "application/octet-stream";
        FormPart { name: "file", file_name: "chunk".to_owned(), media_type, bytes }
    }
}

/// A form with a file streamed from disk.
pub(super) struct FileForm<'a> {
    pub(super) fields: Vec<(&'static str, String)>,
    /// The name of the part, its file name and its media type.
    pub(super) part: (&'static str, &'a str, &'static str),
    pub(super) file: &'a mut tokio::fs::File,
    pub(super) expected: &'a FileDigests,
    pub(super) sent: &'a (dyn Fn(u64) + Send + Sync),
}

impl TikTokAds {
    /// Makes a call; repeats a failed read within the retry budget.
    pub(super) async fn call(&self, endpoint: Endpoint, payload: &Payload) -> Result<Envelope, CallError> {
        self.call_limiter.earn_retry();
        let mut attempts = 0;
        loop {
            let permit = self.call_limiter.enter(endpoint.path).await;
            let sending = self.request(endpoint.path, payload)?.send();
            let outcome = match tokio::time::timeout(self.reply_timeout(payload), sending).await {
                Ok(reply) => self.reply(endpoint, reply).await,
                Err(_) => Err(self.lost_reply(endpoint, "no reply in time")),
            };
            self.report_outcome(&permit, &outcome);
            drop(permit);
            attempts += 1;
            let repeat = endpoint.kind == CallKind::Read
                && attempts < MAX_ATTEMPTS
                && outcome.as_ref().is_err_and(|error| error.class == Class::Retry);
            if !repeat || !self.call_limiter.take_retry() {
                return outcome;
            }
            let wait =
                super::retry_budget::retry_wait(self.options.retry_wait, attempts - 1, fastrand::f64());
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends a form with a file, once.
    pub(super) async fn send_file(
        &self,
        endpoint: Endpoint,
        form: FileForm<'_>,
    ) -> Result<Envelope, CallError> {
        self.call_limiter.earn_retry();
        let permit = self.call_limiter.enter(endpoint.path).await;
        let outcome = self.stream(endpoint, form).await;
        self.report_outcome(&permit, &outcome);
        outcome
    }

    async fn stream(&self, endpoint: Endpoint, form: FileForm<'_>) -> Result<Envelope, CallError> {
        let FileForm { fields, part: (name, file_name, mime), file, expected, sent } = form;
        let (mut near, far) = tokio::io::duplex(BUFFER);
        let body = Body::wrap_stream(ReaderStream::with_capacity(far, BUFFER));
        let part = Part::stream_with_length(body, expected.size)
            .file_name(file_name.to_owned())
            .mime_str(mime)
            .map_err(|error| self.error(endpoint.path, Class::Permanent, &error.to_string()))?;
        let form = fields.into_iter().fold(Form::new(), |form, (name, value)| form.text(name, value));
        let request = self.authorised(endpoint.path, self.http.post(self.url(endpoint.path)?))?;
        let mut sending = pin!(request.multipart(form.part(name, part)).send());
        let timeouts = &self.options.timeouts;
        let streamed = {
            let mut streaming =
                pin!(stream_file(file, expected, &mut near, (timeouts, &self.bandwidth), sent));
            tokio::select! {
                streamed = &mut streaming => streamed,
                // The platform may refuse the request before it has read the whole file.
                reply = &mut sending => return self.reply(endpoint, reply).await,
            }
        };
        match streamed {
            Ok(()) | Err(SendError::ConnectionClosed) => {}
            Err(error) => return Err(self.send_error(endpoint, error)),
        }
        match tokio::time::timeout(timeouts.upload_reply, sending).await {
            Ok(reply) => self.reply(endpoint, reply).await,
            Err(_) => Err(self.lost_reply(endpoint, "no reply in time")),
        }
    }

    /// Returns the error for a file that was not sent completely. Without its last bytes the platform cannot
    /// have created anything.
    pub(super) fn send_error(&self, endpoint: Endpoint, error: SendError) -> CallError {
        match error {
            SendError::Changed => self.file_changed(endpoint.path),
            SendError::Unreadable(error) => {
                self.error(endpoint.path, Class::Permanent, &format!("cannot read the file: {error}"))
            }
            SendError::Stalled(why) => self.lost_reply(endpoint, why),
            SendError::ConnectionClosed => self.lost_reply(endpoint, "the connection was closed"),
        }
    }

    pub(super) fn file_changed(&self, path: &'static str) -> CallError {
        let message = "the file changed since it was checked; check it again";
        self.error(path, Class::Permanent, message)
    }

    /// Returns how long to wait for the head of a reply. Bytes sent from memory may take as long as the minimum
    /// upload rate allows; the system detects a dead connection earlier.
    fn reply_timeout(&self, payload: &Payload) -> Duration {
        let timeouts = &self.options.timeouts;
        let idle = timeouts.connect + timeouts.idle;
        match payload {
            Payload::Query(_) | Payload::Json(_) => idle,
            Payload::Form(_, part) => {
                idle + crate::platform::upload_body::time_limit(timeouts, part.bytes.len() as u64)
            }
        }
    }

    fn request(&self, path: &'static str, payload: &Payload) -> Result<RequestBuilder, CallError> {
        let url = self.url(path)?;
        let advertiser = [("advertiser_id", self.options.advertiser_id.as_str())];
        let request = match payload {
            Payload::Query(query) => self.http.get(url).query(&advertiser).query(query),
            Payload::Json(body) => self.http.post(url).json(body),
            Payload::Form(fields, FormPart { name, file_name, media_type, bytes }) => {
                let form =
                    fields.iter().fold(Form::new(), |form, (name, value)| form.text(*name, value.clone()));
                let part = Part::bytes(bytes.clone())
                    .file_name(file_name.clone())
                    .mime_str(media_type)
                    .map_err(|error| self.error(path, Class::Permanent, &error.to_string()))?;
                self.http.post(url).multipart(form.part(*name, part))
            }
        };
        self.authorised(path, request)
    }

    fn url(&self, path: &'static str) -> Result<url::Url, CallError> {
        self.base.join(path).map_err(|error| self.error(path, Class::Configuration, &error.to_string()))
    }

    fn authorised(&self, path: &'static str, request: RequestBuilder) -> Result<RequestBuilder, CallError> {
        let mut token = HeaderValue::from_str(self.options.token.expose_secret()).map_err(|_| {
            self.error(path, Class::ReAuthenticate, "the access token is not a valid HTTP header value")
        })?;
        token.set_sensitive(true);
        Ok(request.header("Access-Token", token))
    }

    /// Reports the outcome of a call to the rate limiter.
    fn report_outcome(&self, permit: &CallPermit<'_>, outcome: &Result<Envelope, CallError>) {
        match outcome {
            Err(error) if error.class == Class::Throttle => self.call_limiter.throttled(permit),
            // A failure without a return code says nothing about throttling and does not end a pause.
            Err(CallError { code: None, .. }) => {}
            _ => self.call_limiter.passed(permit),
        }
    }

    async fn reply(
        &self,
        endpoint: Endpoint,
        reply: Result<Response, reqwest::Error>,
    ) -> Result<Envelope, CallError> {
        let response = match reply {
            Ok(response) => response,
            Err(error) if error.is_connect() => {
                // No byte of the request was sent.
                return Err(self.error(endpoint.path, Class::Retry, &error_chain(error)));
            }
            Err(error) if error.is_builder() => {
                return Err(self.error(endpoint.path, Class::Configuration, &error_chain(error)));
            }
            Err(error) => return Err(self.lost_reply(endpoint, &error_chain(error))),
        };
        let (status, time) = (response.status(), ServerTime::of(response.headers()));
        let log_id = response.headers().get("x-tt-logid").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body = self.body(endpoint, response).await?;
        match Envelope::read(&body) {
            Some(mut envelope) => {
                self.server_clock.learn(time);
                envelope.request_id = envelope.request_id.or(log_id);
                self.check_envelope(endpoint, envelope)
            }
            None => {
                let mut error = self.non_api_reply(endpoint, status);
                error.request_id = log_id;
                Err(error)
            }
        }
    }

    async fn body(&self, endpoint: Endpoint, mut response: Response) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        let began = Instant::now();
        loop {
            let left = chunk_limit(&self.options.timeouts, began, body.len() as u64);
            match tokio::time::timeout(left, response.chunk()).await {
                Ok(Ok(None)) => return Ok(body),
                Ok(Ok(Some(more))) if body.len() + more.len() <= MAX_REPLY => body.extend_from_slice(&more),
                Ok(Ok(Some(_))) => return Err(self.lost_reply(endpoint, "the reply is too long")),
                Ok(Err(error)) => return Err(self.lost_reply(endpoint, &error_chain(error))),
                Err(_) => return Err(self.lost_reply(endpoint, "the reply stopped or was too slow")),
            }
        }
    }

    /// Classifies a reply by its return code; the HTTP status does not matter.
    pub(super) fn check_envelope(
        &self,
        endpoint: Endpoint,
        envelope: Envelope,
    ) -> Result<Envelope, CallError> {
        let Envelope { code, message, request_id, .. } = &envelope;
        let table = &self.options.codes;
        let class = codes::classify(table, endpoint.kind, *code, message);
        if class == Class::Ok {
            return Ok(envelope);
        }
        let message = if message.is_empty() { "no message" } else { message };
        let advice = match class {
            Class::ReAuthenticate | Class::Configuration | Class::Permanent => table.page(*code),
            _ => None,
        };
        let text = match advice {
            Some(page) => format!("code {code}: {message} ({})", page.action),
            None => format!("code {code}: {message}"),
        };
        let mut error = self.error(endpoint.path, class, &text);
        error.code = Some(*code);
        error.request_id = request_id.clone();
        Err(error)
    }

    /// Returns the error for a reply that is not in the API's format.
    pub(super) fn non_api_reply(&self, endpoint: Endpoint, status: StatusCode) -> CallError {
        let class = match status.as_u16() {
            429 => Class::Throttle,
            401 => Class::ReAuthenticate,
            404 | 405 | 300..=399 => Class::Configuration,
            408 => return self.lost_reply(endpoint, "HTTP 408: the request timed out"),
            400..=499 => Class::Permanent,
            _ => {
                let text = format!("HTTP {} with an unreadable reply", status.as_u16());
                return self.lost_reply(endpoint, &text);
            }
        };
        let advice = match class {
            Class::ReAuthenticate => "; check the access token",
            Class::Configuration => "; check the API's URL",
            _ => "",
        };
        let text = format!("HTTP {} with a reply that is not from the API{advice}", status.as_u16());
        self.error(endpoint.path, class, &text)
    }

    /// Returns the error for a lost reply: a read may be repeated; a mutation may have happened.
    pub(super) fn lost_reply(&self, endpoint: Endpoint, message: &str) -> CallError {
        let class = match endpoint.kind {
            CallKind::Read => Class::Retry,
            CallKind::Mutation => Class::Unknown,
        };
        self.error(endpoint.path, class, message)
    }

    /// Returns an error without the token. Every error is created here.
    pub(super) fn error(&self, endpoint: &'static str, class: Class, message: &str) -> CallError {
        let token = self.options.token.expose_secret();
        let message = message.replace(token, "[token]");
        CallError { endpoint, class, code: None, message, request_id: None }
    }
}

/// Returns an error and its causes in one line, without the URL.
fn error_chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = inner.source();
    }
    text
}
