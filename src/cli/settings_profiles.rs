//! Finds the profiles of a run: those that are named, and those that only some files have.

use std::path::Path;
use std::sync::Arc;

use super::accepted::ProfilesOfFiles;
use super::args::CommonArgs;
use super::error::CliError;
use super::profile_file;
use super::settings::{DEFAULT_PROFILE, Settings};
use crate::pipeline::ProfileScope;
use crate::profile::{Profile, nearest};
use crate::report::OldLimit;

impl Settings {
    /// Returns the profiles of files without an override: those of the command line, else of the configuration, else
    /// the default profile.
    fn profiles_of_run(&self, common: &CommonArgs) -> Vec<String> {
        match (common.profile.as_slice(), self.config.check.profile.as_slice()) {
            ([], []) => vec![DEFAULT_PROFILE.to_owned()],
            ([], configured) => configured.to_vec(),
            (given, _) => given.to_vec(),
        }
    }

    /// Returns the profiles of the run, and those that only some files have unless the command line names profiles.
    pub fn profiles(&self, common: &CommonArgs) -> Result<Vec<Profile>, CliError> {
        let mut names = self.profiles_of_run(common);
        if common.profile.is_empty() {
            names.extend(
                self.project
                    .scoped_profiles()
                    .filter(|name| !names.contains(name))
                    .cloned()
                    .collect::<Vec<_>>(),
            );
        }
        let mut profiles: Vec<(&String, Profile)> = Vec::new();
        for name in &names {
            let profile = self.profile(name)?;
            match profiles.iter().find(|(_, other)| other.id() == profile.id()) {
                None => profiles.push((name, profile)),
                Some((other, _)) if is_same_profile(other, name) => {}
                // Reports and outputs name profiles by id, so the verdict of one would be lost.
                Some((other, _)) => {
                    return Err(CliError::Usage(format!(
                        "the profiles `{other}` and `{name}` have the same id `{}`; give one of them another \
                         `id`, or use only one",
                        profile.id()
                    )));
                }
            }
        }
        Ok(profiles.into_iter().map(|(_, profile)| profile).collect())
    }

    /// Returns the profile with this id or in this file, with the configuration's overrides.
    pub fn profile(&self, name: &str) -> Result<Profile, CliError> {
        let profile = match Profile::builtin(name) {
            Some(profile) => profile,
            None if Path::new(name).is_file() => profile_file::read(Path::new(name))?.profile,
            None => return Err(unknown_profile(name)),
        };
        if self.config.overrides.limits.is_empty() {
            return Ok(profile);
        }
        let config = self.config.path.clone().unwrap_or_default();
        profile
            .with_overrides(&self.config.overrides.limits.to_string())
            .map_err(|source| CliError::Profile { path: config, source })
    }

    /// Returns the limits of `profiles` that were last compared with their source too long ago.
    pub fn old_limits(&self, profiles: &[Profile]) -> Vec<OldLimit> {
        let old = profiles.iter().flat_map(|profile| {
            profile.old_limits(self.today, self.limits_old_after_days).into_iter().map(|limit| OldLimit {
                profile: profile.id().to_owned(),
                rule: limit.rule,
                checked_on: limit.checked_on.to_owned(),
                age_days: limit.age_days,
            })
        });
        old.collect()
    }

    /// Returns which profiles apply to which files; `None` if each applies to every file.
    pub fn scope(&self, common: &CommonArgs) -> Result<Option<Arc<dyn ProfileScope>>, CliError> {
        if !common.profile.is_empty() || self.project.scoped_profiles().next().is_none() {
            return Ok(None);
        }
        let id = |name: &String| Ok::<_, CliError>(self.profile(name)?.id().to_owned());
        let scoped = self.project.scoped_profiles().map(|name| Ok((name.clone(), id(name)?)));
        Ok(Some(Arc::new(ProfilesOfFiles {
            project: Arc::clone(&self.project),
            of_run: self.profiles_of_run(common).iter().map(id).collect::<Result<_, _>>()?,
            ids: scoped.collect::<Result<_, CliError>>()?,
        })))
    }
}

/// Returns whether two `--profile` values name the same built-in profile or the same file.
fn is_same_profile(one: &str, other: &str) -> bool {
    let is_file = |name: &str| Profile::builtin(name).is_none();
    one == other
        || (is_file(one)
            && is_file(other)
            && std::fs::canonicalize(one)
                .ok()
                .is_some_and(|path| std::fs::canonicalize(other).is_ok_and(|it| it == path)))
}

fn unknown_profile(name: &str) -> CliError {
    let nearest = nearest(name, Profile::builtin_ids().iter().copied()).map(str::to_owned);
    CliError::UnknownProfile { name: name.to_owned(), nearest }
}
