//! The sandbox inside the test process, with its own folder and log.

#![allow(dead_code, reason = "no test uses all of it")]

use std::sync::Arc;
use std::time::Duration;

use greenlit::platform::tiktok_ads::{RemoteVideo, TikTokAds};
use greenlit::rules::ValidatedAsset;
use greenlit::sandbox::{Sandbox, SandboxOptions, UploadProber, start};
use serde_json::Value;

#[path = "validated.rs"]
mod validated_asset;
#[allow(unused_imports, reason = "not every test has covers")]
pub(crate) use validated_asset::{validated, validated_cover};

/// A running sandbox; it stops and its folder is removed when the test ends.
pub(crate) struct InProcessSandbox {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) server: Sandbox,
}

impl InProcessSandbox {
    pub(crate) async fn start(
        prober: impl UploadProber + 'static,
        change: impl FnOnce(&mut SandboxOptions),
    ) -> InProcessSandbox {
        InProcessSandbox::start_in(tempfile::tempdir().unwrap(), prober, change).await
    }

    async fn start_in(
        dir: tempfile::TempDir,
        prober: impl UploadProber + 'static,
        change: impl FnOnce(&mut SandboxOptions),
    ) -> InProcessSandbox {
        let mut options = SandboxOptions::new(dir.path().join("state"), Arc::new(prober));
        options.log = Some(dir.path().join("log.ndjson"));
        change(&mut options);
        let server = start(options).await.unwrap();
        InProcessSandbox { dir, server }
    }

    /// Restarts it at the same address, with its state.
    pub(crate) async fn restart(
        self,
        prober: impl UploadProber + 'static,
        change: impl FnOnce(&mut SandboxOptions),
    ) -> InProcessSandbox {
        let (dir, listen) = (self.dir, self.server.addr());
        self.server.shutdown().await;
        let change = |options: &mut SandboxOptions| {
            options.listen = listen;
            change(options);
        };
        InProcessSandbox::start_in(dir, prober, change).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.addr())
    }

    /// Writes a file of these bytes and validates it.
    pub(crate) fn asset(&self, name: &str, bytes: &[u8]) -> ValidatedAsset {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        validated(&path, bytes)
    }

    /// Returns every request and every effect so far.
    pub(crate) fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("log.ndjson")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn effects(&self, kind: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["effect"] == kind).collect()
    }
}

/// Waits until a video is ready.
pub(crate) async fn ready(client: &TikTokAds, id: &str, md5: &str) -> RemoteVideo {
    for _ in 0..300 {
        let found = client.videos(&[id.to_owned()]).await.unwrap();
        if let Some(video) = found.into_iter().find(|video| video.is_ready(md5)) {
            return video;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("video {id} did not become ready");
}
