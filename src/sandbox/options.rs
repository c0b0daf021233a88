//! What a sandbox is started with, and why it may not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::fault::Fault;
use super::limits::UploadProber;

/// The only access token the sandbox knows. It is not a secret: it opens nothing else.
pub const TOKEN: &str = "sandbox-token";
/// The only advertiser the token reaches.
pub const ADVERTISER: &str = "7000000000000000001";
/// The only ad group of that advertiser.
pub const ADGROUP: &str = "1800000000000000001";
/// The only identity, of type `CUSTOMIZED_USER`.
pub const IDENTITY: &str = "1700000000000000001";

/// The access level of the app, which sets the rate limits. Source: portal page rate-limits/v1.3.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tier {
    /// 10 requests a second, 600 a minute, 864 000 a day.
    #[default]
    Basic,
    /// 20 / 1 200 / 1 728 000.
    Advanced,
    /// 30 / 1 800 / 2 592 000.
    Premium,
    /// 50 / 3 000 / 4 320 000.
    Ultimate,
    /// 1 / 30 / 1 000, each for every endpoint by itself.
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

/// What an upload of bytes the advertiser already has answers. The official page states both.
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
            _ => Err(format!("unknown re-upload behaviour `{text}`: use new-id or same-id")),
        }
    }
}

/// Everything a sandbox is started with.
#[derive(Clone)]
pub struct SandboxOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder that holds its state; created when absent.
    pub state: PathBuf,
    /// Shortest and longest time from upload to ready, on the sandbox's clock.
    pub processing: (Duration, Duration),
    /// Shortest and longest time until a new thing shows in lists; `None` means as `processing`.
    pub visibility_lag: Option<(Duration, Duration)>,
    /// Which rate limits apply.
    pub tier: Tier,
    /// What all chance is drawn from.
    pub seed: u64,
    /// What goes wrong, and how often.
    pub faults: Vec<Fault>,
    /// Where the request log is appended, one JSON object a line.
    pub log: Option<PathBuf>,
    /// How many seconds pass on its clock in one real second; greater than zero.
    pub time_scale: f64,
    /// What a second upload of the same bytes answers.
    pub reupload: Reupload,
    /// Looks into what is uploaded.
    pub prober: Arc<dyn UploadProber>,
}

impl SandboxOptions {
    /// The defaults of the command line: a free port of the loopback, 2 to 20 s of processing.
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
            reupload: Reupload::NewId,
            prober,
        }
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The state folder cannot be made, read or written.
    #[error("cannot use the sandbox state in {path}")]
    State {
        /// The file or folder concerned.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another sandbox uses the same state.
    #[error("another sandbox uses {path}; stop it or choose another --state")]
    Locked {
        /// The state folder.
        path: PathBuf,
    },
    /// A complete line of the journal makes no sense.
    #[error("{path} line {line} is damaged; start with an empty --state")]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Counted from one.
        line: usize,
        /// What the reader said.
        #[source]
        source: serde_json::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// As asked for.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An option makes no sense.
    #[error("{0}")]
    Option(&'static str),
}

/// Reads `2s..20s`, `500ms..1s` or a single `5s` (units ms, s, m).
///
/// # Errors
/// A sentence that says what was expected.
pub fn parse_span(text: &str) -> Result<(Duration, Duration), String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let (low, high) = (parse_time(low)?, parse_time(high)?);
    if low > high {
        return Err(format!("`{text}`: the first time must not be longer than the second"));
    }
    Ok((low, high))
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let bad = || format!("`{text}` is no time: write for example 500ms, 2s or 5m");
    let text = text.trim();
    let (number, unit) = [("ms", 0.001), ("s", 1.0), ("m", 60.0)]
        .iter()
        .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|number| (number, *unit)))
        .ok_or_else(bad)?;
    let number: f64 = number.trim().parse().map_err(|_| bad())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| bad())
}
