//! Decides from single frames whether a video is interlaced.

/// Number of first frames checked for combing at full size, enough for a video of one second.
const COMB_FIRST_FRAMES: u64 = 24;
/// Length of the later runs of frames, one every [`COMB_RUN_DISTANCE`] frames.
const COMB_RUN_FRAMES: u64 = 8;
/// Distance between the starts of two runs, see [`COMB_RUN_FRAMES`].
const COMB_RUN_DISTANCE: u64 = 75;
/// One in this many of the checked frames must move enough to determine its field order.
const MIN_DETERMINED_SHARE: u64 = 10;
/// Minimum number of determined frames for a result.
const MIN_DETERMINED_FRAMES: u64 = 10;
/// Returns whether the frame with this number is checked for combing.
pub(super) fn is_checked(number: u64) -> bool {
    number < COMB_FIRST_FRAMES || number % COMB_RUN_DISTANCE < COMB_RUN_FRAMES
}

/// Counts the field orders of single frames.
#[derive(Default)]
pub(super) struct CombDetector {
    top_first: u64,
    bottom_first: u64,
    progressive: u64,
    undetermined: u64,
}

impl CombDetector {
    pub(super) fn add(&mut self, verdict: Option<&str>) {
        match verdict {
            Some("tff") => self.top_first += 1,
            Some("bff") => self.bottom_first += 1,
            Some("progressive") => self.progressive += 1,
            _ => self.undetermined += 1,
        }
    }

    /// Returns the number of interlaced frames and of all determined frames; `None` if too few are determined.
    ///
    /// Interlaced video has one field order, while false detections have either, so each frame of the rarer order
    /// cancels one of the other.
    pub(super) fn verdict(&self) -> Option<(u64, u64)> {
        let determined = self.top_first + self.bottom_first + self.progressive;
        let enough = determined > 0 && determined * MIN_DETERMINED_SHARE >= determined + self.undetermined;
        enough.then(|| (self.top_first.abs_diff(self.bottom_first), determined))
    }

    /// Returns whether most of the determined frames are interlaced.
    pub(super) fn is_combed(&self) -> bool {
        self.verdict().is_some_and(|(combed, determined)| {
            determined >= MIN_DETERMINED_FRAMES && combed * 2 > determined
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(top_first: u64, bottom_first: u64, progressive: u64, undetermined: u64) -> Option<(u64, u64)> {
        CombDetector { top_first, bottom_first, progressive, undetermined }.verdict()
    }

    #[test]
    fn opposite_field_orders_cancel_out() {
        assert_eq!(verdict(0, 75, 0, 0), Some((75, 75)));
        assert_eq!(verdict(58, 50, 12, 0), Some((8, 120)));
        assert_eq!(verdict(2, 0, 98, 20), Some((2, 100)));
    }

    #[test]
    fn too_little_motion_gives_no_verdict() {
        assert_eq!(verdict(0, 1, 2, 98), None);
        assert_eq!(verdict(0, 0, 0, 30), None);
        assert_eq!(verdict(0, 0, 0, 0), None);
    }
}
