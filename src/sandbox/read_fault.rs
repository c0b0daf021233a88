//! Faults of reads alone: what a client sees when lists and states cannot be read although uploads work.
//!
//! They begin with the first call that changes something, so that a client passes its check of the access first;
//! a fault of one endpoint begins at once.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::clock::Millis;
use super::time_span::parse_span;

/// How a read fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadFailure {
    /// HTTP 500.
    Http500,
    /// HTTP 404 with an HTML page.
    Http404,
    /// HTTP 302 to another address.
    Redirect,
    /// HTTP 200 with an HTML page.
    Html,
    /// The connection is closed and new ones are refused, those of other calls too.
    Refused,
    /// The connection is closed without a reply.
    Reset,
    /// The reply comes two minutes later on the sandbox's clock.
    Slow,
    /// Code 40100.
    Throttled,
    /// HTTP 200 with a reply that ends in the middle.
    Malformed,
    /// Code 0 without the list or the facts that were asked for.
    WithoutList,
}

impl ReadFailure {
    const ALL: [ReadFailure; 10] = [
        ReadFailure::Http500,
        ReadFailure::Http404,
        ReadFailure::Redirect,
        ReadFailure::Html,
        ReadFailure::Refused,
        ReadFailure::Reset,
        ReadFailure::Slow,
        ReadFailure::Throttled,
        ReadFailure::Malformed,
        ReadFailure::WithoutList,
    ];

    /// Returns the name on the command line and in the log.
    pub fn name(self) -> &'static str {
        match self {
            ReadFailure::Http500 => "reads-http-500",
            ReadFailure::Http404 => "reads-http-404",
            ReadFailure::Redirect => "reads-redirect",
            ReadFailure::Html => "reads-html",
            ReadFailure::Refused => "reads-refused",
            ReadFailure::Reset => "reads-reset",
            ReadFailure::Slow => "reads-slow",
            ReadFailure::Throttled => "reads-throttled",
            ReadFailure::Malformed => "reads-malformed",
            ReadFailure::WithoutList => "reads-without-list",
        }
    }
}

/// When reads recover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadLimit {
    /// Never.
    None,
    /// After this many failed reads.
    Count(u64),
    /// This long after the first failed read, on the sandbox's clock.
    Time(Duration),
}

/// The endpoints of the reads, as in the address.
const ENDPOINTS: [&str; 7] = [
    "file/video/ad/info/",
    "file/video/ad/search/",
    "file/name/check/",
    "file/image/ad/info/",
    "file/image/ad/search/",
    "ad/get/",
    "status/fetch/",
];

/// A fault of reads: how they fail, how often, until when, and of which endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadFault {
    /// How.
    pub kind: ReadFailure,
    /// The share of the reads, from 0 to 1.
    pub rate: f64,
    /// Until when.
    pub limit: ReadLimit,
    /// Only this endpoint; `None` for all reads.
    pub endpoint: Option<&'static str>,
}

impl ReadFault {
    pub(super) fn parse(kind: &str, value: &str) -> Result<ReadFault, &'static str> {
        let is_kind = |failure: &ReadFailure| failure.name().strip_prefix("reads-") == Some(kind);
        let kind = ReadFailure::ALL.into_iter().find(is_kind).ok_or("the name is unknown")?;
        let (value, endpoint) = match value.split_once('@') {
            None => (value, None),
            Some((value, path)) => {
                let known = ENDPOINTS.into_iter().find(|endpoint| *endpoint == path);
                (value, Some(known.ok_or("the endpoint of a read is unknown")?))
            }
        };
        let (rate, limit) = match value.split_once(':') {
            None => (value, ReadLimit::None),
            Some((rate, limit)) => {
                let count = limit.parse().ok().map(ReadLimit::Count);
                let time = || parse_span(limit).ok().map(|(_, time)| ReadLimit::Time(time));
                (rate, count.or_else(time).ok_or("the limit is neither a number of reads nor a time")?)
            }
        };
        let rate: f64 = rate.parse().map_err(|_| "the rate is not a number")?;
        if !(0.0..=1.0).contains(&rate) {
            return Err("the rate is not from 0 to 1");
        }
        Ok(ReadFault { kind, rate, limit, endpoint })
    }

    /// Returns whether the endpoint is a read that this fault concerns.
    pub(super) fn concerns(&self, path: &str) -> bool {
        ENDPOINTS.contains(&path) && self.endpoint.is_none_or(|endpoint| endpoint == path)
    }
}

impl fmt::Display for ReadFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}", self.kind.name(), self.rate)?;
        match self.limit {
            ReadLimit::None => {}
            ReadLimit::Count(count) => write!(out, ":{count}")?,
            ReadLimit::Time(time) => write!(out, ":{}ms", time.as_millis())?,
        }
        self.endpoint.map_or(Ok(()), |endpoint| write!(out, "@{endpoint}"))
    }
}

/// How many reads failed, and since when.
#[derive(Debug, Default)]
pub(super) struct FailedReads(Mutex<(u64, Option<Millis>)>);

impl FailedReads {
    /// Counts a failed read, unless the limit is reached. Returns the time for which connections are refused
    /// after it: `None` for ever.
    pub(super) fn hit(&self, limit: ReadLimit, now: Millis) -> Option<Option<Duration>> {
        let mut failed = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let since = failed.1.unwrap_or(now);
        let left = match limit {
            ReadLimit::None => None,
            ReadLimit::Count(count) if failed.0 >= count => return None,
            ReadLimit::Count(_) => Some(Duration::from_millis(300)),
            ReadLimit::Time(time) => {
                let left = time.checked_sub(Duration::from_millis(now.saturating_sub(since)))?;
                Some(left).filter(|left| !left.is_zero()).map(Some)?
            }
        };
        *failed = (failed.0 + 1, Some(since));
        Some(left)
    }
}

/// The delay of the fault `reads-slow`: longer than any client waits.
pub(super) const VERY_SLOW: Duration = Duration::from_secs(120);
/// The body of the fault `reads-malformed`, which ends in the middle.
pub(super) const MALFORMED: &str = "{\"code\":0,\"message\":\"OK\",\"data\":{\"list\":[{\"video_id\":";

/// A redirect as of a gateway that wants a login.
pub(super) fn redirect() -> Response {
    (StatusCode::FOUND, [("location", "https://login.example/")]).into_response()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::sandbox::Fault;

    #[test]
    fn parses_rate_limit_and_endpoint() {
        for text in
            ["reads-html=1", "reads-http-500=0.5:3", "reads-slow=1:1500ms@ad/get/", "reads-reset=1@ad/get/"]
        {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(fault.to_string(), text);
        }
        for text in
            ["reads-odd=1", "reads-html=2", "reads-html=1:soon", "reads-html=1@ad/create/", "reads-html"]
        {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_ends_the_failures() {
        let by_count = FailedReads::default();
        let hits = (0..5).filter(|at| by_count.hit(ReadLimit::Count(2), *at).is_some()).count();
        assert_eq!(hits, 2);
        let by_time = FailedReads::default();
        let limit = ReadLimit::Time(Duration::from_secs(1));
        assert_eq!(by_time.hit(limit, 5000), Some(Some(Duration::from_secs(1))));
        assert_eq!(by_time.hit(limit, 5400), Some(Some(Duration::from_millis(600))));
        assert_eq!(by_time.hit(limit, 6000), None);
        assert_eq!(FailedReads::default().hit(ReadLimit::None, 0), Some(None));
    }
}
