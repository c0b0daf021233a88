//! Posts to be created, and creators and posts as the platform describes them.

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
        /// The platform's fail reason; see the pages of `greenlit explain`.
        reason: String,
    },
}
