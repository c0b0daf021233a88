//! The HTTP client that the adapters of all platforms and notifications share.

use std::time::Duration;

use url::Url;

use super::{Timeouts, is_loopback};

/// Idle connections are closed before servers usually close them.
const POOL_IDLE: Duration = Duration::from_secs(20);

/// Returns a client for the server at `base`. It repeats nothing by itself and follows no redirect, which would send a
/// token or a video to another host.
pub(crate) fn http_client(timeouts: &Timeouts, base: &Url) -> reqwest::Result<reqwest::Client> {
    // Fails when a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("greenlit/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(timeouts.connect)
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        // The callers decide what may be repeated.
        .retry(reqwest::retry::never())
        .referer(false);
    // A peer that acknowledges nothing is found by the system, also while bytes wait to be sent.
    #[cfg(target_os = "linux")]
    {
        builder = builder.tcp_user_timeout(timeouts.idle);
    }
    if is_loopback(base) {
        builder = builder.no_proxy();
    }
    builder.build()
}
