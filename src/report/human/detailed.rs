//! A file in full: its facts, each finding with its source, the steps of its fix, and its delivery.

use std::io;

use super::super::outcome::{Outcome, is_cleared, problems};
use super::super::{Delivery, FileEntry, Fix, escape, text, units};
use super::layout::{Page, TextRole};
use crate::rules::{Finding, RuleId, Severity};

/// Width of the label column below a file, such as `warning`.
const LABEL: usize = 9;

/// Writes everything about a file under one profile.
pub(super) fn file(page: &mut Page<'_>, entry: &FileEntry, several_profiles: bool) -> io::Result<()> {
    let outcome = Outcome::of(entry);
    let profile = if several_profiles { format!(" [{}]", escape(&entry.profile)) } else { String::new() };
    let facts = match (&entry.media, outcome) {
        (Some(media), _) => escape(&text::facts(media).join(" ")),
        (None, Outcome::Skipped) => {
            format!("skipped: {}", escape(entry.reason.as_deref().unwrap_or("not a media file")))
        }
        (None, _) => String::new(),
    };
    page.head(entry, &profile, &facts)?;
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
    for finding in &entry.findings {
        let fixed = is_cleared(entry, finding);
        let role = match finding.severity {
            _ if fixed || finding.accepted.is_some() => TextRole::Dim,
            Severity::Error => TextRole::Bad,
            Severity::Warning => TextRole::Warn,
            Severity::Advice => TextRole::Dim,
        };
        self::finding(page, finding, role, text::severity(finding, fixed))?;
    }
    if let Some(reason) = &entry.not_decoded {
        page.item(LABEL, TextRole::Dim, "note", &format!("not decoded: {}", escape(reason)))?;
    }
    if !entry.undecided.is_empty() && outcome != Outcome::Undecided {
        let text = format!("undecided: {}", RuleId::list(&entry.undecided));
        page.item(LABEL, TextRole::Dim, "unknown", &text)?;
    }
    Ok(())
}

fn finding(page: &mut Page<'_>, finding: &Finding, role: TextRole, label: &str) -> io::Result<()> {
    let Finding { rule, actual, allowed, message, source, stated, .. } = finding;
    page.item(
        LABEL,
        role,
        label,
        &format!("{rule}: {}{}", escape(message), escape(&text::acceptance(finding))),
    )?;
    let place = text::place(finding);
    let (below, before) = match place {
        Some(place) if *stated => (String::new(), format!("{place}; ")),
        Some(place) => (format!(" ({place})"), String::new()),
        None => Default::default(),
    };
    if !stated {
        let text = format!("found {}, allowed {}{below}", escape(actual), escape(allowed));
        page.more(LABEL, TextRole::Plain, &text)?;
    }
    let source = source.as_deref().map_or(String::new(), |source| format!(": {}", escape(source)));
    page.more(LABEL, TextRole::Dim, &format!("{before}{}{source}", text::authority(finding)))
}

fn fix(page: &mut Page<'_>, fix: &Fix, outcome: Outcome) -> io::Result<()> {
    let refused = matches!(outcome, Outcome::Refused | Outcome::Failed | Outcome::Cancelled);
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
        if let Some(reason) = &fix.reason {
            page.more(LABEL, TextRole::Plain, &format!("why: {}", escape(reason)))?;
        }
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
    let text = format!("{}{id}, {uploads}{reason}", delivery.shown_state());
    page.item(LABEL, role(delivery.is_video_stuck(), false), "ship", &text)?;
    for ad in &delivery.ads {
        let id = ad.ad_id.as_ref().map_or(String::new(), |id| format!(" {}", escape(id)));
        let (state, reason) = (ad.shown_state(delivery.publication), because(ad.shown_reason()));
        let text = format!("{}: {state}{id}{reason}", ad.place());
        let role = role(ad.is_stuck(), ad.is_unsent_change());
        page.item(LABEL, role, delivery.publication.name(), &text)?;
    }
    Ok(())
}
