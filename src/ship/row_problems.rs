//! Problems of rows that only a person can settle, told before anything is sent.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::journal::{Journal, JournalError, PublicationKey};
use super::landing::{LandingError, PageVisitor};
use super::{DeliveryState, publications};
use crate::platform::{Platform, PublicationTime, Row};

/// The most landing pages visited at the same time.
const MAX_VISITS: usize = 16;

/// What a person must settle about a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
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

/// A problem of a row, before anything is sent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RowNotice {
    /// The row, from 1.
    pub row: u32,
    /// The problem.
    pub problem: RowProblem,
    /// The problem and what to do.
    pub message: String,
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

/// The results of visits by address.
pub type LandingVisits = HashMap<String, Result<(), LandingError>>;

/// Returns the rows whose publications were made from another row or with another video.
///
/// `hash` returns the BLAKE3 of a file; it is called only for rows that may have been published.
pub fn known_row_problems(
    journal: &Journal,
    platform: &dyn Platform,
    (origin, account): (&str, &str),
    rows: &[Row],
    hash: &dyn Fn(&Path) -> Option<String>,
) -> Result<Vec<RowNotice>, JournalError> {
    let published = journal.published_names(origin, account)?;
    let with_upload = platform.publication_time() == PublicationTime::WithUpload;
    let mut hashes: HashMap<PathBuf, Option<String>> = HashMap::new();
    let mut notices = Vec::new();
    for row in rows {
        let Some(publication) = platform.publication(row) else { continue };
        let name = (publication.scope, publication.name);
        if !published.contains(&name) {
            continue;
        }
        let content = hashes.entry(row.video.clone()).or_insert_with(|| hash(&row.video)).clone();
        let Some(content) = content else { continue };
        let key = PublicationKey {
            origin: origin.to_owned(),
            account: account.to_owned(),
            scope: name.0,
            name: name.1,
            content,
        };
        let known = journal.publication(&key)?.filter(|known| known.state == DeliveryState::Published);
        let (problem, message) = match known {
            Some(known) if known.field_digest == publications::digest(platform, row) => continue,
            Some(_) => (RowProblem::RowChanged, changed_row(platform)),
            // Posts of all videos have one name.
            None if with_upload => continue,
            None => match journal.published_with_other_content(&key)? {
                Some(id) => (RowProblem::VideoReplaced, replaced_video(platform, &id)),
                None => continue,
            },
        };
        notices.push(RowNotice { row: row.row, problem, message });
    }
    Ok(notices)
}

/// Visits each landing page of the rows once, several at a time.
pub async fn visit_landing_pages(
    platform: &dyn Platform,
    rows: &[Row],
    pages: Arc<dyn PageVisitor>,
) -> LandingVisits {
    let urls = rows.iter().map(|row| platform.landing_page(row)).filter(|url| !url.is_empty());
    let urls: BTreeSet<String> = urls.map(str::to_owned).collect();
    let slots = Arc::new(Semaphore::new(MAX_VISITS));
    let mut visits = JoinSet::new();
    for url in urls {
        let (pages, slots) = (Arc::clone(&pages), Arc::clone(&slots));
        visits.spawn(async move {
            let _slot = slots.acquire_owned().await;
            let visit = pages.visit(&url).await;
            (url, visit)
        });
    }
    let mut visited = LandingVisits::new();
    while let Some(done) = visits.join_next().await {
        visited.extend(done.ok());
    }
    visited
}
