//! `human`: the report for a terminal: the outcome of each file, the reasons, and what to do next.

mod layout;

use std::io;

use layout::{Page, TextRole};

use super::advice::what_to_do;
use super::outcome::{Outcome, is_cleared, problems};
use super::{Delivery, FileEntry, Fix, FixAction, Report, escape, text, totals, units};
use crate::rules::{Finding, RuleId, Severity};

/// The options of the human-readable report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HumanOptions {
    /// Use ANSI colours. Colour never carries information alone.
    pub color: bool,
    /// Show advice, sources and the confidence of each limit.
    pub verbose: bool,
    /// Show only files that need attention, and the summary.
    pub quiet: bool,
    /// Columns to wrap at; 0 never wraps.
    pub width: usize,
}

impl Default for HumanOptions {
    fn default() -> HumanOptions {
        HumanOptions { color: false, verbose: false, quiet: false, width: 100 }
    }
}

/// Width of the label column below a file, such as `warning`.
const LABEL: usize = 9;

pub(super) fn render(report: &Report, options: &HumanOptions, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page::new(out, *options);
    let several = report.profiles.len() > 1;
    let mut any_file = false;
    for entry in &report.files {
        if !options.quiet || Outcome::of(entry).needs_attention() {
            file(&mut page, entry, several)?;
            any_file = true;
        }
    }
    if any_file {
        page.blank()?;
    }
    summary(&mut page, report)?;
    stale(&mut page, report)?;
    old_limits(&mut page, report)?;
    isolation(&mut page, report)?;
    advice(&mut page, report)
}

fn file(page: &mut Page<'_>, entry: &FileEntry, several_profiles: bool) -> io::Result<()> {
    let outcome = Outcome::of(entry);
    let profile = if several_profiles { format!(" [{}]", escape(&entry.profile)) } else { String::new() };
    let facts = match (&entry.media, outcome) {
        (Some(media), _) => escape(&text::facts(media).join(" ")),
        (None, Outcome::Skipped) => {
            format!("skipped: {}", escape(entry.reason.as_deref().unwrap_or("not a media file")))
        }
        (None, _) => String::new(),
    };
    page.head(outcome, &escape(&entry.path), &profile, &facts)?;
    for problem in problems(entry) {
        if !problem.is_delivery {
            page.item(LABEL, TextRole::Bad, outcome.label_short(), &escape(&problem.message))?;
        }
    }
    findings(page, entry, outcome)?;
    if let Some(fix) = entry.fix.as_ref() {
        self::fix(page, fix, outcome)?;
    }
    entry.delivery.as_ref().map_or(Ok(()), |delivery| self::delivery(page, entry, delivery))
}

fn findings(page: &mut Page<'_>, entry: &FileEntry, outcome: Outcome) -> io::Result<()> {
    let verbose = page.options().verbose;
    let (shown, hidden): (Vec<_>, Vec<_>) =
        entry.findings.iter().partition(|finding| verbose || finding.severity != Severity::Advice);
    let hidden: Vec<_> = hidden.into_iter().filter(|finding| !is_cleared(entry, finding)).collect();
    for finding in shown {
        let fixed = is_cleared(entry, finding);
        let role = match finding.severity {
            _ if fixed => TextRole::Dim,
            Severity::Error => TextRole::Bad,
            Severity::Warning => TextRole::Warn,
            Severity::Advice => TextRole::Dim,
        };
        self::finding(page, finding, role, text::severity(finding.severity, fixed))?;
    }
    if !hidden.is_empty() && !page.options().quiet {
        let pieces = units::count(hidden.len() as u64, "piece of advice", "pieces of advice");
        page.item(LABEL, TextRole::Dim, "advice", &format!("{pieces} (show with --verbose)"))?;
    }
    if let Some(reason) = &entry.not_decoded {
        page.item(LABEL, TextRole::Dim, "note", &format!("not decoded: {}", escape(reason)))?;
    }
    if verbose && !entry.undecided.is_empty() && outcome != Outcome::Undecided {
        page.item(
            LABEL,
            TextRole::Dim,
            "unknown",
            &format!("undecided: {}", RuleId::list(&entry.undecided)),
        )?;
    }
    Ok(())
}

