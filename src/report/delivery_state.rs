//! The state of a delivery in the report.

use serde::Serialize;

/// The state of an asset or an ad. The report has no part in shipping, so it has the states as words of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// Compliant, nothing sent.
    #[default]
    Validated,
    /// Being sent.
    Uploading,
    /// The platform returned an id.
    Uploaded,
    /// The platform processes it.
    Processing,
    /// An ad may use it.
    Ready,
    /// Its ads are being created.
    Publishing,
    /// It, or its ads, are published.
    Published,
    /// Preparation, upload, processing or creation failed.
    Failed,
    /// No attempt or encode mode is left.
    GivenUp,
    /// The rules refuse the file, so that nothing is sent.
    Refused,
    /// The outcome was not known in time.
    Unconfirmed,
}

impl DeliveryState {
    /// Returns the state for people.
    pub(super) fn label(self) -> &'static str {
        match self {
            DeliveryState::Validated => "validated",
            DeliveryState::Uploading => "uploading",
            DeliveryState::Uploaded => "uploaded",
            DeliveryState::Processing => "processing",
            DeliveryState::Ready => "ready",
            DeliveryState::Publishing => "publishing",
            DeliveryState::Published => "published",
            DeliveryState::Failed => "failed",
            DeliveryState::GivenUp => "given up",
            DeliveryState::Refused => "refused",
            DeliveryState::Unconfirmed => "unconfirmed",
        }
    }

    /// Returns whether it needs attention: a failure, or any state before publication with a reason, which says why
    /// the delivery ended there.
    pub(super) fn is_stuck(self, reason: Option<&str>) -> bool {
        match self {
            DeliveryState::Failed | DeliveryState::GivenUp | DeliveryState::Refused => true,
            DeliveryState::Published => false,
            _ => reason.is_some(),
        }
    }
}
