//! Runs one piece of the work of each file a fixed number of times, so that `make bench-guard` can count its
//! instructions: `guard CASE`; without a case it lists them.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::fs::File;
use std::hint::black_box;

use greenlit::ending::Ending;
use greenlit::model::{MediaFacts, example};
use greenlit::plan::{FixOptions, Machine, plan};
use greenlit::probe::header_probe;
use greenlit::profile::Profile;
use greenlit::report::{FileEntry, Format, HumanOptions, Media, Report, Tool, render};
use greenlit::rules::{Selection, Subject, Verdict, assess};

/// How often each piece runs: enough that the first run, which fills caches of the allocator, does not count.
const TIMES: usize = 20;

const CASES: &[(&str, fn())] =
    &[("headers", headers_case), ("rules", rules_case), ("plan", plan_case), ("report", report_case)];

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
    let open = |name| {
        File::open(format!("{}/fixtures/{name}", concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))).unwrap()
    };
    let files = files.map(open);
    repeat(|| files.each_ref().map(|file| header_probe::probe(black_box(file)).unwrap()));
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

/// Renders a report on 40 files, half of them with findings, for people and for programs.
fn report_case() {
    let profile = Profile::builtin("tiktok-ads").unwrap();
    let entry = |index: usize| {
        let (facts, name) = match index % 2 {
            0 => (example::media(), format!("clips/{index:02}.mp4")),
            _ => (noncompliant(), format!("clips/{index:02}.mkv")),
        };
        let subject = Subject { facts: &facts, file_name: &name, deep: None };
        let assessment = assess(&subject, &profile, &Selection::default());
        let verdict = assessment.verdict();
        FileEntry {
            path: name,
            path_raw: None,
            profile: profile.id().to_owned(),
            ending: if verdict == Verdict::Compliant { Ending::Compliant } else { Ending::Noncompliant },
            verdict,
            forecast: None,
            reason: None,
            media: Some(Media::from(facts)),
            findings: assessment.into_findings(),
            undecided: Vec::new(),
            not_decoded: None,
            loudness: None,
            fix: None,
            delivery: None,
            isolation_refused: Vec::new(),
            outdated: None,
            only_counted: false,
        }
    };
    let tool = Tool {
        name: "greenlit",
        version: "0",
        ffmpeg: None,
        isolation: None,
        isolation_refused: None,
        landlock_abi: None,
    };
    let profiles = vec![profile.id().to_owned()];
    let report = Report::new(tool, profiles, (0..40).map(entry).collect(), 1.0, false);
    repeat(|| {
        let mut out = Vec::new();
        for format in [Format::Human, Format::Json, Format::Sarif, Format::Junit] {
            render(black_box(&report), format, &HumanOptions::default(), &mut out).unwrap();
        }
        out
    });
}
