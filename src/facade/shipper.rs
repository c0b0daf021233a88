//! Ships files without a command line.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::checker::Checker;
use super::error::{Error, ErrorKind};
use super::fixer::settings;
use super::local_preparer::{LocalAssetPreparer, READY_QUEUE, check_covers, manifest_sources};
use crate::ending::PrepareError;
use crate::job::VerifyLevel;
use crate::pipeline::{CheckOptions, FixRecord, FixSettings, OutputLayout, Silent, SourceFile};
use crate::plan::FixOptions;
use crate::platform::{Connection, Destination, Platform, Problem, PublicationKind, Row, registry};
use crate::rules::Selection;
use crate::ship::{
    CheckedCovers, Delivery, Journal, Manifest, ShipEvent, ShipOutcome, ShipRequest, Until, Wait,
    prepared_files, ship,
};

/// Checks and fixes files, uploads them, waits until the destination has processed them, and publishes them; each effect
/// at most once, also over several runs with the same state folder.
///
/// ```
/// use greenlit::{Checker, DeliveryState, Shipper};
///
/// # fn main() -> Result<(), greenlit::Error> {
/// # #[cfg(feature = "libav")] {
/// # let folder = tempfile::tempdir().expect("a temporary folder");
/// # let [state, inbox, clips] = ["state", "inbox", "clips"].map(|name| folder.path().join(name));
/// # let inbox = inbox.to_str().expect("a path in UTF-8");
/// # [inbox.as_ref(), clips.as_path()].map(|path| std::fs::create_dir(path).expect("a new folder"));
/// # std::fs::copy("fixtures/firefox-media-bunny_hd_5s.mp4", clips.join("bunny.mp4")).expect("a copy");
/// let checker = Checker::builder()
///     .builtin_profile("tiktok-ads")
///     .workers(greenlit::Workers::InProcess)
///     .build()?;
/// // The destination `folder` hands files over to another program.
/// let shipper = Shipper::builder(checker, "folder", state).base_url(inbox).build()?;
/// let shipped = shipper.ship_folder(&clips, |event| println!("{event:?}"))?;
/// assert_eq!(shipped.deliveries[0].state, DeliveryState::Published);
/// # }
/// # Ok(())
/// # }
/// ```
pub struct Shipper {
    checker: Checker,
    platform: &'static dyn Platform,
    destination: Arc<dyn Destination>,
    mode: Option<&'static str>,
    state: PathBuf,
    settings: FixSettings,
    until: Until,
    enable: bool,
}

/// Sets up a [`Shipper`].
#[must_use]
pub struct ShipperBuilder {
    checker: Checker,
    destination: String,
    state: PathBuf,
    account: Option<String>,
    base_url: Option<String>,
    mode: Option<String>,
    token: Option<String>,
    options: FixOptions,
    until: Until,
    enable: bool,
}

/// What became of a run of a [`Shipper`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shipped {
    /// One entry for each file, sorted by path.
    pub deliveries: Vec<Delivery>,
    /// Why the run stopped before everything was done: a rejected token, or a setting that the destination refuses;
    /// `None` if it went through all files. The same call goes on from there.
    pub cut_off: Option<String>,
}

impl ShipperBuilder {
    /// Sets the account, as the destination calls it.
    pub fn account(mut self, account: &str) -> ShipperBuilder {
        self.account = Some(account.to_owned());
        self
    }

    /// Sets the base URL of the API, or the path of the folder of the destination `folder`.
    pub fn base_url(mut self, url: &str) -> ShipperBuilder {
        self.base_url = Some(url.to_owned());
        self
    }

    /// Sets the mode, for destinations that have several.
    pub fn mode(mut self, mode: &str) -> ShipperBuilder {
        self.mode = Some(mode.to_owned());
        self
    }

    /// Sets the access token. It is kept in memory only, and never part of a message.
    pub fn token(mut self, token: String) -> ShipperBuilder {
        self.token = Some(token);
        self
    }

    /// Sets the choices and consents of fixes. The defaults remove and invent nothing.
    pub fn options(mut self, options: FixOptions) -> ShipperBuilder {
        self.options = options;
        self
    }

    /// Sets the step at which a run ends; without it, everything is published.
    pub fn until(mut self, until: Until) -> ShipperBuilder {
        self.until = until;
        self
    }

