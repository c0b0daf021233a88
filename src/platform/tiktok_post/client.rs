//! Every call but the bytes themselves: at its pace, sent, read and classed here.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::chunks::Chunks;
use super::wire::{self, Reply};
use super::{CANCEL, CREATOR, DIRECT, INBOX, STATUS, TikTokPost, codes};
use crate::platform::{CallError, Class, Creator, NewPost, Opened, PostMode, PostStatus};
use crate::rules::ValidatedAsset;

/// Tries of a call that may be repeated.
const TRIES: u32 = 3;
/// No reply is longer.
const MAX_REPLY: usize = 4 << 20;

impl TikTokPost {
    pub(super) async fn read_creator(&self) -> Result<Creator, CallError> {
        Ok(wire::creator(&self.call(CREATOR, &json!({}), TRIES).await?.data))
    }

    pub(super) async fn init(&self, post: &NewPost, asset: &ValidatedAsset) -> Result<Opened, CallError> {
        let endpoint = if post.mode == PostMode::Direct { DIRECT } else { INBOX };
        let size = asset.content().size_bytes;
        let cut = Chunks::of(size).ok_or_else(|| {
            self.fault(endpoint, Class::Permanent, &format!("a file of {size} bytes cannot be uploaded"))
        })?;
        let mut body = json!({"source_info": {
            "source": "FILE_UPLOAD",
            "video_size": cut.total,
            "chunk_size": cut.size,
            "total_chunk_count": cut.count,
        }});
        if post.mode == PostMode::Direct {
            body["post_info"] = post_info(post);
        }
        // An upload that is never filled makes nothing, but five that wait are the most in a day: one try.
        let reply = self.call(endpoint, &body, 1).await?;
        match (reply.text("publish_id"), reply.text("upload_url")) {
            (Some(publish_id), Some(url)) => Ok(Opened { publish_id, upload_url: SecretString::from(url) }),
            _ => {
                Err(self.fault(endpoint, Class::Retry, "the upload that was opened has no id or no address"))
            }
        }
    }

    /// Has the platform fetch a video and make a draft or a post of it, and gives the id to ask by. The address
    /// must be https, without redirects, and under a domain or prefix that was proven to be the app's; it has
    /// to stay reachable for an hour.
    ///
    /// Unlike an upload that is only opened, this has its effect at once: an error of class
    /// [`Class::Unknown`] leaves open whether there is a post, and there is nothing to ask by.
    ///
    /// # Errors
    /// When the address cannot be one, or the call fails.
    pub async fn pull(&self, post: &NewPost, url: &str) -> Result<String, CallError> {
        let endpoint = if post.mode == PostMode::Direct { DIRECT } else { INBOX };
        let local = super::options::is_loopback(&self.base);
        let fits = |url: &url::Url| url.scheme() == "https" || local && url.scheme() == "http";
        let fit = url::Url::parse(url).ok().filter(fits);
        let Some(url) = fit else {
            let text = "the platform fetches over https only; write https://…";
            return Err(self.fault(endpoint, Class::Permanent, text));
        };
        let mut body = json!({"source_info": {"source": "PULL_FROM_URL", "video_url": url.as_str()}});
        if post.mode == PostMode::Direct {
            body["post_info"] = post_info(post);
        }
        // What may be repeated of an upload that is only opened may not be of this.
        let reply = self.call(endpoint, &body, 1).await.map_err(|error| match error.class {
            Class::Retry => CallError { class: Class::Unknown, ..error },
            _ => error,
        })?;
        reply.text("publish_id").ok_or_else(|| {
            self.fault(endpoint, Class::Unknown, "the reply says it is done but has no publish_id")
        })
    }

    pub(super) async fn read_status(&self, publish_id: &str) -> Result<PostStatus, CallError> {
        let reply = self.call(STATUS, &json!({"publish_id": publish_id}), TRIES).await?;
        wire::status(&reply.data).ok_or_else(|| {
            let said = reply.text("status").unwrap_or_else(|| "no status".to_owned());
            self.fault(STATUS, Class::Retry, &format!("the platform says `{said}`, which is not known here"))
        })
    }

    pub(super) async fn take_back(&self, publish_id: &str) -> Result<(), CallError> {
        self.call(CANCEL, &json!({"publish_id": publish_id}), 1).await.map(drop)
    }

