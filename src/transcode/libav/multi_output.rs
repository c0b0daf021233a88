//! Makes several outputs of one video at the same time, each picture of which is decoded once.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::sync_channel;
use std::thread;

use super::av::failed;
use super::shared_decode::places;
use super::{Probe, fix_at, share};
use crate::job::{FixReport, JobError, Progress, VerifyLevel};
use crate::plan::OutputSpec;

/// Progress that waits to be told.
const WAITING: usize = 64;

/// As [`fix`](super::fix) for several outputs, one of each specification. What becomes of one is nothing to
/// the others. Progress is that of all of them together.
///
/// # Errors
///
/// [`JobError::Failed`] when there are not as many outputs as specifications, and whatever keeps all of
/// them from being begun.
#[allow(clippy::too_many_arguments)]
pub fn fix_together(
    input: &File,
    mut outputs: Vec<File>,
    name: &str,
    specs: &[OutputSpec],
    verify: VerifyLevel,
    cancel: &Arc<AtomicBool>,
    progress: &mut dyn FnMut(Progress),
    probe: &Probe<'_>,
) -> Result<Vec<Result<FixReport, JobError>>, JobError> {
    if outputs.len() != specs.len() {
        return Err(failed("there must be an output for each specification"));
    }
    if let ([spec], Some(output)) = (specs, outputs.pop_if(|_| specs.len() == 1)) {
        // A thread that is told of every packet costs more than a copy has to spare.
        let cancel = Arc::clone(cancel);
        return Ok(vec![fix_at(None, share(input)?, output, name, spec, verify, cancel, progress, probe)]);
    }
    let alike = specs.iter().all(|spec| specs.iter().all(|other| spec.can_share_decode(other)));
    let mut places = places(if alike { specs.len() } else { 0 }).into_iter();
    let inputs = specs.iter().map(|_| share(input)).collect::<Result<Vec<_>, _>>()?;
    thread::scope(|scope| {
        let (telling, told) = sync_channel(WAITING);
        let mut making = Vec::new();
        for (index, ((input, output), spec)) in inputs.into_iter().zip(outputs).zip(specs).enumerate() {
            let (place, telling, cancel) = (places.next(), telling.clone(), Arc::clone(cancel));
            let work = move || {
                // Whoever listens does so until all have ended.
                let mut tell = |step| {
                    let _ = telling.send((index, step));
                };
                fix_at(place, input, output, name, spec, verify, cancel, &mut tell, probe)
            };
            let thread = thread::Builder::new().name("output".to_owned()).spawn_scoped(scope, work);
            making.push(thread.map_err(|error| failed(format!("cannot start a thread: {error}"))));
        }
        drop(telling);
        let mut steps = vec![Progress::default(); specs.len()];
        for (index, step) in told {
            if let Some(known) = steps.get_mut(index) {
                *known = step;
            }
            progress(sum(&steps));
        }
        let joined = making.into_iter().map(|thread| {
            thread.and_then(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        Ok(joined.collect())
    })
}

/// How far all outputs together have come.
fn sum(steps: &[Progress]) -> Progress {
    Progress {
        done_s: steps.iter().map(|step| step.done_s).sum(),
        total_s: steps.iter().map(|step| step.total_s).sum(),
        frames: steps.iter().map(|step| step.frames).sum(),
    }
}
