//! Videos and ads as the platform lists them, and ads to be created.

/// A video as the platform describes it. A fact that it does not state is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RemoteVideo {
    /// The id.
    pub video_id: String,
    /// The name it was uploaded under.
    pub file_name: Option<String>,
    /// The MD5 in lower-case hex.
    pub md5: Option<String>,
    /// The size in bytes.
    pub size_bytes: Option<u64>,
    /// The width in pixels.
    pub width: Option<u32>,
    /// The height in pixels.
    pub height: Option<u32>,
    /// Whether the platform can display it.
    pub displayable: Option<bool>,
    /// The URL of its cover, which expires.
    pub cover_url: Option<String>,
}

impl RemoteVideo {
    /// Returns whether an ad may use the video. Inferred from its facts, since the API has no status field.
    pub fn is_ready(&self, md5: &str) -> bool {
        self.displayable == Some(true)
            && self.cover_url.as_deref().is_some_and(|url| !url.is_empty())
            && self.width.is_some_and(|side| side > 0)
            && self.height.is_some_and(|side| side > 0)
            && self.md5.as_deref().is_some_and(|remote| remote.eq_ignore_ascii_case(md5))
    }
}

/// An ad to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAd {
    /// The ad group.
    pub adgroup_id: String,
    /// The name, unique in its ad group.
    pub ad_name: String,
    /// `CUSTOMIZED_USER`, `TT_USER`, `BC_AUTH_TT` or `AUTH_CODE`.
    pub identity_type: String,
    /// The identity.
    pub identity_id: String,
    /// The business centre that may use the identity, for `BC_AUTH_TT`.
    pub identity_authorized_bc_id: Option<String>,
    /// The text.
    pub ad_text: String,
    /// The call to action.
    pub call_to_action: Option<String>,
    /// The landing page.
    pub landing_page_url: Option<String>,
    /// The display name.
    pub display_name: Option<String>,
    /// The video.
    pub video_id: String,
    /// The cover.
    pub image_id: String,
    /// Whether the ad runs at once; otherwise it is created disabled.
    pub enable: bool,
}

/// An ad as the platform lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteAd {
    /// The id.
    pub ad_id: String,
    /// The name.
    pub ad_name: String,
    /// The video it shows.
    pub video_id: Option<String>,
}

/// A video or an image as a list shows it. A fact that it does not state is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedFile {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) md5: Option<String>,
    pub(super) size_bytes: Option<u64>,
}

impl From<RemoteVideo> for ListedFile {
    fn from(video: RemoteVideo) -> ListedFile {
        let RemoteVideo { video_id, file_name, md5, size_bytes, .. } = video;
        ListedFile { id: video_id, name: file_name, md5, size_bytes }
    }
}

/// A kind of file in an advertiser's library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A video.
    Video,
    /// An image.
    Image,
}

impl MediaKind {
    /// Returns the name in requests.
    pub(super) fn file_type(self) -> &'static str {
        match self {
            MediaKind::Video => "VIDEO",
            MediaKind::Image => "IMAGE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_with_a_missing_fact_is_not_ready() {
        let ready = RemoteVideo {
            md5: Some("AB".into()),
            width: Some(540),
            height: Some(960),
            displayable: Some(true),
            cover_url: Some("https://cover".into()),
            ..RemoteVideo::default()
        };
        assert!(ready.is_ready("ab"));
        assert!(!ready.is_ready("cd"));
        assert!(!RemoteVideo { displayable: None, ..ready.clone() }.is_ready("ab"));
        assert!(!RemoteVideo { cover_url: Some(String::new()), ..ready }.is_ready("ab"));
    }
}
