//! Files that may still grow, and when they are taken.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// How many times the settling time a file that is not complete may stand still before it is refused.
const PATIENCE: u32 = 10;

/// Files that may still grow. `S` is the state of a file: another state means that it changed.
#[derive(Debug)]
pub struct Candidates<P, S> {
    settle: Duration,
    seen: HashMap<P, Candidate<S>>,
}

#[derive(Debug)]
struct Candidate<S> {
    state: S,
    /// The time of the last change.
    since: Duration,
    /// When the file was found incomplete, or could not be processed, in this state.
    put_off: Option<Duration>,
}

impl<P: Eq + Hash + Ord + Clone, S: PartialEq> Candidates<P, S> {
    /// Returns none yet. A file is taken when it stood still for `settle`.
    pub fn new(settle: Duration) -> Candidates<P, S> {
        Candidates { settle, seen: HashMap::new() }
    }

    /// Takes in the files that are there now, each with its state and how long its own times say that it stood still.
    /// `now` is the time since any fixed moment.
    pub fn observe(&mut self, files: impl IntoIterator<Item = (P, S, Duration)>, now: Duration) {
        let mut before = std::mem::take(&mut self.seen);
        for (path, state, age) in files {
            let known = before.remove(&path).filter(|known| known.state == state);
            let candidate =
                known.unwrap_or(Candidate { state, since: now.saturating_sub(age), put_off: None });
            self.seen.insert(path, candidate);
        }
    }

    /// Returns the files to take now, in the order of their paths.
    pub fn ready(&self, now: Duration) -> Vec<P> {
        let due = |candidate: &Candidate<S>| {
            let from = candidate.put_off.map_or(candidate.since + self.settle, |at| at + self.delay());
            from <= now
        };
        let due = self.seen.iter().filter(|(_, candidate)| due(candidate));
        let mut ready: Vec<P> = due.map(|(path, _)| path.clone()).collect();
        ready.sort();
        ready
    }

    /// Returns how long nothing can become ready if no file changes; `None` if there is no file.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let next = |candidate: &Candidate<S>| {
            candidate.put_off.map_or(candidate.since + self.settle, |at| at + self.delay())
        };
        self.seen.values().map(|candidate| next(candidate).saturating_sub(now)).min()
    }

    /// Returns whether a file that is not complete stood still for so long that no program writes it any more.
    pub fn is_abandoned(&self, path: &P, now: Duration) -> bool {
        let long = self.settle * PATIENCE;
        self.seen.get(path).is_some_and(|candidate| now.saturating_sub(candidate.since) >= long)
    }

    /// Leaves a file for later, because it is not complete or an operation failed.
    pub fn put_off(&mut self, path: &P, now: Duration) {
        if let Some(candidate) = self.seen.get_mut(path) {
            candidate.put_off = Some(now);
        }
    }

    /// Removes a file that is processed.
    pub fn remove(&mut self, path: &P) {
        self.seen.remove(path);
    }

    /// Returns whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Returns the time until a file that was put off is looked at again.
    fn delay(&self) -> Duration {
        self.settle.max(Duration::from_millis(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(2);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn candidates() -> Candidates<&'static str, u64> {
        Candidates::new(SETTLE)
    }

    #[test]
    fn a_growing_file_is_taken_only_when_it_stands_still() {
        let mut all = candidates();
        for second in 10..20 {
            all.observe([("a", second, at(0))], at(second));
            assert_eq!(all.ready(at(second)), [""; 0]);
        }
        all.observe([("a", 19, at(1))], at(20));
        assert_eq!(all.wait(at(20)), Some(at(1)));
        assert_eq!(all.ready(at(21)), ["a"]);
        all.remove(&"a");
        assert!(all.is_empty() && all.wait(at(21)).is_none());
    }

    #[test]
    fn a_file_that_was_there_before_is_taken_at_once() {
        let mut all = candidates();
        all.observe([("old", 1, at(60)), ("new", 1, at(0))], at(100));
        assert_eq!(all.ready(at(100)), ["old"]);
    }

    #[test]
    fn an_incomplete_file_is_looked_at_again_until_it_is_abandoned() {
        let mut all = candidates();
        all.observe([("a", 1, at(0))], at(10));
        all.put_off(&"a", at(12));
        assert_eq!(all.ready(at(13)), [""; 0]);
        assert_eq!(all.ready(at(14)), ["a"]);
        assert!(!all.is_abandoned(&"a", at(29)));
        assert!(all.is_abandoned(&"a", at(30)));
        // It grows again, so the time begins anew.
        all.observe([("a", 2, at(0))], at(30));
        assert!(!all.is_abandoned(&"a", at(49)) && all.ready(at(31)).is_empty());
    }

    #[test]
    fn a_renamed_or_deleted_file_is_forgotten() {
        let mut all = candidates();
        all.observe([("a.part", 1, at(9))], at(10));
        all.observe([("a", 1, at(0))], at(10));
        assert_eq!(all.ready(at(12)), ["a"]);
        all.observe([], at(12));
        assert!(all.is_empty());
    }
}
