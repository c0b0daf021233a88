#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use super::super::{FileEntry, Format, Loudness, Report, samples};
use super::page::{SCRIPT, STYLE};
use crate::job::{MediaPictures, Picture};
use crate::model::Size;
use crate::rules::{Remedy, RuleId, Severity, Verdict};
use proptest::prelude::*;

fn html(report: &Report) -> String {
    samples::rendered(report, Format::Html)
}

/// Returns every tag outside the style and the script.
fn tags(text: &str) -> Vec<String> {
    let text = text.replace(STYLE, "").replace(SCRIPT, "");
    text.split('<').skip(1).map(|piece| piece.split('>').next().unwrap().to_owned()).collect()
}

fn tag_name(tag: &str) -> &str {
    tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap()
}

#[test]
fn the_foot_states_the_isolation() {
    let whole = html(&samples::everything());
    assert!(whole.contains("media workers isolated by seccomp, landlock (Landlock ABI 6)"), "{whole}");
    assert!(!whole.contains("not in force"), "{whole}");
    let weak = html(&samples::weak_isolation());
    assert!(weak.contains("not in force: landlock: not &lt;supported&gt;"), "{weak}");
}

#[test]
fn writes_a_card_for_every_entry() {
    let report = samples::everything();
    let text = html(&report);
    assert_eq!(text.matches("<article ").count(), report.files.len());
    for entry in &report.files {
        assert!(text.contains(&entry.path), "{}", entry.path);
    }
    let needles = [
        "16 files, 11 need attention",
        "data-outcome=\"not-compliant\"",
        "SSIM 0.9961",
        "processing failed three times",
        "audio stream 2 (ac3), deu, 12.0 s: one audio track is kept",
        "borders: the aspect ratio is 4:3",
    ];
    for needle in needles {
        assert!(text.contains(needle), "{needle}");
    }
}

#[test]
fn the_worst_entries_come_first_and_skipped_ones_last() {
    let text = html(&samples::everything());
    let paths: Vec<&str> =
        text.split("<h2>").skip(1).map(|piece| piece.split("</h2>").next().unwrap()).collect();
    assert_eq!(paths[..3], ["h.failed.mp4", "h2.failed.\u{fffd}.mp4", "g.not-delivered.mp4"], "{paths:?}");
    assert_eq!(
        paths[10..],
        [
            "h3.cancelled.mp4",
            "c2.accepted.mov",
            "b2.fixable.avi",
            "b.fixed.avi",
            "a.compliant.mp4",
            "i.skipped.txt"
        ]
    );
}

#[test]
fn counts_the_files_of_each_rule_by_their_worst_finding() {
    let text = html(&samples::everything());
    let row = text.split("data-rule=\"video-codec\"").nth(1).unwrap().split("</button>").next().unwrap();
    assert!(row.contains("4 errors, 2 fixed"), "{row}");
}

#[test]
fn marks_findings_on_a_timeline_where_they_have_a_time() {
    let text = html(&samples::everything());
    let black = text.split("aria-label=\"black: ").nth(1).unwrap().split("</svg>").next().unwrap();
    // 1.5 s of 12.012 s; the second span is after the end, and shown there.
    assert!(black.starts_with("0 s to 1.5 s, 1:02.5 to 1:05\""), "{black}");
    assert!(black.contains("x=\"0.0\" y=\"0\" height=\"10\" width=\"124.9\""), "{black}");
    assert!(text.contains("aria-label=\"integrity: 8.5 s to 12.01 s\""));
    assert!(!text.contains("aria-label=\"fast-start: "), "it has no time");
}

#[test]
fn shows_the_loudness_over_time_where_it_was_measured() {
    let mut report = samples::everything();
    assert!(!html(&report).contains("LUFS, momentary"));
    let file = report.files.iter_mut().find(|file| file.media.is_some()).unwrap();
    let (integrated_lufs, range_lu, true_peak_dbtp) = (-16.04, 3.0, -1.0);
    let momentary_lufs = vec![-70.0, -15.0, -12.0];
    file.loudness = Some(Loudness { integrated_lufs, range_lu, true_peak_dbtp, step_s: 2.0, momentary_lufs });
    let text = html(&report);
    let plot = text.split("loudness -16.0 LUFS, momentary at most -12.0 LUFS\">").nth(1).unwrap();
    // Steps of 2 s of 12.012 s, from -60 to 0 LUFS.
    assert!(plot.starts_with("<path d=\"M0 100V100H166.5V25H333.0V20H499.5V100Z\""), "{}", &plot[..80]);
}

fn frame_at(at_s: f64, jpeg: &str) -> MediaPictures {
    let picture = Picture { at_s, size: Size::new(90, 160), jpeg: jpeg.to_owned() };
    MediaPictures { pictures: vec![picture], ..MediaPictures::default() }
}

