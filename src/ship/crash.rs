//! Named places at which a test may kill the process, to prove that nothing is lost or done twice.

use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that arms one point: `name:ordinal`, the ordinal from 1.
pub const VARIABLE: &str = "GREENLIT_CRASH_AT";

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

/// The armed point, if any, and how often it was passed.
#[derive(Debug, Default)]
pub struct CrashPoints {
    armed: Option<(String, u32)>,
    passed: AtomicU32,
    #[cfg(test)]
    pub(in crate::ship) seen: std::sync::Arc<std::sync::Mutex<std::collections::BTreeSet<String>>>,
}

impl CrashPoints {
    /// As [`VARIABLE`] says; nothing is armed by a name or a number that does not exist.
    pub fn from_env() -> CrashPoints {
        std::env::var(VARIABLE).map(|text| CrashPoints::parse(&text)).unwrap_or_default()
    }

    /// From `name:ordinal`.
    pub fn parse(text: &str) -> CrashPoints {
        let armed = text.rsplit_once(':').and_then(|(name, ordinal)| {
            let ordinal = ordinal.parse().ok().filter(|ordinal| *ordinal > 0)?;
            exists(name).then(|| (name.to_owned(), ordinal))
        });
        CrashPoints { armed, ..CrashPoints::default() }
    }

    /// Kills this process when it is the armed point's turn. Use it through `crash_point!`, which
    /// proves that the name exists.
    pub fn reach(&self, name: &str) {
        #[cfg(test)]
        if let Ok(mut seen) = self.seen.lock() {
            seen.insert(name.to_owned());
        }
        if self.is_due(name) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // The signal is on its way; nothing may happen before it lands.
            loop {
                std::thread::park();
            }
        }
    }

    fn is_due(&self, name: &str) -> bool {
        self.armed.as_ref().is_some_and(|(armed, ordinal)| {
            armed == name && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == *ordinal
        })
    }
}

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
        assert!(!points.is_due("poll.before"));
        assert!(!points.is_due("poll.after"));
        assert!(points.is_due("poll.after"));
        assert!(!points.is_due("poll.after"));
        for text in ["", "poll.after", "poll.after:0", "nonsense:1"] {
            assert!(CrashPoints::parse(text).armed.is_none(), "{text}");
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
