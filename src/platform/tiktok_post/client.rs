//! The client. It sends every call except the uploads: waits for the rate limit, sends the request, parses the reply
//! and classifies it.

use std::fmt;
use std::time::{Duration, Instant};

use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::call_limiter::PostRateLimiter;
use super::chunks::ChunkLayout;
use super::endpoints::{CANCEL, CREATOR, DIRECT, INBOX, STATUS};
use super::options::{PostOptions, PostOptionsError, base};
use super::wire::{self, Reply};
use super::{Creator, NewPost, PostMode, PostStatus, codes};
use crate::platform::http_client::http_client;
use crate::platform::server_clock::{ServerClock, ServerTime};
use crate::platform::upload_body::{BandwidthLimiter, chunk_limit};
use crate::platform::{CallError, Class, OpenedUpload};
use crate::rules::ValidatedAsset;

/// The maximum number of attempts of a call that may be repeated.
const MAX_ATTEMPTS: u32 = 3;
/// The maximum size of a reply in bytes.
const MAX_REPLY: usize = 4 << 20;

/// A client for one creator. Its calls must be awaited in a Tokio runtime with time and I/O.
pub struct TikTokPost {
    pub(super) options: PostOptions,
    pub(super) base: Url,
    pub(super) origin: String,
    pub(super) http: reqwest::Client,
    pub(super) rate_limiter: PostRateLimiter,
    pub(super) bandwidth: BandwidthLimiter,
    pub(super) server_clock: ServerClock,
}

impl TikTokPost {
    /// Creates a client without sending anything; see [`TikTokPost::creator`].
    ///
    /// # Errors
    /// [`PostOptionsError`] for a URL that would expose the token, an invalid account or token, or when TLS does
    /// not start.
    pub fn new(options: PostOptions) -> Result<TikTokPost, PostOptionsError> {
        let base = base(&options.base_url)?;
        if options.account.trim().is_empty() {
            return Err(PostOptionsError::Account);
        }
        let token = options.token.expose_secret();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(PostOptionsError::Token);
        }
        Ok(TikTokPost {
            origin: options.origin.clone().unwrap_or_else(|| base.origin().ascii_serialization()),
            http: http_client(&options.timeouts, &base)
                .map_err(|error| PostOptionsError::Client(Box::new(error)))?,
            rate_limiter: PostRateLimiter::new(options.speed),
            bandwidth: BandwidthLimiter::new(options.bandwidth.filter(|rate| *rate > 0)),
            server_clock: ServerClock::default(),
            base,
            options,
        })
    }
}

impl fmt::Debug for TikTokPost {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("TikTokPost").field("options", &self.options).finish_non_exhaustive()
    }
}

impl TikTokPost {
    /// Reads the creator's permissions.
    ///
    /// # Errors
    /// When the call fails, as it does for an invalid token.
    pub async fn creator(&self) -> Result<Creator, CallError> {
        Ok(wire::creator(&self.call(CREATOR, &json!({}), MAX_ATTEMPTS).await?.data))
    }

    /// Opens an upload. May be repeated: an upload without bytes has no effect.
    pub async fn open_upload(
        &self,
        post: &NewPost,
        asset: &ValidatedAsset,
    ) -> Result<OpenedUpload, CallError> {
        let endpoint = if post.mode == PostMode::Direct { DIRECT } else { INBOX };
        let size = asset.content().size_bytes;
        let layout = ChunkLayout::of(size).ok_or_else(|| {
            self.error(endpoint, Class::Permanent, &format!("a file of {size} bytes cannot be uploaded"))
        })?;
        let mut body = json!({"source_info": {
            "source": "FILE_UPLOAD",
            "video_size": layout.total,
            "chunk_size": layout.size,
            "total_chunk_count": layout.count,
        }});
        if post.mode == PostMode::Direct {
            body["post_info"] = post_info(post);
        }
        // An upload without bytes has no effect, but at most five may be open in a day: one attempt.
        let reply = self.call(endpoint, &body, 1).await?;
        match (reply.text("publish_id"), reply.text("upload_url")) {
            (Some(publish_id), Some(url)) => {
                Ok(OpenedUpload { token: publish_id, address: SecretString::from(url) })
            }
            _ => Err(self.error(
                endpoint,
                Class::Retry,
                "the platform started an upload but its reply has no id or no URL",
            )),
        }
    }

    /// Reads the status of a post.
    ///
    /// # Errors
    /// When the call fails or the status is unknown.
    pub async fn status(&self, publish_id: &str) -> Result<PostStatus, CallError> {
        let reply = self.call(STATUS, &json!({"publish_id": publish_id}), MAX_ATTEMPTS).await?;
        wire::status(&reply.data).ok_or_else(|| {
            let status = reply.text("status").unwrap_or_else(|| "no status".to_owned());
            self.error(STATUS, Class::Retry, &format!("unknown post status `{status}`"))
        })
    }

    /// Cancels an upload that will not be completed.
    pub async fn cancel(&self, publish_id: &str) -> Result<(), CallError> {
        self.call(CANCEL, &json!({"publish_id": publish_id}), 1).await.map(drop)
    }

