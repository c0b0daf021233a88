//! What an output is tried with once more after it failed: another encoder, or a higher quality.

use crate::ending::FailureKind;
use crate::plan::{OutputSpec, VideoEncoder, VideoPlan};

use super::failure::Failure;

/// How much the CRF is lowered for the second attempt after a failed video comparison.
const CRF_STEP: f32 = 4.0;

/// Returns whether a hardware encoder may have caused the failure.
pub(super) fn may_be_encoder_failure(failure: &Failure) -> bool {
    use FailureKind::{Input, Interrupted, ProcessorTime, TimeLimit};
    !matches!(failure.kind, Input | Interrupted | ProcessorTime | TimeLimit)
}

/// Replaces a hardware encoder by x264. Returns whether the output used one.
pub(super) fn fall_back_to_x264(spec: &mut OutputSpec) -> bool {
    match &mut spec.video {
        Some(VideoPlan::Encode(encode)) if encode.encoder.is_hardware() => {
            encode.encoder = VideoEncoder::X264;
            true
        }
        _ => false,
    }
}

/// Lowers the CRF of an encode. Returns whether the output is encoded.
pub(super) fn raise_quality(spec: &mut OutputSpec) -> bool {
    match &mut spec.video {
        Some(VideoPlan::Encode(encode)) => {
            encode.rate.crf = (encode.rate.crf - CRF_STEP).max(1.0);
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::example;

    #[test]
    fn falls_back_to_x264_once() {
        let mut encode = example::video_encode(640, 360, 30);
        encode.encoder = VideoEncoder::Qsv;
        let mut spec = example::output(VideoPlan::Encode(Box::new(encode)), None);
        assert!(fall_back_to_x264(&mut spec));
        assert_eq!(
            spec,
            example::output(VideoPlan::Encode(Box::new(example::video_encode(640, 360, 30))), None)
        );
        assert!(!fall_back_to_x264(&mut spec));
    }
}
