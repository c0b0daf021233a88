//! Probes the sandbox's uploads with the isolated media workers. The sandbox checks the facts against its
//! own limits.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::job::{Job, JobFiles, JobOutput, JobRequest, ProbeDepth, Runner, TimeBudget};
use crate::model::{Codec, Container};
use crate::sandbox::{UploadFacts, UploadProber};

/// Probes uploads with a media worker.
pub struct WorkerProber(pub Arc<dyn Runner>);

impl UploadProber for WorkerProber {
    fn probe(&self, file: File, name: &str) -> Option<UploadFacts> {
        let request = JobRequest {
            job: Job::Probe { depth: ProbeDepth::Auto },
            files: JobFiles { input: file, outputs: Vec::new() },
            name: name.to_owned(),
            cancel: Arc::new(AtomicBool::new(false)),
            time: TimeBudget::default(),
        };
        let Ok(JobOutput::Probed(facts)) = self.0.run(request, &mut |_| {}) else { return None };
        let video = facts.main_video();
        let size = video.and_then(|video| video.display_size());
        Some(UploadFacts {
            container: match facts.container.as_ref() {
                Some(Container::MpegTs | Container::MpegPs | Container::MpegVideo) => "mpeg",
                other => other.map_or("", Container::name),
            }
            .to_owned(),
            codec: video.and_then(|video| video.codec.as_ref()).map(Codec::to_string),
            width: size.map(|size| size.width),
            height: size.map(|size| size.height),
            duration: facts.effective_duration_s(),
            fps: video.and_then(|video| video.frame_rate).map(|rate| rate.as_f64()),
            pixel_format: video.and_then(|video| video.pixel_format.clone()),
            bit_rate: facts.bit_rate,
            audio_codec: facts.main_audio().and_then(|audio| audio.codec.as_ref()).map(Codec::to_string),
        })
    }
}
