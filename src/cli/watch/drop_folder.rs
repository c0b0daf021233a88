//! The watched folder: what is in it, what was processed, and what becomes of a file afterwards.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cache::{FileIdentity, FileState};
use crate::ending::{Ending, Fault};
use crate::pipeline::{SourceFile, discover};
use crate::watch::{Candidates, Processed, is_temporary};

use crate::cli::args::WatchArgs;
use crate::cli::error::CliError;
use crate::cli::exit_code::RunStatus;
use crate::cli::settings::Settings;
use crate::cli::{notices, output, report_entries};

use super::action::{FileEnd, FileResult};
use super::put_away::put_away;

/// The watched folder.
pub struct DropFolder<'a> {
    args: &'a WatchArgs,
    excluded: Vec<PathBuf>,
    candidates: Candidates<PathBuf, FileState>,
    /// The files of the last look.
    sources: HashMap<PathBuf, (SourceFile, FileState)>,
    processed: Processed,
    /// Files that a run with `--once` does not try again.
    given_up: HashSet<FileIdentity>,
    /// The files and folders whose trouble was said.
    said: HashSet<PathBuf>,
    /// Whether no file was processed since an operation failed. The next ones probably fail for the same reason.
    is_troubled: bool,
    status: RunStatus,
}

impl<'a> DropFolder<'a> {
    /// Opens the folder, with the list of the files that were processed by the action `key`.
    pub fn open(
        settings: &Settings,
        args: &'a WatchArgs,
        key: &str,
        settle: Duration,
    ) -> Result<DropFolder<'a>, CliError> {
        for folder in args.done.iter().chain(&args.refused).chain(&args.out) {
            std::fs::create_dir_all(folder).map_err(|source| CliError::Operation {
                what: format!("the folder {} cannot be made", folder.display()),
                source: Box::new(source),
            })?;
        }
        let list = args.folder.join(".greenlit").join("watch.jsonl");
        let processed = Processed::open(&list, key).map_err(|source| CliError::Operation {
            what: format!("the list of processed files {} cannot be read", list.display()),
            source: Box::new(source),
        })?;
        let folders = args.done.iter().chain(&args.refused).chain(&args.out).chain(&settings.cache);
        let configured = settings.config.fix.out.as_ref().map(|out| settings.config.folder().join(out));
        Ok(DropFolder {
            args,
            excluded: folders.cloned().chain(configured).collect(),
            candidates: Candidates::new(settle),
            sources: HashMap::new(),
            processed,
            given_up: HashSet::new(),
            said: HashSet::new(),
            is_troubled: false,
            status: RunStatus::Done,
        })
    }

    /// Looks at what is in the folder now.
    pub fn look(&mut self, now: Duration) {
        let found = match discover(std::slice::from_ref(&self.args.folder), &self.excluded) {
            Ok(found) => found,
            // The folder may come back, as one of a network does.
            Err(error) => {
                self.say_once(&self.args.folder.clone(), &error.to_string());
                return;
            }
        };
        for problem in &found.problems {
            self.say_once(&problem.path, &problem.message);
        }
        let clock = SystemTime::now();
        let (mut files, mut done) = (Vec::new(), Vec::new());
        self.sources.clear();
        for source in found.sources {
            if source.not_opened.is_some() || is_temporary(&source.relative) {
                continue;
            }
            let Ok(meta) = std::fs::symlink_metadata(&source.path) else { continue };
            let state = FileState::from(&meta);
            if let Some(ending) = self.processed.ending(&state.identity()) {
                done.push((source, ending));
            } else if !self.given_up.contains(&state.identity()) {
                files.push((source.path.clone(), state, state.age(clock)));
                self.sources.insert(source.path.clone(), (source, state));
            }
        }
        self.candidates.observe(files, now);
        for (source, ending) in done {
            self.put_away(&source, ending);
        }
        if let Err(error) = self.processed.write() {
            self.say_not_written(&error);
        }
    }

    /// Returns the files to process now.
    pub fn ready(&self, now: Duration) -> Vec<SourceFile> {
        let ready = self.candidates.ready(now).into_iter();
        ready.filter_map(|path| self.sources.get(&path).map(|(source, _)| source.clone())).collect()
    }

    /// Returns whether a file that is not complete is not written any more.
    pub fn is_abandoned(&self, source: &SourceFile, now: Duration) -> bool {
        self.candidates.is_abandoned(&source.path, now)
    }

    /// Returns how long nothing needs to be done if nothing changes.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        self.candidates.wait(now)
    }

    /// Returns whether there is nothing left to process.
    pub fn is_done(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Returns the worst status of the files.
    pub fn status(&self) -> RunStatus {
        self.status
    }

    /// Takes in the result of a file: prints it, writes it down and moves the file, or leaves the file for later.
    pub fn take(&mut self, result: FileResult, now: Duration) -> Result<(), CliError> {
        let FileResult { source, lines, verdict } = result;
        let ending = match verdict {
            FileEnd::Ended(ending) => ending,
            FileEnd::Incomplete => {
                self.candidates.put_off(&source.path, now);
                return Ok(());
            }
            FileEnd::Failed(reason) => {
                self.fail(&source, &reason, now);
                return Ok(());
            }
            FileEnd::Interrupted => return Ok(()),
        };
        self.is_troubled = false;
        self.said.remove(&source.path);
        for line in lines {
            output::line(&line)?;
        }
        self.status = self.status.and(report_entries::status_of(ending));
        self.candidates.remove(&source.path);
        let Some((_, state)) = self.sources.get(&source.path) else { return Ok(()) };
        if let Err(error) = self.processed.add(state.identity(), ending) {
            self.say_not_written(&error);
        }
        self.put_away(&source, ending);
        Ok(())
    }

    fn fail(&mut self, source: &SourceFile, reason: &str, now: Duration) {
        if !self.is_troubled {
            let again = if self.args.once { "" } else { "; greenlit tries again" };
            self.say_once(&source.path, &format!("{reason}{again}"));
        }
        self.is_troubled = true;
        self.status = self.status.and(RunStatus::Failed);
        self.candidates.put_off(&source.path, now);
        if self.args.once {
            self.candidates.remove(&source.path);
            let identity = self.sources.get(&source.path).map(|(_, state)| state.identity());
            self.given_up.extend(identity);
        }
    }

    fn put_away(&mut self, source: &SourceFile, ending: Ending) {
        let folder = match (ending, ending.fault()) {
            (Ending::Skipped, _) => None,
            (_, Fault::None) => self.args.done.as_deref(),
            (_, Fault::File) => self.args.refused.as_deref(),
            (_, Fault::Operation | Fault::Interrupted) => None,
        };
        let Some(folder) = folder else { return };
        if let Err(error) = put_away(&source.path, &source.relative, folder) {
            self.say_once(&source.path, &format!("was not moved to {}: {error}", folder.display()));
        }
    }

    fn say_not_written(&mut self, error: &std::io::Error) {
        let folder = self.args.folder.join(".greenlit");
        self.say_once(&folder, &format!("the list of processed files cannot be written: {error}"));
    }

    fn say_once(&mut self, about: &Path, text: &str) {
        if self.said.insert(about.to_owned()) {
            notices::say(&format!("{}: {text}", about.display()));
        }
    }
}
