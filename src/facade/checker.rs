//! Checks files without a command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::error::{Error, ErrorKind};
use super::noting_runner::NotingRunner;
use super::workers::Workers;
use crate::job::Runner;
use crate::pipeline::{
    CheckOptions, CheckedFile, Event, Observer, Pipeline, ProbeMode, Silent, SourceFile, discover,
};
use crate::profile::Profile;
use crate::rules::Selection;

/// Checks files against the rules of one or several destinations.
///
/// ```
/// use greenlit::{Checker, Verdict};
///
/// # fn main() -> Result<(), greenlit::Error> {
/// # #[cfg(feature = "libav")] {
/// let checker = Checker::builder()
///     .builtin_profile("tiktok-ads")
///     .workers(greenlit::Workers::InProcess)
///     .build()?;
/// let file = checker.check("fixtures/npm-vide-ocean.webm")?;
/// for finding in file.findings() {
///     println!("{}: {} (allowed: {})", finding.rule, finding.actual, finding.allowed);
/// }
/// assert_eq!(file.verdict(), Verdict::Noncompliant);
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Checker {
    profiles: Vec<Profile>,
    options: CheckOptions,
    runner: Arc<dyn Runner>,
    cancel: Arc<AtomicBool>,
}

/// Sets up a [`Checker`].
#[derive(Clone, Default)]
#[must_use]
pub struct CheckerBuilder {
    profiles: Vec<Profile>,
    unknown: Option<String>,
    options: CheckOptions,
    jobs: Option<usize>,
    workers: Workers,
}

impl CheckerBuilder {
    /// Adds a profile. Each file has one assessment for each, in this order.
    pub fn profile(mut self, profile: Profile) -> CheckerBuilder {
        self.profiles.push(profile);
        self
    }

    /// Adds a built-in profile, such as `tiktok-ads`; [`Profile::builtin_ids`] lists them.
    pub fn builtin_profile(mut self, id: &str) -> CheckerBuilder {
        match Profile::builtin(id) {
            Some(profile) => self.profiles.push(profile),
            None => self.unknown = self.unknown.or_else(|| Some(id.to_owned())),
        }
        self
    }

    /// Selects rules; without it, every rule of the profiles applies.
    pub fn selection(mut self, selection: Selection) -> CheckerBuilder {
        self.options.selection = selection;
        self
    }

    /// Sets whether all frames are decoded and analysed, which takes about as long as playing the file fast.
    pub fn deep(mut self, deep: bool) -> CheckerBuilder {
        self.options.deep = deep;
        self
    }

    /// Sets how the facts of files are read; without it, from their headers, and with a worker only where those do not
    /// settle the facts.
    pub fn probe(mut self, probe: ProbeMode) -> CheckerBuilder {
        self.options.probe = probe;
        self
    }

    /// Sets the most time for one file, without waiting for a free worker. Without it, the limit follows from what
    /// the file declares.
    pub fn time_limit(mut self, limit: Duration) -> CheckerBuilder {
        self.options.time_limit = Some(limit);
        self
    }

    /// Sets how many files are processed at the same time; without it, as many as there are cores.
    pub fn jobs(mut self, jobs: usize) -> CheckerBuilder {
        self.jobs = Some(jobs);
        self
    }

    /// Sets where media is decoded; without it, in processes of the program `greenlit-worker`.
    pub fn workers(mut self, workers: Workers) -> CheckerBuilder {
        self.workers = workers;
        self
    }

    /// Returns the checker. No worker is started before the first file.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown built-in profile, [`ErrorKind::Usage`] without a profile.
    pub fn build(self) -> Result<Checker, Error> {
        if let Some(id) = self.unknown {
            let known = Profile::builtin_ids().join(", ");
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("there is no built-in profile `{id}`: use one of {known}, or parse your own"),
            ));
        }
        if self.profiles.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "a checker needs a profile: add one to its builder"));
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let runner = self.workers.runner(self.jobs.unwrap_or_else(cores).max(1));
        Ok(Checker { profiles: self.profiles, options: self.options, runner, cancel: Arc::default() })
    }
}

