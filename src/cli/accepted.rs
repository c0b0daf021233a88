//! What the project says of its own files: which findings do not count, and which profiles apply to which files.

use std::path::Path;

use jiff::civil::Date;

use super::baseline_file::Baseline;
use super::config::Config;
use super::config_error::ConfigError;
use super::path_patterns::{PathPatterns, PatternRoot};
use crate::pipeline::{Outcome, ProfileScope};
use crate::profile::RuleId;
use crate::rules::{Acceptance, Finding};

/// What the configuration and the baseline say of the files of a project.
#[derive(Debug)]
pub struct ProjectRules {
    root: PatternRoot,
    ignores: Vec<Ignore>,
    scopes: Vec<Scope>,
    baseline: Option<Baseline>,
    /// The entries of `[[ignore]]` that are over, as messages.
    pub expired: Vec<String>,
}

/// A rule whose findings do not count for some files.
#[derive(Debug)]
struct Ignore {
    rule: RuleId,
    paths: PathPatterns,
    acceptance: Acceptance,
}

/// The profiles of some files.
#[derive(Debug)]
struct Scope {
    paths: PathPatterns,
    /// As named in the configuration.
    profiles: Vec<String>,
}

impl ProjectRules {
    /// Reads what the configuration says, and the baseline beside it.
    ///
    /// # Errors
    /// An unknown rule, a reason or a date that is missing or not valid, or a baseline that cannot be read.
    pub fn of(config: &Config, today: Date) -> Result<ProjectRules, ConfigError> {
        let folder = config.folder();
        let mut rules = ProjectRules {
            root: PatternRoot::new(&folder),
            ignores: Vec::new(),
            scopes: Vec::new(),
            baseline: Baseline::read_beside(&folder)?,
            expired: Vec::new(),
        };
        for ignore in &config.ignore {
            let wrong = |problem: String| config.wrong("ignore", problem);
            let rule = rule(&ignore.rule).map_err(wrong)?;
            let reason = ignore.reason.trim().to_owned();
            if reason.is_empty() {
                return Err(wrong(format!("`{rule}` needs a reason")));
            }
            let until = ignore.until.as_ref().map(ToString::to_string);
            let last = until.as_deref().map(str::parse::<Date>).transpose();
            let last =
                last.map_err(|_| wrong(format!("`{rule}`: until must be a date such as 2026-12-31")))?;
            if let (Some(until), true) = (&until, last.is_some_and(|last| last < today)) {
                let text = "counts again: fix the files, or set a later date";
                rules.expired.push(format!("[[ignore]] of {rule} ended on {until} ({reason}) and {text}"));
                continue;
            }
            let paths = PathPatterns::new(&ignore.paths).map_err(wrong)?;
            rules.ignores.push(Ignore { rule, paths, acceptance: Acceptance::Ignored { reason, until } });
        }
        for given in &config.overrides.of_paths {
            let wrong = |problem: String| config.wrong("override", problem);
            for name in &given.ignore {
                let reason = format!("[[override]] of {}", given.paths.join(", "));
                rules.ignores.push(Ignore {
                    rule: rule(name).map_err(wrong)?,
                    paths: PathPatterns::new(&given.paths).map_err(wrong)?,
                    acceptance: Acceptance::Ignored { reason, until: None },
                });
            }
            if !given.profile.is_empty() {
                let paths = PathPatterns::new(&given.paths).map_err(wrong)?;
                rules.scopes.push(Scope { paths, profiles: given.profile.clone() });
            }
        }
        Ok(rules)
    }

    /// Marks the findings of an outcome that do not count.
    pub fn accept(&self, outcome: Outcome) -> Outcome {
        if self.ignores.is_empty() && self.baseline.is_none() {
            return outcome;
        }
        let relative = self.root.relative(&outcome.source.path);
        let path = outcome.source.path.clone();
        outcome.with_accepted(&|finding| self.acceptance(relative.as_deref(), &path, finding))
    }

    fn acceptance(&self, relative: Option<&Path>, path: &Path, finding: &Finding) -> Option<Acceptance> {
        let is_known = |baseline: &Baseline| baseline.contains(relative.unwrap_or(path), finding);
        match self.ignored(relative, finding) {
            Some(ignore) => Some(ignore.acceptance.clone()),
            None => self.baseline.as_ref().filter(|it| is_known(it)).map(|_| Acceptance::Baseline),
        }
    }

    /// Returns whether the configuration ignores a finding of a file.
    pub fn ignores(&self, file: &Path, finding: &Finding) -> bool {
        let relative = self.root.relative(file);
        self.ignored(relative.as_deref(), finding).is_some()
    }

    fn ignored(&self, relative: Option<&Path>, finding: &Finding) -> Option<&Ignore> {
        self.ignores.iter().find(|it| it.rule == finding.rule && it.paths.matches(relative))
    }

    /// Returns the path by which the baseline knows a file.
    pub fn baseline_path(&self, file: &Path) -> std::path::PathBuf {
        self.root.relative(file).unwrap_or_else(|| file.to_owned())
    }

    /// Returns the names of the profiles that only some files have.
    pub fn scoped_profiles(&self) -> impl Iterator<Item = &String> {
        self.scopes.iter().flat_map(|scope| &scope.profiles)
    }

    /// Returns the names of the profiles of a file; `None` for those of the run.
    fn profiles_of(&self, file: &Path) -> Option<&[String]> {
        let relative = self.root.relative(file);
        let mut matching = self.scopes.iter().rev().filter(|scope| scope.paths.matches(relative.as_deref()));
        matching.next().map(|scope| scope.profiles.as_slice())
    }
}

fn rule(name: &str) -> Result<RuleId, String> {
    RuleId::from_name(name).ok_or_else(|| {
        let near = crate::profile::nearest(name, RuleId::names());
        let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        format!("unknown rule `{name}`{near}")
    })
}

/// The profiles of each file of a run, by their ids.
#[derive(Debug)]
pub struct ProfilesOfFiles {
    /// What the project says.
    pub project: std::sync::Arc<ProjectRules>,
    /// The ids of the profiles of files without an override.
    pub of_run: Vec<String>,
    /// The id of each profile that an override names.
    pub ids: std::collections::BTreeMap<String, String>,
}

impl ProfileScope for ProfilesOfFiles {
    fn applies(&self, file: &Path, profile: &str) -> bool {
        match self.project.profiles_of(file) {
            None => self.of_run.iter().any(|id| id == profile),
            Some(names) => names.iter().any(|name| self.ids.get(name).is_some_and(|id| id == profile)),
        }
    }
}
