//! Resolves the destination of `ship`: options override the configuration's table.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use secrecy::SecretString;

use crate::profile::nearest;

use super::args::DestinationArgs;
use super::choice::{bad_choice, choice};
use super::config_file::FILE_NAME;
use super::error::CliError;
use super::quantities::{parse_duration, parse_rate};
use super::settings::Settings;
use crate::platform::{Platform, PublicationKind, registry};
use crate::report::Publication;
use crate::ship::LandingMode;

/// The name of the destination that starts a sandbox in this process.
pub const SANDBOX: &str = "sandbox";
/// The platform of a destination that names none.
pub(super) const DEFAULT_PLATFORM: &str = "tiktok-ads";
const POLL_DEADLINE: &str = "30m";
const VISIBILITY_WINDOW: &str = "5m";
const ATTEMPTS: u32 = 3;
const UPLOADS: u16 = 4;

/// Returns the word of the report for a publication.
pub fn report_word(kind: PublicationKind) -> Publication {
    match kind {
        PublicationKind::Ad => Publication::Ad,
        PublicationKind::Post => Publication::Post,
        PublicationKind::Entry => Publication::Entry,
        PublicationKind::Draft => Publication::Draft,
    }
}

/// A resolved destination. It does not contain the token; [`Destination::token`] reads it when needed.
#[derive(Clone)]
pub struct Destination {
    /// The name given with `--to`.
    pub name: String,
    /// The platform.
    pub platform: &'static dyn Platform,
    /// The platform's mode, where it has several.
    pub mode: Option<&'static str>,
    /// The profile that files must comply with.
    pub profile: String,
    /// The account, as the platform calls it.
    pub account: String,
    /// Base URL of the API.
    pub base_url: String,
    /// Whether the base URL came from an option instead of the configuration.
    pub base_url_is_option: bool,
    /// Tier of the rate limits.
    pub tier: String,
    /// Maximum time of processing of each upload.
    pub poll_deadline: Duration,
    /// Whether a video that is not ready within the deadline is encoded and uploaded again.
    pub retry_slow: bool,
    /// How long a new upload or ad may be missing from the platform's lists.
    pub visibility_window: Duration,
    /// Maximum number of uploads of one asset.
    pub attempts: u32,
    /// Limit of all uploads together, in bytes per second.
    pub bandwidth: Option<u64>,
    /// Number of parallel uploads.
    pub uploads: usize,
    /// Path of the journal.
    pub journal: PathBuf,
    /// Whether the path of the journal came from an option instead of the configuration.
    pub journal_is_option: bool,
    /// What happens where a landing page does not answer.
    pub landing: LandingMode,
    /// Whether landing pages may have private IP addresses.
    pub allow_private: bool,
    token: TokenSource,
}

#[derive(Clone, Debug)]
enum TokenSource {
    Environment(String),
    File(PathBuf),
    Sandbox,
    None,
}

impl Destination {
    /// Resolves `--to NAME`; options override the configuration.
    pub fn resolve(settings: &Settings, name: &str, args: &DestinationArgs) -> Result<Destination, CliError> {
        if name == SANDBOX {
            return Destination::sandbox(settings, args);
        }
        let config = table(settings, name)?;
        let (platform, mode) = platform_and_mode(args, &config)?;
        let defaults = platform.defaults();
        let folder = settings.config.folder();
        let account = account(name, platform, args, &config)?;
        let token = match (&args.token_env, &args.token_file, &config.token_env, &config.token_file) {
            (Some(env), ..) => TokenSource::Environment(env.clone()),
            (None, Some(file), ..) => TokenSource::File(file.clone()),
            (None, None, Some(env), _) => TokenSource::Environment(env.clone()),
            (None, None, None, Some(file)) => TokenSource::File(folder.join(file)),
            (None, None, None, None) => {
                defaults.token_env.map_or(TokenSource::None, |env| TokenSource::Environment(env.to_owned()))
            }
        };
        let journal = args.journal.clone().or(config.journal.as_ref().map(|path| folder.join(path)));
        Ok(Destination {
            name: name.to_owned(),
            mode,
            profile: config.profile.clone().unwrap_or_else(|| defaults.profile.to_owned()),
            account,
            base_url_is_option: args.base_url.is_some(),
            base_url: args
                .base_url
                .clone()
                .or(config.base_url.clone())
                .unwrap_or_else(|| defaults.base_url.to_owned()),
            journal_is_option: args.journal.is_some(),
            journal: journal.unwrap_or_else(|| settings.state_folder().join("journal.db")),
            token,
            ..Destination::common_settings(platform, args, &config)?
        })
    }

