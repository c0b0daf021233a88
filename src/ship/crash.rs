//! Named places at which a test may strike the process, to prove that nothing is lost or done twice.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The variable that arms one point: `name:ordinal`, the ordinal from 1, and optionally `:term` or
/// `:full` for another [`FaultKind`] than a kill.
pub const VARIABLE: &str = "GREENLIT_CRASH_AT";

/// The variable that names a file to be made when the armed point is passed, so that a test can tell a
/// point that never was.
pub const MARK: &str = "GREENLIT_CRASH_MARK";

/// What befalls the process at the armed point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaultKind {
    /// SIGKILL: nothing more is done.
    #[default]
    Kill,
    /// SIGTERM: the run ends in an orderly way.
    Term,
    /// From here on no file takes a byte, as on a full disk. SIGXFSZ must be ignored.
    Full,
}

impl FaultKind {
    /// Every kind, with its name in [`VARIABLE`].
    pub const ALL: [(&str, FaultKind); 3] =
        [("kill", FaultKind::Kill), ("term", FaultKind::Term), ("full", FaultKind::Full)];

    fn parse(name: &str) -> Option<FaultKind> {
        FaultKind::ALL.iter().find(|(known, _)| *known == name).map(|(_, blow)| *blow)
    }
}

/// Every point there is.
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
    "image.after_intent",
    "image.after_send_before_receipt",
    "image.after_receipt",
    "ad.before_intent",
    "ad.after_intent",
    "ad.after_sent_mark",
    "ad.after_send_before_receipt",
    "ad.after_receipt",
    "ad.reconcile",
    "item.published",
];

/// Points that only an upload in pieces passes.
pub const PIECE_POINTS: &[&str] = &["upload.after_piece"];

/// Points that only a post passes that came to nothing.
pub const FAILED_POST_POINTS: &[&str] = &["post.after_undo"];

/// Every further point of posting.
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

/// What is armed.
#[derive(Debug, PartialEq, Eq)]
struct Armed {
    name: String,
    ordinal: u32,
    blow: FaultKind,
}

/// The armed point, if any, and how often it was passed.
#[derive(Debug, Default)]
pub struct CrashPoints {
    armed: Option<Armed>,
    mark: Option<PathBuf>,
    passed: AtomicU32,
    #[cfg(test)]
    pub(in crate::ship) seen: std::sync::Arc<std::sync::Mutex<std::collections::BTreeSet<String>>>,
}

impl CrashPoints {
    /// As [`VARIABLE`] says; nothing is armed by a name or a number that does not exist.
    pub fn from_env() -> CrashPoints {
        let armed = std::env::var(VARIABLE).map(|text| CrashPoints::parse(&text)).unwrap_or_default();
        CrashPoints { mark: std::env::var_os(MARK).map(PathBuf::from), ..armed }
    }

    /// From `name:ordinal` or `name:ordinal:blow`.
    pub fn parse(text: &str) -> CrashPoints {
        let mut parts = text.split(':');
        let (name, ordinal, blow) = (parts.next(), parts.next(), parts.next());
        let ordinal = ordinal.and_then(|ordinal| ordinal.parse().ok()).filter(|ordinal| *ordinal > 0);
        let blow = blow.map_or(Some(FaultKind::Kill), FaultKind::parse);
        let armed = match (name, ordinal, blow, parts.next()) {
            (Some(name), Some(ordinal), Some(blow), None) if exists(name) => {
                Some(Armed { name: name.to_owned(), ordinal, blow })
            }
            _ => None,
        };
        CrashPoints { armed, ..CrashPoints::default() }
    }

    /// Strikes this process when it is the armed point's turn. Use it through `crash_point!`, which
    /// proves that the name exists.
    pub fn reach(&self, name: &str) {
        #[cfg(test)]
        if let Ok(mut seen) = self.seen.lock() {
            seen.insert(name.to_owned());
        }
        let Some(blow) = self.due(name) else { return };
        if let Some(mark) = &self.mark {
            // Without it the test says that the point was never passed, which is heard.
            let _ = std::fs::write(mark, name);
        }
        blow.strike();
    }

    fn due(&self, name: &str) -> Option<FaultKind> {
        let armed = self.armed.as_ref().filter(|armed| armed.name == name)?;
        (self.passed.fetch_add(1, Ordering::Relaxed) + 1 == armed.ordinal).then_some(armed.blow)
    }
}

impl FaultKind {
    fn strike(self) {
        use rustix::process::{Resource, Rlimit, Signal, getpid, getrlimit, kill_process, setrlimit};
        match self {
            FaultKind::Kill => {
                let _ = kill_process(getpid(), Signal::KILL);
                // The signal is on its way; nothing may happen before it lands.
                loop {
                    std::thread::park();
                }
            }
            FaultKind::Term => {
                let _ = kill_process(getpid(), Signal::TERM);
                // Long enough to be heard before the next step.
                std::thread::sleep(HEARD);
            }
            FaultKind::Full => {
                let maximum = getrlimit(Resource::Fsize).maximum;
                let _ = setrlimit(Resource::Fsize, Rlimit { current: Some(0), maximum });
            }
        }
    }
}

/// Longer than the interval at which a request to stop is looked for.
const HEARD: Duration = Duration::from_millis(300);

/// Whether a point of that name exists; usable while compiling.
pub const fn exists(name: &str) -> bool {
    is_in(POINTS, name)
        || is_in(PIECE_POINTS, name)
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

/// Passes a named point of [`crate::ship::crash::POINTS`]; an unknown name does not compile.
macro_rules! crash_point {
    ($points:expr, $name:literal) => {{
        const { assert!($crate::ship::crash::exists($name)) };
        $points.reach($name);
    }};
}
pub(in crate::ship) use crash_point;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_named_passage_is_due() {
        let points = CrashPoints::parse("poll.after:2");
        let due = ["poll.before", "poll.after", "poll.after", "poll.after"].map(|name| points.due(name));
        assert_eq!(due, [None, None, Some(FaultKind::Kill), None]);
        for text in
            ["", "poll.after", "poll.after:0", "nonsense:1", "poll.after:1:often", "poll.after:1:kill:"]
        {
            assert_eq!(CrashPoints::parse(text).armed, None, "{text}");
        }
        for (name, blow) in FaultKind::ALL {
            assert_eq!(CrashPoints::parse(&format!("poll.after:1:{name}")).due("poll.after"), Some(blow));
        }
    }

    #[test]
    fn the_due_point_kills_the_process() {
        use std::os::unix::process::ExitStatusExt;
        if std::env::var_os(VARIABLE).is_some() {
            return CrashPoints::from_env().reach("poll.before");
        }
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["ship::crash::tests::the_due_point_kills_the_process", "--exact"])
            .env(VARIABLE, "poll.before:1")
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.signal(), Some(9));
    }
}