fn finding(page: &mut Page<'_>, finding: &Finding, role: TextRole, label: &str) -> io::Result<()> {
    let Finding { rule, actual, allowed, message, source, .. } = finding;
    let text = format!("{rule}: {}", escape(message));
    page.item(LABEL, role, label, &text)?;
    let place = text::place(finding).map_or(String::new(), |place| format!(" ({place})"));
    // Most messages tell both values; they are not repeated then.
    let told = finding.stated || (message.contains(actual.as_str()) && message.contains(allowed.as_str()));
    if page.options().verbose || !told {
        let text = format!("found {}, allowed {}{place}", escape(actual), escape(allowed));
        page.more(LABEL, TextRole::Plain, &text)?;
    }
    if page.options().verbose {
        let source = source.as_deref().map_or(String::new(), |source| format!(": {}", escape(source)));
        page.more(LABEL, TextRole::Dim, &format!("{}{source}", text::authority(finding)))?;
    }
    Ok(())
}

fn fix(page: &mut Page<'_>, fix: &Fix, outcome: Outcome) -> io::Result<()> {
    let verbose = page.options().verbose;
    let refused = matches!(outcome, Outcome::Refused | Outcome::Failed | Outcome::Cancelled);
    if fix.action == FixAction::None && !verbose {
        return Ok(());
    }
    if !refused {
        let label = match outcome {
            Outcome::Planned => "plan",
            _ if fix.reused && fix.output.is_some() => "kept",
            _ => "fix",
        };
        let output = fix.output.as_ref().map_or(String::new(), |output| format!(": {}", escape(output)));
        page.item(
            LABEL,
            TextRole::Good,
            label,
            &format!("{}{}{output}", text::action(fix), text::origin(fix)),
        )?;
        // For a compliant file the path of its copy is enough, unless something stays.
        if let Some(reason) = &fix.reason {
            page.more(LABEL, TextRole::Plain, &format!("why: {}", escape(reason)))?;
        }
    }
    if fix.action == FixAction::Copy && !verbose {
        return Ok(());
    }
    for (number, step) in fix.steps.iter().enumerate() {
        page.more(LABEL, TextRole::Plain, &format!("{}. {}", number + 1, escape(step)))?;
    }
    if let Some(checks) = text::verification(fix) {
        page.item(LABEL, TextRole::Good, "verified", &escape(&checks))?;
    }
    Ok(())
}

fn delivery(page: &mut Page<'_>, entry: &FileEntry, delivery: &Delivery) -> io::Result<()> {
    let role = |stuck: bool, changed: bool| match (stuck, changed) {
        (true, _) => TextRole::Bad,
        (false, true) => TextRole::Warn,
        (false, false) => TextRole::Good,
    };
    let id = delivery.video_id.as_ref().map_or(String::new(), |id| format!(", video {}", escape(id)));
    let uploads = units::count(u64::from(delivery.attempts), "upload", "uploads");
    let because = |reason: Option<&str>| reason.map_or(String::new(), |text| format!(": {}", escape(text)));
    let reason = because(delivery.shown_reason(entry));
    let text = format!("{}{id}, {uploads}{reason}", escape(&delivery.shown_state()));
    page.item(LABEL, role(delivery.is_video_stuck(), false), "ship", &text)?;
    for ad in &delivery.ads {
        let id = ad.ad_id.as_ref().map_or(String::new(), |id| format!(" {}", escape(id)));
        let (state, reason) = (ad.shown_state(delivery.publication), because(ad.shown_reason()));
        let text = format!("row {}: {}{id}{reason}", ad.row, escape(&state));
        let role = role(ad.is_stuck(), ad.is_unsent_change());
        page.item(LABEL, role, delivery.publication.name(), &text)?;
    }
    Ok(())
}

fn summary(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let mut files = units::count(text::file_count(report), "file", "files");
    if report.profiles.len() > 1 {
        files.push_str(&format!(" under {} profiles", report.profiles.len()));
    }
    let mut parts: Vec<(TextRole, String)> = vec![(TextRole::Strong, files)];
    for (outcome, number) in text::tally(report) {
        parts.push((TextRole::of(outcome), text::counted(report, outcome, number)));
    }
    parts.push((TextRole::Dim, units::seconds(report.summary.elapsed_s)));
    page.summary(&parts)?;
    if let Some(totals) = totals::delivered(report) {
        page.paragraph(TextRole::Strong, &totals)?;
    }
    if let Some(reason) = totals::cut_off(report) {
        page.paragraph(TextRole::Warn, &escape(&reason))?;
    }
    Ok(())
}

