//! The options of a sandbox and the errors of its start.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::limits::UploadProber;
use crate::state_folder::StateError;

/// The only access token that the sandbox accepts. It is not a secret: it is valid nowhere else.
pub const TOKEN: &str = "sandbox-token";
/// The only advertiser of the token.
pub const ADVERTISER: &str = "7000000000000000001";
/// The only ad group of that advertiser.
pub const ADGROUP: &str = "1800000000000000001";
/// The only identity, of type `CUSTOMIZED_USER`.
pub const IDENTITY: &str = "1700000000000000001";

/// The access level of the app, which sets the rate limits. Source: portal page rate-limits/v1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// 10 requests per second, 600 per minute, 864 000 per day.
    #[default]
    Basic,
    /// 20 / 1 200 / 1 728 000.
    Advanced,
    /// 30 / 1 800 / 2 592 000.
    Premium,
    /// 50 / 3 000 / 4 320 000.
    Ultimate,
    /// 1 / 30 / 1 000, counted separately for each endpoint.
    Sandbox,
}

impl FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "basic" => Ok(Self::Basic),
            "advanced" => Ok(Self::Advanced),
            "premium" => Ok(Self::Premium),
            "ultimate" => Ok(Self::Ultimate),
            "sandbox" => Ok(Self::Sandbox),
            _ => Err(format!("unknown tier `{text}`: use basic, advanced, premium, ultimate or sandbox")),
        }
    }
}

/// The reply to an upload of bytes that the advertiser already has. The official page states both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reupload {
    /// Each upload yields a new video id.
    #[default]
    NewId,
    /// The existing video is returned.
    SameId,
}

impl FromStr for Reupload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "new-id" => Ok(Self::NewId),
            "same-id" => Ok(Self::SameId),
            _ => Err(format!("unknown value `{text}` for a repeated upload: use new-id or same-id")),
        }
    }
}

/// The options of a sandbox.
#[derive(Clone)]
#[non_exhaustive]
pub struct SandboxOptions {
    /// The listening address; port 0 selects a free port.
    pub listen: SocketAddr,
    /// The folder of its state, created if missing.
    pub state: PathBuf,
    /// The minimum and maximum time from upload to ready, on the sandbox's clock.
    pub processing: (Duration, Duration),
    /// The minimum and maximum time until a new object appears in lists; `None` means like `processing`.
    pub visibility_lag: Option<(Duration, Duration)>,
    /// The tier, which sets the rate limits.
    pub tier: Tier,
    /// The seed of all random values.
    pub seed: u64,
    /// The injected faults.
    pub faults: Vec<Fault>,
    /// The file of the request log, one JSON object per line.
    pub log: Option<PathBuf>,
    /// Seconds on the sandbox's clock per real second; greater than zero.
    pub time_scale: f64,
    /// Whether replies have no readable `Date`; otherwise they have one by the sandbox's clock.
    pub no_date: bool,
    /// The reply to a second upload of the same bytes.
    pub reupload: Reupload,
    /// Probes uploaded files.
    pub prober: Arc<dyn UploadProber>,
}

impl SandboxOptions {
    /// Returns the defaults of the command line: a free port on the loopback, 2 to 20 s of processing.
    pub fn new(state: PathBuf, prober: Arc<dyn UploadProber>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            state,
            processing: (Duration::from_secs(2), Duration::from_secs(20)),
            visibility_lag: None,
            tier: Tier::Basic,
            seed: 0,
            faults: Vec::new(),
            log: None,
            time_scale: 1.0,
            no_date: false,
            reupload: Reupload::NewId,
            prober,
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The state folder cannot be created, read or written.
    #[error("cannot use the sandbox state in {path}")]
    State {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The state folder may have been prepared by somebody else.
    #[error("the sandbox does not use this state")]
    Untrusted(#[source] Box<dyn Error + Send + Sync>),
    /// Another sandbox uses the same state.
    #[error("another sandbox uses {path}; stop it or choose another --state")]
    Locked {
        /// The state folder.
        path: PathBuf,
    },
    /// A complete line of the journal is malformed.
    #[error("{path}: line {line} is damaged; use an empty --state folder")]
    Journal {
        /// The journal.
        path: PathBuf,
        /// The line number, from one.
        line: usize,
        /// The parser's error.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The requested address.
        addr: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// An option is invalid.
    #[error("{0}")]
    Option(&'static str),
}

impl From<StateError> for SandboxError {
    fn from(error: StateError) -> SandboxError {
        match error {
            StateError::Io { path, source } => SandboxError::State { path, source },
            untrusted => SandboxError::Untrusted(Box::new(untrusted)),
        }
    }
}
