//! A running sandbox, an HTTP client, and the request bodies of a typical client.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use greenlit::sandbox::{ADGROUP, ADVERTISER, IDENTITY, Sandbox, SandboxOptions, TOKEN, Tier, start};
use md5::{Digest, Md5};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

#[path = "../common/accepting_prober.rs"]
mod accepting_prober;
use accepting_prober::AcceptingProber;

pub(crate) const LONG: Duration = Duration::from_secs(3600);

pub(crate) const NONE: Duration = Duration::ZERO;

pub(crate) struct Bench {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) client: reqwest::Client,
}

/// Starts a sandbox whose objects are ready at once and whose tier allows the most calls.
pub(crate) async fn bench(change: impl FnOnce(&mut SandboxOptions)) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = start(options(dir.path(), change)).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    Bench { dir, sandbox, client }
}

pub(crate) fn options(dir: &Path, change: impl FnOnce(&mut SandboxOptions)) -> SandboxOptions {
    let mut options = SandboxOptions::new(dir.join("state"), Arc::new(AcceptingProber));
    options.processing = (NONE, NONE);
    options.tier = Tier::Ultimate;
    options.log = Some(dir.join("log.ndjson"));
    change(&mut options);
    options
}

impl Bench {
    pub(crate) async fn restart(self, change: impl FnOnce(&mut SandboxOptions)) -> Self {
        let Self { dir, sandbox, client } = self;
        sandbox.shutdown().await;
        let sandbox = start(options(dir.path(), change)).await.unwrap();
        Self { dir, sandbox, client }
    }

    pub(crate) fn url(&self, tail: &str) -> String {
        format!("http://{}/open_api/v1.3/{tail}", self.sandbox.addr())
    }

    pub(crate) async fn get(&self, tail: &str, query: &[(&str, &str)]) -> Value {
        let mut all = vec![("advertiser_id", ADVERTISER)];
        all.extend_from_slice(query);
        let request = self.client.get(self.url(tail)).query(&all).header("Access-Token", TOKEN);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn post(&self, tail: &str, body: Value) -> Value {
        let request = self.client.post(self.url(tail)).json(&body).header("Access-Token", TOKEN);
        request.send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn form(&self, tail: &str, form: Form) -> reqwest::Result<Value> {
        let request = self.client.post(self.url(tail)).multipart(form).header("Access-Token", TOKEN);
        request.send().await?.json().await
    }

    pub(crate) async fn upload(&self, name: &str, bytes: &[u8]) -> Value {
        self.form("file/video/ad/upload/", video_form(name, bytes)).await.unwrap()
    }

    pub(crate) async fn video(&self, name: &str, bytes: &[u8]) -> String {
        let reply = self.upload(name, bytes).await;
        reply["data"][0]["video_id"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
    }

    pub(crate) async fn cover(&self, name: &str, width: u32, height: u32) -> Value {
        let bytes = png(width, height);
        let form = Form::new()
            .text("advertiser_id", ADVERTISER)
            .text("upload_type", "UPLOAD_BY_FILE")
            .text("image_signature", md5(&bytes))
            .text("file_name", name.to_owned())
            .part("image_file", Part::bytes(bytes).file_name("cover.png"));
        self.form("file/image/ad/upload/", form).await.unwrap()
    }

    pub(crate) async fn info(&self, id: &str) -> Option<Value> {
        let reply = self.get("file/video/ad/info/", &[("video_ids", &json!([id]).to_string())]).await;
        assert_eq!(reply["code"], 0, "{reply}");
        reply["data"]["list"].as_array().unwrap().first().cloned()
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("log.ndjson")).unwrap();
        assert!(!text.contains(TOKEN), "the log holds the token");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn effects(&self, kind: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["effect"] == kind).collect()
    }
}

pub(crate) fn md5(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(width, height).write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

/// Returns an upload form with the field order and spelling of the official Python client.
pub(crate) fn video_form(name: &str, bytes: &[u8]) -> Form {
    Form::new()
        .text("advertiser_id", ADVERTISER)
        .text("auto_fix_enabled", "False")
        .text("file_name", name.to_owned())
        .text("flaw_detect", "True")
        .text("upload_type", "UPLOAD_BY_FILE")
        .text("video_signature", md5(bytes))
        .part("video_file", Part::bytes(bytes.to_vec()).file_name("video.mp4"))
}

pub(crate) fn creative(video: &str, image: &str) -> Value {
    json!({
        "ad_format": "SINGLE_VIDEO", "ad_name": "one", "ad_text": "Buy now", "call_to_action": "SHOP_NOW",
        "identity_type": "CUSTOMIZED_USER", "identity_id": IDENTITY, "video_id": video, "image_ids": [image],
        "landing_page_url": "https://example.com/", "aigc_disclosure_type": "NOT_DECLARED",
    })
}

pub(crate) fn ad_body(creative: Value) -> Value {
    json!({"advertiser_id": ADVERTISER, "adgroup_id": ADGROUP, "creatives": [creative]})
}
