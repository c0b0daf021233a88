//! Named points at which a test can inject a fault, to prove that nothing is lost or done twice.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::journal::kind_name;
use crate::platform::EffectKind;

/// The environment variable that arms one point: `name:ordinal`, with the ordinal from 1, and optionally `:term`
/// or `:full` for another [`FaultKind`] than a kill.
pub const VARIABLE: &str = "GREENLIT_CRASH_AT";

/// The environment variable with the path of a file that is created when the armed point is passed, so that a
/// test detects a point that was never passed.
pub const MARKER_VARIABLE: &str = "GREENLIT_CRASH_MARK";

/// The fault that is injected at the armed point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultKind {
    /// SIGKILL: the process ends at once.
    #[default]
    Kill,
    /// SIGTERM: the run stops in an orderly way.
    Term,
    /// Every later write to a file fails, as on a full disk. The process must ignore SIGXFSZ.
    Full,
}

impl FaultKind {
    /// Every kind, with its name in [`VARIABLE`].
    pub const ALL: [(&str, FaultKind); 3] =
        [("kill", FaultKind::Kill), ("term", FaultKind::Term), ("full", FaultKind::Full)];

    fn parse(name: &str) -> Option<FaultKind> {
        FaultKind::ALL.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault)
    }
}

/// A point on the way of an effect; the name of the crash point begins with that of the effect's kind in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EffectPoint {
    BeforeIntent,
    AfterIntent,
    AfterOpen,
    AfterSentMark,
    AfterPiece,
    AfterSendBeforeReceipt,
    AfterReceipt,
    AfterUndo,
    Reconcile,
}

impl EffectPoint {
    fn name(self) -> &'static str {
        match self {
            EffectPoint::BeforeIntent => "before_intent",
            EffectPoint::AfterIntent => "after_intent",
            EffectPoint::AfterOpen => "after_open",
            EffectPoint::AfterSentMark => "after_sent_mark",
            EffectPoint::AfterPiece => "after_piece",
            EffectPoint::AfterSendBeforeReceipt => "after_send_before_receipt",
            EffectPoint::AfterReceipt => "after_receipt",
            EffectPoint::AfterUndo => "after_undo",
            EffectPoint::Reconcile => "reconcile",
        }
    }
}

/// The crash points of shipping ads.
pub const POINTS: &[&str] = &[
    "item.before_record",
    "item.after_record",
    "upload.before_intent",
    "upload.after_intent",
    "upload.after_sent_mark",
    "upload.after_send_before_receipt",
    "upload.after_receipt",
    "upload.reconcile",
    "poll.before",
    "poll.after",
    "item.ready",
    "recipe.before_make",
    "recipe.after_make",
    "image.before_intent",
    "image.after_intent",
    "image.after_sent_mark",
    "image.after_send_before_receipt",
    "image.after_receipt",
    "image.reconcile",
    "ad.before_intent",
    "ad.after_intent",
    "ad.after_sent_mark",
    "ad.after_send_before_receipt",
    "ad.after_receipt",
    "ad.reconcile",
    "item.published",
];

/// Crash points that only an upload in chunks passes.
pub const CHUNK_POINTS: &[&str] = &["upload.after_piece"];

/// Crash points that only a failed post passes.
pub const FAILED_POST_POINTS: &[&str] = &["post.after_undo"];

/// The other crash points of posting.
pub const POST_POINTS: &[&str] = &[
    "post.before_intent",
    "post.after_intent",
    "post.after_open",
    "post.after_sent_mark",
    "post.after_send_before_receipt",
    "post.after_receipt",
    "post.reconcile",
    "post.published",
];

/// The armed point.
#[derive(Debug, PartialEq, Eq)]
struct Armed {
    name: String,
    ordinal: u32,
    fault: FaultKind,
}

/// The armed point, if any, and how often it was passed.
#[derive(Debug, Default)]
pub struct CrashPoints {
    armed: Option<Armed>,
    marker: Option<PathBuf>,
    passed: AtomicU32,
    #[cfg(test)]
    pub(crate) seen: std::sync::Arc<std::sync::Mutex<std::collections::BTreeSet<String>>>,
}

impl CrashPoints {
    /// Arms the point named in [`VARIABLE`]; an unknown name or an invalid ordinal arms nothing. A release build
    /// arms nothing, unless it has the feature `crash-points`.
    pub fn from_env() -> CrashPoints {
        if !cfg!(any(debug_assertions, feature = "crash-points")) {
            return CrashPoints::default();
        }
        let armed = std::env::var(VARIABLE).map(|text| CrashPoints::parse(&text)).unwrap_or_default();
        CrashPoints { marker: std::env::var_os(MARKER_VARIABLE).map(PathBuf::from), ..armed }
    }