    fn sandbox(settings: &Settings, args: &DestinationArgs) -> Result<Destination, CliError> {
        let trial = DestinationArgs {
            poll_deadline: Some("3m".into()),
            visibility_window: Some("30s".into()),
            allow_private: true,
            ..DestinationArgs::default()
        };
        let (platform, mode) = platform_and_mode(args, &trial)?;
        Ok(Destination {
            name: SANDBOX.to_owned(),
            mode,
            profile: platform.defaults().profile.to_owned(),
            account: platform.trial("", Path::new("")).1,
            base_url: String::new(),
            journal_is_option: args.journal.is_some(),
            journal: args
                .journal
                .clone()
                .unwrap_or_else(|| settings.state_folder().join("sandbox/journal.db")),
            token: TokenSource::Sandbox,
            ..Destination::common_settings(platform, args, &trial)?
        })
    }

    /// Resolves the numbers and choices; the caller sets the other fields.
    fn common_settings(
        platform: &'static dyn Platform,
        args: &DestinationArgs,
        config: &DestinationArgs,
    ) -> Result<Destination, CliError> {
        let time = |option: &str, argument: &Option<String>, configured: &Option<String>, default: &str| {
            let text = argument.clone().or(configured.clone()).unwrap_or_else(|| default.to_owned());
            parse_duration(&text).ok_or_else(|| CliError::BadValue {
                option: option.to_owned(),
                given: text,
                expected: "a time such as 90s, 5m or 1h".to_owned(),
            })
        };
        let landing = args.landing_page_check.as_deref().or(config.landing_page_check.as_deref());
        let landing = choice(None, landing, "--landing-page-check")?.unwrap_or(LandingMode::Require);
        let tier =
            args.tier.clone().or(config.tier.clone()).unwrap_or_else(|| platform.defaults().tier.to_owned());
        Ok(Destination {
            name: String::new(),
            platform,
            mode: None,
            profile: String::new(),
            account: String::new(),
            base_url: String::new(),
            base_url_is_option: false,
            tier,
            poll_deadline: time(
                "--poll-deadline",
                &args.poll_deadline,
                &config.poll_deadline,
                POLL_DEADLINE,
            )?,
            retry_slow: args.retry_slow || config.retry_slow,
            visibility_window: time(
                "--visibility-window",
                &args.visibility_window,
                &config.visibility_window,
                VISIBILITY_WINDOW,
            )?,
            attempts: args.attempts.or(config.attempts).unwrap_or(ATTEMPTS).clamp(1, 3),
            bandwidth: bandwidth(args.bandwidth.as_ref().or(config.bandwidth.as_ref()))?,
            uploads: usize::from(args.uploads.or(config.uploads).unwrap_or(UPLOADS)).clamp(1, 64),
            journal: PathBuf::new(),
            journal_is_option: false,
            landing,
            allow_private: args.allow_private || config.allow_private,
            token: TokenSource::Sandbox,
        })
    }

    /// Returns the account in the keys of the journal.
    pub fn journal_account(&self) -> String {
        self.platform.account_in_keys(&self.account, self.mode)
    }

    /// Returns what the platform makes of a video.
    pub fn publication_kind(&self) -> PublicationKind {
        self.platform.publication_kind(self.mode)
    }

    /// Reads the token and wraps it as a secret; `None` where the platform takes none.
    pub fn token(&self) -> Result<Option<SecretString>, CliError> {
        let text = match &self.token {
            TokenSource::None => return Ok(None),
            TokenSource::Sandbox => return Ok(Some(SecretString::from(crate::sandbox::TOKEN))),
            TokenSource::Environment(name) => std::env::var(name).map_err(|_| {
                CliError::Usage(format!(
                    "no access token: set the environment variable {name}, or name a file with --token-file"
                ))
            })?,
            TokenSource::File(path) => read_secret(path)?,
        };
        let token = text.trim();
        if token.is_empty() {
            return Err(CliError::Usage(format!("the access token from {} is empty", self.token_location())));
        }
        Ok(Some(SecretString::from(token)))
    }

    /// Returns a warning if other users of the machine can read the token.
    pub fn token_warning(&self) -> Option<String> {
        let TokenSource::File(path) = &self.token else { return None };
        is_readable_by_others(path).then(|| {
            let path = path.display();
            format!("other users can read the access token in {path}: take that permission away (chmod go-r {path})")
        })
    }

    /// Returns whether the platform takes a token.
    pub fn takes_token(&self) -> bool {
        !matches!(self.token, TokenSource::None)
    }

    /// Describes where the token is read from, for messages. Never contains the token.
    pub fn token_location(&self) -> String {
        match &self.token {
            TokenSource::Sandbox => "the sandbox".to_owned(),
            TokenSource::None => "nowhere, since it needs none".to_owned(),
            TokenSource::Environment(name) => format!("the environment variable {name}"),
            TokenSource::File(path) => format!("the file {}", path.display()),
        }
    }
}

/// Returns the table of a destination, or an empty one for the name of a platform.
pub(super) fn table(settings: &Settings, name: &str) -> Result<DestinationArgs, CliError> {
    match settings.config.destination.get(name) {
        Some(config) => Ok(config.clone()),
        None if registry::platform(name).is_some() => {
            Ok(DestinationArgs { platform: Some(name.to_owned()), ..DestinationArgs::default() })
        }
        None => Err(unknown_destination(settings, name)),
    }
}

