#![allow(clippy::unwrap_used)]

use super::super::samples::{self, rendered_with};
use super::super::{Format, OldLimit, Report};
use super::*;
use crate::rules::Verdict;
use proptest::prelude::*;

fn human(report: &Report, options: &HumanOptions) -> String {
    rendered_with(report, Format::Human, options)
}

#[test]
fn renders_every_kind_of_entry() {
    insta::assert_snapshot!(human(&samples::everything(), &HumanOptions::default()));
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
    let options = HumanOptions { verbose: true, ..HumanOptions::default() };
    insta::assert_snapshot!(human(&report, &options), @r#"
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
    let (quiet, verbose) = (
        HumanOptions { quiet: true, ..HumanOptions::default() },
        HumanOptions { verbose: true, ..HumanOptions::default() },
    );
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
    assert!(text.contains("14 files"), "{text}");
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
    assert!(human(&report, &HumanOptions::default()).contains("a.compliant.mp4 [tiktok-ads]"));
}

#[test]
fn wraps_lines_to_the_width() {
    for width in [60, 80, 100] {
        let options = HumanOptions { width, verbose: true, ..HumanOptions::default() };
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