    async fn call(&self, endpoint: &'static str, body: &Value, tries: u32) -> Result<Reply, CallError> {
        let mut tried = 0;
        loop {
            self.pace.enter(endpoint).await;
            let outcome = self.send(endpoint, body).await;
            if outcome.as_ref().is_err_and(|error| error.class == Class::Throttle)
                && let (Some(pause), Some(tell)) = (self.pace.throttled(), &self.options.on_pause)
            {
                tell(pause);
            }
            tried += 1;
            let again = outcome.as_ref().is_err_and(|error| error.class == Class::Retry) && tried < tries;
            if !again {
                return outcome;
            }
            tokio::time::sleep(self.retry_wait(tried)).await;
        }
    }

    /// The wait before the try after `tried`, with half of it left to chance.
    pub(super) fn retry_wait(&self, tried: u32) -> Duration {
        let bound = self.options.retry_wait.saturating_mul(1 << tried.saturating_sub(1).min(6));
        bound.min(Duration::from_secs(10)).mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    async fn send(&self, endpoint: &'static str, body: &Value) -> Result<Reply, CallError> {
        let url = self.base.join(endpoint);
        let url = url.map_err(|error| self.fault(endpoint, Class::Configuration, &error.to_string()))?;
        let bearer = format!("Bearer {}", self.options.token.expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| {
            self.fault(endpoint, Class::ReAuthenticate, "the token holds what a header cannot")
        })?;
        bearer.set_sensitive(true);
        let sending = self.http.post(url).header(AUTHORIZATION, bearer).json(body).send();
        let lost = |text: &str| self.fault(endpoint, Class::Retry, text);
        let patience = self.options.timeouts.connect + self.options.timeouts.idle;
        let response = match tokio::time::timeout(patience, sending).await {
            Err(_) => return Err(lost("no reply came in time")),
            Ok(Err(error)) => return Err(lost(&error.without_url().to_string())),
            Ok(Ok(response)) => response,
        };
        let status = response.status().as_u16();
        let body = self.body(endpoint, response).await?;
        let Some(reply) = Reply::read(&body) else {
            let text = format!("HTTP {status} without a reply of the API");
            return Err(self.fault(endpoint, codes::classify("", status, true), &text));
        };
        self.judge(endpoint, status, reply)
    }

    async fn body(
        &self,
        endpoint: &'static str,
        mut response: reqwest::Response,
    ) -> Result<Vec<u8>, CallError> {
        let mut body = Vec::new();
        loop {
            match tokio::time::timeout(self.options.timeouts.idle, response.chunk()).await {
                Ok(Ok(None)) => return Ok(body),
                Ok(Ok(Some(more))) if body.len() + more.len() <= MAX_REPLY => body.extend_from_slice(&more),
                _ => return Err(self.fault(endpoint, Class::Retry, "the reply cannot be read to its end")),
            }
        }
    }

    fn judge(&self, endpoint: &'static str, status: u16, reply: Reply) -> Result<Reply, CallError> {
        // Every call here may be repeated: an upload that is opened twice is filled once.
        let class = match codes::classify(&reply.code, status, true) {
            // A draft needs no right to read what the creator may do, so that this one lacks says little.
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
        let mut error = self.fault(endpoint, class, &format!("{}: {}{advice}", reply.code, reply.message));
        error.code = Some(i64::from(status));
        error.request_id = reply.log_id;
        Err(error)
    }

    /// Every error is made here, so that none can show the token.
    pub(super) fn fault(&self, endpoint: &'static str, class: Class, message: &str) -> CallError {
        let message = message.replace(self.options.token.expose_secret(), "[token]");
        CallError { endpoint, class, code: None, message, request_id: None }
    }
}

/// What a direct post says besides its bytes; what is not set is left out.
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
    fn what_is_not_set_is_not_sent() {
        let info = post_info(&NewPost { privacy_level: "SELF_ONLY".into(), ..NewPost::default() });
        assert_eq!((&info["privacy_level"], info.get("title")), (&json!("SELF_ONLY"), None));
        assert_eq!(
            (&info["brand_content_toggle"], info.get("video_cover_timestamp_ms")),
            (&json!(false), None)
        );
    }
}
