//! Checks batches of files in parallel: by their headers where those settle the facts. Of the other files, those that
//! did not change since an earlier run are not probed again; their cached facts are assessed.

use std::ops::Range;

use crate::cache::FileFingerprint;

use super::asset_check::{AssetCheck, BegunCheck};
use super::checked_file::CheckedFile;
use super::discover::SourceFile;
use super::events::Event;
use super::failure::{NoFacts, unexpected_result};
use super::inputs::Pipeline;
use super::opened_source::OpenedSource;
use super::parallel::run_batches_in_parallel;
use super::probe_cache::CacheSession;

/// The maximum number of files sent to a worker at once, so that it need not wait between files.
const MAX_BATCH: usize = 8;

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
        let max_batch = if options.deep { 1 } else { MAX_BATCH };
        run_batches_in_parallel(sources.len(), runner.width(), max_batch, |batch| {
            let mut results = Vec::with_capacity(batch.len());
            self.check_batch(&check, cache.as_ref(), sources, batch, &mut |index, checked| {
                observer.notice(Event::Checked { path: &sources[index].path });
                results.push((index, each(index, checked)));
            });
            results
        })
    }

    /// Checks the `sources` at `indices`: by their headers, else by the cache, else with one batch of jobs.
    fn check_batch(
        &self,
        check: &AssetCheck<'_>,
        cache: Option<&CacheSession<'_>>,
        sources: &[SourceFile],
        indices: Range<usize>,
        report: &mut dyn FnMut(usize, CheckedFile),
    ) {
        let mut unsettled = Vec::new();
        for index in indices {
            let (source, clock) = (&sources[index], self.options.clock());
            match OpenedSource::open(self, source) {
                Ok(opened) => match check.by_headers(source, &opened) {
                    Some(checked) => report(index, CheckedFile { clock, ..checked }),
                    None => unsettled.push((index, opened, clock)),
                },
                Err(reason) => report(index, CheckedFile::without_facts(source, reason)),
            }
        }
        let found = cache.map(|cache| {
            let depth = self.options.depth();
            let fingerprint = |(index, opened, _): &(usize, OpenedSource, _)| {
                Some(FileFingerprint::new(&sources[*index].path, opened.state, depth))
            };
            cache.find(&unsettled.iter().map(fingerprint).collect::<Vec<_>>())
        });
        let mut pending = Vec::with_capacity(unsettled.len());
        let mut requests = Vec::with_capacity(unsettled.len());
        for (position, (index, opened, clock)) in unsettled.into_iter().enumerate() {
            let source = &sources[index];
            if let Some(probe) = found.as_ref().and_then(|found| found.get(position)) {
                report(index, CheckedFile { clock, ..check.assess(source, opened.state, probe) });
                continue;
            }
            match check.begin(source, opened, clock.as_ref()) {
                Ok(BegunCheck::Job { request, pending: check }) => {
                    pending.push((index, check, clock));
                    requests.push(*request);
                }
                Ok(BegunCheck::Done(checked)) => report(index, CheckedFile { clock, ..*checked }),
                Err(reason) => report(index, CheckedFile::without_facts(source, reason)),
            }
        }
        let mut pending = pending.into_iter();
        self.runner.run_batch(requests, &mut |result| {
            let Some((index, begun, clock)) = pending.next() else { return };
            report(index, CheckedFile { clock, ..check.finish(&sources[index], begun, result) });
        });
        for (index, ..) in pending {
            let reason = NoFacts::unreadable(unexpected_result());
            report(index, CheckedFile::without_facts(&sources[index], reason));
        }
    }
}
