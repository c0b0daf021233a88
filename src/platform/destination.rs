//! The port of all destinations: what delivery asks of them, and what they say of themselves.
//!
//! A [`Platform`] describes a destination without a connection: columns, checks, limits, words. Its
//! [`Destination`] is connected to one account. Delivery decides when something is sent and whether it may be
//! sent again; a destination decides what is sent, and what its answers mean.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use secrecy::SecretString;

use super::call::not_offered;
use super::mutation::{Failure, Mutation, OpenedUpload, SentEffect, Sighting};
use super::{Call, Class, Problem, Row, UploadObserver};
use crate::profile::{Profile, RuleId};
use crate::rules::ValidatedAsset;

/// A video that delivery waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The receipt of its upload.
    pub id: String,
    /// MD5 of the bytes sent, lower-case hex.
    pub md5: String,
}

/// How far a destination is with an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// The destination does not list it, as if it did not exist.
    Unlisted,
    /// It is not ready; what the destination shows of it, such as `listed, not displayable`; empty if it shows nothing.
    Processing(&'static str),
    /// Its publications may follow.
    Ready,
    /// It is published, where the upload is the publication.
    Published {
        /// The publication's id; `None` where only the upload has one.
        id: Option<String>,
        /// What a person should know.
        note: Option<&'static str>,
    },
    /// It failed.
    Failed(Failure),
}

/// A publication's identity at an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PublicationName {
    /// The group that the name is unique in; empty for the whole account.
    pub scope: String,
    /// The name.
    pub name: String,
}

/// A destination, connected to an account. No call may be made twice by itself where that could repeat an effect.
pub trait Destination: Send + Sync {
    /// Returns its description.
    fn platform(&self) -> &'static dyn Platform;
    /// Returns what the keys of all effects begin with, such as scheme, host and port.
    fn origin(&self) -> &str;
    /// Returns the account in the keys of all effects.
    fn account(&self) -> &str;
    /// Returns the time by the destination's clock; `None` while it is unknown.
    fn time(&self) -> Option<SystemTime> {
        None
    }
    /// Checks with a read whether the account grants access.
    fn check_access(&self) -> Call<'_, ()>;
    /// Refuses an upload that the account does not allow, before anything is sent.
    ///
    /// # Errors
    /// The reason.
    fn allows(&self, _asset: &ValidatedAsset, _row: &Row) -> Result<(), String> {
        Ok(())
    }
    /// Opens an upload, which has no effect; `None` where bytes need no opened upload.
    fn open<'a>(&'a self, _mutation: &'a Mutation<'a>) -> Call<'a, Option<OpenedUpload>> {
        Box::pin(std::future::ready(Ok(None)))
    }
    /// Sends a mutation and returns the id of what it created.
    fn send<'a>(
        &'a self,
        mutation: &'a Mutation<'a>,
        name: &'a str,
        opened: Option<&'a OpenedUpload>,
        observer: &'a dyn UploadObserver,
    ) -> Call<'a, String>;
    /// Asks once about an effect of unknown outcome.
    fn look<'a>(&'a self, sent: &'a SentEffect) -> Call<'a, Sighting>;
    /// Cancels an opened upload, so that it can never complete.
    fn cancel<'a>(&'a self, _token: &'a str) -> Call<'a, ()> {
        not_offered("cancel")
    }
    /// Asks about an effect that this journal never sent: an earlier run may have, whose journal is lost. Of a
    /// publication it is asked before each is sent, of the others only while the journal is new.
    fn look_for_earlier<'a>(&'a self, _unsent: &'a SentEffect) -> Call<'a, Sighting> {
        Box::pin(std::future::ready(Ok(Sighting::Absent { name_is_taken: false })))
    }
    /// Reads how far uploads are, in their order; at most [`Destination::videos_per_call`].
    fn progress<'a>(&'a self, videos: &'a [Awaited]) -> Call<'a, Vec<Progress>>;
    /// Returns how many videos one call of [`Destination::progress`] takes.
    fn videos_per_call(&self) -> usize {
        1
    }
    /// Returns whether a creative is created before each publication.
    fn has_creative(&self) -> bool {
        false
    }
    /// Returns how often one effect may be sent in a run, each time after proof that the last send had no effect.
    fn sends_per_run(&self) -> u32 {
        6
    }
}

