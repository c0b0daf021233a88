//! Estimates the number of API calls of a delivery before any call is made.

use super::read_endpoints::MAX_IDS;
use crate::platform::CallCounts;

/// The chunk length in the platform's example: 20 MiB.
const CHUNK: u64 = 20 << 20;
/// The most ids in one call of the info endpoint.
const IDS_PER_CALL: u64 = MAX_IDS as u64;
/// The number of reads of a video from its upload until it is ready, within the documented window of 30
/// seconds to 5 minutes.
const CALLS_PER_VIDEO: u64 = 5;

/// Returns the calls of one upload. Files of more than `chunk_above` bytes are uploaded in chunks.
pub fn upload_calls(bytes: u64, chunk_above: u64) -> CallCounts {
    if bytes <= chunk_above {
        return vec![("file/video/ad/upload/", 1)];
    }
    vec![
        ("file/start/upload/", 1),
        ("file/transfer/upload/", bytes.div_ceil(CHUNK)),
        ("file/finish/upload/", 1),
        ("file/video/ad/upload/", 1),
    ]
}

/// Returns the calls of waiting until `videos` videos are ready, read together.
pub fn waiting_calls(videos: u64) -> CallCounts {
    if videos == 0 {
        return Vec::new();
    }
    vec![("file/video/ad/info/", videos.div_ceil(IDS_PER_CALL) * CALLS_PER_VIDEO)]
}

/// Returns the calls of creating `ads` ads with `covers` covers in `groups` ad groups.
pub fn ad_calls(ads: u64, groups: u64, covers: u64) -> CallCounts {
    let calls = [("file/image/ad/upload/", covers), ("ad/get/", groups), ("ad/create/", ads)];
    calls.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_takes_one_call_per_chunk_and_three_more() {
        assert_eq!(upload_calls(100, 100), [("file/video/ad/upload/", 1)]);
        let large = upload_calls(2 * CHUNK + 1, 100);
        assert_eq!(large[1], ("file/transfer/upload/", 3));
        assert_eq!(large.iter().map(|(_, count)| count).sum::<u64>(), 6);
    }

    #[test]
    fn waiting_reads_sixty_videos_per_call() {
        assert_eq!(waiting_calls(0), []);
        assert_eq!(waiting_calls(60), waiting_calls(1));
        assert_eq!(waiting_calls(61), [("file/video/ad/info/", 2 * CALLS_PER_VIDEO)]);
        assert_eq!(ad_calls(0, 0, 0), []);
    }
}