/// Lists the outputs whose source is gone.
fn stale(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    for removed in [true, false] {
        let outputs: Vec<_> = report.stale.iter().filter(|stale| stale.removed == removed).collect();
        if outputs.is_empty() || (removed && page.options().quiet) {
            continue;
        }
        let count = units::count(outputs.len() as u64, "output", "outputs");
        let text = if removed {
            format!("{count} removed, because the source was deleted or renamed:")
        } else {
            format!(
                "{count} of earlier runs without a source, which was deleted or renamed; `--prune` removes:"
            )
        };
        page.blank()?;
        page.paragraph(TextRole::Warn, &layout::keep_code_together(&text))?;
        for stale in outputs {
            let text = format!("{} (from {})", escape(&stale.output), escape(&stale.source));
            page.bullet(2, "-", &text)?;
        }
    }
    Ok(())
}

/// Writes a note for each profile with limits that may be outdated.
fn old_limits(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if page.options().quiet {
        return Ok(());
    }
    for note in text::old_limits(report) {
        page.paragraph(TextRole::Dim, &layout::keep_code_together(&escape(&note)))?;
    }
    Ok(())
}

/// Writes what isolates the media workers: a line only if something is missing, unless everything is asked for.
fn isolation(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let in_force = text::isolation(&report.tool).filter(|_| page.options().verbose);
    let missing = text::isolation_refused(&report.tool)
        .filter(|_| !page.options().quiet)
        .map(|missing| format!("isolation of media workers: {missing}"));
    for line in in_force.into_iter().chain(missing) {
        page.paragraph(TextRole::Dim, &escape(&line))?;
    }
    Ok(())
}