impl Checker {
    /// Returns a builder without profiles.
    pub fn builder() -> CheckerBuilder {
        CheckerBuilder::default()
    }

    /// Returns the profiles, in the order of every file's assessments.
    pub fn profiles(&self) -> &[Profile] {
        &self.profiles
    }

    /// Checks one file. Its result says whether it could be read at all.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such file, [`ErrorKind::Usage`] for a folder, [`ErrorKind::Worker`] if
    /// the file needs a worker and none can be used.
    pub fn check(&self, path: impl AsRef<Path>) -> Result<CheckedFile, Error> {
        let path = path.as_ref();
        if path.is_dir() {
            let message = format!("`{}` is a folder: use check_folder", path.display());
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let sources = self.find(path, &[])?;
        let source = sources.first().cloned().unwrap_or_default();
        let runner = NotingRunner::new(self.runner.as_ref());
        let checked = Pipeline { runner: &runner, ..self.pipeline(&Silent) }.check_asset(&source);
        runner.finish().map(|()| checked)
    }

    /// Checks every file below a folder, sorted by path. Files that are no media have the verdict
    /// [`Skipped`](crate::Verdict::Skipped).
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such folder, [`ErrorKind::Io`] if a folder cannot be read,
    /// [`ErrorKind::Worker`] if no worker can be used.
    pub fn check_folder(&self, folder: impl AsRef<Path>) -> Result<Vec<CheckedFile>, Error> {
        self.check_folder_with(folder, |_| {})
    }

    /// Like [`check_folder`](Checker::check_folder), and tells `progress` of each file that is checked, from any thread.
    ///
    /// # Errors
    /// See [`check_folder`](Checker::check_folder).
    pub fn check_folder_with(
        &self,
        folder: impl AsRef<Path>,
        progress: impl Fn(Event<'_>) + Sync,
    ) -> Result<Vec<CheckedFile>, Error> {
        let sources = self.find(folder.as_ref(), &[])?;
        let runner = NotingRunner::new(self.runner.as_ref());
        let checked = Pipeline { runner: &runner, ..self.pipeline(&Told(progress)) }.check(&sources);
        runner.finish().map(|()| checked)
    }

    /// Ends all calls of this checker and of what was built on it as soon as possible; also later ones return at
    /// once. Their files have no facts and end as interrupted.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// Returns the files below a path, without those in `excluded` folders.
    pub(super) fn find(&self, path: &Path, excluded: &[PathBuf]) -> Result<Vec<SourceFile>, Error> {
        let found = discover(&[path.to_owned()], excluded)
            .map_err(|error| Error::with_source(ErrorKind::NotFound, error.to_string(), error))?;
        match found.problems.into_iter().next() {
            Some(problem) => {
                let message = format!("{}: {}", problem.path.display(), problem.message);
                Err(Error::new(ErrorKind::Io, message))
            }
            None => Ok(found.sources),
        }
    }

    #[cfg(feature = "ship")]
    pub(super) fn runner(&self) -> Arc<dyn Runner> {
        Arc::clone(&self.runner)
    }

    #[cfg(feature = "ship")]
    pub(super) fn options(&self) -> &CheckOptions {
        &self.options
    }

    #[cfg(feature = "ship")]
    pub(super) fn cancel_flag(&self) -> &Arc<AtomicBool> {
        &self.cancel
    }

    /// Fails if no worker can be started or isolated as required, which would fail every file.
    pub(super) fn require_workers(&self) -> Result<(), Error> {
        match self.runner.describe() {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::with_source(ErrorKind::Worker, "no media worker can be used", error)),
        }
    }

    /// Returns the pipeline of one call.
    pub(super) fn pipeline<'a>(&'a self, observer: &'a dyn Observer) -> Pipeline<'a> {
        let runner = self.runner.as_ref();
        Pipeline {
            observer,
            ..Pipeline::over_local_files(&self.profiles, &self.options, runner, &self.cancel)
        }
    }
}

/// Passes events to a function.
pub(super) struct Told<F>(pub(super) F);

impl<F: Fn(Event<'_>) + Sync> Observer for Told<F> {
    fn notice(&self, event: Event<'_>) {
        (self.0)(event);
    }
}
