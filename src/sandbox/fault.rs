//! Faults that the sandbox injects on request, and the reproducible random numbers that select them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::read_fault::ReadFault;

/// The delay of [`Fault::SlowReply`]: longer than the platform's limit of ten seconds per request.
pub(super) const SLOW: Duration = Duration::from_secs(12);

/// A fault with its rate, from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Replies 40100 without handling the request.
    Throttle(f64),
    /// Replies HTTP 500 without handling the request.
    Http500(f64),
    /// Closes the connection without handling the request.
    DropBeforeRequest(f64),
    /// Handles the request, but closes the connection instead of replying.
    DropAfterEffect(f64),
    /// Handles the request, but replies twelve seconds later on the sandbox's clock.
    SlowReply(f64),
    /// Replies HTTP 200 with an HTML page; in half of the cases, at random, after handling the request.
    HtmlBody(f64),
    /// A video is listed but never becomes displayable. Decided once per video.
    NeverReady(f64),
    /// A video is never listed. Decided once per video.
    ProcessingFailed(f64),
    /// A post fails with `internal` although the video is valid. Decided once per post.
    PostInternal(f64),
    /// Creating an ad replies 40901 although the video is ready.
    NotReadyOnCreate(f64),
    /// The token is refused after the first N calls.
    TokenRevokedAfter(u64),
    /// Replies this code to the first N mutating calls, without handling them. Several such faults apply one after
    /// the other. Counted from the start of the process.
    Answer(u32, u64),
    /// Reads fail, see [`ReadFault`].
    Reads(ReadFault),
}

/// The error for a malformed fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a fault: {problem}. Use NAME=RATE with a rate from 0 to 1 and NAME one of throttle, \
     http-500, drop-before-request, drop-after-effect, slow-reply, html-body, never-ready, \
     processing-failed, post-internal, not-ready-on-create; or token-revoked-after=N or answer-CODE=N; or \
     reads-KIND=RATE[:LIMIT][@ENDPOINT] with KIND one of http-500, http-404, redirect, html, refused, reset, slow, throttled, \
     malformed, without-list, and LIMIT a number of reads or a time such as 10s"
)]
pub struct FaultParseError {
    given: String,
    problem: &'static str,
}

impl Fault {
    /// Parses a fault such as `throttle=0.1` or `token-revoked-after=20`.
    ///
    /// # Errors
    /// Fails for an unknown name, a missing or malformed number, or a rate outside 0 to 1.
    pub fn parse(text: &str) -> Result<Self, FaultParseError> {
        let fail = |problem| FaultParseError { given: text.to_owned(), problem };
        let (name, value) = text.split_once('=').ok_or_else(|| fail("there is no `=`"))?;
        if name == "token-revoked-after" {
            let calls = value.parse().map_err(|_| fail("N must be a whole number of calls"))?;
            return Ok(Self::TokenRevokedAfter(calls));
        }
        if let Some(code) = name.strip_prefix("answer-") {
            let code = code.parse().ok().filter(|code| *code > 0);
            let code = code.ok_or_else(|| fail("CODE must be a number greater than 0"))?;
            let calls = value.parse().map_err(|_| fail("N must be a whole number of calls"))?;
            return Ok(Self::Answer(code, calls));
        }
        if let Some(kind) = name.strip_prefix("reads-") {
            return ReadFault::parse(kind, value).map(Self::Reads).map_err(fail);
        }
        let make = match name {
            "throttle" => Self::Throttle,
            "http-500" => Self::Http500,
            "drop-before-request" => Self::DropBeforeRequest,
            "drop-after-effect" => Self::DropAfterEffect,
            "slow-reply" => Self::SlowReply,
            "html-body" => Self::HtmlBody,
            "never-ready" => Self::NeverReady,
            "processing-failed" => Self::ProcessingFailed,
            "post-internal" => Self::PostInternal,
            "not-ready-on-create" => Self::NotReadyOnCreate,
            _ => return Err(fail("the name is unknown")),
        };
        let rate: f64 = value.parse().map_err(|_| fail("the rate is not a number"))?;
        if !(0.0..=1.0).contains(&rate) {
            return Err(fail("the rate is not from 0 to 1"));
        }
        Ok(make(rate))
    }

