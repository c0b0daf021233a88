//! What may go wrong on request, and the reproducible chance behind it.

use std::fmt;
use std::str::FromStr;

/// One kind of misbehaviour with its rate, from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// 40100 before anything happens.
    Throttle(f64),
    /// HTTP 500 before anything happens.
    Http500(f64),
    /// The connection is closed before anything happens.
    DropBeforeRequest(f64),
    /// Done, but the connection is closed instead of a reply.
    DropAfterEffect(f64),
    /// Done, but the reply comes twelve seconds later on the sandbox's clock.
    SlowReply(f64),
    /// HTTP 200 with a page of HTML; every other time, drawn by lot, the request was carried out.
    HtmlBody(f64),
    /// A video stays listed, never displayable. Decided once for each video.
    NeverReady(f64),
    /// A video is never listed. Decided once for each video.
    ProcessingFailed(f64),
    /// A post ends with `internal`, through no fault of the video. Decided once for each post.
    PostInternal(f64),
    /// Creating an ad answers 40901 although the video is ready.
    NotReadyOnCreate(f64),
    /// From the call after the first N on, the token is refused.
    TokenRevokedAfter(u64),
    /// The first N calls that would change something are answered with this code, and change nothing. Where
    /// several are given, each has its turn. Counted from the start of the process.
    Answer(u32, u64),
}

/// A fault that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{given}` is not a fault: {problem}. Write NAME=RATE with a rate from 0 to 1 and NAME one of throttle, \
     http-500, drop-before-request, drop-after-effect, slow-reply, html-body, never-ready, \
     processing-failed, post-internal, not-ready-on-create; or token-revoked-after=N or answer-CODE=N"
)]
pub struct FaultParseError {
    given: String,
    problem: &'static str,
}

impl Fault {
    /// Reads `throttle=0.1` or `token-revoked-after=20`.
    ///
    /// # Errors
    /// An unknown name, a missing or unreadable number, or a rate outside 0 to 1.
    pub fn parse(text: &str) -> Result<Self, FaultParseError> {
        let fail = |problem| FaultParseError { given: text.to_owned(), problem };
        let (name, value) = text.split_once('=').ok_or_else(|| fail("there is no `=`"))?;
        if name == "token-revoked-after" {
            let calls = value.parse().map_err(|_| fail("N must be a whole number of calls"))?;
            return Ok(Self::TokenRevokedAfter(calls));
        }
        if let Some(code) = name.strip_prefix("answer-") {
            let code =
                code.parse().ok().filter(|code| *code > 0).ok_or_else(|| fail("CODE must be a code"))?;
            let calls = value.parse().map_err(|_| fail("N must be a whole number of calls"))?;
            return Ok(Self::Answer(code, calls));
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

    /// The name on the command line and in the log.
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
            Self::TokenRevokedAfter(_) | Self::Answer(..) => 0.0,
        }
    }

    /// Whether it is decided once for each video instead of once for each request.
    fn of_video(self) -> bool {
        matches!(self, Self::NeverReady(_) | Self::ProcessingFailed(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenRevokedAfter(calls) => write!(out, "token-revoked-after={calls}"),
            Self::Answer(code, calls) => write!(out, "answer-{code}={calls}"),
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

/// Reproducible chance: the same seed, start count, subject and ordinal draw the same number.
///
/// The count of starts takes part so that a client that kills and restarts the sandbox is not met by
/// the same fault at the same place for ever.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chance {
    pub(super) seed: u64,
    pub(super) starts: u64,
}

impl Chance {
    /// Any number, evenly spread.
    pub(super) fn bits(self, subject: &str, ordinal: u64) -> u64 {
        let mut state = mix(self.seed ^ mix(self.starts));
        for byte in subject.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        mix(state ^ ordinal)
    }

    /// From 0 up to but not including 1.
    pub(super) fn draw(self, subject: &str, ordinal: u64) -> f64 {
        (self.bits(subject, ordinal) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The first fault, in the order given, that strikes this request.
    pub(super) fn request_fault(self, faults: &[Fault], creates_ad: bool, ordinal: u64) -> Option<Fault> {
        faults.iter().copied().find(|fault| {
            let applies = !fault.of_video()
                && !matches!(fault, Fault::PostInternal(_))
                && (creates_ad || !matches!(fault, Fault::NotReadyOnCreate(_)));
            applies && self.draw(fault.name(), ordinal) < fault.rate()
        })
    }

    /// The code that the `turn`th call that would change something, from 0, is answered with.
    pub(super) fn scripted(faults: &[Fault], mut turn: u64) -> Option<Fault> {
        faults.iter().copied().find(|fault| match fault {
            Fault::Answer(_, calls) if turn < *calls => true,
            Fault::Answer(_, calls) => {
                turn -= calls;
                false
            }
            _ => false,
        })
    }

    /// Whether a post ends with `internal`.
    pub(super) fn post_internal(self, faults: &[Fault], ordinal: u64) -> bool {
        faults.iter().any(
            |fault| matches!(fault, Fault::PostInternal(rate) if self.draw(fault.name(), ordinal) < *rate),
        )
    }

    /// The first fault, in the order given, that strikes this video.
    pub(super) fn video_fault(self, faults: &[Fault], ordinal: u64) -> Option<Fault> {
        faults
            .iter()
            .copied()
            .find(|fault| fault.of_video() && self.draw(fault.name(), ordinal) < fault.rate())
    }
}

/// The finaliser of SplitMix64: every input bit reaches every output bit.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
