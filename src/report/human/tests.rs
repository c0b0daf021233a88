#![allow(clippy::unwrap_used)]

use super::super::outcome::Outcome;
use super::super::samples::{self, rendered_with};
use super::super::{FileEntry, Format, OldLimit, Report};
use super::*;
use crate::rules::{RuleId, Verdict};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr;

fn human(report: &Report, options: &HumanOptions) -> String {
    rendered_with(report, Format::Human, options)
}

fn verbose() -> HumanOptions {
    HumanOptions { verbose: true, ..HumanOptions::default() }
}

#[test]
fn renders_every_kind_of_entry() {
    insta::assert_snapshot!(human(&samples::everything(), &HumanOptions::default()));
}

#[test]
fn renders_every_kind_of_entry_in_full() {
    insta::assert_snapshot!(human(&samples::everything(), &verbose()));
}

#[test]
fn renders_every_kind_of_entry_in_one_line() {
    insta::assert_snapshot!(rendered_with(&samples::everything(), Format::Concise, &HumanOptions::default()));
}

/// Returns a report of 200 files: of 4 that are made of each sample entry, under long names.
fn long_report() -> Report {
    let samples = samples::everything().files;
    let made_up = samples.iter().cycle().take(200).enumerate().map(|(number, entry)| FileEntry {
        path: format!("campaigns/{number}/a folder with a long name/{}", entry.path),
        ..entry.clone()
    });
    samples::report(made_up.collect())
}

#[test]
fn a_file_takes_two_lines_and_no_line_is_longer_than_the_terminal() {
    let report = long_report();
    let attention = report.files.iter().filter(|entry| Outcome::of(entry).needs_attention()).count();
    for width in [60, 80, 120, 200] {
        let text = human(&report, &HumanOptions { width, ..HumanOptions::default() });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.width() <= width), "{width}: {text}");
        let (files, rest) = text.split_once("\n\n").unwrap();
        let heads = files.lines().filter(|line| !line.starts_with(' '));
        let head = |line: &&str| ["✗", "?", "!", "-"].iter().any(|mark| line.starts_with(mark));
        assert_eq!(heads.filter(head).count(), attention);
        let lines_of = report.files.iter().map(|entry| match Outcome::of(entry) {
            Outcome::Fixed | Outcome::Cancelled => 1,
            Outcome::Passed | Outcome::Accepted | Outcome::Skipped => 0,
            _ => 2,
        });
        assert_eq!(files.lines().count(), lines_of.sum::<usize>());
        let others = report.files.iter().filter(|entry| Outcome::of(entry) == Outcome::Fixed).count()
            + 2 * report.files.iter().filter(|entry| Outcome::of(entry) == Outcome::Planned).count();
        assert!((lines.len() - others) * 10 <= attention * 22 + 250, "{width}: {rest}");
    }
}

#[test]
fn an_option_that_gives_consent_is_not_cut() {
    let mut entry =
        samples::everything().files.into_iter().find(|entry| Outcome::of(entry) == Outcome::Refused).unwrap();
    let options = vec!["--trim", "--upscale"];
    entry.forecast = Some(crate::report::FixForecast::NeedsConsent { options, reason: "too long".into() });
    let report = samples::report(vec![entry]);
    let text = human(&report, &HumanOptions { width: 60, ..HumanOptions::default() });
    assert!(text.contains("    refused: needs --trim --upscale: 900 s"), "{text}");
    assert!(text.contains("1 file  the same command with `--trim --upscale`"), "{text}");
    let text = human(&report.with_consent_keys(), &HumanOptions::default());
    assert!(
        text.contains("1 file  set `trim = true`, `upscale = true` in `[fix]` or `[[build]]`, with your"),
        "{text}"
    );
}

