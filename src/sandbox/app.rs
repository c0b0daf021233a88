//! The state of the server, and what each call needs of it: faults, tokens, rate limits, ordinals.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderMap;
use axum::response::Response;

use super::call::Call;
use super::clock::{Clock, Millis, format};
use super::conn::Gate;
use super::fault::{Fault, SeededRandom};
use super::limiter::Limiter;
use super::log::RequestLog;
use super::options::{ADVERTISER, SandboxOptions, TOKEN};
use super::read_fault::{FailedReads, ReadFailure, ReadFault};
use super::reply::{self, Refusal, throttled};
use super::store::Store;

/// The state shared by all handlers.
pub(super) struct App {
    pub(super) options: SandboxOptions,
    pub(super) clock: Clock,
    pub(super) random: SeededRandom,
    pub(super) log: RequestLog,
    pub(super) base: String,
    store: Mutex<Store>,
    limiter: Mutex<Limiter>,
    /// The running minute and its number of calls, per endpoint of the posting API.
    post_calls: Mutex<BTreeMap<&'static str, (Millis, u64)>>,
    ordinal: AtomicU64,
    /// The number of mutating calls so far.
    mutations: AtomicU64,
    /// Whether anything was changed since the start: then the faults of reads begin.
    pub(super) any_change: AtomicBool,
    pub(super) failed_reads: FailedReads,
    pub(super) gate: Arc<Gate>,
}

/// How a request ends on the wire, with the return code for the log.
pub(super) enum Ending {
    Reply(Response, Option<u32>),
    /// The connection is closed without a reply.
    Cut(Option<u32>),
}

impl App {
    /// Creates the state of a server that listens on `addr`.
    pub(super) fn new(
        options: SandboxOptions,
        clock: Clock,
        store: Store,
        log: Option<File>,
        addr: SocketAddr,
        gate: Arc<Gate>,
    ) -> App {
        App {
            clock,
            random: SeededRandom { seed: options.seed, starts: store.state.starts },
            log: RequestLog::new(log),
            base: format!("http://{addr}"),
            store: Mutex::new(store),
            limiter: Mutex::new(Limiter::new(options.tier)),
            post_calls: Mutex::default(),
            ordinal: AtomicU64::new(0),
            mutations: AtomicU64::new(0),
            any_change: AtomicBool::new(false),
            failed_reads: FailedReads::default(),
            gate,
            options,
        }
    }

    /// Returns the number of the next call.
    pub(super) fn next_ordinal(&self) -> u64 {
        self.ordinal.fetch_add(1, Ordering::SeqCst)
    }

    /// Returns the number of the next mutating call.
    pub(super) fn next_mutation(&self) -> u64 {
        self.mutations.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the folder for incoming request bodies.
    pub(super) fn tmp(&self) -> PathBuf {
        self.options.state.join("tmp")
    }

    /// Returns a random time after `now`, by a delay from `range`.
    pub(super) fn random_time(
        &self,
        now: Millis,
        range: (Duration, Duration),
        subject: &str,
        ordinal: u64,
    ) -> Millis {
        let spread = range.1.saturating_sub(range.0).mul_f64(self.random.draw(subject, ordinal));
        now + u64::try_from((range.0 + spread).as_millis()).unwrap_or(u64::MAX / 2)
    }

    /// Returns when an object created now appears in lists.
    pub(super) fn visible_at(&self, now: Millis, ordinal: u64) -> Millis {
        let range = self.options.visibility_lag.unwrap_or(self.options.processing);
        self.random_time(now, range, "visible", ordinal)
    }

    /// Returns the advertiser of a call, which must exist and be reachable with this token.
    pub(super) fn advertiser(&self, call: &mut Call) -> Result<String, Refusal> {
        let id = call.need("advertiser_id")?.to_owned();
        call.entry.advertiser_id = Some(id.clone());
        if id == ADVERTISER {
            return Ok(id);
        }
        if id.len() >= 10 && id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::new(
                reply::NO_PERMISSION,
                format!("No permission to operate on advertiser {id}."),
            ));
        }
        Err(Refusal::new(reply::NO_ADVERTISER, format!("Advertiser {id} does not exist.")))
    }

    pub(super) fn request_id(&self, ordinal: u64) -> String {
        let day = format(self.clock.now(), "%Y%m%d%H%M%S");
        format!("{day}{:016X}", self.random.bits("request", ordinal))
    }

    pub(super) fn authorise(&self, headers: &HeaderMap, ordinal: u64) -> Result<(), Refusal> {
        let given = headers.get("Access-Token").and_then(|value| value.to_str().ok()).unwrap_or("");
        if given.is_empty() {
            return Err(Refusal::new(
                reply::TOKEN_EMPTY,
                "Access token is null, you should set it in http header with key Access-Token.",
            ));
        }
        if given != TOKEN {
            return Err(Refusal::new(reply::TOKEN_INVALID, "Access token is incorrect or has been revoked."));
        }
        let after = self.options.faults.iter().find_map(|fault| match fault {
            Fault::TokenRevokedAfter(calls) => Some(*calls),
            _ => None,
        });
        match after {
            // Alternates between the two codes for a token that no longer works.
            Some(calls) if ordinal >= calls && ordinal.is_multiple_of(2) => {
                Err(Refusal::new(reply::TOKEN_EXPIRED, "Access token is expired."))
            }
            Some(calls) if ordinal >= calls => {
                Err(Refusal::new(reply::TOKEN_INVALID, "Access token is incorrect or has been revoked."))
            }
            _ => Ok(()),
        }
    }

    /// Counts a call of the posting API; returns whether it fits into the running minute.
    pub(super) fn admit_post(&self, endpoint: &'static str, most: u64) -> bool {
        let mut counters = self.post_calls.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(endpoint).or_default();
        let minute = self.clock.now() / 60_000;
        if counter.0 != minute {
            *counter = (minute, 0);
        }
        counter.1 += 1;
        counter.1 <= most
    }

    pub(super) fn admit(&self, endpoint: &'static str) -> Result<(), Refusal> {
        let admitted =
            self.limiter.lock().unwrap_or_else(PoisonError::into_inner).admit(endpoint, self.clock.now());
        if admitted { Ok(()) } else { Err(throttled()) }
    }

    /// Returns how this read fails, if a fault says so. A refusal of connections begins here.
    pub(super) fn read_failure(&self, endpoint: &str, ordinal: u64) -> Option<ReadFailure> {
        let any_change = self.any_change.load(Ordering::SeqCst);
        let mut faults = self.options.faults.iter().filter_map(|fault| match fault {
            Fault::Reads(fault) if fault.concerns(endpoint) => Some(fault),
            _ => None,
        });
        let begun = |fault: &&ReadFault| any_change || fault.endpoint.is_some();
        let fault =
            faults.find(|fault| begun(fault) && self.random.draw(fault.kind.name(), ordinal) < fault.rate)?;
        let refused_for = self.failed_reads.hit(fault.limit, self.clock.now())?;
        if fault.kind == ReadFailure::Refused {
            self.gate.shut(refused_for.map(|time| self.clock.real(time)));
        }
        Some(fault.kind)
    }
}
