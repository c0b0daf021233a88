//! The whole corpus of other people's files, where it is at hand: a verdict for every file, and every
//! output that is called fixed stands up to a stranger's look.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use common::{Desk, corpus, decode_complaints, ffprobe};

#[test]
fn every_file_of_the_corpus_gets_a_verdict() {
    let Some(corpus) = corpus() else {
        eprintln!("skipped: GREENLIT_CORPUS names no corpus");
        return;
    };
    let desk = Desk::new();
    let run = desk.greenlit(&["check", corpus.to_str().unwrap(), "--format", "json"]).expect(1);
    let report = run.json();
    let files = report["files"].as_array().unwrap();
    assert!(files.len() >= 400, "only {} files", files.len());
    for file in files {
        let verdict = file["verdict"].as_str().unwrap();
        let reason = file["reason"].as_str().unwrap_or_default();
        assert!(file["media"].is_object() || !reason.is_empty(), "{file:#}");
        assert!(!reason.contains("the process that works on this file"), "{file:#}");
        assert_ne!(verdict, "", "{file:#}");
    }
}

#[test]
#[ignore = "slow: encodes every fixable file of the corpus"]
fn what_is_fixed_is_what_the_report_says() {
    let Some(corpus) = corpus() else {
        eprintln!("skipped: GREENLIT_CORPUS names no corpus");
        return;
    };
    let desk = Desk::new();
    let consents = ["--upscale", "--trim", "--add-silence", "--extend", "freeze"];
    let mut args = vec!["fix", corpus.to_str().unwrap(), "--out", "out", "--format", "json"];
    args.extend(consents);
    let report = desk.greenlit(&args).json();
    let mut fixed = 0;
    for file in report["files"].as_array().unwrap() {
        let Some(output) = file["fix"]["output"].as_str() else { continue };
        let verified = &file["fix"]["verified"];
        assert_eq!(verified["verdict"], "compliant", "{file:#}");
        let output = desk.path(output);
        let probe = ffprobe(&output);
        let streams = probe["streams"].as_array().unwrap();
        let video = streams.iter().find(|stream| stream["codec_type"] == "video").unwrap();
        if let Some(frames) = verified["decoded_frames"].as_u64() {
            assert_eq!(video["nb_read_frames"], frames.to_string(), "{file:#}");
            assert_eq!(decode_complaints(&output), "", "{file:#}");
            fixed += 1;
        }
    }
    assert!(fixed >= 100, "only {fixed} files were fixed");
    let again = desk.greenlit(&["check", "out", "--format", "json"]).expect(0).json();
    assert_eq!(again["summary"]["noncompliant"], 0);
}
