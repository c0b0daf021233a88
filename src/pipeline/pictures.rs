//! The use case of pictures for a report.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::job::{Job, JobFiles, JobOutput, JobRequest, MediaPictures, PictureChoice, TimeBudget};

use super::inputs::Pipeline;
use super::open_source::display_name;
use super::parallel::run_in_parallel;

impl Pipeline<'_> {
    /// Makes pictures of each of these files. A report is complete without them, so a file that cannot be shown has
    /// none, and a cancelled run makes no more.
    pub fn pictures(&self, files: &[(PathBuf, PictureChoice)]) -> BTreeMap<PathBuf, MediaPictures> {
        let made = run_in_parallel(files.len(), self.runner.width(), |index| {
            let (path, choice) = &files[index];
            if self.is_cancelled() {
                return None;
            }
            let request = JobRequest {
                job: Job::Pictures(*choice),
                files: JobFiles { input: self.store.open(path).ok()?, outputs: Vec::new() },
                name: display_name(path),
                cancel: Arc::clone(self.cancel),
                time: TimeBudget::default(),
            };
            match self.runner.run(request, &mut |_| {}) {
                Ok(JobOutput::Pictures(made)) => Some((path.clone(), made.within(choice))),
                _ => None,
            }
        });
        made.into_iter().flatten().collect()
    }
}
