//! One asset goes through check, plan and prepare as values that cross processes and machines, over files that are
//! not in local folders.
#![allow(clippy::unwrap_used)]

#[path = "common/mod.rs"]
mod common;

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use greenlit::cache::{Contents, FileState};
use greenlit::ending::Ending;
use greenlit::execute::InProcessRunner;
use greenlit::job::{VerifyLevel, memory_file};
use greenlit::pipeline::{
    CheckOptions, CheckedFile, Existing, Failure, FixRecord, FixSettings, Fixing, LocalFiles, Outcome,
    OutputLayout, Pipeline, Publication, SourceFile, Staging, Store, load_stage, store_stage,
};
use greenlit::plan::{Action, FixOptions, FixPlan, Machine};
use greenlit::profile::Profile;

/// Objects by name, as a storage service has them.
#[derive(Default)]
struct ObjectStore {
    objects: Mutex<HashMap<PathBuf, File>>,
    /// Where outputs are staged.
    scratch: Option<tempfile::TempDir>,
}

impl ObjectStore {
    fn with(name: &str, bytes: &[u8]) -> ObjectStore {
        let store = ObjectStore { scratch: Some(tempfile::tempdir().unwrap()), ..ObjectStore::default() };
        store.objects.lock().unwrap().insert(name.into(), memory_file(bytes).unwrap());
        store
    }

    fn get(&self, name: &Path) -> Option<File> {
        self.objects.lock().unwrap().get(name).map(|file| file.try_clone().unwrap())
    }
}

impl Store for ObjectStore {
    fn open(&self, location: &Path) -> Result<File, Failure> {
        self.get(location).ok_or_else(|| {
            Failure::new(
                greenlit::ending::FailureKind::Operation,
                format!("no object {}", location.display()),
            )
        })
    }

    fn state(&self, location: &Path) -> io::Result<FileState> {
        let file = self.get(location).ok_or(io::ErrorKind::NotFound)?;
        Ok(FileState::from(&file.metadata()?))
    }

    fn existing(&self, target: &Path, _: &Metadata, _: Option<&FixRecord>) -> Result<Existing, Failure> {
        Ok(if self.get(target).is_some() { Existing::Ours } else { Existing::Nothing })
    }

    fn free_bytes(&self, _: &Path) -> Option<u64> {
        None
    }

    fn create(&self, target: &Path) -> io::Result<Staging> {
        Staging::new(&self.scratch.as_ref().unwrap().path().join(target))
    }

    fn publish(&self, staging: Staging, _: Existing, _: Option<&FixRecord>) -> Result<Publication, Failure> {
        let name = staging.target().strip_prefix(self.scratch.as_ref().unwrap().path()).unwrap().to_owned();
        let (mut file, mut bytes) = (staging.descriptor().unwrap(), Vec::new());
        file.rewind().unwrap();
        file.read_to_end(&mut bytes).unwrap();
        self.objects.lock().unwrap().insert(name, memory_file(&bytes).unwrap());
        Ok(Publication::New)
    }
}

fn settings(out: &Path) -> FixSettings {
    let mut options = FixOptions::default();
    options.upscale = true;
    FixSettings {
        options,
        machine: Machine { cores: 2 },
        memory_bytes: 1 << 32,
        verify: VerifyLevel::Full,
        out: Some(out.to_owned()),
        layout: OutputLayout::Mirror,
        libraries: None,
    }
}

fn source(path: &str) -> SourceFile {
    SourceFile { path: path.into(), relative: path.into(), named: true, not_opened: None }
}

fn with_pipeline<T>(store: &dyn Store, work: impl FnOnce(Pipeline<'_>) -> T) -> T {
    let profiles = [Profile::builtin("tiktok-ads").unwrap()];
    let (options, runner, cancel) = (CheckOptions::default(), InProcessRunner::new(1), Arc::default());
    work(Pipeline { store, ..Pipeline::over_local_files(&profiles, &options, &runner, &cancel) })
}

/// Returns a video whose index is behind its data.
fn moov_last() -> Vec<u8> {
    std::fs::read(common::fixture("npm-vide-ocean.mp4")).unwrap()
}

#[test]
fn an_asset_is_checked_planned_and_prepared_over_objects() {
    let store = ObjectStore::with("bucket/clip.mov", &moov_last());
    let settings = settings(Path::new("fixed"));
    with_pipeline(&store, |pipeline| {
        let checked = pipeline.check_asset(&source("bucket/clip.mov"));
        let plans = pipeline.plan_asset(&checked, &settings);
        assert_ne!(plans[0].action, Action::Refused, "{:?}", plans[0].reason);
        let outcomes = pipeline.prepare_asset(&checked, plans, Fixing { settings: &settings, record: None });
        assert_eq!(outcomes[0].ending, Ending::Fixed, "{:?}", outcomes[0].fix);
        let output = outcomes[0].fix.as_ref().unwrap().output().unwrap();
        assert!(store.get(&output.path).is_some(), "{}", output.path.display());
        // What was published complies.
        let again = pipeline.check_asset(&source(output.path.to_str().unwrap()));
        assert_eq!(again.outcome(0, &pipeline.profiles[0]).ending, Ending::Compliant);
        let folder = tempfile::tempdir().unwrap();
        let record = FixRecord::open(&folder.path().join("fix.jsonl")).unwrap();
        let asset = outcomes[0].validate(&pipeline.profiles[0], &store, &record).unwrap();
        pipeline.make_cover(&asset, Path::new("covers/clip.png"), 640).unwrap();
        assert!(store.get(Path::new("covers/clip.png")).is_some());
    });
}

#[test]
fn the_values_of_the_stages_cross_processes_and_machines() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = here.path().join("clip.mov");
    std::fs::write(&path, moov_last()).unwrap();
    let settings = settings(&there.path().join("out"));
    let checked: String = with_pipeline(&LocalFiles, |pipeline| {
        let checked = pipeline.check_asset(&source(path.to_str().unwrap()));
        store_stage(&checked.identified(&LocalFiles, &Contents::default()).unwrap()).unwrap()
    });
    // Another machine has the same bytes under another path.
    let mut checked: CheckedFile = load_stage(&checked).unwrap();
    checked.source.path = there.path().join("copy.mov");
    std::fs::copy(&path, &checked.source.path).unwrap();
    let plans = with_pipeline(&LocalFiles, |pipeline| {
        store_stage(&pipeline.plan_asset(&checked, &settings)).unwrap()
    });
    let plans: Vec<FixPlan> = load_stage(&plans).unwrap();
    let fixing = Fixing { settings: &settings, record: None };
    let outcomes = with_pipeline(&LocalFiles, |pipeline| {
        store_stage(&pipeline.prepare_asset(&checked, plans.clone(), fixing)).unwrap()
    });
    let outcomes: Vec<Outcome> = load_stage(&outcomes).unwrap();
    assert_eq!(outcomes[0].ending, Ending::Fixed, "{:?}", outcomes[0].fix);
    assert!(outcomes[0].fix.as_ref().unwrap().output().unwrap().path.is_file());

    // Other bytes are not what was checked.
    std::fs::write(&checked.source.path, [moov_last(), vec![0; 8]].concat()).unwrap();
    let outcomes = with_pipeline(&LocalFiles, |pipeline| pipeline.prepare_asset(&checked, plans, fixing));
    let failure = outcomes[0].fix.as_ref().unwrap().failure().unwrap();
    assert!(failure.message.contains("the source changed since it was checked"), "{}", failure.message);
}
