//! What the fuzz targets do with bytes: everything of ours that reads what a stranger wrote.
//!
//! Beside "does not crash", each holds what comes out to what it must always be. FFmpeg's own
//! demuxers are not fuzzed here; they run behind the walls of the worker.

use std::path::{Component, Path};

use greenlit::model::Completeness;
use greenlit::probe::bitstream::{aac, h264, hevc, nal_units};
use greenlit::probe::{declared, isobmff, sniff};
use greenlit::profile::Profile;
use greenlit::ship::manifest::Manifest;

/// What containers declare about themselves, boxes first.
pub fn containers(bytes: &[u8]) {
    sniff::looks_like_media("video", bytes);
    let layout = isobmff::read(bytes).expect("a slice can always be read");
    let declared = declared::read(bytes).expect("a slice can always be read");
    assert_eq!(layout.is_some(), declared.iso);
    if let Completeness::Missing { first_missing_s: Some(at), reason } = &declared.completeness {
        assert!(at.is_finite() && *at >= 0.0, "{at}: {reason}");
    }
    declared::container_name("mov,mp4", &declared);
}

/// Parameter sets and frames.
pub fn bitstreams(bytes: &[u8]) {
    for params in
        [h264::parse_sps(bytes), h264::from_avcc(bytes), hevc::parse_sps(bytes), hevc::from_hvcc(bytes)]
            .into_iter()
            .flatten()
    {
        assert!(params.sample_aspect_ratio.is_none_or(|ratio| ratio.num() > 0));
    }
    for (set, length_bytes) in [h264::only_set(bytes), hevc::only_set(bytes)].into_iter().flatten() {
        assert!(set.len() < bytes.len() && (1..=4).contains(&length_bytes));
    }
    aac::low_complexity(bytes);
    aac::first_element_channels(bytes);
    for length_bytes in [1, 2, 4] {
        let units = nal_units(bytes, length_bytes).unwrap_or_default();
        let sum: usize = units.iter().map(|unit| unit.len() + length_bytes).sum();
        assert!(sum == bytes.len() || units.is_empty());
    }
}

/// Rule sets as users write them.
pub fn profile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Profile::parse(text, &|id| Profile::builtin(id)) {
        // Outputs lie in a folder of that name.
        Ok(profile) => {
            let mut parts = Path::new(profile.id()).components();
            assert!(matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Manifests, in each of the forms.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for name in ["ads.csv", "ads.toml", "ads.jsonl"] {
        if let Err(error) = Manifest::parse(Path::new(name), text) {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// What parent and worker say to each other.
pub fn protocol(bytes: &[u8]) {
    greenlit::job::worker::frames_for_fuzzing(bytes).expect("a pair of sockets can be had");
}