fn account(
    name: &str,
    platform: &dyn Platform,
    args: &DestinationArgs,
    config: &DestinationArgs,
) -> Result<String, CliError> {
    let defaults = platform.defaults();
    let key = defaults.account_key;
    let given = match key {
        "advertiser_id" => args.advertiser_id.as_ref().or(config.advertiser_id.as_ref()),
        _ => args.account.as_ref().or(config.account.as_ref()),
    };
    given.cloned().or(defaults.account.map(str::to_owned)).ok_or_else(|| {
        let option = key.replace('_', "-");
        CliError::Usage(format!(
            "the destination `{name}` has no {key}: set it in [destination.{name}] or with --{option}"
        ))
    })
}

/// Checks the values of a destination's table.
pub(super) fn check_table(table: &DestinationArgs) -> Result<(), CliError> {
    let (platform, _) = platform_and_mode(&DestinationArgs::default(), table)?;
    Destination::common_settings(platform, &DestinationArgs::default(), table).map(drop)
}

/// Returns the default of a key of a destination's table; `None` where it is not set.
pub(super) fn default_of(table: &DestinationArgs, key: &str) -> Option<toml::Value> {
    let (platform, mode) = platform_and_mode(&DestinationArgs::default(), table).ok()?;
    let defaults = platform.defaults();
    let text = |text: &str| (!text.is_empty()).then(|| toml::Value::from(text));
    match key {
        "platform" => text(platform.id()),
        "profile" => text(defaults.profile),
        "account" if defaults.account_key == key => text(defaults.account?),
        "mode" => text(mode?),
        "token_env" => text(defaults.token_env?),
        "base_url" => text(defaults.base_url),
        "tier" => text(defaults.tier),
        "poll_deadline" => text(POLL_DEADLINE),
        "visibility_window" => text(VISIBILITY_WINDOW),
        "attempts" => Some(i64::from(ATTEMPTS).into()),
        "uploads" => Some(i64::from(UPLOADS).into()),
        "landing_page_check" => LandingMode::Require.to_possible_value().and_then(|it| text(it.get_name())),
        "retry_slow" | "allow_private" => Some(false.into()),
        _ => None,
    }
}

/// Returns the platform and its mode; the default modes are not public.
pub(super) fn platform_and_mode(
    args: &DestinationArgs,
    config: &DestinationArgs,
) -> Result<(&'static dyn Platform, Option<&'static str>), CliError> {
    let id = args.platform.as_deref().or(config.platform.as_deref()).unwrap_or(DEFAULT_PLATFORM);
    let platform = registry::platform(id).ok_or_else(|| {
        bad_choice("--platform", id, registry::PLATFORMS.iter().map(|platform| platform.id()))
    })?;
    let modes = platform.modes();
    match args.mode.as_deref().or(config.mode.as_deref()) {
        None => Ok((platform, modes.first().copied())),
        Some(_) if modes.is_empty() => {
            let with_modes = registry::PLATFORMS.iter().filter(|platform| !platform.modes().is_empty());
            let names: Vec<&str> = with_modes.map(|platform| platform.id()).collect();
            Err(CliError::Usage(format!("--mode applies only to the platform {}", names.join(", "))))
        }
        Some(given) => match modes.iter().find(|mode| **mode == given) {
            Some(mode) => Ok((platform, Some(mode))),
            None => Err(bad_choice("--mode", given, modes.iter().copied())),
        },
    }
}

/// Reads a file with a secret.
pub fn read_secret(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|source| CliError::ReadFile { path: path.to_owned(), source })
}

/// Permissions that let others than the owner read a file.
const READABLE_BY_OTHERS: u32 = 0o044;

/// Returns whether other users of the machine can read the file.
pub fn is_readable_by_others(path: &Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.mode() & READABLE_BY_OTHERS != 0)
}

fn unknown_destination(settings: &Settings, name: &str) -> CliError {
    let known: Vec<&str> = settings
        .config
        .destination
        .keys()
        .map(String::as_str)
        .chain([SANDBOX])
        .chain(registry::PLATFORMS.iter().map(|platform| platform.id()))
        .collect();
    let nearest = nearest(name, known.iter().copied()).map(str::to_owned);
    let advice = match &settings.config.path {
        Some(path) => format!("Add a table [destination.{name}] to {}", path.display()),
        None => format!(
            "No {FILE_NAME} was found in this folder or above: a table [destination.{name}] in it adds a destination"
        ),
    };
    CliError::UnknownDestination { name: name.to_owned(), allowed: known.join(", "), nearest, advice }
}

fn bandwidth(text: Option<&String>) -> Result<Option<u64>, CliError> {
    let bad = |text: &String| CliError::BadValue {
        option: "--bandwidth".to_owned(),
        given: text.clone(),
        expected: "bytes per second, such as 500kB or 2MB".to_owned(),
    };
    text.map(|text| parse_rate(text).ok_or_else(|| bad(text))).transpose()
}
