//! Runs every target on its seeds and on the first bytes of real videos, so that inputs found by
//! fuzzing stay fixed.

use std::path::{Path, PathBuf};

/// The number of bytes read from each file; greenlit's own parsers rarely read beyond it.
const HEAD_BYTES: usize = 64 * 1024;

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.expect("readable folder of the repository").path())
        .filter(|path| path.is_file())
        .collect()
}

/// Runs `target` on the files in `folder`, complete and truncated at each eighth. Fails if there are fewer
/// than `min_files`.
fn replay(folder: &str, min_files: usize, target: fn(&[u8])) {
    let files = files(folder);
    assert!(files.len() >= min_files, "only {} files in {folder}", files.len());
    for path in files {
        let mut bytes = std::fs::read(&path).expect("readable file of the repository");
        bytes.truncate(HEAD_BYTES);
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
    replay("seeds/protocol", 5, greenlit_fuzz::protocol);
    // A replay is useful only while the seeds match the current protocol.
    for path in files("seeds/protocol") {
        let bytes = std::fs::read(&path).expect("readable file of the repository");
        let messages =
            greenlit::worker::count_messages_for_fuzzing(&bytes).expect("creating a socket pair cannot fail");
        let name = path.display();
        assert_eq!(
            messages, 2,
            "{name} does not match the current messages: add or remove the changed field"
        );
    }
}
