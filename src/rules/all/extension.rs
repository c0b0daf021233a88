//! `extension`.

use crate::profile::ExtensionLimits;
use crate::rules::{FindingCollector, Remedy, RuleId, RuleInfo, Scope, Subject, Violation, value_text};

/// The rule.
pub(super) const INFO: RuleInfo = RuleInfo {
    id: RuleId::Extension,
    scope: Scope::Video,
    what: "Checks the extension of the file name.",
    why: "Uploaders and platforms choose the MIME type by the extension, so they misread a QuickTime file \
        named .mp4, and the other way round.",
    remedy: "Rename the file; if the extension contradicts the content, remux.",
    source: "measurements on real files, and public reports of damaged uploads",
};

/// Checks a file.
pub(super) fn check(subject: &Subject<'_>, limits: &ExtensionLimits, out: &mut FindingCollector<'_>) {
    let allowed = &limits.allow;
    if allowed.is_empty() {
        return;
    }
    let extension = value_text::extension(subject.file_name);
    let actual = extension.clone().unwrap_or_else(|| "none".to_owned());
    if !extension.as_ref().is_some_and(|extension| allowed.contains(extension)) {
        let message = match &extension {
            Some(extension) => format!("the file extension is {extension}"),
            None => "the file name has no extension".to_owned(),
        };
        out.add(Violation::new(message, actual, allowed.join(", "), Remedy::Remux).stated());
    } else if let Some(container) = &subject.facts.container {
        let natural = container.extensions();
        if !natural.is_empty() && !natural.contains(&actual.as_str()) {
            let message = format!("the container is {container}, but the file extension is {actual}");
            out.add_verbatim(Violation::new(message, actual, natural.join(", "), Remedy::Remux).as_warning());
        }
    }
}
