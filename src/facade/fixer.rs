//! Fixes files without a command line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checker::{Checker, Told};
use super::error::{Error, ErrorKind};
use crate::host_memory::memory_bytes;
use crate::job::VerifyLevel;
use crate::pipeline::{CheckedFile, Event, FixRecord, FixSettings, Fixing, Outcome, OutputLayout, Silent};
use crate::plan::{FixOptions, FixPlan, Machine};

/// Makes compliant copies of files in an output folder, and verifies that each is still the same video. Sources are
/// never changed.
///
/// ```
/// use greenlit::{Checker, Fixer};
///
/// # fn main() -> Result<(), greenlit::Error> {
/// # #[cfg(feature = "libav")] {
/// # let out = tempfile::tempdir().expect("a temporary folder");
/// # let out = out.path();
/// let checker = Checker::builder()
///     .builtin_profile("tiktok-ads")
///     .workers(greenlit::Workers::InProcess)
///     .build()?;
/// let fixer = Fixer::builder(checker.clone(), out).build()?;
/// let file = checker.check("fixtures/npm-vide-ocean.webm")?;
/// for outcome in fixer.fix(&file)? {
///     match outcome.output() {
///         Some(output) => println!("made {}", output.path.display()),
///         None => println!("{}: {}", outcome.ending, outcome.reason().unwrap_or_default()),
///     }
/// }
/// # }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Fixer {
    checker: Checker,
    settings: FixSettings,
    record: Arc<FixRecord>,
}

/// Sets up a [`Fixer`].
#[derive(Clone)]
#[must_use]
pub struct FixerBuilder {
    checker: Checker,
    out: PathBuf,
    options: FixOptions,
    verify: VerifyLevel,
}

impl FixerBuilder {
    /// Sets the choices and consents. The defaults remove and invent nothing.
    pub fn options(mut self, options: FixOptions) -> FixerBuilder {
        self.options = options;
        self
    }

    /// Sets how outputs are verified; without it, fully.
    pub fn verify(mut self, level: VerifyLevel) -> FixerBuilder {
        self.verify = level;
        self
    }

    /// Returns the fixer, and opens the record of earlier outputs in `OUT/.greenlit/fix.jsonl`, by which finished work
    /// is not repeated.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the record cannot be opened.
    pub fn build(self) -> Result<Fixer, Error> {
        let path = self.out.join(".greenlit/fix.jsonl");
        let record = FixRecord::open_first(vec![path.clone()], self.out.clone()).map_err(|error| {
            Error::with_source(ErrorKind::Io, format!("cannot open {}", path.display()), error)
        })?;
        let settings = settings(self.options, self.verify, self.out, OutputLayout::Mirror);
        Ok(Fixer { checker: self.checker, settings, record: Arc::new(record) })
    }
}

/// Returns the settings of fixes on this machine, with outputs in the folder `out`.
pub(super) fn settings(
    options: FixOptions,
    verify: VerifyLevel,
    out: PathBuf,
    layout: OutputLayout,
) -> FixSettings {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
    FixSettings {
        options,
        machine: Machine { cores },
        memory_bytes: memory_bytes(),
        verify,
        out: Some(out),
        layout,
        libraries: None,
    }
}

impl Fixer {
    /// Returns a builder for outputs in the folder `out`, which is made when the first output is written.
    pub fn builder(checker: Checker, out: impl Into<PathBuf>) -> FixerBuilder {
        FixerBuilder {
            checker,
            out: out.into(),
            options: FixOptions::default(),
            verify: VerifyLevel::default(),
        }
    }

    /// Returns the checker.
    pub fn checker(&self) -> &Checker {
        &self.checker
    }

    /// Returns what [`fix`](Fixer::fix) would do with a checked file, one plan for each profile; none for a file
    /// without facts. Nothing is written.
    pub fn plan(&self, file: &CheckedFile) -> Vec<FixPlan> {
        self.checker.pipeline(&Silent).plan_asset(file, &self.settings)
    }

    /// Fixes one checked file, with one outcome for each profile of the checker. A file that complies is copied
    /// unchanged. With several profiles, the outputs of each are in a folder of its own.
    ///
    /// # Errors
    /// [`ErrorKind::Worker`] if no worker can be used. What went wrong with the file is in its outcomes.
    pub fn fix(&self, file: &CheckedFile) -> Result<Vec<Outcome>, Error> {
        self.fix_with(file, |_| {})
    }

    /// Like [`fix`](Fixer::fix), and tells `progress` how far it is, from any thread:
    ///
    /// ```
    /// # fn show(fixer: &greenlit::Fixer, file: &greenlit::CheckedFile) -> Result<(), greenlit::Error> {
    /// fixer.fix_with(file, |event| {
    ///     if let greenlit::Event::Advanced { progress, .. } = event {
    ///         eprint!("\r{:.0} %", progress.fraction().unwrap_or_default() * 100.0);
    ///     }
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// See [`fix`](Fixer::fix).
    pub fn fix_with(
        &self,
        file: &CheckedFile,
        progress: impl Fn(Event<'_>) + Sync,
    ) -> Result<Vec<Outcome>, Error> {
        self.checker.require_workers()?;
        let observer = Told(progress);
        let pipeline = self.checker.pipeline(&observer);
        let plans = pipeline.plan_asset(file, &self.settings);
        Ok(pipeline.prepare_asset(file, plans, self.fixing()))
    }

    /// Checks and fixes every file below a folder, and tells `progress` how far it is, from any thread. Returns one
    /// outcome for each pair of file and profile. The output folder itself is not searched.
    ///
    /// # Errors
    /// See [`Checker::check_folder`]. What went wrong with a file is in its outcomes.
    pub fn fix_folder(
        &self,
        folder: impl AsRef<Path>,
        progress: impl Fn(Event<'_>) + Sync,
    ) -> Result<Vec<Outcome>, Error> {
        let excluded: Vec<PathBuf> = self.settings.out.iter().cloned().collect();
        let sources = self.checker.find(folder.as_ref(), &excluded)?;
        self.checker.require_workers()?;
        let observer = Told(progress);
        Ok(self.checker.pipeline(&observer).fix(&sources, self.fixing(), &|_| {}))
    }

    fn fixing(&self) -> Fixing<'_> {
        Fixing { settings: &self.settings, record: Some(&self.record) }
    }
}