/// What a publication is called in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublicationKind {
    /// An ad.
    Ad,
    /// A public post.
    Post,
    /// A draft that its creator publishes.
    Draft,
    /// An entry in a list of files.
    Entry,
}

/// The number of calls per endpoint, each endpoint once, in the order of the calls.
pub type CallCounts = Vec<(&'static str, u64)>;

/// Limits of calls and of what they create.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Whether the platform has tiers.
    pub has_tiers: bool,
    /// Calls per minute.
    pub calls_per_minute: u64,
    /// Calls per UTC day; `None` if the platform publishes no limit.
    pub calls_per_day: Option<u64>,
    /// Publications per minute.
    pub publications_per_minute: u64,
}

/// When a destination publishes a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublicationTime {
    /// By a mutation for each row, once the video is ready.
    AfterReadiness,
    /// By the upload itself.
    WithUpload,
}

/// Limits of covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoverLimits {
    /// The longest side, in pixels.
    pub side: u32,
    /// The largest file, in bytes.
    pub bytes: u64,
}

/// What connects to an account.
pub struct Connection {
    /// The base URL of the API, or the folder of a destination on disk.
    pub base_url: String,
    /// The origin of the keys, where it is not that of the URL.
    pub origin: Option<String>,
    /// The account, as configured.
    pub account: String,
    /// The mode; `None` for the first of [`Platform::modes`].
    pub mode: Option<&'static str>,
    /// The access token; `None` where the platform takes none.
    pub token: Option<SecretString>,
    /// The tier of the rate limits, as configured; empty for the platform's default.
    pub tier: String,
    /// The table of codes that the configuration overrides.
    pub codes: Option<toml::Value>,
    /// Limit of all uploads together, in bytes per second.
    pub bandwidth: Option<u64>,
    /// Told when all calls pause, with the time.
    pub on_pause: Option<Arc<dyn Fn(Duration) + Send + Sync>>,
}

impl Connection {
    /// Returns a connection with the platform's defaults.
    pub fn new(base_url: &str, account: &str, token: Option<SecretString>) -> Connection {
        Connection {
            base_url: base_url.to_owned(),
            origin: None,
            account: account.to_owned(),
            mode: None,
            token,
            tier: String::new(),
            codes: None,
            bandwidth: None,
            on_pause: None,
        }
    }
}

/// Why a destination cannot be used as configured.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ConnectError(#[from] Box<dyn std::error::Error + Send + Sync>);

impl ConnectError {
    /// Returns an error with a cause or a message.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectError {
        ConnectError(cause.into())
    }
}

/// The configuration's defaults for a platform.
#[derive(Clone, Copy, Debug)]
pub struct Defaults {
    /// The profile that files must comply with.
    pub profile: &'static str,
    /// The base URL of the API; empty where the user names the place.
    pub base_url: &'static str,
    /// The environment variable with the token; `None` where there is no token.
    pub token_env: Option<&'static str>,
    /// The key of the configuration that names the account.
    pub account_key: &'static str,
    /// The account where the configuration names none; `None` where it must.
    pub account: Option<&'static str>,
    /// The tier of the rate limits; empty where there are none.
    pub tier: &'static str,
}

