//! Runs one piece of the work of each file a fixed number of times, so that `make bench-guard` can count its
//! instructions: `guard CASE`; without a case it lists them.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::hint::black_box;

use greenlit::model::{MediaFacts, example};
use greenlit::plan::{FixOptions, Machine, plan};
use greenlit::probe::headers;
use greenlit::profile::Profile;
use greenlit::rules::{Selection, Subject, assess};

/// How often each piece runs: enough that the first run, which fills caches of the allocator, does not count.
const TIMES: usize = 20;

const CASES: &[(&str, fn())] = &[("headers", headers_case), ("rules", rules_case), ("plan", plan_case)];

fn main() {
    let asked = std::env::args().nth(1);
    match asked.and_then(|name| CASES.iter().find(|(case, _)| *case == name)) {
        Some((_, run)) => run(),
        None => CASES.iter().for_each(|(case, _)| println!("{case}")),
    }
}

fn repeat<T>(piece: impl Fn() -> T) {
    for _ in 0..TIMES {
        black_box(counted(&piece));
    }
}

/// Only the instructions below this function are counted.
#[inline(never)]
fn counted<T>(piece: &dyn Fn() -> T) -> T {
    piece()
}

fn headers_case() {
    let files = ["npm-vide-ocean.mp4", "npm-vide-ocean.webm", "npm-js-ffmpeg-iphone_rotated.mov"];
    let read = |name| {
        std::fs::read(format!("{}/fixtures/{name}", concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))).unwrap()
    };
    let files = files.map(read);
    repeat(|| files.each_ref().map(|bytes| headers::read(black_box(&bytes[..])).unwrap()));
}

fn noncompliant() -> MediaFacts {
    let mut facts = example::media();
    facts.container = Some("matroska".into());
    facts.video[0].codec = Some("vp9".into());
    facts.video[0].width = Some(1440);
    facts.video[0].bit_rate = Some(300_000);
    facts.audio[0].codec = Some("opus".into());
    facts.audio[0].channels = Some(6);
    facts
}

fn rules_case() {
    let profile = Profile::builtin("tiktok-ads").unwrap();
    let (good, bad) = (example::media(), noncompliant());
    let check = |facts, file_name| {
        assess(black_box(&Subject { facts, file_name, deep: None }), &profile, &Selection::default())
    };
    repeat(|| (check(&good, "video.mp4"), check(&bad, "video.mkv")));
}

fn plan_case() {
    let profile = Profile::builtin("tiktok-ads").unwrap();
    let facts = noncompliant();
    let subject = Subject { facts: &facts, file_name: "video.mkv", deep: None };
    let assessment = assess(&subject, &profile, &Selection::default());
    let (options, machine) = (FixOptions::default(), Machine { cores: 4 });
    repeat(|| plan(black_box(&facts), &assessment, &profile, &options, &machine));
}
