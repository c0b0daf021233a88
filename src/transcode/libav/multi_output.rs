//! Writes several outputs of one source at the same time, decoding each frame once.

use std::fs::File;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::fix::{FixSource, fix_with_decoder};
use super::shared_decode::decoder_handles;
use crate::job::{FixReport, JobError, Progress};
use crate::libav::error::failed;
use crate::plan::OutputSpec;

/// Capacity of the progress channel.
const WAITING: usize = 64;

/// Makes one or several outputs of one source, one for each specification. Each output succeeds or fails
/// independently. Progress is the sum over all outputs. The finished outputs are not decoded by themselves: that is
/// for a process that has not made them ([`Job::Proof`](crate::job::Job::Proof)).
///
/// # Errors
///
/// [`JobError::Failed`] when the numbers of outputs and specifications differ.
pub(crate) fn fix_together(
    source: FixSource<'_>,
    mut outputs: Vec<File>,
    specs: &[OutputSpec],
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Result<FixReport, JobError>>, JobError> {
    if outputs.len() != specs.len() {
        return Err(failed(
            "internal error: the numbers of output files and of output specifications differ",
        ));
    }
    if let ([spec], Some(output)) = (specs, outputs.pop_if(|_| specs.len() == 1)) {
        // For a copy, a progress channel would cost more than the work itself.
        return Ok(vec![fix_with_decoder(None, source, output, spec, progress)]);
    }
    let can_share = specs.iter().all(|spec| specs.iter().all(|other| spec.can_share_decode(other)));
    let mut decoders = decoder_handles(if can_share { specs.len() } else { 0 }).into_iter();
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(WAITING);
        let mut threads = Vec::new();
        for (index, (output, spec)) in outputs.into_iter().zip(specs).enumerate() {
            let (decoder, sender) = (decoders.next(), sender.clone());
            let work = move || {
                // The receiver outlives all senders.
                let mut report = |step| {
                    let _ = sender.send((index, step));
                };
                fix_with_decoder(decoder, source, output, spec, &mut report)
            };
            let thread = thread::Builder::new().name("output".to_owned()).spawn_scoped(scope, work);
            threads.push(thread.map_err(|error| failed(format!("cannot start a thread: {error}"))));
        }
        drop(sender);
        let mut steps = vec![Progress::default(); specs.len()];
        for (index, step) in receiver {
            if let Some(known) = steps.get_mut(index) {
                *known = step;
            }
            progress(sum(&steps));
        }
        let joined = threads.into_iter().map(|thread| {
            thread.and_then(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        Ok(joined.collect())
    })
}

/// Returns the progress of all outputs together.
fn sum(steps: &[Progress]) -> Progress {
    Progress {
        done_s: steps.iter().map(|step| step.done_s).sum(),
        total_s: steps.iter().map(|step| step.total_s).sum(),
        frames: steps.iter().map(|step| step.frames).sum(),
    }
}