/// A destination as it describes itself, without a connection.
pub trait Platform: Sync {
    /// Returns the value of the configuration's `platform`.
    fn id(&self) -> &'static str;
    /// Returns the defaults of its configuration.
    fn defaults(&self) -> Defaults;
    /// Returns the values of `mode`, the default first; empty where there is none.
    fn modes(&self) -> &'static [&'static str] {
        &[]
    }
    /// Returns the hosts that may receive the token.
    fn hosts(&self) -> &'static [&'static str];
    /// Returns the origin of a base URL.
    ///
    /// # Errors
    /// If it is no address that a token may be sent to.
    fn origin_of(&self, base_url: &str) -> Result<String, ConnectError>;
    /// Returns the account in the keys of effects.
    fn account_in_keys(&self, account: &str, mode: Option<&str>) -> String {
        let _ = mode;
        account.to_owned()
    }
    /// Connects, without a call.
    ///
    /// # Errors
    /// If the connection is not complete or not safe.
    fn connect(&self, connection: Connection) -> Result<Arc<dyn Destination>, ConnectError>;
    /// Returns base URL and account of the built-in stand-in, which listens at `address`, such as `127.0.0.1:8080`, and
    /// keeps its state in `folder`.
    fn trial(&self, address: &str, folder: &Path) -> (String, String);

    /// Returns what a publication is called.
    fn publication_kind(&self, mode: Option<&str>) -> PublicationKind;
    /// Returns when it publishes.
    fn publication_time(&self) -> PublicationTime;
    /// Returns whether lists show what was created at once, so that absence proves something without a wait.
    fn lists_at_once(&self) -> bool {
        false
    }
    /// Returns the limits of the cover that each publication needs; `None` if it needs none.
    fn cover(&self) -> Option<CoverLimits> {
        None
    }
    /// Returns the longest name of an upload, in characters.
    fn max_name_chars(&self) -> usize;

    /// Returns the extension in the name of an upload; the file has the extension `of_file`.
    fn upload_extension<'a>(&self, of_file: &'a str) -> &'a str;

    /// Returns the columns of its manifests besides `video` and `cover`.
    fn columns(&self) -> &'static [&'static str];
    /// Returns a complete row, as an example.
    fn example_row(&self) -> Row;
    /// Returns the publication that a row asks for; `None` if it names only a video to upload.
    fn publication(&self, row: &Row) -> Option<PublicationName>;
    /// Returns the column that names a publication.
    fn name_column(&self) -> &'static str;
    /// Returns a digest of what a publication shows; `cover` identifies its cover.
    fn digest(&self, row: &Row, cover: &str) -> String;
    /// Returns the address that a publication links to; empty for none.
    fn landing_page<'a>(&self, _row: &'a Row) -> &'a str {
        ""
    }
    /// Checks the rows before anything is sent, without a call, and lists every problem. `all` are the destinations
    /// that a column may belong to instead.
    fn check_rows(
        &self,
        rows: &[Row],
        mode: Option<&str>,
        profile: &Profile,
        all: &[&dyn Platform],
    ) -> Vec<Problem>;

    /// Returns the calls for one file: its upload, if `upload_bytes` are to be sent, and its publications.
    fn calls_of_file(&self, mode: Option<&str>, upload_bytes: Option<u64>, publications: u64) -> CallCounts;
    /// Returns the calls that files share: of waiting for `waits` uploads and of the rows to publish.
    fn shared_calls(&self, waits: u64, rows: &[&Row]) -> CallCounts;
    /// Returns the limits of calls in a tier.
    ///
    /// # Errors
    /// For an unknown tier.
    fn quota(&self, tier: &str) -> Result<Quota, ConnectError>;

    /// Checks the configuration's table of codes that it overrides.
    ///
    /// # Errors
    /// The first entry that cannot be used.
    fn check_codes(&self, _codes: &toml::Value) -> Result<(), ConnectError> {
        Ok(())
    }
    /// Explains a code or a reason that the platform returns; `None` for an unknown one.
    fn explain(&self, code: &str, codes: Option<&toml::Value>) -> Option<String>;
    /// Returns what a code or a reason says about the file that was refused; `None` for an unknown one.
    fn class_of(&self, code: &str, codes: Option<&toml::Value>) -> Option<Class>;
    /// Returns the rules whose published limits a code or a reason names: a file that breaks one is fixed as planned.
    fn limits_of(&self, _code: &str) -> &'static [RuleId] {
        &[]
    }
}
