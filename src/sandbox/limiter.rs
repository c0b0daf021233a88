//! The rate limits of a tier, on the sandbox's clock.

use std::collections::BTreeMap;

use super::clock::Millis;
use super::options::Tier;

const MINUTE: Millis = 60_000;
const DAY: Millis = 86_400_000;
/// The pause that the platform requires after the limit per minute is exceeded.
const PENALTY: Millis = 300_000;

#[derive(Clone, Copy, Debug)]
struct Allowance {
    second: u64,
    minute: u64,
    day: u64,
}

/// Counts the calls of the running second, minute and day.
#[derive(Debug, Default)]
struct Counter {
    second: (Millis, u64),
    minute: (Millis, u64),
    day: (Millis, u64),
    paused_until: Millis,
}

#[derive(Debug)]
pub(super) struct Limiter {
    tier: Tier,
    counters: BTreeMap<&'static str, Counter>,
}

impl Limiter {
    pub(super) fn new(tier: Tier) -> Self {
        Self { tier, counters: BTreeMap::new() }
    }

    /// Counts a call and returns true, or returns false if it exceeds a limit. A refused call is not counted.
    pub(super) fn admit(&mut self, endpoint: &'static str, now: Millis) -> bool {
        let creates = endpoint == "ad/create/";
        if self.tier == Tier::Sandbox {
            return self.counters.entry(endpoint).or_default().admit(all(self.tier), now);
        }
        if creates && !self.counters.entry(endpoint).or_default().admit(ad_create(self.tier), now) {
            return false;
        }
        self.counters.entry("").or_default().admit(all(self.tier), now)
    }
}

impl Counter {
    fn admit(&mut self, allowance: Allowance, now: Millis) -> bool {
        for (window, length) in [(&mut self.second, 1000), (&mut self.minute, MINUTE), (&mut self.day, DAY)] {
            if window.0 != now / length {
                *window = (now / length, 0);
            }
        }
        if now < self.paused_until || self.second.1 >= allowance.second || self.day.1 >= allowance.day {
            return false;
        }
        if self.minute.1 >= allowance.minute {
            self.paused_until = now + PENALTY;
            return false;
        }
        self.second.1 += 1;
        self.minute.1 += 1;
        self.day.1 += 1;
        true
    }
}

fn all(tier: Tier) -> Allowance {
    let (second, minute, day) = match tier {
        Tier::Basic => (10, 600, 864_000),
        Tier::Advanced => (20, 1_200, 1_728_000),
        Tier::Premium => (30, 1_800, 2_592_000),
        Tier::Ultimate => (50, 3_000, 4_320_000),
        Tier::Sandbox => (1, 30, 1_000),
    };
    Allowance { second, minute, day }
}

fn ad_create(tier: Tier) -> Allowance {
    let (second, minute, day) = match tier {
        Tier::Basic => (5, 150, 86_400),
        Tier::Advanced => (10, 200, 86_400),
        Tier::Premium => (10, 300, 86_400),
        Tier::Ultimate => (15, 300, 86_400),
        Tier::Sandbox => (1, 30, 1_000),
    };
    Allowance { second, minute, day }
}
