//! The one way out: every call passes the gate, is sent, read and classed here.

use std::pin::pin;
use std::time::Duration;

use reqwest::header::HeaderValue;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, RequestBuilder, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;
use tokio_util::io::ReaderStream;

use super::TikTokAds;
use super::codes::{self, Kind};
use super::throttle::Turn;
use super::wire::Envelope;
use crate::platform::upload_body::{Hashed, Stopped, pump};
use crate::platform::{CallError, Class};

/// Tries of a read in all.
const TRIES: u32 = 3;
/// No reply is longer.
const MAX_REPLY: usize = 32 << 20;
/// What lies between the file and the connection.
const BUFFER: usize = 256 << 10;

/// One call, apart from what it carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    pub(super) kind: Kind,
}

/// A read.
pub(super) const fn read(path: &'static str) -> Endpoint {
    Endpoint { path, kind: Kind::Read }
}

/// A call that must not be repeated blindly.
pub(super) const fn mutation(path: &'static str) -> Endpoint {
    Endpoint { path, kind: Kind::Mutation }
}

/// What a call carries; can be sent more than once.
#[derive(Clone, Debug)]
pub(super) enum Payload {
    /// Parameters of a GET, besides the advertiser.
    Query(Vec<(&'static str, String)>),
    /// An object, posted.
    Json(Value),
    /// A form with bytes held in memory under `file`.
    Bytes(Vec<(&'static str, String)>, Vec<u8>),
}

/// A form with a file that is streamed from disk.
pub(super) struct FileForm<'a> {
    pub(super) fields: Vec<(&'static str, String)>,
    /// The name of the file's part, its file name and its media type.
    pub(super) part: (&'static str, &'a str, &'static str),
    pub(super) file: &'a mut tokio::fs::File,
    pub(super) expected: &'a Hashed,
    pub(super) sent: &'a (dyn Fn(u64) + Send + Sync),
}

impl TikTokAds {
    /// A call, repeated within the budget when it is a read and nothing came of it.
    pub(super) async fn call(&self, endpoint: Endpoint, payload: &Payload) -> Result<Envelope, CallError> {
        self.gate.earn();
        let mut tries = 0;
        loop {
            let turn = self.gate.enter(endpoint.path).await;
            let sending = self.request(endpoint.path, payload)?.send();
            let outcome = match tokio::time::timeout(self.patience(payload), sending).await {
                Ok(reply) => self.reply(endpoint, reply).await,
                Err(_) => Err(self.lost(endpoint, "no reply came in time")),
            };
            self.settle(&turn, &outcome);
            drop(turn);
            tries += 1;
            let again = endpoint.kind == Kind::Read
                && tries < TRIES
                && outcome.as_ref().is_err_and(|error| error.class == Class::Retry);
            if !again || !self.gate.take_retry() {
                return outcome;
            }
            let wait = super::limiter::retry_wait(self.options.retry_wait, tries - 1, fastrand::f64());
            tokio::time::sleep(wait).await;
        }
    }

    /// A form with a file. Never repeated here.
    pub(super) async fn send_file(
        &self,
        endpoint: Endpoint,
        form: FileForm<'_>,
    ) -> Result<Envelope, CallError> {
        self.gate.earn();
        let turn = self.gate.enter(endpoint.path).await;
        let outcome = self.stream(endpoint, form).await;
        self.settle(&turn, &outcome);
        outcome
    }

    async fn stream(&self, endpoint: Endpoint, form: FileForm<'_>) -> Result<Envelope, CallError> {
        let FileForm { fields, part: (name, file_name, mime), file, expected, sent } = form;
        let (mut near, far) = tokio::io::duplex(BUFFER);
        let body = Body::wrap_stream(ReaderStream::with_capacity(far, BUFFER));
        let part = Part::stream_with_length(body, expected.size)
            .file_name(file_name.to_owned())
            .mime_str(mime)
            .map_err(|error| self.fault(endpoint.path, Class::Permanent, &error.to_string()))?;
        let form = fields.into_iter().fold(Form::new(), |form, (name, value)| form.text(name, value));
        let request = self.authorised(endpoint.path, self.http.post(self.url(endpoint.path)?))?;
        let mut sending = pin!(request.multipart(form.part(name, part)).send());
        let timeouts = &self.options.timeouts;
        let pumped = {
            let mut pumping = pin!(pump(file, expected, &mut near, (timeouts, &self.pacer), sent));
            tokio::select! {
                pumped = &mut pumping => pumped,
                // The platform may refuse before it has read the file.
                reply = &mut sending => return self.reply(endpoint, reply).await,
            }
        };
        match pumped {
            Ok(()) | Err(Stopped::NotTaken) => {}
            Err(stopped) => return Err(self.stopped(endpoint, stopped)),
        }
        match tokio::time::timeout(timeouts.upload_reply, sending).await {
            Ok(reply) => self.reply(endpoint, reply).await,
            Err(_) => Err(self.lost(endpoint, "no reply came in time")),
        }
    }

    /// The error for a file that stopped being sent. Without its last piece nothing can have come of it.
    pub(super) fn stopped(&self, endpoint: Endpoint, stopped: Stopped) -> CallError {
        match stopped {
            Stopped::Changed => self.changed(endpoint.path),
            Stopped::Unreadable(error) => {
                self.fault(endpoint.path, Class::Permanent, &format!("the file cannot be read: {error}"))
            }
            Stopped::Stalled(why) => self.lost(endpoint, why),
            Stopped::NotTaken => self.lost(endpoint, "the connection was closed"),
        }
    }

    pub(super) fn changed(&self, path: &'static str) -> CallError {
        let text = "the file is not the one that was checked: it changed since; check it again";
        self.fault(path, Class::Permanent, text)
    }

    /// How long the head of a reply may take. What is sent from memory may take as long as it needs at the
    /// smallest rate allowed; a dead connection is noticed earlier, by the system.
    fn patience(&self, payload: &Payload) -> Duration {
        let timeouts = &self.options.timeouts;
        let idle = timeouts.connect + timeouts.idle;
        match payload {
            Payload::Query(_) | Payload::Json(_) => idle,
            Payload::Bytes(_, bytes) => {
                idle + crate::platform::upload_body::longest(timeouts, bytes.len() as u64)
            }
        }
    }

    fn request(&self, path: &'static str, payload: &Payload) -> Result<RequestBuilder, CallError> {
        let url = self.url(path)?;
        let advertiser = [("advertiser_id", self.options.advertiser_id.as_str())];
        let request = match payload {
            Payload::Query(query) => self.http.get(url).query(&advertiser).query(query),
            Payload::Json(body) => self.http.post(url).json(body),
            Payload::Bytes(fields, bytes) => {
                let form = Form::new().text("advertiser_id", self.options.advertiser_id.clone());
                let form = fields.iter().fold(form, |form, (name, value)| form.text(*name, value.clone()));
                self.http
                    .post(url)
                    .multipart(form.part("file", Part::bytes(bytes.clone()).file_name("chunk")))
            }
        };
        self.authorised(path, request)
    }

    fn url(&self, path: &'static str) -> Result<url::Url, CallError> {
        self.base.join(path).map_err(|error| self.fault(path, Class::Configuration, &error.to_string()))
    }

    fn authorised(&self, path: &'static str, request: RequestBuilder) -> Result<RequestBuilder, CallError> {
        let mut token = HeaderValue::from_str(self.options.token.expose_secret()).map_err(|_| {
            self.fault(path, Class::ReAuthenticate, "the access token holds what a header cannot")
        })?;
        token.set_sensitive(true);
        Ok(request.header("Access-Token", token))
    }

    /// Tells the gate how a call went.
    fn settle(&self, turn: &Turn<'_>, outcome: &Result<Envelope, CallError>) {
        match outcome {
            Err(error) if error.class == Class::Throttle => self.gate.throttled(turn),
            // An answer that says nothing about throttling does not end a pause.
            Err(CallError { code: None, .. }) => {}
            _ => self.gate.passed(turn),
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
                // Not a byte of the request left this machine.
                return Err(self.fault(endpoint.path, Class::Retry, &chain(error)));
            }
            Err(error) if error.is_builder() => {
                return Err(self.fault(endpoint.path, Class::Configuration, &chain(error)));
            }
            Err(error) => return Err(self.lost(endpoint, &chain(error))),
        };
        let status = response.status();
        let edge = response.headers().get("x-tt-logid").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let body = self.body(endpoint, response).await?;
        match Envelope::read(&body) {
            Some(mut envelope) => {
                envelope.request_id = envelope.request_id.or(edge);
                self.judge(endpoint, envelope)
            }
            None => {
                let mut error = self.page(endpoint, status);
                error.request_id = edge;
                Err(error)
            }
        }
    }

    async fn body(&self, endpoint: Endpoint, mut response: Response) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        loop {
            match tokio::time::timeout(self.options.timeouts.idle, response.chunk()).await {
                Ok(Ok(None)) => return Ok(body),
                Ok(Ok(Some(more))) if body.len() + more.len() <= MAX_REPLY => body.extend_from_slice(&more),
                Ok(Ok(Some(_))) => return Err(self.lost(endpoint, "the reply is longer than any should be")),
                Ok(Err(error)) => return Err(self.lost(endpoint, &chain(error))),
                Err(_) => return Err(self.lost(endpoint, "the reply stopped halfway")),
            }
        }
    }

    /// The class of an envelope. The code counts, whatever the HTTP status.
    pub(super) fn judge(&self, endpoint: Endpoint, envelope: Envelope) -> Result<Envelope, CallError> {
        let Envelope { code, message, request_id, .. } = &envelope;
        let table = &self.options.codes;
        let class = codes::classify_with(table, endpoint.path, endpoint.kind, *code, message);
        if class == Class::Ok {
            return Ok(envelope);
        }
        let told = if message.is_empty() { "no message" } else { message };
        let action = match class {
            Class::ReAuthenticate | Class::Configuration | Class::Permanent => table.page(*code),
            _ => None,
        };
        let text = match action {
            Some(page) => format!("code {code}: {told} ({})", page.action),
            None => format!("code {code}: {told}"),
        };
        let mut error = self.fault(endpoint.path, class, &text);
        error.code = Some(*code);
        error.request_id = request_id.clone();
        Err(error)
    }

    /// The class of a reply that is no envelope.
    pub(super) fn page(&self, endpoint: Endpoint, status: StatusCode) -> CallError {
        let class = match status.as_u16() {
            429 => Class::Throttle,
            401 => Class::ReAuthenticate,
            404 | 405 | 300..=399 => Class::Configuration,
            408 => return self.lost(endpoint, "HTTP 408: the request took too long"),
            400..=499 => Class::Permanent,
            _ => {
                let text = format!("HTTP {} without a reply that can be read", status.as_u16());
                return self.lost(endpoint, &text);
            }
        };
        let advice = match class {
            Class::ReAuthenticate => "; check the access token",
            Class::Configuration => "; check the address of the API",
            _ => "",
        };
        let text = format!("HTTP {} without a reply of the API{advice}", status.as_u16());
        self.fault(endpoint.path, class, &text)
    }

    /// The reply is lost: a read may be repeated, of anything else it is not known whether it happened.
    pub(super) fn lost(&self, endpoint: Endpoint, message: &str) -> CallError {
        let class = match endpoint.kind {
            Kind::Read => Class::Retry,
            Kind::Mutation => Class::Unknown,
        };
        self.fault(endpoint.path, class, message)
    }

    /// Every error is made here, so that none can show the token.
    pub(super) fn fault(&self, endpoint: &'static str, class: Class, message: &str) -> CallError {
        let token = self.options.token.expose_secret();
        let message = message.replace(token, "[token]");
        CallError { endpoint, class, code: None, message, request_id: None }
    }
}

/// An error and its causes in one line. Without the address, which is long and says nothing new.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = inner.source();
    }
    text
}
