//! What shipping costs in calls, before any is made.

use super::limiter::Tier;

/// The length of the pieces the platform asks for, in its example: 20 MiB.
const PIECE: u64 = 20 << 20;
/// Ids in one call for information.
const IDS: u64 = 60;
/// How often a video is asked for from its upload until it is ready, inside the documented window of 30
/// seconds to 5 minutes.
const LOOKS: u64 = 5;

/// Calls by endpoint, each once and in the order they are made.
pub type Calls = Vec<(&'static str, u64)>;

/// The calls of one upload. Files of more than `chunk_above` bytes go up in pieces.
pub fn upload_calls(bytes: u64, chunk_above: u64) -> Calls {
    if bytes <= chunk_above {
        return vec![("file/video/ad/upload/", 1)];
    }
    vec![
        ("file/start/upload/", 1),
        ("file/transfer/upload/", bytes.div_ceil(PIECE)),
        ("file/finish/upload/", 1),
        ("file/video/ad/upload/", 1),
    ]
}

/// The calls of waiting for this many videos together.
pub fn waiting_calls(videos: u64) -> Calls {
    if videos == 0 { Vec::new() } else { vec![("file/video/ad/info/", videos.div_ceil(IDS) * LOOKS)] }
}

/// The calls of creating ads in this many ad groups with this many covers.
pub fn ad_calls(ads: u64, groups: u64, covers: u64) -> Calls {
    let calls = [("file/image/ad/upload/", covers), ("ad/get/", groups), ("ad/create/", ads)];
    calls.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// What a tier allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Calls a minute.
    pub minute: u64,
    /// Calls a day, UTC.
    pub day: u64,
    /// Ads created a minute.
    pub ads_minute: u64,
    /// Ads created a day, UTC.
    pub ads_day: u64,
}

impl Tier {
    /// What the tier allows.
    pub fn quota(self) -> Quota {
        let (all, create) = (self.all(), self.create());
        Quota {
            minute: all.minute as u64,
            day: all.day,
            ads_minute: create.minute as u64,
            ads_day: create.day,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_take_a_call_a_piece_and_three_more() {
        assert_eq!(upload_calls(100, 100), [("file/video/ad/upload/", 1)]);
        let large = upload_calls(2 * PIECE + 1, 100);
        assert_eq!(large[1], ("file/transfer/upload/", 3));
        assert_eq!(large.iter().map(|(_, count)| count).sum::<u64>(), 6);
    }

    #[test]
    fn videos_are_waited_for_sixty_at_a_time() {
        assert_eq!(waiting_calls(0), []);
        assert_eq!(waiting_calls(60), waiting_calls(1));
        assert_eq!(waiting_calls(61), [("file/video/ad/info/", 2 * LOOKS)]);
        assert_eq!(ad_calls(0, 0, 0), []);
    }
}
