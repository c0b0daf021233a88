//! Decides which hosts may receive an access token.
//!
//! A configuration or a plan may come from somebody else, together with the folder that contains it. It may
//! choose among the platform's own hosts and this machine; any other host has to be typed.

use url::Url;

use super::destination::{Destination, SANDBOX};
use super::error::CliError;
use super::settings::Settings;
use crate::platform::is_loopback;

/// Refuses a base URL whose host would receive the token although it was not typed. `typed` tells whether a person
/// typed the options of this run; those of a stored plan do not count.
///
/// # Errors
/// [`CliError::Usage`] for a host that is neither the platform's nor this machine.
pub fn require_trusted_host(destination: &Destination, typed: bool) -> Result<(), CliError> {
    if destination.name == SANDBOX || (typed && destination.base_url_is_option) {
        return Ok(());
    }
    let base_url = &destination.base_url;
    // A malformed URL is refused by the client, which says why.
    let Ok(url) = Url::parse(base_url) else { return Ok(()) };
    let own = destination.platform.hosts();
    if is_trusted(&url, own) {
        return Ok(());
    }
    let name = &destination.name;
    Err(CliError::Usage(format!(
        "nothing was sent: the base_url of the destination `{name}` is {base_url}, and the access token goes to \
         {} or to this machine only; to send it there nevertheless, type --base-url {base_url}",
        own.join(", ")
    )))
}

fn is_trusted(url: &Url, own: &[&str]) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
    is_loopback(url) || own.contains(&host.as_str())
}

/// Returns the line that tells where the token comes from and goes to, before the first call.
pub fn announcement(settings: &Settings, destination: &Destination) -> String {
    let host = Url::parse(&destination.base_url)
        .ok()
        .and_then(|url| Some(url.host_str()?.to_owned()))
        .unwrap_or_else(|| destination.base_url.clone());
    let configuration = match &settings.config.path {
        Some(path) => format!("configuration {}", path.display()),
        None => "no configuration".to_owned(),
    };
    format!("connecting to {host}: token from {}, {configuration}", destination.token_location())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::platform::registry::platform;

    #[test]
    fn only_the_platforms_hosts_and_this_machine_are_trusted() {
        let ads = platform("tiktok-ads").unwrap().hosts();
        let posts = platform("tiktok-post").unwrap().hosts();
        let trusted = |own, url: &str| is_trusted(&Url::parse(url).unwrap(), own);
        for url in [
            "https://business-api.tiktok.com/open_api/v1.3",
            "https://BUSINESS-API.tiktok.com./",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost:1",
        ] {
            assert!(trusted(ads, url), "{url}");
        }
        assert!(trusted(posts, "https://open.tiktokapis.com"));
        for url in [
            "https://evil.example",
            "https://business-api.tiktok.com.evil.example",
            "https://open.tiktokapis.com",
            "https://business-api.tiktok.com@evil.example",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1",
        ] {
            assert!(!trusted(ads, url), "{url}");
        }
        assert!(!trusted(posts, "https://business-api.tiktok.com"));
    }
}
