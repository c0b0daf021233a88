//! The stand-in inside the test's own process, with a folder of its own and a log.

#![allow(dead_code, reason = "no test needs everything")]

use std::sync::Arc;
use std::time::Duration;

use greenlit::platform::tiktok_ads::TikTokAds;
use greenlit::platform::{AdsPlatform, RemoteVideo};
use greenlit::rules::ValidatedAsset;
use greenlit::sandbox::{Sandbox, SandboxOptions, UploadProber, start};
use serde_json::Value;

#[path = "validated.rs"]
mod clip;
pub(crate) use clip::validated;

/// Ends with the test, and its folder with it.
pub(crate) struct StandIn {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) sandbox: Sandbox,
}

impl StandIn {
    pub(crate) async fn start(
        prober: impl UploadProber + 'static,
        change: impl FnOnce(&mut SandboxOptions),
    ) -> StandIn {
        let dir = tempfile::tempdir().unwrap();
        let mut options = SandboxOptions::new(dir.path().join("state"), Arc::new(prober));
        options.log = Some(dir.path().join("log.ndjson"));
        change(&mut options);
        let sandbox = start(options).await.unwrap();
        StandIn { dir, sandbox }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.sandbox.addr())
    }

    /// A file of these bytes, with its proof.
    pub(crate) fn asset(&self, name: &str, bytes: &[u8]) -> ValidatedAsset {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        validated(&path, bytes)
    }

    /// Every request and every effect; none where nothing has happened yet.
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
    panic!("never ready");
}
