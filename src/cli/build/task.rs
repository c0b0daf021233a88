//! The builds of a run, with everything that their outputs depend on.

use std::path::{Path, PathBuf};

use crate::pipeline::{FixSettings, OutputLayout};
use crate::plan::EncodeMode;
use crate::profile::{Profile, nearest};

use crate::cli::args::{CommonArgs, FixChoices};
use crate::cli::build_config::BuildConfig;
use crate::cli::error::CliError;
use crate::cli::fix_options::{fix_options, verify_level};
use crate::cli::profile_file;
use crate::cli::settings::{DEFAULT_PROFILE, Settings};

/// One `[[build]]` table with its profiles and settings.
#[derive(Debug)]
pub struct BuildTask {
    /// The name.
    pub name: String,
    /// The folders, files and patterns of its sources.
    pub sources: Vec<PathBuf>,
    /// The folder for the outputs.
    pub out: PathBuf,
    /// The profiles.
    pub profiles: Vec<Profile>,
    /// The files of profiles that are not built in.
    pub profile_files: Vec<PathBuf>,
    /// The settings of the fix.
    pub fix_settings: FixSettings,
    /// The hash of all options that outputs and verdicts depend on.
    pub options: String,
}

/// Returns the builds with these names; all of the configuration if there are none.
pub fn chosen(
    settings: &Settings,
    common: &CommonArgs,
    names: &[String],
) -> Result<Vec<BuildTask>, CliError> {
    let config = &settings.config;
    if config.build.is_empty() {
        return Err(CliError::Usage(
            "nothing to build: add a table [[build]] with name, sources, profile and out to greenlit.toml"
                .into(),
        ));
    }
    if !common.profile.is_empty() {
        return Err(CliError::Usage(
            "build takes its profiles from the [[build]] tables of the configuration, not from --profile"
                .into(),
        ));
    }
    let known = || config.build.iter().map(|build| build.keys.name.as_str());
    if let Some(unknown) = names.iter().find(|name| !known().any(|known| known == *name)) {
        let hint = nearest(unknown, known()).map(|near| format!("; did you mean `{near}`?"));
        let hint = hint.unwrap_or_default();
        return Err(CliError::Usage(format!("unknown build `{unknown}`{hint}")));
    }
    let is_named = |build: &&BuildConfig| names.is_empty() || names.contains(&build.keys.name);
    let folder = base_folder(settings);
    config.build.iter().filter(is_named).map(|build| task(settings, build, &folder)).collect()
}

fn task(settings: &Settings, build: &BuildConfig, folder: &Path) -> Result<BuildTask, CliError> {
    let keys = &build.keys;
    let check = &settings.config.check.profile;
    let mut profile_names: Vec<String> = [&keys.profile, check]
        .into_iter()
        .find(|names| !names.is_empty())
        .map_or(Vec::new(), |names| names.iter().map(|name| profile_name(name, folder)).collect());
    if profile_names.is_empty() {
        profile_names.push(DEFAULT_PROFILE.to_owned());
    }
    let named = CommonArgs { profile: profile_names.clone(), ..CommonArgs::default() };
    let profiles = settings.profiles(&named)?;
    let options = fix_options(&FixChoices::default(), &build.fix, EncodeMode::Planned)?;
    let verify = verify_level(&FixChoices::default(), &build.fix)?;
    let out = folder.join(&keys.out);
    let hash_of = format!(
        "{} {options:?} {verify:?} {:?} {:?} {}",
        env!("CARGO_PKG_VERSION"),
        settings.selection,
        settings.probe,
        settings.cores
    );
    Ok(BuildTask {
        name: keys.name.clone(),
        sources: keys.sources.iter().map(|source| folder.join(source)).collect(),
        profile_files: profile_files(&profile_names)?,
        profiles,
        fix_settings: FixSettings {
            options,
            machine: settings.machine(),
            memory_bytes: crate::host_memory::memory_bytes(),
            verify,
            out: Some(out.clone()),
            layout: OutputLayout::Mirror,
            libraries: None,
        },
        out,
        options: blake3::hash(hash_of.as_bytes()).to_hex()[..32].to_owned(),
    })
}

/// Returns the folder that paths of the configuration are relative to; an empty path for the working directory, so that
/// messages, reports and dependency files name what is below it as a person would.
pub fn base_folder(settings: &Settings) -> PathBuf {
    let folder = settings.config.folder();
    let is_here = folder == Path::new(".") || std::env::current_dir().is_ok_and(|here| here == folder);
    if is_here { PathBuf::new() } else { folder }
}

/// Returns the files of profiles, and those that they extend.
fn profile_files(names: &[String]) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for name in names.iter().filter(|name| Profile::builtin(name).is_none()) {
        files.extend(profile_file::read(Path::new(name))?.files);
    }
    Ok(files)
}

/// Returns the path of a profile's file, which is relative to the configuration, or the id of a built-in profile.
fn profile_name(name: &str, folder: &Path) -> String {
    let file = folder.join(name);
    match file.to_str() {
        Some(file_name) if Profile::builtin(name).is_none() && file.is_file() => file_name.to_owned(),
        _ => name.to_owned(),
    }
}
