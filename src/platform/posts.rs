//! The interface to a platform for posts: the caller opens an upload and sends a video into it, and the
//! platform turns the video into a post or a draft.
//!
//! An upload without bytes has no effect, and one upload makes at most one post. Opening may therefore be
//! repeated; sending must happen once. The upload's id is stored before the first byte is sent, so that a
//! lost reply can be resolved by asking for the status.

use std::time::SystemTime;

use super::{Call, OpenedUpload};
use crate::rules::ValidatedAsset;

/// Whether a video becomes a draft or a post.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PostMode {
    /// A draft in the inbox of the creator, who decides whether to post it.
    #[default]
    Inbox,
    /// A post.
    Direct,
}

impl PostMode {
    /// Returns the name in the configuration and the journal.
    pub const fn name(self) -> &'static str {
        match self {
            PostMode::Inbox => "inbox",
            PostMode::Direct => "direct",
        }
    }
}

/// A post to be created. For [`PostMode::Inbox`] only the mode is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPost {
    /// Whether to create a draft or a post.
    pub mode: PostMode,
    /// The caption, at most 2200 UTF-16 units; `None` for none.
    pub title: Option<String>,
    /// One of the creator's [`Creator::privacy_levels`].
    pub privacy_level: String,
    /// Turns comments off.
    pub disable_comment: bool,
    /// Turns duets off.
    pub disable_duet: bool,
    /// Turns stitches off.
    pub disable_stitch: bool,
    /// The time of the frame used as the cover, in milliseconds.
    pub cover_at_ms: Option<u64>,
    /// Whether the post is a paid partnership with a third party.
    pub brand_content: bool,
    /// Whether the post promotes the creator's own business.
    pub brand_organic: bool,
    /// Whether the platform shall label the post as AI-generated.
    pub aigc: bool,
}

/// The creator's permissions. A fact that the platform does not state is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creator {
    /// The user name without the @.
    pub username: Option<String>,
    /// The audiences that a post may have.
    pub privacy_levels: Vec<String>,
    /// The maximum duration of a video, in seconds.
    pub max_duration_s: Option<u64>,
}

/// The status of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostStatus {
    /// The platform is still waiting for bytes.
    Uploading {
        /// The number of bytes that arrived.
        received: Option<u64>,
    },
    /// The platform has every byte and is processing the video.
    Processing,
    /// The draft is in the creator's inbox.
    InInbox,
    /// The post is published.
    Posted {
        /// The public ids; empty for a private post and during moderation.
        post_ids: Vec<String>,
    },
    /// The post failed.
    Failed {
        /// The platform's fail reason; see `platform::fail_reasons`.
        reason: String,
    },
}

/// A platform for posts.
pub trait PostPlatform: Send + Sync {
    /// Returns scheme, host and port; part of the key of every effect.
    fn origin(&self) -> &str;
    /// Returns the creator's account; part of the key of every effect.
    fn account(&self) -> &str;
    /// Returns the time by the platform's clock; `None` while it is unknown.
    fn platform_time(&self) -> Option<SystemTime> {
        None
    }
    /// Reads the creator's permissions; fails when the token is invalid.
    fn creator(&self) -> Call<'_, Creator>;
    /// Opens an upload. May be repeated: an upload without bytes has no effect.
    fn open_upload<'a>(&'a self, post: &'a NewPost, asset: &'a ValidatedAsset) -> Call<'a, OpenedUpload>;
    /// Sends the bytes of an opened upload and reports the number sent so far to `sent`. After an error of
    /// class [`super::Class::Unknown`] the last byte may have arrived: ask [`PostPlatform::status`].
    fn upload_bytes<'a>(
        &'a self,
        upload: &'a OpenedUpload,
        asset: &'a ValidatedAsset,
        sent: &'a (dyn Fn(u64) + Send + Sync),
    ) -> Call<'a, ()>;
    /// Reads the status of a post.
    fn status<'a>(&'a self, publish_id: &'a str) -> Call<'a, PostStatus>;
    /// Cancels an upload that will not be completed.
    fn cancel<'a>(&'a self, publish_id: &'a str) -> Call<'a, ()>;
}
