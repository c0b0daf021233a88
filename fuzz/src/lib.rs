//! The fuzz targets: every parser of greenlit that reads untrusted input.
//!
//! Each target also checks invariants of the result. FFmpeg's demuxers are not fuzzed here; they run
//! in the sandboxed worker.

use std::path::{Component, Path};

use greenlit::model::{Codec, Completeness, Container};
use greenlit::platform::registry::columns;
use greenlit::probe::bitstream::references::{References, SampleInfo};
use greenlit::probe::bitstream::{aac, h264, hevc, nal_units};
use greenlit::probe::header_probe::{self, HeaderProbe, Reason};
use greenlit::probe::{headers, isobmff, sniff};
use greenlit::profile::Profile;
use greenlit::ship::manifest::Manifest;

/// Fuzzes the parsers of container headers.
pub fn containers(bytes: &[u8]) {
    sniff::looks_like_media("video", bytes);
    let layout = isobmff::read(bytes).expect("reading a slice cannot fail");
    let declared = headers::read(bytes).expect("reading a slice cannot fail");
    assert_eq!(layout.is_some(), declared.iso);
    if let Completeness::Missing { first_missing_s: Some(at), reason } = &declared.completeness {
        assert!(at.is_finite() && *at >= 0.0, "{at}: {reason}");
    }
    headers::container(Container::of_demuxer("mov,mp4"), &declared);
    let probed = header_probe::probe(&bytes.to_vec()).expect("reading a vector cannot fail");
    assert_ne!(probed, HeaderProbe::NeedsFullScan(Reason::ReaderError));
    if let HeaderProbe::Settled(facts) = probed {
        assert_eq!(facts.size_bytes, bytes.len() as u64);
        assert!(facts.duration_s.is_some_and(|seconds| seconds.is_finite() && seconds > 0.0));
        assert!(!facts.video.is_empty() || !facts.audio.is_empty());
    }
}

/// Fuzzes the parsers of parameter sets and frames.
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
    // The same bytes as configuration and as samples: whatever they are, each frame misses few others.
    for codec in [Codec::H264, Codec::Hevc] {
        for config in [bytes, &[]] {
            let Some(mut references) = References::of(&codec, config) else { continue };
            for from in 0..bytes.len().min(8) {
                let missing =
                    references.add(&bytes[from..], SampleInfo { key: from % 2 == 0, ..Default::default() });
                assert!(missing <= 1 << 16, "{missing}");
            }
        }
    }
    for length_bytes in [1, 2, 4] {
        let units = nal_units(bytes, length_bytes).unwrap_or_default();
        let sum: usize = units.iter().map(|unit| unit.len() + length_bytes).sum();
        assert!(sum == bytes.len() || units.is_empty());
    }
}

/// Fuzzes the parser of profiles.
pub fn profile(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Profile::parse(text, &|id| Profile::builtin(id)) {
        // `fix` writes its outputs to a folder with the name of the id.
        Ok(profile) => {
            let mut parts = Path::new(profile.id()).components();
            assert!(matches!(parts.next(), Some(Component::Normal(_))) && parts.next().is_none());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Fuzzes the parser of manifests, in each format.
pub fn manifest(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let columns = columns();
    for name in ["ads.csv", "ads.toml", "ads.jsonl"] {
        if let Err(error) = Manifest::parse(Path::new(name), text, &columns) {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// Fuzzes the protocol between parent and worker.
pub fn protocol(bytes: &[u8]) {
    greenlit::worker::count_messages_for_fuzzing(bytes).expect("creating a socket pair cannot fail");
}
