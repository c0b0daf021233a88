//! A destination of posts as a port: a video goes up into an upload that was opened for it, and the
//! platform makes a post or a draft of it.
//!
//! An upload that was opened and never filled makes nothing, and one upload makes at most one post. So
//! opening may be repeated, and what must happen once is filling: its id is written down before the first
//! byte leaves, and asked after when an answer is lost.

use std::fmt;

use secrecy::SecretString;

use super::Call;
use crate::rules::ValidatedAsset;

/// What becomes of a video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PostMode {
    /// A draft in the creator's inbox, who posts it or not.
    #[default]
    Inbox,
    /// A post.
    Direct,
}

impl PostMode {
    /// The name in configuration and journal.
    pub fn name(self) -> &'static str {
        match self {
            PostMode::Inbox => "inbox",
            PostMode::Direct => "direct",
        }
    }
}

/// A post to be made. For [`PostMode::Inbox`] only the mode counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPost {
    /// Draft or post.
    pub mode: PostMode,
    /// The caption, at most 2200 UTF-16 units; `None` for none.
    pub title: Option<String>,
    /// One of the creator's own options.
    pub privacy_level: String,
    /// Nobody may comment.
    pub disable_comment: bool,
    /// Nobody may make a duet.
    pub disable_duet: bool,
    /// Nobody may stitch.
    pub disable_stitch: bool,
    /// The frame shown as the cover, in milliseconds.
    pub cover_at_ms: Option<u64>,
    /// Paid partnership for a third party.
    pub brand_content: bool,
    /// Promotes the creator's own business.
    pub brand_organic: bool,
    /// Made by artificial intelligence, as the platform labels it.
    pub aigc: bool,
}

/// What the creator may do. A fact that the platform did not give is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creator {
    /// The name behind the @.
    pub username: Option<String>,
    /// Who may be let see a post.
    pub privacy_levels: Vec<String>,
    /// The longest video, in seconds.
    pub max_duration_s: Option<u64>,
}

/// An upload that was opened.
#[derive(Clone)]
pub struct Opened {
    /// The id to ask by.
    pub publish_id: String,
    /// Where the bytes go. Whoever knows it may fill the upload, so it is neither shown nor kept.
    pub upload_url: SecretString,
}

impl fmt::Debug for Opened {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Opened").field("publish_id", &self.publish_id).finish_non_exhaustive()
    }
}

/// Where a post stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostStatus {
    /// Bytes are missing, as far as is known.
    Uploading {
        /// Bytes that arrived.
        received: Option<u64>,
    },
    /// All is there, the platform is at work.
    Processing,
    /// The draft lies in the inbox.
    InInbox,
    /// Posted; the ids of what can be seen by everybody.
    Posted {
        /// Empty for a private post and while moderation lasts.
        post_ids: Vec<String>,
    },
    /// It came to nothing.
    Failed {
        /// The platform's word for it, see `platform::fail_reasons`.
        reason: String,
    },
}

/// A destination of posts.
pub trait PostPlatform: Send + Sync {
    /// Scheme, host and port: part of the key of every effect.
    fn origin(&self) -> &str;
    /// The creator's account: part of the key of every effect.
    fn account(&self) -> &str;
    /// What the creator may do; proves the token, too.
    fn creator(&self) -> Call<'_, Creator>;
    /// Opens an upload. May be repeated: one that is never filled makes nothing.
    fn open<'a>(&'a self, post: &'a NewPost, asset: &'a ValidatedAsset) -> Call<'a, Opened>;
    /// Fills an upload that was opened. An error of class [`super::Class::Unknown`] leaves open whether the
    /// last byte arrived: ask by [`PostPlatform::status`].
    fn fill<'a>(
        &'a self,
        upload: &'a Opened,
        asset: &'a ValidatedAsset,
        sent: &'a (dyn Fn(u64) + Send + Sync),
    ) -> Call<'a, ()>;
    /// Where a post stands.
    fn status<'a>(&'a self, publish_id: &'a str) -> Call<'a, PostStatus>;
    /// Takes an upload back that shall not be filled any more.
    fn cancel<'a>(&'a self, publish_id: &'a str) -> Call<'a, ()>;
}