    async fn call(
        &self,
        endpoint: &'static str,
        body: &Value,
        max_attempts: u32,
    ) -> Result<Reply, CallError> {
        let mut attempts = 0;
        loop {
            self.rate_limiter.enter(endpoint).await;
            let outcome = self.send(endpoint, body).await;
            if outcome.as_ref().is_err_and(|error| error.class == Class::Throttle)
                && let (Some(pause), Some(notify)) = (self.rate_limiter.throttled(), &self.options.on_pause)
            {
                notify(pause);
            }
            attempts += 1;
            let failed = outcome.as_ref().is_err_and(|error| error.class == Class::Retry);
            if !failed || attempts >= max_attempts {
                return outcome;
            }
            tokio::time::sleep(self.retry_wait(attempts)).await;
        }
    }

    /// Returns the wait after `attempts` attempts; half of it is random.
    pub(super) fn retry_wait(&self, attempts: u32) -> Duration {
        let bound = self.options.retry_wait.saturating_mul(1 << attempts.saturating_sub(1).min(6));
        bound.min(Duration::from_secs(10)).mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    async fn send(&self, endpoint: &'static str, body: &Value) -> Result<Reply, CallError> {
        let url = self.base.join(endpoint);
        let url = url.map_err(|error| self.error(endpoint, Class::Configuration, &error.to_string()))?;
        let bearer = format!("Bearer {}", self.options.token.expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| {
            self.error(endpoint, Class::ReAuthenticate, "the access token is not a valid HTTP header value")
        })?;
        bearer.set_sensitive(true);
        let sending = self.http.post(url).header(AUTHORIZATION, bearer).json(body).send();
        let lost = |text: &str| self.error(endpoint, Class::Retry, text);
        let timeout = self.options.timeouts.connect + self.options.timeouts.idle;
        let response = match tokio::time::timeout(timeout, sending).await {
            Err(_) => return Err(lost("no reply in time")),
            Ok(Err(error)) => return Err(lost(&error.without_url().to_string())),
            Ok(Ok(response)) => response,
        };
        let (status, time) = (response.status().as_u16(), ServerTime::of(response.headers()));
        let body = self.body(endpoint, response).await?;
        let Some(reply) = Reply::read(&body) else {
            let text = format!("HTTP {status} with a reply that is not from the API");
            return Err(self.error(endpoint, codes::classify("", status, true), &text));
        };
        self.server_clock.learn(time);
        self.check_reply(endpoint, status, reply)
    }

    async fn body(
        &self,
        endpoint: &'static str,
        mut response: reqwest::Response,
    ) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        let began = Instant::now();
        loop {
            let left = chunk_limit(&self.options.timeouts, began, body.len() as u64);
            match tokio::time::timeout(left, response.chunk()).await {
                Ok(Ok(None)) => return Ok(body),
                Ok(Ok(Some(more))) if body.len() + more.len() <= MAX_REPLY => body.extend_from_slice(&more),
                _ => {
                    return Err(self.error(
                        endpoint,
                        Class::Retry,
                        "the reply is too long, too slow or incomplete",
                    ));
                }
            }
        }
    }

    fn check_reply(&self, endpoint: &'static str, status: u16, reply: Reply) -> Result<Reply, CallError> {
        // Every call here may be repeated: an upload that is opened twice receives its bytes once.
        let class = match codes::classify(&reply.code, status, true) {
            // A draft does not need the scope for reading the creator's permissions.
            Class::ReAuthenticate if endpoint == CREATOR && reply.code.starts_with("scope_") => {
                Class::Permanent
            }
            class => class,
        };
        if class == Class::Ok {
            return Ok(reply);
        }
        let advice = codes::advice(&reply.code);
        let advice = if advice.is_empty() { String::new() } else { format!(" ({advice})") };
        let mut error = self.error(endpoint, class, &format!("{}: {}{advice}", reply.code, reply.message));
        error.code = Some(i64::from(status));
        error.request_id = reply.log_id;
        Err(error)
    }

    /// Returns an error without the token. Every error is created here.
    pub(super) fn error(&self, endpoint: &'static str, class: Class, message: &str) -> CallError {
        let message = message.replace(self.options.token.expose_secret(), "[token]");
        CallError { endpoint, class, code: None, message, request_id: None }
    }
}

/// Returns the metadata of a direct post; unset fields are omitted.
fn post_info(post: &NewPost) -> Value {
    let mut info = json!({
        "privacy_level": post.privacy_level,
        "disable_comment": post.disable_comment,
        "disable_duet": post.disable_duet,
        "disable_stitch": post.disable_stitch,
        "brand_content_toggle": post.brand_content,
        "brand_organic_toggle": post.brand_organic,
        "is_aigc": post.aigc,
    });
    if let Some(title) = &post.title {
        info["title"] = Value::String(title.clone());
    }
    if let Some(at) = post.cover_at_ms {
        info["video_cover_timestamp_ms"] = Value::from(at);
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn omits_unset_fields() {
        let info = post_info(&NewPost { privacy_level: "SELF_ONLY".into(), ..NewPost::default() });
        assert_eq!((&info["privacy_level"], info.get("title")), (&json!("SELF_ONLY"), None));
        assert_eq!(
            (&info["brand_content_toggle"], info.get("video_cover_timestamp_ms")),
            (&json!(false), None)
        );
    }
}