#[test]
fn a_file_under_several_profiles_is_told_once() {
    let mut report = samples::everything();
    report.files.retain(|entry| entry.path.starts_with("c."));
    let other = FileEntry { profile: "youtube".into(), ..report.files[0].clone() };
    let shorter =
        FileEntry { profile: "reels".into(), findings: other.findings[..1].to_vec(), ..other.clone() };
    let passed = FileEntry {
        path: other.path.clone(),
        profile: "own".into(),
        ..samples::entry("", Verdict::Compliant)
    };
    report.profiles.extend(["youtube", "reels", "own"].map(str::to_owned));
    report.files.extend([other, shorter, passed]);
    let text = human(&report, &HumanOptions { width: 0, ..HumanOptions::default() });
    let (files, _) = text.split_once("\n\n").unwrap();
    insta::assert_snapshot!(files, @r"
    ✗ c.not-compliant.mov [3 profiles]  hevc 1080x1920 9:16 29.97 fps variable Dolby Vision 12.0 s 8.2 Mb/s aac stereo 12.3 MB
        error integrity: found 3.5 s missing, allowed all declared data [2 profiles]; video-codec: found mpeg4, allowed h264, hevc; warning black: found 2 spans, allowed none longer than 1 s [2 profiles]
    ");
}

#[test]
fn totals_by_rule_count_a_finding_under_several_profiles_once() {
    let mut report = samples::everything();
    report.files.retain(|entry| ["c.", "f."].iter().any(|begin| entry.path.starts_with(begin)));
    let other = FileEntry { profile: "youtube".into(), ..report.files[0].clone() };
    report.files.insert(1, other);
    let text = human(&report, &HumanOptions::default());
    assert!(text.contains("  video-codec       2         -      2\n"), "{text}");
    assert!(text.contains("  black             -         1      1\n"), "{text}");
    report.files.truncate(1);
    let text = human(&report, &HumanOptions::default());
    assert!(!text.contains("warnings"), "one file is its own total: {text}");
}

#[test]
fn names_are_links_where_a_terminal_shows_them() {
    let report = samples::everything();
    let plain = human(&report, &HumanOptions::default());
    for options in [HumanOptions::default(), verbose()] {
        let links = Some(FileLinks::new("studio", std::path::Path::new("/clips")));
        let linked = human(&report, &HumanOptions { links, ..options.clone() });
        let link =
            "\u{1b}]8;;file://studio/clips/c.not-compliant.mov\u{1b}\\c.not-compliant.mov\u{1b}]8;;\u{1b}\\";
        assert!(linked.contains(link), "{linked}");
        assert!(linked.contains("h2.failed.%FF.mp4"), "the bytes of a name are kept: {linked}");
        let shown =
            linked.split("\u{1b}]8;;").map(|part| part.split_once("\u{1b}\\").map_or(part, |(_, text)| text));
        assert_eq!(shown.collect::<String>(), human(&report, &options));
    }
    assert!(!plain.contains('\u{1b}'));
}

#[test]
fn notes_old_limits_unless_quiet() {
    let old = OldLimit {
        profile: "tiktok-ads".into(),
        rule: RuleId::Duration,
        checked_on: "2025-03-01".into(),
        age_days: 400,
    };
    let report = samples::report(Vec::new()).with_old_limits(vec![old]);
    let text = human(&report, &HumanOptions::default());
    assert!(text.contains("1 limit of tiktok-ads has not been compared"), "{text}");
    let quiet = human(&report, &HumanOptions { quiet: true, ..HumanOptions::default() });
    assert!(!quiet.contains("compared"), "{quiet}");
}

#[test]
fn verbose_shows_advice_and_sources() {
    let mut report = samples::everything();
    report.files.retain(|entry| entry.path.starts_with("c."));
    insta::assert_snapshot!(human(&report, &verbose()), @r#"
    ✗ c.not-compliant.mov
        hevc 1080x1920 9:16 29.97 fps variable Dolby Vision 12.0 s 8.2 Mb/s aac stereo 12.3 MB
        error    video-codec: the video codec is mpeg4
                 found mpeg4, allowed h264, hevc (stream 0)
                 from practice, not published, checked 2026-06-30:
                 https://ads.tiktok.com/help/article/video-ads-specifications
        error    integrity: the file ends before its video does
                 found 3.5 s missing, allowed all declared data (data missing from 8.5 s)
                 published by third parties
        warning  black: the video is black for a while
                 found 2 spans, allowed none longer than 1 s (stream 0, 0 s to 1.5 s, 1:02.5 to 1:05)
                 published by the platform, checked 2026-06-30:
                 https://ads.tiktok.com/help/article/video-ads-specifications
        advice   fast-start: the index (moov) is at the end of the file
                 found moov last, allowed moov first
                 from practice, not published, checked 2026-06-30:
                 https://ads.tiktok.com/help/article/video-ads-specifications

    1 file: 1 not compliant, 3.4 s
    media workers isolated by seccomp, landlock (Landlock ABI 6)

    What to do
      • These files break a rule that greenlit cannot fix, or fixes only with your consent.
        `greenlit fix PATH --out DIR --dry-run` shows which option gives consent. If it shows none,
        export the video again.
        - c.not-compliant.mov: the file ends before its video does
      • `greenlit explain integrity` shows what the rule means, why it exists and where it is published.
    "#);
}

#[test]
fn states_the_isolation_where_it_is_missing_or_asked_for() {
    let (quiet, verbose) = (HumanOptions { quiet: true, ..HumanOptions::default() }, verbose());
    let (whole, weak) = (samples::everything(), samples::weak_isolation());
    assert!(!human(&whole, &HumanOptions::default()).contains("isolat"));
    assert!(human(&whole, &verbose).contains("media workers isolated by seccomp, landlock (Landlock ABI 6)"));
    let missing = "isolation of media workers: not in force: landlock: not <supported>";
    assert!(human(&weak, &HumanOptions::default()).contains(missing));
    assert!(human(&weak, &verbose).contains(missing));
    assert!(!human(&weak, &quiet).contains("isolation"));
}

#[test]
fn quiet_lists_only_files_that_need_attention() {
    let report = samples::everything();
    let text = human(&report, &HumanOptions { quiet: true, ..HumanOptions::default() });
    for entry in &report.files {
        assert_eq!(text.contains(&entry.path), Outcome::of(entry).needs_attention(), "{}", entry.path);
    }
    assert!(text.contains("16 files"), "{text}");
}

#[test]
fn colour_does_not_change_the_text() {
    let plain = human(&samples::everything(), &HumanOptions::default());
    let colored = human(&samples::everything(), &HumanOptions { color: true, ..HumanOptions::default() });
    assert!(!plain.contains('\u{1b}'));
    assert!(colored.contains("\u{1b}[31m"));
    let mut stripped = String::new();
    for (n, part) in colored.split('\u{1b}').enumerate() {
        stripped.push_str(if n == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, plain);
}

#[test]
fn shows_the_profile_if_there_are_several() {
    let mut report = samples::everything();
    report.profiles.push("youtube-shorts".into());
    assert!(human(&report, &verbose()).contains("a.compliant.mp4 [tiktok-ads]"));
}

#[test]
fn wraps_lines_to_the_width() {
    for width in [60, 80, 100] {
        let options = HumanOptions { width, ..verbose() };
        for line in human(&samples::everything(), &options).lines() {
            // Words that are longer than a line, such as links, are not broken.
            let fits =
                line.chars().count() <= width || line.split_whitespace().any(|word| word.len() + 14 > width);
            assert!(fits, "{width}: {line}");
        }
    }
}

proptest! {
    #[test]
    fn escapes_names_and_reasons(name in any::<String>(), reason in any::<String>()) {
        let mut entry = samples::entry(&format!("{name}\u{1b}]0;x\u{7}\u{202e}"), Verdict::Unreadable);
        entry.reason = Some(reason);
        let text = human(&samples::report(vec![entry]), &HumanOptions::default());
        let harmless = |c: char| c == '\n' || (!c.is_control() && c != '\u{202e}' && c != '\u{2028}');
        prop_assert!(text.chars().all(harmless), "{:?}", text);
    }
}
