//! Checks batches of files in parallel: by their headers where those settle the facts. Of the other files, those that
//! did not change since an earlier run are not probed again; their cached facts are assessed.

use super::asset_check::AssetCheck;
use super::checked_file::CheckedFile;
use super::discover::SourceFile;
use super::events::Event;
use super::inputs::Pipeline;
use super::parallel::run_in_parallel;
use super::probe_cache::CacheSession;

impl Pipeline<'_> {
    /// Checks `sources` in parallel and returns the results in the order of the sources. When the run is cancelled,
    /// the files not yet started are reported as interrupted.
    pub fn check(&self, sources: &[SourceFile]) -> Vec<CheckedFile> {
        self.check_with(sources, |_, checked| checked)
    }

    /// Like [`check`](Self::check), but passes each result to `each` as soon as it is available, so that few results
    /// are in memory at a time. `each` gets the index of the source and the result, on any thread and in any order.
    pub fn check_each(&self, sources: &[SourceFile], each: &(dyn Fn(usize, CheckedFile) + Sync)) {
        self.check_with(sources, each);
    }

    fn check_with<T: Send>(
        &self,
        sources: &[SourceFile],
        each: impl Fn(usize, CheckedFile) -> T + Sync,
    ) -> Vec<T> {
        let Pipeline { options, runner, observer, .. } = *self;
        observer.notice(Event::Found { files: sources.len() });
        let cache = options.probe_cache.as_deref().map(|cache| CacheSession::new(cache, *self));
        let check = AssetCheck::new(*self, cache.as_ref());
        run_in_parallel(sources.len(), runner.width(), |index| {
            let checked = check.check(&sources[index]);
            observer.notice(Event::Checked { path: &sources[index].path });
            each(index, checked)
        })
    }
}
