//! The document of `greenlit status`: every asset of the journal with its ads or post, and the next step of each.

use serde::Serialize;

use crate::platform::registry;
use crate::report::Publication;
use crate::ship::{DeliveryState, GiveUpReason, Question, StatusLine, StatusPublication};

/// The name and version of the document's schema.
pub const SCHEMA: &str = "greenlit.status/1";

/// What the journal knows.
#[derive(Debug, Serialize)]
pub struct StatusDocument {
    /// Always [`SCHEMA`].
    pub schema: &'static str,
    /// The journal; `None` if nothing was shipped yet.
    pub journal: Option<String>,
    /// Whether a run uses the journal now.
    pub running: bool,
    /// One entry per file and destination, sorted by path.
    pub assets: Vec<StatusAsset>,
    /// What waits for `greenlit resolve`.
    pub questions: Vec<Question>,
}

/// A file at a destination.
#[derive(Debug, Serialize)]
pub struct StatusAsset {
    /// The path as given.
    pub path: String,
    /// The API's origin and the account.
    pub destination: String,
    /// The state, as in the report.
    pub state: DeliveryState,
    /// What comes next.
    pub next: NextStep,
    /// The platform's id.
    pub video_id: Option<String>,
    /// Number of upload attempts.
    pub attempts: u32,
    /// Time of the last change of the state, RFC 3339.
    pub since: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
    /// Why it was given up; `None` for one that was not, or by a version that did not store it.
    pub given_up_because: Option<GiveUpReason>,
    /// What `ads` are.
    pub publication: Publication,
    /// The ads of the file, or its post.
    pub ads: Vec<StatusRow>,
}

/// An ad or post.
#[derive(Debug, Serialize)]
pub struct StatusRow {
    /// The ad group; `None` for a post.
    pub adgroup_id: Option<String>,
    /// The name; `None` for a post.
    pub ad_name: Option<String>,
    /// The state, as in the report.
    pub state: DeliveryState,
    /// What comes next.
    pub next: NextStep,
    /// The platform's id.
    pub ad_id: Option<String>,
    /// The reason for the state.
    pub reason: Option<String>,
}

/// What comes next for an asset or an ad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NextStep {
    /// Nothing.
    None,
    /// The next run uploads it.
    Upload,
    /// The next run asks the platform whether it exists.
    Ask,
    /// The next run waits until it is ready, or looks again.
    Wait,
    /// The next run creates the ads that are missing, or the ad.
    Create,
    /// Its video comes first.
    Video,
    /// The cause must be corrected; then the next run tries again.
    Correct,
    /// The file must be exported again, or a fix needs consent.
    Export,
    /// `ship --retry` uploads it again.
    Retry,
}

impl NextStep {
    /// Returns the step as text; `None` if there is none.
    /// While a run is in progress, the steps that a next run takes wait for its end.
    pub fn text(self, running: bool) -> Option<&'static str> {
        match self {
            NextStep::None => None,
            NextStep::Wait | NextStep::Create if running => Some(
                "wait for the run in progress, and run the same command again only if that leaves it undone",
            ),
            NextStep::Upload => Some("upload"),
            NextStep::Ask => Some("ask the platform whether it exists"),
            NextStep::Wait => Some("run the same command again, which waits until it is ready"),
            NextStep::Create => Some("run the same command again, which creates what is missing"),
            NextStep::Video => Some("its video comes first"),
            NextStep::Correct => Some("correct the cause and run the same command again"),
            NextStep::Export => {
                Some("export the file again within the limits, or give consent with the option named")
            }
            NextStep::Retry => Some("`greenlit ship … --retry FILE` uploads it again, or leave it out"),
        }
    }
}

impl StatusDocument {
    /// Builds the document from the journal's lines.
    pub fn new(journal: Option<String>, lines: Vec<StatusLine>, questions: Vec<Question>) -> StatusDocument {
        let assets = lines.into_iter().map(asset).collect();
        StatusDocument { schema: SCHEMA, journal, running: false, assets, questions }
    }
}

fn asset(line: StatusLine) -> StatusAsset {
    let publication = publication(&line.destination);
    let next = next_of_asset(&line);
    let ads = match publication {
        Publication::Ad | Publication::Entry => {
            line.publications.iter().map(|ad| ad_row(ad, &line.state)).collect()
        }
        // The upload of a post is the post.
        Publication::Post | Publication::Draft => vec![StatusRow {
            adgroup_id: None,
            ad_name: None,
            state: line.state.clone(),
            next,
            ad_id: line.publications.first().and_then(|post| post.id.clone()),
            reason: line.reason.clone(),
        }],
    };
    let since = jiff::Timestamp::from_millisecond(line.since_ms).ok();
    StatusAsset {
        path: line.source.to_string_lossy().into_owned(),
        destination: line.destination,
        state: line.state,
        next,
        video_id: line.video_id,
        attempts: line.attempts,
        since: since.map(|since| since.to_string()),
        reason: line.reason,
        given_up_because: line.given_up,
        publication,
        ads,
    }
}

/// Returns what a destination creates, by its key in the journal.
fn publication(destination: &str) -> Publication {
    super::destination::report_word(registry::kind_of_account(destination))
}

fn ad_row(ad: &StatusPublication, video: &DeliveryState) -> StatusRow {
    StatusRow {
        adgroup_id: Some(ad.scope.clone()),
        ad_name: Some(ad.name.clone()),
        state: ad.state.clone(),
        next: next_of_ad(&ad.state, video),
        ad_id: ad.id.clone(),
        reason: ad.reason.clone(),
    }
}

fn next_of_asset(line: &StatusLine) -> NextStep {
    match line.state {
        DeliveryState::Validated => NextStep::Upload,
        DeliveryState::Uploading => NextStep::Ask,
        DeliveryState::Uploaded | DeliveryState::Processing | DeliveryState::Unconfirmed => NextStep::Wait,
        DeliveryState::Publishing => NextStep::Create,
        DeliveryState::Ready | DeliveryState::Published if has_open(line) => NextStep::Create,
        DeliveryState::Ready | DeliveryState::Published => NextStep::None,
        DeliveryState::Failed => NextStep::Correct,
        DeliveryState::Refused => NextStep::Export,
        DeliveryState::GivenUp => NextStep::Retry,
    }
}

/// Returns whether publications are missing.
fn has_open(line: &StatusLine) -> bool {
    line.publications.iter().any(|publication| publication.state != DeliveryState::Published)
}

fn next_of_ad(ad: &DeliveryState, video: &DeliveryState) -> NextStep {
    let is_video_ready =
        matches!(video, DeliveryState::Ready | DeliveryState::Publishing | DeliveryState::Published);
    match ad {
        DeliveryState::Published => NextStep::None,
        DeliveryState::Publishing | DeliveryState::Unconfirmed => NextStep::Ask,
        DeliveryState::Failed | DeliveryState::Refused | DeliveryState::GivenUp => NextStep::Correct,
        _ if is_video_ready => NextStep::Create,
        _ => NextStep::Video,
    }
}
