//! Measures the pure core: work per file, and work per run.
//!
//! `cargo bench --bench core` measures; `cargo test --benches` runs each benchmark once.
#![allow(clippy::unwrap_used, missing_docs)]

use divan::{Bencher, black_box};
use greenlit::model::example;
use greenlit::plan::{FixOptions, Machine, plan};
use greenlit::probe::isobmff;
use greenlit::profile::Profile;
use greenlit::rules::{Selection, Subject, assess};

fn main() {
    divan::main();
}

fn tiktok() -> Profile {
    Profile::builtin("tiktok-ads").unwrap()
}

/// Assesses a compliant video.
#[divan::bench]
fn assess_compliant(bencher: Bencher) {
    let (profile, facts) = (tiktok(), example::media());
    let subject = Subject { facts: &facts, file_name: "video.mp4", deep: None };
    bencher.bench(|| assess(black_box(&subject), &profile, &Selection::default()));
}

/// Assesses a video with a dozen findings, each with its messages.
#[divan::bench]
fn assess_noncompliant(bencher: Bencher) {
    let profile = tiktok();
    let facts = noncompliant();
    let subject = Subject { facts: &facts, file_name: "video.mkv", deep: None };
    bencher.bench(|| assess(black_box(&subject), &profile, &Selection::default()));
}

/// Plans the fix of that video, including the bit rate of its encode.
#[divan::bench]
fn plan_reencode(bencher: Bencher) {
    let profile = tiktok();
    let facts = noncompliant();
    let subject = Subject { facts: &facts, file_name: "video.mkv", deep: None };
    let assessment = assess(&subject, &profile, &Selection::default());
    let (options, machine) = (FixOptions::default(), Machine { cores: 4 });
    bencher.bench(|| plan(black_box(&facts), &assessment, &profile, &options, &machine));
}

/// Parses a built-in profile, with the profiles it extends.
#[divan::bench]
fn parse_profile() -> Profile {
    Profile::builtin(black_box("tiktok-ads-reservation")).unwrap()
}

/// Reads the boxes of a real video in memory.
#[divan::bench]
fn read_boxes(bencher: Bencher) {
    let video = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/npm-vide-ocean.mp4");
    let bytes = std::fs::read(video).unwrap();
    bencher.bench(|| isobmff::read(black_box(&bytes[..])).unwrap());
}

fn noncompliant() -> greenlit::model::MediaFacts {
    let mut facts = example::media();
    facts.container = Some("matroska".into());
    facts.video[0].codec = Some("vp9".into());
    facts.video[0].pixel_format = Some("yuv422p10le".into());
    facts.video[0].bit_depth = Some(10);
    facts.video[0].chroma = Some("4:2:2".into());
    facts.video[0].width = Some(1440);
    facts.video[0].variable_frame_rate = Some(true);
    facts.video[0].bit_rate = Some(300_000);
    facts.audio[0].codec = Some("opus".into());
    facts.audio[0].channels = Some(6);
    facts
}
