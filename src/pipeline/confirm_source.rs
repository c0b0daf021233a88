//! Reads a source whose bytes are published once more, with a worker that has seen no other file.

use std::fs::File;
use std::path::Path;

use crate::job::VerifyReport;
use crate::model::MediaFacts;
use crate::profile::{Profile, RuleId, Severity};
use crate::rules::{Selection, Subject, assess};

use super::failure::Failure;
use super::fix_executor::FixExecutor;
use super::open_source::display_name;
use super::planned_output::PlannedOutput;

impl FixExecutor<'_> {
    /// Reads and decodes a source whose bytes are published, and checks its facts once more.
    pub(super) fn confirm_and_decode(
        &self,
        work: usize,
        planned: &PlannedOutput<'_>,
        input: &File,
        decodes: bool,
    ) -> Result<(MediaFacts, Option<VerifyReport>), Failure> {
        let source = &planned.checked.source.path;
        let (facts, verify) = self.decoder.require(work, planned.checked, input, decodes)?;
        if let (Ok(checked), Some(profile)) =
            (&planned.checked.result, self.pipeline.profiles.get(planned.profile_index))
        {
            confirm(source, profile, checked, &facts)?;
        }
        Ok((facts, verify))
    }
}

/// Fails if the facts of bytes that are published unchanged, read once more, break a rule that those of the check did
/// not break: the worker of the check had read other files before.
fn confirm(source: &Path, profile: &Profile, checked: &MediaFacts, now: &MediaFacts) -> Result<(), Failure> {
    if checked == now {
        return Ok(());
    }
    let name = display_name(source);
    let problems = |facts| {
        let subject = Subject { facts, file_name: &name, deep: None };
        let assessment = assess(&subject, profile, &Selection::default());
        let errors = assessment.findings().iter().filter(|finding| finding.severity == Severity::Error);
        let mut rules: Vec<RuleId> = errors.map(|finding| finding.rule).collect();
        rules.extend(assessment.unknown());
        rules
    };
    let before = problems(checked);
    let new: Vec<RuleId> = problems(now).into_iter().filter(|rule| !before.contains(rule)).collect();
    if new.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{}: two media workers read different facts from the same file, and those of the second break {}: the file \
         may be hostile, or a file that was checked before it",
        source.display(),
        RuleId::list(&new)
    );
    Err(Failure::operation(message))
}
