//! Finds the sources of a build, and which of them must be built again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::build::{Entry, EntryKey, Freshness, OutdatedReason, Recipe, examine};
use crate::cache::Contents;
use crate::pipeline::{DiscoverError, Discovery, SourceFile, discover, fold};
use crate::profile::Profile;

use crate::cli::error::CliError;
use crate::cli::notices;

use super::task::BuildTask;

/// The sources of one build.
#[derive(Debug)]
pub struct Survey<'a> {
    /// The build.
    pub task: &'a BuildTask,
    /// The sources.
    pub found: Discovery,
    /// One for each source and profile, in this order.
    pub units: Vec<Unit<'a>>,
    /// The indices of the sources that must be built again, under at least one profile.
    pub to_do: Vec<usize>,
}

/// One source under one profile.
#[derive(Debug)]
pub struct Unit<'a> {
    /// Identifies its entry in the state.
    pub key: EntryKey,
    /// Its entry of an earlier run.
    pub entry: Option<&'a Entry>,
    /// What it depends on now.
    pub recipe: Arc<Recipe>,
    /// Whether the entry still holds.
    pub freshness: Freshness,
}

/// What the survey of every build compares with.
#[derive(Debug)]
pub struct Known<'a> {
    /// The folder of the configuration.
    pub base: &'a Path,
    /// The identity of the media worker and its libraries.
    pub libraries: &'a str,
    /// The hashes of files that had to be read.
    pub contents: &'a Contents,
    /// The folders that are not searched.
    pub excluded: &'a [PathBuf],
}

/// Finds the sources of `task` and compares them with the `entries` of earlier runs.
pub fn survey<'a>(
    task: &'a BuildTask,
    entries: &'a HashMap<EntryKey, Entry>,
    known: &Known<'_>,
) -> Result<Survey<'a>, CliError> {
    let found = find(&task.sources, known.excluded)?;
    let groups = groups(&found.sources);
    let mut units = Vec::with_capacity(found.sources.len() * task.profiles.len());
    let build: Arc<str> = task.name.as_str().into();
    let recipe = |profile: &Profile, names: &str| {
        Arc::new(Recipe {
            profile: profile.hash(),
            options: task.options.clone(),
            libraries: known.libraries.to_owned(),
            names: names.to_owned(),
        })
    };
    // Most sources are alone, and share a recipe.
    let with_shared = |profile| (Arc::<str>::from(Profile::id(profile)), profile, recipe(profile, ""));
    let profiles: Vec<_> = task.profiles.iter().map(with_shared).collect();
    for (source, group) in found.sources.iter().zip(&groups.of_source) {
        let below = source.path.strip_prefix(known.base).unwrap_or(&source.path);
        for (id, profile, shared) in &profiles {
            let (build, profile_id) = (Arc::clone(&build), Arc::clone(id));
            let key = EntryKey { build, profile: profile_id, source: below.to_owned() };
            let recipe = match groups.names[*group].as_str() {
                "" => Arc::clone(shared),
                names => recipe(profile, names),
            };
            let entry = entries.get(&key);
            let freshness = examine(entry, &recipe, source, known.base, known.contents);
            units.push(Unit { key, entry, recipe, freshness });
        }
    }
    let is_outdated = |unit: &Unit<'_>| matches!(unit.freshness, Freshness::Outdated(_));
    // Sources that could claim one name are built together, so that it does not depend on which of them changed.
    let mut outdated_groups = vec![false; groups.names.len()];
    for (units, group) in units.chunks(task.profiles.len().max(1)).zip(&groups.of_source) {
        outdated_groups[*group] |= units.iter().any(is_outdated);
    }
    let to_do = (0..found.sources.len()).filter(|index| outdated_groups[groups.of_source[*index]]).collect();
    Ok(Survey { task, found, units, to_do })
}

impl<'a> Survey<'a> {
    /// Returns the units of a source.
    pub fn units_of(&self, source: usize) -> &[Unit<'a>] {
        let profiles = self.task.profiles.len();
        &self.units[source * profiles..(source + 1) * profiles]
    }

    /// Returns why units are outdated, with their sources.
    pub fn outdated(&self) -> impl Iterator<Item = (&SourceFile, &Unit<'a>, OutdatedReason)> {
        let with_source = |(index, source)| self.units_of(index).iter().map(move |unit| (source, unit));
        self.found.sources.iter().enumerate().flat_map(with_source).filter_map(|(source, unit)| {
            match unit.freshness {
                Freshness::Outdated(reason) => Some((source, unit, reason)),
                Freshness::Fresh | Freshness::Touched(_) => None,
            }
        })
    }
}

/// Finds the sources. A pattern that matches nothing gives none: the last of its files may be gone.
fn find(paths: &[PathBuf], excluded: &[PathBuf]) -> Result<Discovery, CliError> {
    let mut paths = paths.to_vec();
    loop {
        match discover(&paths, excluded) {
            Err(DiscoverError::NoMatch(pattern)) => {
                notices::say(&format!("no file matches the pattern `{pattern}`"));
                paths.retain(|path| path.display().to_string() != pattern);
            }
            found => return Ok(found?),
        }
    }
}

/// Sources by the name that their outputs could have.
struct Groups {
    /// The group of each source.
    of_source: Vec<usize>,
    /// The hash of the names in each group; empty for a single source.
    names: Vec<String>,
}

fn groups(sources: &[SourceFile]) -> Groups {
    let mut by_name: HashMap<String, usize> = HashMap::with_capacity(sources.len());
    let mut members: Vec<Vec<usize>> = Vec::new();
    let of_source = sources.iter().enumerate().map(|(index, source)| {
        let group = *by_name.entry(fold(&source.relative.with_extension(""))).or_insert(members.len());
        if group == members.len() {
            members.push(Vec::new());
        }
        members[group].push(index);
        group
    });
    let of_source = of_source.collect();
    let hash = |members: &Vec<usize>| match members.as_slice() {
        [_] => String::new(),
        several => {
            let mut hash = blake3::Hasher::new();
            for index in several {
                hash.update(sources[*index].relative.as_os_str().as_encoded_bytes()).update(&[0]);
            }
            hash.finalize().to_hex()[..32].to_owned()
        }
    };
    Groups { of_source, names: members.iter().map(hash).collect() }
}