    /// Parses `name:ordinal` or `name:ordinal:fault`.
    pub fn parse(text: &str) -> CrashPoints {
        let mut parts = text.split(':');
        let (name, ordinal, fault) = (parts.next(), parts.next(), parts.next());
        let ordinal = ordinal.and_then(|ordinal| ordinal.parse().ok()).filter(|ordinal| *ordinal > 0);
        let fault = fault.map_or(Some(FaultKind::Kill), FaultKind::parse);
        let armed = match (name, ordinal, fault, parts.next()) {
            (Some(name), Some(ordinal), Some(fault), None) if is_point(name) => {
                Some(Armed { name: name.to_owned(), ordinal, fault })
            }
            _ => None,
        };
        CrashPoints { armed, ..CrashPoints::default() }
    }

    /// Records that a point is passed and injects the fault if it is due. Call it through `crash_point!`, which
    /// checks the name at compile time.
    pub fn pass(&self, name: &str) {
        #[cfg(test)]
        if let Ok(mut seen) = self.seen.lock() {
            seen.insert(name.to_owned());
        }
        let Some(fault) = self.due(name) else { return };
        if let Some(marker) = &self.marker {
            // If this fails, the test reports that the point was never passed.
            let _ = std::fs::write(marker, name);
        }
        fault.inject();
    }

    /// Passes a point on the way of an effect.
    pub(super) fn pass_effect(&self, kind: EffectKind, point: EffectPoint) {
        if cfg!(test) || self.armed.is_some() {
            self.pass(&format!("{}.{}", kind_name(kind), point.name()));
        }
    }

    fn due(&self, name: &str) -> Option<FaultKind> {
        let armed = self.armed.as_ref().filter(|armed| armed.name == name)?;
        (self.passed.fetch_add(1, Ordering::Relaxed) + 1 == armed.ordinal).then_some(armed.fault)
    }
}

impl FaultKind {
    fn inject(self) {
        use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};
        match self {
            FaultKind::Kill => {
                let _ = kill_process(getpid(), Signal::KILL);
                // Nothing may happen before the signal arrives.
                loop {
                    std::thread::park();
                }
            }
            FaultKind::Term => {
                let _ = kill_process(getpid(), Signal::TERM);
                // Let the run notice the signal before its next step.
                std::thread::sleep(TERM_DELAY);
            }
            FaultKind::Full => {
                let maximum = getrlimit(Resource::Fsize).maximum;
                let _ = setrlimit(Resource::Fsize, Rlimit { current: Some(0), maximum });
            }
        }
    }
}

/// Longer than the interval at which a run checks its cancel flag.
const TERM_DELAY: Duration = Duration::from_millis(300);

/// Returns whether a point of that name exists; usable at compile time.
pub const fn is_point(name: &str) -> bool {
    is_in(POINTS, name)
        || is_in(CHUNK_POINTS, name)
        || is_in(FAILED_POST_POINTS, name)
        || is_in(POST_POINTS, name)
}

const fn is_in(points: &[&str], name: &str) -> bool {
    let mut at = 0;
    while at < points.len() {
        if same(points[at].as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Passes a named point of [`crate::ship::crash_points::POINTS`]; an unknown name does not compile.
macro_rules! crash_point {
    ($points:expr, $name:literal) => {{
        const { assert!($crate::ship::crash_points::is_point($name)) };
        $points.pass($name);
    }};
}
pub(crate) use crash_point;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_fault_is_due_only_at_the_given_ordinal() {
        let points = CrashPoints::parse("poll.after:2");
        let due = ["poll.before", "poll.after", "poll.after", "poll.after"].map(|name| points.due(name));
        assert_eq!(due, [None, None, Some(FaultKind::Kill), None]);
        for text in
            ["", "poll.after", "poll.after:0", "nonsense:1", "poll.after:1:often", "poll.after:1:kill:"]
        {
            assert_eq!(CrashPoints::parse(text).armed, None, "{text}");
        }
        for (name, fault) in FaultKind::ALL {
            assert_eq!(CrashPoints::parse(&format!("poll.after:1:{name}")).due("poll.after"), Some(fault));
        }
    }

    #[test]
    fn a_due_kill_ends_the_process() {
        use std::os::unix::process::ExitStatusExt;
        if std::env::var_os(VARIABLE).is_some() {
            return CrashPoints::from_env().pass("poll.before");
        }
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["ship::crash_points::tests::a_due_kill_ends_the_process", "--exact"])
            .env(VARIABLE, "poll.before:1")
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(9));
    }
}