    /// Sets whether what is published takes effect at once; without it, ads are created paused.
    pub fn enable(mut self, enable: bool) -> ShipperBuilder {
        self.enable = enable;
        self
    }

    /// Returns the shipper. Nothing is sent, and the state folder is made by the first run.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for an unknown destination or mode, [`ErrorKind::Usage`] for a checker with several
    /// profiles or a selection of rules, or for posts, [`ErrorKind::Destination`] if the account or the address cannot be used.
    pub fn build(self) -> Result<Shipper, Error> {
        let platform = registry::platform(&self.destination).ok_or_else(|| {
            let known: Vec<&str> = registry::PLATFORMS.iter().map(|platform| platform.id()).collect();
            let message =
                format!("there is no destination `{}`: use one of {}", self.destination, known.join(", "));
            Error::new(ErrorKind::NotFound, message)
        })?;
        if self.checker.profiles().len() != 1 {
            return Err(Error::new(ErrorKind::Usage, "a shipper needs a checker with one profile"));
        }
        if self.checker.options().selection != Selection::default() {
            let message =
                "only files that comply with every rule are shipped: leave out the checker's selection";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let mode = match &self.mode {
            Some(name) => Some(*platform.modes().iter().find(|mode| *mode == name).ok_or_else(|| {
                let message = format!("`{}` has no mode `{name}`", platform.id());
                Error::new(ErrorKind::NotFound, message)
            })?),
            None => platform.modes().first().copied(),
        };
        if matches!(platform.publication_kind(mode), PublicationKind::Post | PublicationKind::Draft) {
            let message = "posts cannot be searched for, so a lost journal would post them again: use `greenlit ship`, \
                which keeps a note of each account";
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let defaults = platform.defaults();
        let base_url = self.base_url.unwrap_or_else(|| defaults.base_url.to_owned());
        let account = self.account.or(defaults.account.map(str::to_owned)).unwrap_or_default();
        let connection = Connection {
            mode,
            tier: defaults.tier.to_owned(),
            ..Connection::new(&base_url, &account, self.token.map(Into::into))
        };
        let destination = platform.connect(connection).map_err(|error| {
            Error::with_source(ErrorKind::Destination, "the destination cannot be used", error)
        })?;
        let artifacts = self.state.join("artifacts").join(self.checker.profiles()[0].id());
        let layout =
            OutputLayout::BySource { base: self.state.parent().map(Path::to_owned).unwrap_or_default() };
        let settings = settings(self.options, VerifyLevel::default(), artifacts, layout);
        let ShipperBuilder { checker, state, until, enable, .. } = self;
        Ok(Shipper { checker, platform, destination, mode, state, settings, until, enable })
    }
}

impl Shipper {
    /// Returns a builder for a destination such as `tiktok-ads` or `folder`; the error for an unknown one lists them.
    /// `state` is the folder of the journal and the fixed files; without its journal, greenlit does not know what it has
    /// sent.
    pub fn builder(checker: Checker, destination: &str, state: impl Into<PathBuf>) -> ShipperBuilder {
        ShipperBuilder {
            checker,
            destination: destination.to_owned(),
            state: state.into(),
            account: None,
            base_url: None,
            mode: None,
            token: None,
            options: FixOptions::default(),
            until: Until::default(),
            enable: false,
        }
    }

    /// Ships every video below a folder, without rows: no ad is created. Blocks until all are done; `events` is told what
    /// happens, from any thread, and owns what it uses.
    ///
    /// # Errors
    /// See [`Shipper::ship_manifest`].
    pub fn ship_folder(
        &self,
        folder: impl AsRef<Path>,
        events: impl Fn(ShipEvent) + Send + Sync + 'static,
    ) -> Result<Shipped, Error> {
        let sources = self.checker.find(folder.as_ref(), std::slice::from_ref(&self.state))?;
        self.ship(sources, Vec::new(), events)
    }

    /// Ships the videos of a manifest (`.csv`, `.jsonl` or `.toml`) and publishes its rows. Blocks until all are done;
    /// `events` is told what happens, from any thread, and owns what it uses.
    ///
    /// The column `video` of each row is the path of the file, from the folder of the manifest. The other columns are
    /// those of the destination; the README shows them.
    ///
    /// # Errors
    /// [`ErrorKind::Manifest`] if a row cannot be published, [`ErrorKind::Journal`] if the journal cannot be used,
    /// [`ErrorKind::Destination`] if access is refused, [`ErrorKind::Worker`] if no worker can be used. What went wrong
    /// with single files is in the result.
    pub fn ship_manifest(
        &self,
        manifest: impl AsRef<Path>,
        events: impl Fn(ShipEvent) + Send + Sync + 'static,
    ) -> Result<Shipped, Error> {
        let manifest = Manifest::read(manifest.as_ref(), &registry::columns())
            .map_err(|error| Error::with_source(ErrorKind::Manifest, "the manifest cannot be read", error))?;
        let sources = manifest_sources(&manifest);
        self.ship(sources, manifest.rows, events)
    }

    fn ship(
        &self,
        sources: Vec<SourceFile>,
        rows: Vec<Row>,
        events: impl Fn(ShipEvent) + Send + Sync + 'static,
    ) -> Result<Shipped, Error> {
        self.checker.require_workers()?;
        let covers = self.check_rows(&rows)?;
        let journal_error =
            |error| Error::with_source(ErrorKind::Journal, "the journal cannot be used", error);
        std::fs::create_dir_all(&self.state).map_err(|error| {
            Error::with_source(
                ErrorKind::Io,
                format!("cannot make the folder {}", self.state.display()),
                error,
            )
        })?;
        let journal =
            Arc::new(Journal::open(&self.state.join("journal.db"), Wait::Refuse).map_err(journal_error)?);
        let preparer = Arc::new(self.preparer(covers)?);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::with_source(ErrorKind::Io, "cannot start threads", error))?;
        let outcome = runtime.block_on(async {
            self.destination.check_access().await.map_err(|error| {
                Error::with_source(ErrorKind::Destination, "nothing was sent: access is refused", error)
            })?;
            let (sender, receiver) = prepared_files(READY_QUEUE);
            let request =
                ShipRequest { until: self.until, enable: self.enable, ..ShipRequest::new(receiver, rows) };
            let preparation = preparer.start(sources, sender, |_: &Path, _: &PrepareError| {});
            let destination = Arc::clone(&self.destination);
            let cancel = Arc::clone(self.checker.cancel_flag());
            let shipped =
                ship(request, destination, preparer.clone(), journal, Arc::new(events), cancel).await;
            let _ = preparation.await;
            shipped.map_err(|error| Error::with_source(ErrorKind::Journal, "the run stopped", error))
        })?;
        let ShipOutcome { deliveries, auth, configuration, .. } = outcome;
        Ok(Shipped { deliveries, cut_off: auth.or(configuration) })
    }

    /// Fails if a row or its cover cannot be published.
    fn check_rows(&self, rows: &[Row]) -> Result<CheckedCovers, Error> {
        let profile = &self.checker.profiles()[0];
        let mut problems = self.platform.check_rows(rows, self.mode, profile, registry::PLATFORMS);
        let (covers, wrong) = check_covers(self.platform, rows, profile, self.checker.pipeline(&Silent));
        problems.extend(wrong);
        let errors: Vec<Problem> = problems.into_iter().filter(|problem| !problem.is_warning()).collect();
        if errors.is_empty() {
            return Ok(covers);
        }
        let lines: Vec<String> = errors
            .iter()
            .map(|problem| format!("{}, {}: {}", problem.place(), problem.field, problem.message))
            .collect();
        Err(Error::new(ErrorKind::Manifest, format!("nothing was sent: {}", lines.join("; "))))
    }

    fn preparer(&self, covers: CheckedCovers) -> Result<LocalAssetPreparer, Error> {
        let path = self.state.join("fix.jsonl");
        let fix_record = FixRecord::open(&path).map_err(|error| {
            Error::with_source(ErrorKind::Io, format!("cannot open {}", path.display()), error)
        })?;
        Ok(LocalAssetPreparer {
            runner: self.checker.runner(),
            observer: Arc::new(Silent),
            profile: self.checker.profiles()[0].clone(),
            platform: self.platform,
            options: CheckOptions { deep: false, ..self.checker.options().clone() },
            settings: self.settings.clone(),
            fix_record,
            cancel: Arc::clone(self.checker.cancel_flag()),
            outcomes: Mutex::new(HashMap::new()),
            covers,
        })
    }
}
