//! Every seed, and the heads of real videos, go through their target: what a fuzzer starts from, and
//! what it once found, stays well.

use std::path::{Path, PathBuf};

/// Bytes of a video that are tried: what comes later is never read by our own parsers alone.
const HEAD: usize = 64 * 1024;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("a folder of the repository").path())
        .filter(|path| path.is_file())
        .collect()
}

/// Replays at least `least` files, whole and cut at some places.
fn replay(folder: &str, least: usize, target: fn(&[u8])) {
    let files = files(folder);
    assert!(files.len() >= least, "only {} files in {folder}", files.len());
    for path in files {
        let mut bytes = std::fs::read(&path).expect("a file of the repository");
        bytes.truncate(HEAD);
        for eighth in 0..=8 {
            target(&bytes[..bytes.len() * eighth / 8]);
        }
    }
}

#[test]
fn containers() {
    replay("seeds/containers", 10, greenlit_fuzz::containers);
    replay("../fixtures", 15, greenlit_fuzz::containers);
}

#[test]
fn bitstreams() {
    replay("seeds/bitstreams", 20, greenlit_fuzz::bitstreams);
}

#[test]
fn profile() {
    replay("seeds/profile", 3, greenlit_fuzz::profile);
    replay("../profiles", 5, greenlit_fuzz::profile);
}

#[test]
fn manifest() {
    replay("seeds/manifest", 3, greenlit_fuzz::manifest);
}

#[test]
fn protocol() {
    replay("seeds/protocol", 3, greenlit_fuzz::protocol);
    // A replay proves something only while the seeds are still understood.
    for path in files("seeds/protocol") {
        let bytes = std::fs::read(&path).expect("a file of the repository");
        let messages = greenlit::job::worker::frames_for_fuzzing(&bytes).expect("a pair of sockets");
        let name = path.display();
        assert_eq!(
            messages, 2,
            "{name} is not what is sent now: give it the field its message has gained or lost"
        );
    }
}
