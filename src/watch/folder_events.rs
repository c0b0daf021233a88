//! Wakes the caller when something in a folder changes.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// The longest time without a look at the folder, in case an event was lost.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// The longest time until a cancelled run is noticed.
const STEP: Duration = Duration::from_millis(200);
/// The time in which events are taken together.
const PAUSE: Duration = Duration::from_millis(50);
/// The time between two looks at a folder without events.
const POLL: Duration = Duration::from_secs(1);

/// File systems whose files other machines can change without an event here, by the number in `statfs`.
const NETWORK: [u64; 9] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x6573_5546, // FUSE
    0x0102_1997, // 9p
    0x00c3_6400, // Ceph
    0x7375_7245, // Coda
    0x6a65_6a63, // FUSE with DAX (virtiofs)
];

/// The events of a folder, or none where it is polled.
#[derive(Debug)]
pub struct FolderEvents {
    /// Ends the events when dropped.
    watcher: Option<RecommendedWatcher>,
    events: Receiver<()>,
    poll: Duration,
}

impl FolderEvents {
    /// Begins to watch `folder` with everything below it. It is polled with `poll`, on network file systems, and where
    /// the system refuses to watch it; the result says why in the last case.
    pub fn new(folder: &Path, poll: bool, settle: Duration) -> (FolderEvents, Option<String>) {
        let (sender, events) = mpsc::sync_channel(1);
        let poll_time = settle.clamp(Duration::from_millis(100), POLL);
        let polled = |events| FolderEvents { watcher: None, events, poll: poll_time };
        if poll || is_on_network(folder) {
            return (polled(events), None);
        }
        let wake = move |event: notify::Result<notify::Event>| {
            // The look at the folder itself makes access events.
            if event.as_ref().map_or(true, |event| !event.kind.is_access()) {
                // If the channel is full, the caller is about to look anyway.
                let _ = sender.try_send(());
            }
        };
        let watched = notify::recommended_watcher(wake)
            .and_then(|mut watcher| watcher.watch(folder, RecursiveMode::Recursive).map(|()| watcher));
        match watched {
            Ok(watcher) => (FolderEvents { watcher: Some(watcher), events, poll: poll_time }, None),
            Err(error) => (polled(events), Some(error.to_string())),
        }
    }

    /// Waits for an event, but not longer than `longest`, no longer than between two polls, and only until `cancel` is
    /// set.
    pub fn wait(&self, longest: Option<Duration>, cancel: &AtomicBool) {
        let most = if self.watcher.is_some() { MAX_WAIT } else { self.poll };
        let mut left = longest.map_or(most, |longest| longest.min(most));
        while !left.is_zero() && !cancel.load(Ordering::Relaxed) {
            let step = left.min(STEP);
            left -= step;
            match self.events.recv_timeout(step) {
                Ok(()) => {
                    // A file that grows makes an event with each write; one look at the folder is enough for many.
                    std::thread::sleep(PAUSE);
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Without a watcher there is no sender.
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(step),
            }
        }
    }
}

/// Returns whether other machines may change the folder without an event here.
#[cfg(target_os = "linux")]
fn is_on_network(folder: &Path) -> bool {
    let kind = |file: &File| rustix::fs::fstatfs(file).map_err(io::Error::from);
    let kind = File::open(folder).and_then(|file| kind(&file));
    // The number has 32 bits; its type has more on some machines, and then it can be negative.
    kind.is_ok_and(|kind| NETWORK.contains(&(u64::from(kind.f_type as u32))))
}

#[cfg(not(target_os = "linux"))]
fn is_on_network(_folder: &Path) -> bool {
    false
}
