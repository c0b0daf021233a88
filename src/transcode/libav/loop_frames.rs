//! Compares the passes of a looped video.

use super::video::VideoChain;
use crate::job::JobError;
use crate::libav::error::failed;

/// Counts the frames decoded in each pass of a looped video.
#[derive(Default)]
pub(super) struct LoopFrames {
    first_pass: u64,
    counted: u64,
}

impl LoopFrames {
    /// Ends a pass and fails if it decoded a different number of frames than the first: the output would
    /// freeze where the video should move.
    pub(super) fn count(&mut self, pass: u32, chain: &VideoChain) -> Result<(), JobError> {
        let decoded = chain.decoded() - self.counted;
        self.counted = chain.decoded();
        if pass == 0 {
            self.first_pass = decoded;
        } else if decoded != self.first_pass && !chain.reached_limit() {
            let first_pass = self.first_pass;
            let message = format!(
                "pass {} of the loop decoded {decoded} frames, the first pass {first_pass}",
                pass + 1
            );
            return Err(failed(message));
        }
        Ok(())
    }
}