    /// Returns the name on the command line and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Throttle(_) => "throttle",
            Self::Http500(_) => "http-500",
            Self::DropBeforeRequest(_) => "drop-before-request",
            Self::DropAfterEffect(_) => "drop-after-effect",
            Self::SlowReply(_) => "slow-reply",
            Self::HtmlBody(_) => "html-body",
            Self::NeverReady(_) => "never-ready",
            Self::ProcessingFailed(_) => "processing-failed",
            Self::PostInternal(_) => "post-internal",
            Self::NotReadyOnCreate(_) => "not-ready-on-create",
            Self::TokenRevokedAfter(_) => "token-revoked-after",
            Self::Answer(..) => "answer",
            Self::Reads(fault) => fault.kind.name(),
        }
    }

    fn rate(self) -> f64 {
        match self {
            Self::Throttle(rate)
            | Self::Http500(rate)
            | Self::DropBeforeRequest(rate)
            | Self::DropAfterEffect(rate)
            | Self::SlowReply(rate)
            | Self::HtmlBody(rate)
            | Self::NeverReady(rate)
            | Self::ProcessingFailed(rate)
            | Self::PostInternal(rate)
            | Self::NotReadyOnCreate(rate) => rate,
            Self::TokenRevokedAfter(_) | Self::Answer(..) | Self::Reads(_) => 0.0,
        }
    }

    /// Returns whether the fault is decided once per video instead of once per request.
    fn is_per_video(self) -> bool {
        matches!(self, Self::NeverReady(_) | Self::ProcessingFailed(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenRevokedAfter(calls) => write!(out, "token-revoked-after={calls}"),
            Self::Answer(code, calls) => write!(out, "answer-{code}={calls}"),
            Self::Reads(fault) => fault.fmt(out),
            other => write!(out, "{}={}", other.name(), other.rate()),
        }
    }
}

impl FromStr for Fault {
    type Err = FaultParseError;

    fn from_str(text: &str) -> Result<Self, FaultParseError> {
        Self::parse(text)
    }
}

/// Reproducible random numbers: the same seed, start count, subject and ordinal give the same number.
///
/// The start count is included so that a client that restarts the sandbox does not hit the same fault at the
/// same call every time.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeededRandom {
    pub(super) seed: u64,
    pub(super) starts: u64,
}

impl SeededRandom {
    /// Returns a uniformly distributed number.
    pub(super) fn bits(self, subject: &str, ordinal: u64) -> u64 {
        let mut state = mix(self.seed ^ mix(self.starts));
        for byte in subject.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        mix(state ^ ordinal)
    }

    /// Returns a number from 0 (inclusive) to 1 (exclusive).
    pub(super) fn draw(self, subject: &str, ordinal: u64) -> f64 {
        (self.bits(subject, ordinal) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns the first fault, in the given order, that applies to this request.
    pub(super) fn request_fault(self, faults: &[Fault], creates_ad: bool, ordinal: u64) -> Option<Fault> {
        faults.iter().copied().find(|fault| {
            let applies = !fault.is_per_video()
                && !matches!(fault, Fault::PostInternal(_))
                && (creates_ad || !matches!(fault, Fault::NotReadyOnCreate(_)));
            applies && self.draw(fault.name(), ordinal) < fault.rate()
        })
    }

    /// Returns the scripted reply to the mutating call number `call`, from 0.
    pub(super) fn scripted(faults: &[Fault], mut call: u64) -> Option<Fault> {
        faults.iter().copied().find(|fault| match fault {
            Fault::Answer(_, calls) if call < *calls => true,
            Fault::Answer(_, calls) => {
                call -= calls;
                false
            }
            _ => false,
        })
    }

    /// Returns whether a post fails with `internal`.
    pub(super) fn post_internal(self, faults: &[Fault], ordinal: u64) -> bool {
        faults.iter().any(
            |fault| matches!(fault, Fault::PostInternal(rate) if self.draw(fault.name(), ordinal) < *rate),
        )
    }

    /// Returns the first fault, in the given order, that applies to this video.
    pub(super) fn video_fault(self, faults: &[Fault], ordinal: u64) -> Option<Fault> {
        faults
            .iter()
            .copied()
            .find(|fault| fault.is_per_video() && self.draw(fault.name(), ordinal) < fault.rate())
    }
}

/// The finaliser of SplitMix64: every input bit reaches every output bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
