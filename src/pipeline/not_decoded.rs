//! Which files a full decode leaves out, because their headers already refuse them and decoding would cost much or
//! show nothing.

use std::time::Duration;

use crate::model::{MediaFacts, Size};

/// Pixels of the largest frame that a level of H.264, HEVC, VP9 and AV1 allows (6.2: 8192x4352).
const LARGEST_FRAME: u64 = 8192 * 4352;

/// Returns why a file is not decoded if it does not comply anyway; `None` if a decode may show more about it.
///
/// A user who sets a time limit wants what can be had in that time.
pub(super) fn reason_not_to_decode(facts: &MediaFacts, time_limit: Option<Duration>) -> Option<String> {
    let video = facts.main_video()?;
    if let Some(scheme) = &video.encryption {
        return Some(format!(
            "the video is encrypted ({scheme}), and what the header says already refuses the file"
        ));
    }
    let sizes = video.coded_size().into_iter().chain(video.frame_sizes.iter().copied());
    let size = sizes.max_by_key(|size| area(*size)).filter(|size| area(*size) > LARGEST_FRAME)?;
    let moves = video.frames.is_none_or(|frames| frames > 1);
    (time_limit.is_none() && moves).then(|| {
        format!(
            "its frames of {size} are larger than any level of H.264, HEVC, VP9 or AV1 allows ({LARGEST_FRAME} pixels), \
             and what the header says already refuses the file; a `--time-limit` decodes it nevertheless"
        )
    })
}

fn area(size: Size) -> u64 {
    u64::from(size.width) * u64::from(size.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VideoStream;

    fn facts(width: u32, height: u32) -> MediaFacts {
        let video = VideoStream { width: Some(width), height: Some(height), ..VideoStream::default() };
        MediaFacts { video: vec![video], ..MediaFacts::default() }
    }

    #[test]
    fn frames_beyond_every_level_are_not_decoded_without_a_time_limit() {
        assert_eq!(reason_not_to_decode(&facts(8192, 4320), None), None);
        assert_eq!(reason_not_to_decode(&facts(1080, 1920), None), None);
        let reason = reason_not_to_decode(&facts(8000, 8000), None).unwrap_or_default();
        assert!(reason.contains("8000x8000") && reason.contains("--time-limit"), "{reason}");
        assert_eq!(reason_not_to_decode(&facts(8000, 8000), Some(Duration::from_secs(9))), None);
    }

    #[test]
    fn an_encrypted_video_is_not_decoded() {
        let mut encrypted = facts(1080, 1920);
        encrypted.video[0].encryption = Some("cenc".into());
        assert!(reason_not_to_decode(&encrypted, None).is_some_and(|reason| reason.contains("cenc")));
    }
}
