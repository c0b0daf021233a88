//! Why files need attention, in one line: worst first, with found and allowed.

use unicode_width::UnicodeWidthStr;

use super::super::outcome::{Outcome, is_cleared, problems};
use super::super::{FileEntry, FixForecast, escape};
use super::cut;
use super::layout::TextRole;
use crate::rules::{Finding, Remedy, Severity};

/// Columns of the ellipsis after a text and of the space before it.
const ELLIPSIS_WIDTH: usize = 2;

/// A reason of a file under one or more profiles.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    /// A word such as `error`; empty before a sentence.
    label: String,
    role: TextRole,
    /// Escaped text.
    text: String,
    /// The columns that it needs at least, if it is not the first.
    min_width: usize,
    /// The number of profiles under which the file has it.
    profiles: usize,
    /// The name of the profile, if there is one.
    profile: String,
}

impl Reason {
    pub(super) fn new(label: String, role: TextRole, text: String) -> Reason {
        Reason { label, role, min_width: text.width(), text, profiles: 1, profile: String::new() }
    }

    fn of_finding(finding: &Finding) -> Option<(u8, Reason)> {
        let (rank, role) = match finding.severity {
            Severity::Error if finding.remedy == Remedy::Refuse => (1, TextRole::Bad),
            Severity::Error if finding.remedy >= Remedy::Trim => (2, TextRole::Bad),
            Severity::Error => (3, TextRole::Bad),
            Severity::Warning => (4, TextRole::Warn),
            Severity::Advice => return None,
        };
        let Finding { rule, actual, allowed, severity, .. } = finding;
        let (begin, allowed) = (format!("{rule}: found {}, allowed ", escape(actual)), escape(allowed));
        let first = allowed.split(' ').next().unwrap_or_default();
        let min_width = begin.width() + first.width() + ELLIPSIS_WIDTH;
        let reason = Reason::new(severity.name().to_owned(), role, format!("{begin}{allowed}"));
        Some((rank, Reason { min_width, ..reason }))
    }
}

/// Returns the reasons of a file, whose entries differ in their profiles, worst first. A reason that not all entries
/// have names its profile.
pub(super) fn reasons(entries: &[&FileEntry]) -> Vec<Reason> {
    let mut all: Vec<(u8, Reason)> = Vec::new();
    for entry in entries {
        for (rank, reason) in of_entry(entry) {
            match all
                .iter_mut()
                .find(|(_, other)| (&other.label, &other.text) == (&reason.label, &reason.text))
            {
                Some((_, other)) => other.profiles += usize::from(other.profile != entry.profile),
                None => all.push((rank, Reason { profile: entry.profile.clone(), ..reason })),
            }
        }
    }
    all.sort_by_key(|(rank, _)| *rank);
    let named = |(_, mut reason): (u8, Reason)| {
        match reason.profiles {
            number if number == entries.len() => {}
            1 => reason.text.push_str(&format!(" [{}]", escape(&reason.profile))),
            number => reason.text.push_str(&format!(" [{number} profiles]")),
        }
        reason
    };
    all.into_iter().map(named).collect()
}

fn of_entry(entry: &FileEntry) -> Vec<(u8, Reason)> {
    let outcome = Outcome::of(entry);
    let problems = problems(entry).into_iter().map(|problem| {
        let label = if problem.is_delivery { String::new() } else { format!("{}:", outcome.label_short()) };
        // An option that gives consent comes first, so that it is never cut.
        let needs = match (&entry.forecast, outcome) {
            (Some(FixForecast::NeedsConsent { options, .. }), Outcome::Refused) => {
                format!("needs {}: ", options.join(" "))
            }
            _ => String::new(),
        };
        let text = escape(&format!("{needs}{}", problem.message.trim_end_matches('.')));
        (0, Reason::new(label, TextRole::of(outcome), text))
    });
    // A file that was only not delivered complies, and one that was cancelled may yet be fixed.
    let is_about_file = !matches!(outcome, Outcome::Undelivered | Outcome::ChangeUnsent | Outcome::Cancelled);
    let findings = entry
        .findings
        .iter()
        .filter(|finding| is_about_file && finding.accepted.is_none() && !is_cleared(entry, finding));
    problems.chain(findings.filter_map(Reason::of_finding)).collect()
}