fn advice(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let all = what_to_do(report);
    if all.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.paragraph(TextRole::Strong, "What to do")?;
    for advice in all {
        page.bullet(2, "•", &layout::keep_code_together(&escape(&advice.text)))?;
        for file in &advice.files {
            page.bullet(4, "-", &escape(file))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        insta::assert_snapshot!(human(&samples::everything(), &HumanOptions::default()), @r#"
        ✓ a.compliant.mp4  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            ship     processing, video v10033g50000, 1 upload
        ✓ b.fixed.avi  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            fixed    video-codec: the video codec is mpeg4
                     found mpeg4, allowed h264, hevc (stream 0)
            fix      video re-encoded, audio stream copied: out/b.fixed.mp4
                     why: a copied video stream would still be mpeg4
                     1. re-encode the video as H.264, because mpeg4 is not allowed
                     2. copy the audio stream
            verified output compliant; 1 stream bit-identical to the source; 360 frames decoded without
                     errors; concealed: 1 of 360 packets does not decode (at 1.20 s) in the source; 0.012 s
                     longer than planned; SSIM 0.9961, worst frame 0.9873 at 3.2 s
            ship     published, video v10033g50000, 1 upload
            ad       row 1: published 1800
        → b2.fixable.avi  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            error    video-codec: the video codec is mpeg4
                     found mpeg4, allowed h264, hevc (stream 0)
            plan     would re-encode the video and copy the audio stream
                     why: a copied video stream would still be mpeg4
                     1. re-encode the video as H.264, because mpeg4 is not allowed
                     2. copy the audio stream
        ✗ c.not-compliant.mov
            hevc 1080x1920 9:16 29.97 fps variable Dolby Vision 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            error    video-codec: the video codec is mpeg4
                     found mpeg4, allowed h264, hevc (stream 0)
            error    integrity: the file ends before its video does
                     found 3.5 s missing, allowed all declared data (data missing from 8.5 s)
            warning  black: the video is black for a while
                     found 2 spans, allowed none longer than 1 s (stream 0, 0 s to 1.5 s, 1:02.5 to 1:05)
            advice   1 piece of advice (show with --verbose)
        ? d.undecided.gif  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            unknown  Undecided because facts are missing: duration.
        ✗ e.unreadable.mp4
            error    moov box not found: the file has only 48 bytes
        ✗ f.refused.mp4  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            refused  900 s is longer than 600 s: allow it with --trim
            error    video-codec: the video codec is mpeg4
                     found mpeg4, allowed h264, hevc (stream 0)
        ✗ g.not-delivered.mp4  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            ship     ready, video v10033g50000, 1 upload
            ad       row 1: published 1800
            ad       row 2: failed: the landing page answers 404
        ✗ g2.not-delivered.mp4  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            fixed    video-codec: the video codec is mpeg4
                     found mpeg4, allowed h264, hevc (stream 0)
            fix      video re-encoded, audio stream copied: out/b.fixed.mp4
                     why: a copied video stream would still be mpeg4
                     1. re-encode the video as H.264, because mpeg4 is not allowed
                     2. copy the audio stream
            verified output compliant; 1 stream bit-identical to the source; 360 frames decoded without
                     errors; concealed: 1 of 360 packets does not decode (at 1.20 s) in the source; 0.012 s
                     longer than planned; SSIM 0.9961, worst frame 0.9873 at 3.2 s
            ship     given up, video v10033g50000, 1 upload: processing failed three times
        ! g3.change-not-sent.mp4  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            ship     published, video v10033g50000, 1 upload
            ad       row 1: published 1800: its row changed since, and the change is not sent
        ✗ h.failed.mp4  h264 1080x1920 9:16 29.97 fps 12.0 s 8.2 Mb/s aac stereo 12.3 MB
            failed   no space left in out/
            error    video-codec: the video codec is mpeg4
                     found mpeg4, allowed h264, hevc (stream 0)
        ✗ h2.failed.�.mp4
            failed   permission denied
        - h3.cancelled.mp4
            stopped  cancelled; run the same command again to resume
        - i.skipped.txt  skipped: not a media file

        14 files: 1 compliant, 1 fixed, 1 fixable, 1 not compliant, 1 undecided, 1 unreadable, 1 refused,
          1 change not sent, 2 not delivered, 2 failed, 1 cancelled, 1 skipped, 3.4 s

        What to do
          • These files break a rule that greenlit cannot fix, or fixes only with your consent.
            `greenlit fix PATH --out DIR --dry-run` shows which option gives consent. If it shows none,
            export the video again.
            - c.not-compliant.mov: the file ends before its video does
          • greenlit did not fix these files: the changes that are permitted are not enough. Give consent
            with the options shown, or export the video again within the limits shown for each file.
            - f.refused.mp4: 900 s is longer than 600 s: allow it with --trim
          • These files could not be checked completely, so they do not count as compliant.
            `greenlit check --deep PATH` decodes every frame and may determine the missing facts. If it does
            not, export the video again.
            - d.undecided.gif: Undecided because facts are missing: duration
          • These files cannot be read as media. Transfer or export them again, and compare their sizes with
            the originals.
            - e.unreadable.mp4: moov box not found: the file has only 48 bytes
          • These files comply but were not delivered. `greenlit status` shows the next step for each, and
            `greenlit resolve` records the decisions that only you can make. It is safe to run the same
            command again.
            - g.not-delivered.mp4: The ad in row 2 was not created: the landing page answers 404
          • These videos were given up, because no attempt or encode mode is left.
            `greenlit ship … --retry FILE` uploads one again, `--retry all` uploads all of them again, and
            nothing else does. Export the video again if the platform refuses it.
            - g2.not-delivered.mp4: The video was given up: processing failed three times
          • These files are delivered, but rows changed since their ads or posts were published. greenlit
            changes nothing that is published: change it on the platform, or undo the change of the row.
            - g3.change-not-sent.mp4: Row 1: its row changed since, and the change is not sent
          • An operation on these files failed; the files themselves may be fine. Correct the cause shown
            (`greenlit doctor` may help), then run the same command again. Completed files are not processed
            again.
            - h.failed.mp4: no space left in out/
            - h2.failed.�.mp4: permission denied
          • The run was cancelled. Run the same command again to resume.
            - h3.cancelled.mp4: cancelled; run the same command again to resume
          • `greenlit explain video-codec` shows what the rule means, why it exists and where it is
            published.
        "#);
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
        assert!(
            human(&whole, &verbose).contains("media workers isolated by seccomp, landlock (Landlock ABI 6)")
        );
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
                let fits = line.chars().count() <= width
                    || line.split_whitespace().any(|word| word.len() + 14 > width);
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
}
