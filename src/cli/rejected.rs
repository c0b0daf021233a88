//! `fix --rejected`: chooses the encode mode by the reason of a platform, and tells where the reason changes nothing.

use std::collections::BTreeSet;

use super::error::CliError;
use super::notices;
use crate::pipeline::Outcome;
use crate::plan::EncodeMode;
use crate::platform::{Class, registry};
use crate::profile::{Profile, RuleId, Severity};

/// Returns the encode mode for a refusal by the platform. A file that violates a published limit is fixed as
/// planned; a file that complies but was refused is re-encoded to the common core.
pub fn encode_mode_for(reason: &str, codes: Option<&toml::Value>) -> Result<EncodeMode, CliError> {
    match registry::class_of(reason, codes) {
        Some(_) if !registry::limits_of(reason).is_empty() => Ok(EncodeMode::Planned),
        Some(Class::ReEncode | Class::ReRead) => Ok(EncodeMode::CommonCore),
        Some(_) => Err(CliError::Usage(format!(
            "{reason} is not a problem of the file, so re-encoding does not help; see `greenlit explain {reason}`"
        ))),
        None => Err(CliError::Usage(format!(
            "unknown error code or fail reason `{reason}`; --recipe 2 re-encodes the whole file"
        ))),
    }
}

/// Tells which files meet every limit that the reason names, so that nothing is changed for it, and what to do.
pub fn tell_unchanged(reason: &str, outcomes: &[Outcome], profiles: &[Profile]) {
    let rules = registry::limits_of(reason);
    let breaks = |outcome: &Outcome| {
        let findings = outcome.assessment.iter().flat_map(|assessment| assessment.findings());
        findings
            .into_iter()
            .any(|finding| rules.contains(&finding.rule) && finding.severity >= Severity::Warning)
    };
    for profile in profiles.iter().filter(|_| !rules.is_empty()) {
        let of_profile = outcomes.iter().filter(|it| it.profile == profile.id() && it.assessment.is_some());
        let paths: BTreeSet<_> =
            of_profile.filter(|it| !breaks(it)).map(|outcome| &outcome.source.path).collect();
        let (files, verb) = match paths.first() {
            None => continue,
            Some(path) if paths.len() == 1 => (path.display().to_string(), "meets"),
            Some(_) => (format!("{} files", paths.len()), "meet"),
        };
        notices::say(&format!(
            "{files} {verb} every limit that greenlit knows for {reason} under the profile {} ({}), so nothing is \
             changed for it. The platform may hold the account to narrower limits: export the video again within \
             them. --recipe 2 re-encodes it without another size or duration",
            profile.id(),
            described(rules, profile)
        ));
    }
}

/// Returns the limits of these rules in a profile.
fn described(rules: &[RuleId], profile: &Profile) -> String {
    let of_rule = |rule: &RuleId| {
        let limits = profile.rules().get(*rule).map(|limits| limits.describe());
        format!("{rule}: {}", limits.unwrap_or_else(|| "no limit".to_owned()))
    };
    rules.iter().map(of_rule).collect::<Vec<_>>().join("; ")
}