/// Returns as many reasons as fit into `width` columns, and the number of the others. One that does not fit loses its last
/// words, if it is the first or if found and a part of allowed fit.
pub(super) fn fit(reasons: &[Reason], width: usize) -> Vec<(TextRole, String)> {
    let (mut parts, mut column, mut label) = (Vec::new(), 0, &String::new());
    for (number, shown) in reasons.iter().enumerate() {
        let rest = |left: usize| if left == 0 { String::new() } else { format!("; +{left} more") };
        let left = reasons.len() - number - 1;
        let lead = if shown.label == *label { String::new() } else { format!("{} ", shown.label) };
        let separator = if number == 0 { "" } else { "; " };
        let before = column + separator.len() + lead.len();
        let space = width.saturating_sub(before + rest(left).len());
        let fits = shown.text.width() <= space;
        if number > 0 && space < shown.min_width.min(shown.text.width()) {
            parts.push((TextRole::Dim, rest(left + 1)));
            break;
        }
        parts.push((TextRole::Plain, separator.to_owned()));
        parts.push((shown.role, lead));
        parts.push((TextRole::Plain, cut::end(&shown.text, space)));
        if !fits {
            parts.push((TextRole::Dim, rest(left)));
            break;
        }
        (column, label) = (before + shown.text.width(), &shown.label);
    }
    parts.retain(|(_, text)| !text.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::super::super::samples;
    use super::*;
    use crate::rules::{RuleId, Verdict};

    fn fitted(width: usize) -> String {
        let finding = |rule, severity, actual: &str, allowed: &str| {
            let finding = Finding {
                actual: actual.to_owned(),
                allowed: allowed.to_owned(),
                ..samples::finding(rule, severity, Remedy::None)
            };
            Reason::of_finding(&finding).map(|(_, reason)| reason)
        };
        let reasons = [
            finding(RuleId::VideoCodec, Severity::Error, "vp8", "h264, hevc"),
            finding(RuleId::AudioCodec, Severity::Error, "mp2", "aac, mp3"),
            finding(RuleId::FastStart, Severity::Warning, "moov last", "moov first"),
        ];
        let reasons: Vec<Reason> = reasons.into_iter().flatten().collect();
        fit(&reasons, width).into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn what_no_option_corrects_comes_first() {
        let mut entry = samples::entry("a.mp4", Verdict::Noncompliant);
        let errors = [
            (RuleId::Resolution, Remedy::ReencodeVideo),
            (RuleId::Duration, Remedy::Trim),
            (RuleId::Integrity, Remedy::Refuse),
        ];
        entry.findings = errors.map(|(rule, remedy)| samples::finding(rule, Severity::Error, remedy)).into();
        let all = reasons(&[&entry]);
        let rules: Vec<&str> = all.iter().filter_map(|reason| reason.text.split(':').next()).collect();
        assert_eq!(rules, ["integrity", "duration", "resolution"]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let two =
            "error video-codec: found vp8, allowed h264, hevc; audio-codec: found mp2, allowed aac, mp3";
        let all = format!("{two}; warning fast-start: found moov last, allowed moov first");
        assert_eq!(fitted(usize::MAX), all);
        assert_eq!(fitted(all.len()), all);
        assert_eq!(
            fitted(all.len() - 1),
            format!("{two}; warning fast-start: found moov last, allowed moov …")
        );
        assert_eq!(fitted(all.len() - 6), format!("{two}; +1 more"), "found alone says too little");
        assert_eq!(
            fitted(97),
            "error video-codec: found vp8, allowed h264, hevc; audio-codec: found mp2, allowed aac …; +1 more"
        );
        assert_eq!(fitted(60), "error video-codec: found vp8, allowed h264, hevc; +2 more");
        assert_eq!(fitted(54), "error video-codec: found vp8, allowed h264 …; +2 more");
        assert_eq!(fitted(0), "error video-codec …; +2 more");
    }
}
