//! Finds where the publications of a manifest go, without an account.

use super::args::DestinationArgs;
use super::destination::{DEFAULT_PLATFORM, SANDBOX, platform_and_mode, table};
use super::error::CliError;
use super::settings::Settings;
use crate::platform::Platform;

/// Where the publications of a manifest go, as far as no account is needed to tell.
pub struct Recipient {
    /// The platform.
    pub platform: &'static dyn Platform,
    /// The platform's mode, where it has several.
    pub mode: Option<&'static str>,
    /// The profile that files must comply with.
    pub profile: String,
}

impl Recipient {
    /// Returns the destination or platform with a name; without a name, the only destination of the configuration, else
    /// the default platform.
    pub fn of(settings: &Settings, name: Option<&str>) -> Result<Recipient, CliError> {
        let mut configured = settings.config.destination.keys();
        let only = configured.next().filter(|_| configured.next().is_none());
        let name = name.or(only.map(String::as_str)).unwrap_or(DEFAULT_PLATFORM);
        let config = if name == SANDBOX { DestinationArgs::default() } else { table(settings, name)? };
        let (platform, mode) = platform_and_mode(&DestinationArgs::default(), &config)?;
        let profile = config.profile.unwrap_or_else(|| platform.defaults().profile.to_owned());
        Ok(Recipient { platform, mode, profile })
    }
}
