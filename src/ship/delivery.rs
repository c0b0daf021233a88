//! How far the delivery of an asset is, with its rows.

use std::path::PathBuf;

use super::row_problem::RowProblem;
use crate::model::display_name;

/// The state of an asset's delivery.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeliveryState {
    /// Compliant, nothing sent.
    Validated,
    /// Being sent.
    Uploading,
    /// The platform returned an id.
    Uploaded,
    /// The platform processes it.
    Processing,
    /// It can be published.
    Ready,
    /// Its ads, its post or its entry are being created.
    Publishing,
    /// Its ads, its post or its entry exist.
    Published,
    /// Preparation, upload or processing failed; another encode mode may follow.
    Failed,
    /// No attempt or encode mode is left.
    GivenUp,
    /// The rules refuse the file, so that nothing is sent.
    Refused,
    /// The outcome was not known in time.
    Unconfirmed,
}

impl DeliveryState {
    /// Returns the name used in reports.
    pub fn name(&self) -> &'static str {
        match self {
            DeliveryState::Validated => "validated",
            DeliveryState::Uploading => "uploading",
            DeliveryState::Uploaded => "uploaded",
            DeliveryState::Processing => "processing",
            DeliveryState::Ready => "ready",
            DeliveryState::Publishing => "publishing",
            DeliveryState::Published => "published",
            DeliveryState::Failed => "failed",
            DeliveryState::GivenUp => "given_up",
            DeliveryState::Refused => "refused",
            DeliveryState::Unconfirmed => "unconfirmed",
        }
    }
}

display_name!(DeliveryState);

/// The delivery of one asset, as in the report.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Delivery {
    /// The source as given.
    #[serde(skip)]
    pub source: PathBuf,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Number of upload attempts.
    pub attempts: u32,
    /// The reason for the state.
    pub reason: Option<String>,
    /// One entry for each row of the manifest with this video; empty without a manifest.
    pub rows: Vec<RowDelivery>,
    /// Whether the run was stopped before the delivery was done, which is then the reason.
    #[serde(skip)]
    pub stopped: bool,
    /// Whether this run uploaded the video, and not an earlier one.
    #[serde(skip)]
    pub uploaded_now: bool,
    /// Whether this run saw it published, and not an earlier one.
    #[serde(skip)]
    pub published_now: bool,
}

impl Delivery {
    /// Returns the delivery of a file for which nothing was sent.
    pub(crate) fn nothing_sent(source: PathBuf, state: DeliveryState, reason: String) -> Delivery {
        Delivery {
            source,
            state,
            video_id: None,
            attempts: 0,
            reason: Some(reason),
            rows: Vec::new(),
            stopped: false,
            uploaded_now: false,
            published_now: false,
        }
    }
}

/// The publication of one row.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct RowDelivery {
    /// The row of the manifest, from 1.
    pub row: u32,
    /// The state.
    pub state: DeliveryState,
    /// The platform's id.
    pub id: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
    /// What a person must settle about the row.
    pub problem: Option<RowProblem>,
    /// Whether this run created it, and not an earlier one.
    #[serde(skip)]
    pub created_now: bool,
    /// Whether it was not reached because of its video, whose reason is its reason.
    #[serde(skip)]
    pub awaits_video: bool,
}

impl RowDelivery {
    /// Returns the delivery of a row without a problem.
    pub fn new(row: u32, state: DeliveryState, id: Option<String>, reason: Option<String>) -> RowDelivery {
        RowDelivery { row, state, id, reason, problem: None, created_now: false, awaits_video: false }
    }

    /// Adds a problem, whose message is the reason.
    #[must_use]
    pub fn with_problem(self, problem: RowProblem, message: String) -> RowDelivery {
        RowDelivery { reason: Some(message), problem: Some(problem), ..self }
    }
}