#[test]
fn shows_the_frames_of_a_file_and_of_its_output() {
    let mut report = samples::everything();
    report.pictures = [("b.fixed.avi", "AAAA"), ("out/b.fixed.mp4", "BBBB"), ("c.not-compliant.mov", "CCCC")]
        .map(|(path, jpeg)| (path.to_owned(), frame_at(1.5, jpeg)))
        .into();
    let text = html(&report);
    let image = |jpeg: &str, name: &str| {
        format!(
            "<img src=\"data:image/jpeg;base64,{jpeg}\" alt=\"{name}\" title=\"{name}\" width=\"90\" height=\"160\""
        )
    };
    let (before, after) = (image("AAAA", "Before, frame at 1.5 s"), image("BBBB", "After, frame at 1.5 s"));
    assert!(text.find(&before).unwrap() < text.find(&after).unwrap());
    assert!(text.contains(&image("CCCC", "Frame at 1.5 s")));
    assert_eq!(text.matches("<img ").count(), 3);
}

#[test]
fn balances_tags_and_loads_no_resources() {
    let text = html(&samples::everything());
    let mut open = Vec::new();
    for tag in tags(&text) {
        let name = tag_name(&tag).to_owned();
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop().as_deref(), Some(name)),
            None if ["!DOCTYPE", "meta", "input"].contains(&name.as_str()) => {}
            None => open.push(name),
        }
        for source in [" src=", " srcset=", " style=", "<link", "@import", "url("] {
            assert!(!tag.contains(source), "{tag}");
        }
    }
    assert_eq!(open, Vec::<String>::new());
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
}

#[test]
fn the_policy_allows_only_the_script_and_the_style_of_the_page() {
    let text = html(&samples::everything());
    let policy =
        text.split("Content-Security-Policy\" content=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(text.matches("<script>").count(), 1);
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "http"]
    {
        assert!(!SCRIPT.contains(word), "{word}");
    }
}

#[test]
fn links_only_http_and_https() {
    let mut entry = samples::entry("a.mp4", Verdict::Noncompliant);
    let mut finding = samples::finding(RuleId::VideoCodec, Severity::Error, Remedy::Remux);
    finding.source = Some("javascript:alert(1)".into());
    entry.findings = vec![finding];
    let text = html(&samples::report(vec![entry]));
    assert!(!text.contains("href=\"javascript"), "{text}");
    assert!(text.contains("javascript:alert(1)"));
}

/// Returns an entry with this text wherever text comes from a file, a platform or the user.
fn with_text_everywhere(text: &str) -> FileEntry {
    let text = || text.to_owned();
    let mut entry = samples::everything()
        .files
        .into_iter()
        .find(|entry| entry.delivery.is_some() && entry.fix.is_some())
        .unwrap();
    for finding in &mut entry.findings {
        (finding.message, finding.actual, finding.allowed) = (text(), text(), text());
        finding.source = Some(format!("https://example.com/{}", text()));
        finding.checked_on = Some(text());
    }
    let fix = entry.fix.as_mut().unwrap();
    (fix.output, fix.steps, fix.reason) = (Some(text()), vec![text()], Some(text()));
    for stream in &mut fix.dropped {
        (stream.codec, stream.language, stream.reason) = (Some(text()), Some(text()), text());
    }
    fix.added.iter_mut().for_each(|addition| addition.reason = text());
    let delivery = entry.delivery.as_mut().unwrap();
    (delivery.video_id, delivery.reason) = (Some(text()), Some(text()));
    delivery.ads.iter_mut().for_each(|ad| (ad.ad_id, ad.reason) = (Some(text()), Some(text())));
    entry.media.as_mut().unwrap().0.audio[0].channel_layout = Some(text());
    FileEntry { path: text(), profile: text(), reason: Some(text()), ..entry }
}

fn page_of(text: &str) -> String {
    let mut report = samples::report(vec![with_text_everywhere(text)]);
    report.profiles = vec![text.to_owned(), "other".to_owned()];
    report.stopped = Some(text.to_owned());
    report.pictures.insert(text.to_owned(), frame_at(0.0, text));
    html(&report)
}

#[test]
fn escapes_control_and_bidirectional_characters() {
    let text = page_of("a\u{202e}4pm.jpg\u{7}");
    assert!(text.contains("a\\u{202e}4pm.jpg\\u{7}"));
    assert!(!text.contains(['\u{202e}', '\u{7}']));
}

proptest! {
    #[test]
    fn untrusted_text_never_becomes_a_tag_or_an_attribute(text in "[<>\"'&a-z/` =\\PC]{0,40}") {
        let page = page_of(&format!("\"'><script>alert(1)</script><img src=x onerror=y {text}"));
        let plain = page_of("plain");
        let shape = |page: &str| -> Vec<(String, BTreeSet<String>)> {
            let attributes = |tag: &str| {
                // Every second part is a value.
                let outside = tag.split('"').step_by(2).flat_map(|part| part.split_whitespace().map(str::to_owned));
                outside.skip(1).collect()
            };
            tags(page).iter().map(|tag| (tag_name(tag).to_owned(), attributes(tag))).collect()
        };
        // Backticks of an advice mark code.
        let is_code = |(name, _): &(String, BTreeSet<String>)| name != "code";
        let shape = |page: &str| shape(page).into_iter().filter(is_code).collect::<Vec<_>>();
        prop_assert_eq!(shape(&page), shape(&plain));
    }
}
