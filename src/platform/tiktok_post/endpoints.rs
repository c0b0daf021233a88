//! The endpoints, their limits, and the calls of one post.

use super::PostMode;
use super::chunks::ChunkLayout;

pub(super) const CREATOR: &str = "v2/post/publish/creator_info/query/";
pub(super) const DIRECT: &str = "v2/post/publish/video/init/";
pub(super) const INBOX: &str = "v2/post/publish/inbox/video/init/";
pub(super) const STATUS: &str = "v2/post/publish/status/fetch/";
pub(super) const CANCEL: &str = "v2/post/publish/cancel/";
pub(super) const UPLOAD: &str = "upload";

/// The most posts per minute.
pub(super) const POSTS_PER_MINUTE: u64 = 6;

/// The most calls per minute of one token: opening uploads, reading statuses and reading the creator. Uploads of
/// bytes do not count.
pub(super) const CALLS_PER_MINUTE: u64 = 6 + 30 + 20;

/// Returns the calls of one post of `bytes` bytes by endpoint, including status reads.
pub(super) fn calls(mode: PostMode, bytes: u64) -> Vec<(&'static str, u64)> {
    let chunks = ChunkLayout::of(bytes).map_or(1, |layout| layout.count);
    let open = if mode == PostMode::Direct { DIRECT } else { INBOX };
    vec![(open, 1), (UPLOAD, chunks), (STATUS, 5)]
}
