//! What a person must settle about a row.

use crate::platform::{Platform, PublicationTime};

/// What a person must settle about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RowProblem {
    /// The row changed since its ad or post was published, which stays as it is.
    RowChanged,
    /// The ad was published with another video.
    VideoReplaced,
    /// The landing page does not answer, and `landing_page_check` is `require`.
    LandingPage,
    /// The cover changed after it was checked.
    CoverChanged,
}

impl RowProblem {
    /// Returns the name in the report.
    pub fn name(self) -> &'static str {
        match self {
            RowProblem::RowChanged => "row-changed",
            RowProblem::VideoReplaced => "video-replaced",
            RowProblem::LandingPage => "landing-page",
            RowProblem::CoverChanged => "cover-changed",
        }
    }
}

/// Returns what to do about a row that changed since it was published.
pub(super) fn changed_row(platform: &dyn Platform) -> String {
    match platform.publication_time() {
        PublicationTime::AfterReadiness => format!(
            "row changed since it was published; the ad is unchanged: change it on the platform or give the row \
             another {}",
            platform.name_column()
        ),
        PublicationTime::WithUpload => {
            "this manifest row changed after it was posted; greenlit does not edit posts: \
                                        change the post in the platform's app"
                .to_owned()
        }
    }
}

/// Returns what to do about a row that was published with another video as `id`.
pub(super) fn replaced_video(platform: &dyn Platform, id: &str) -> String {
    format!(
        "already published with another video as ad {id}; give the row another {}",
        platform.name_column()
    )
}
