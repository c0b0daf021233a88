//! The delivery engine against a platform in memory, on a paused clock that advances when all tasks wait.
#![allow(clippy::unwrap_used)]

mod aborts;
mod ambiguous_replies;
mod encode_modes;
mod fake;
mod interruptions;
mod lost_journal;
mod rows;
mod scale;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::fake::{FakePages, FakePlatform, FakePreparer, Fault, asset};
use super::crash_points::{self, CrashPoints};
use super::*;
use crate::plan::EncodeMode;
use crate::platform::{Class, Row};

/// A journal, a fake platform and the files and rows to ship.
struct Scenario {
    dir: tempfile::TempDir,
    journal: Arc<Journal>,
    fake: Arc<FakePlatform>,
    rows: Vec<Row>,
    sources: Vec<&'static str>,
    last_encode_mode: EncodeMode,
    landing: LandingMode,
    until: Until,
    poll_deadline: Option<Duration>,
    attempts: u32,
    retry_slow: bool,
    retry: Retry,
    cancel: Arc<AtomicBool>,
    events: Arc<Mutex<Vec<ShipEvent>>>,
    points: Arc<Mutex<BTreeSet<String>>>,
}

impl Scenario {
    fn new(sources: &[&'static str]) -> Scenario {
        Scenario::in_folder(tempfile::tempdir().unwrap(), sources)
    }

    fn in_folder(dir: tempfile::TempDir, sources: &[&'static str]) -> Scenario {
        let journal = Arc::new(Journal::open(&dir.path().join("journal.db"), Wait::Refuse).unwrap());
        Scenario {
            dir,
            journal,
            fake: Arc::new(FakePlatform::new()),
            rows: Vec::new(),
            sources: sources.to_vec(),
            last_encode_mode: EncodeMode::Conservative,
            landing: LandingMode::Require,
            until: Until::Published,
            poll_deadline: None,
            attempts: 3,
            retry_slow: true,
            retry: Retry::None,
            cancel: Arc::default(),
            events: Arc::default(),
            points: Arc::default(),
        }
    }

    fn with_row(mut self, video: &str, ad_name: &str) -> Scenario {
        let row = u32::try_from(self.rows.len()).unwrap() + 1;
        self.rows.push(
            Row::new(row, format!("{video}.mov"))
                .with("adgroup_id", "18")
                .with("ad_name", ad_name)
                .with("identity_type", "CUSTOMIZED_USER")
                .with("identity_id", "17")
                .with("ad_text", "Buy")
                .with("call_to_action", "LEARN_MORE")
                .with("landing_page_url", "https://good")
                .with("display_name", "Shop"),
        );
        self
    }

    async fn run(&self) -> ShipOutcome {
        self.run_with_first_poll(None).await
    }

    async fn run_with_first_poll(&self, first_poll_after_upload: Option<Duration>) -> ShipOutcome {
        let (sender, receiver) = prepared_files(16);
        let mut request = ShipRequest {
            landing: self.landing,
            until: self.until,
            attempts: self.attempts,
            retry_slow: self.retry_slow,
            retry: self.retry.clone(),
            first_poll_after_upload,
            pages: Arc::new(FakePages),
            ..ShipRequest::new(receiver, self.rows.clone())
        };
        request.crash = CrashPoints::default();
        request.crash.seen = self.points.clone();
        if let Some(deadline) = self.poll_deadline {
            request.poll_deadline = deadline;
        }
        let preparer =
            Arc::new(FakePreparer { folder: self.dir.path().to_owned(), last: self.last_encode_mode });
        let events = self.events.clone();
        let listener = Arc::new(move |event| events.lock().unwrap().push(event));
        let shipping =
            ship(request, self.fake.clone(), preparer, self.journal.clone(), listener, self.cancel.clone());
        let sending = async {
            for stem in &self.sources {
                // `a=x` is a file named `a` with the content `x`; `a=x!` is refused.
                let seed = stem.split('=').next_back().unwrap();
                let (seed, is_refused) = (seed.trim_end_matches('!'), seed.ends_with('!'));
                let prepared = Prepared {
                    source: format!("{}.mov", stem.split('=').next().unwrap()).into(),
                    source_blake3: format!("source-{seed}"),
                    profile_hash: asset(seed).profile_hash().to_owned(),
                    result: match seed {
                        _ if is_refused => Err(PrepareError::Refused("too short".into())),
                        "refused" => Err(PrepareError::Refused("too short".into())),
                        "cancelled" => Err(PrepareError::Cancelled),
                        _ => Ok(asset(seed)),
                    },
                };
                if !sender.send(prepared).await {
                    break;
                }
            }
            drop(sender);
        };
        let (outcome, ()) = tokio::join!(shipping, sending);
        outcome.unwrap()
    }

    async fn deliver(&self) -> Delivery {
        self.run().await.deliveries.remove(0)
    }

    /// Runs until the scripted cut, like a killed process; returns false if the run ended before it.
    async fn run_until_cut(&self) -> bool {
        tokio::select! {
            biased;
            () = self.fake.cut.notified() => true,
            _ = self.run() => false,
        }
    }
}

/// Returns state and attempts of a delivery, and the states of its ads.
fn summary(delivery: &Delivery) -> (DeliveryState, u32, Vec<DeliveryState>) {
    let ads = delivery.rows.iter().map(|ad| ad.state.clone()).collect();
    (delivery.state.clone(), delivery.attempts, ads)
}

use DeliveryState::{Failed, GivenUp, Published, Ready, Unconfirmed, Uploaded, Validated};

#[tokio::test(start_paused = true)]
async fn a_video_with_two_rows_is_uploaded_once() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one").with_row("a", "two");
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Published, 1, vec![Published, Published]));
    assert_eq!(scenario.fake.video_names().len(), 1);
    assert_eq!(scenario.fake.ad_names(), ["one", "two"]);
    assert_eq!(scenario.fake.count("upload_image"), 1);
    let events = scenario.events.lock().unwrap();
    let is_sent = |event: &&ShipEvent| matches!(event, ShipEvent::Sent { bytes: 1000, total: 1000, .. });
    assert_eq!(events.iter().filter(is_sent).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unsuitable_cover_fails_its_row_before_it_is_uploaded() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one").with_row("a", "two");
    scenario.rows[0].cover = Some(scenario.dir.path().join("bad.png"));
    std::fs::write(scenario.dir.path().join("bad.png"), "a turned image").unwrap();
    let delivery = scenario.deliver().await;
    assert_eq!(delivery.rows[0].state, Failed);
    assert!(delivery.rows[0].reason.as_ref().unwrap().contains("aspect ratio"), "{delivery:?}");
    assert_eq!(scenario.fake.ad_names(), ["two"]);
    assert_eq!(scenario.fake.count("upload_image"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cover_that_is_replaced_after_the_check_is_sent_as_it_was_checked() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one");
    let path = scenario.dir.path().join("replaced.png");
    std::fs::write(&path, "the image that was checked").unwrap();
    scenario.rows[0].cover = Some(path.clone());
    let delivery = scenario.deliver().await;
    assert_eq!(delivery.rows[0].state, Published, "{delivery:?}");
    assert_eq!(std::fs::read(&path).unwrap(), b"an unchecked image");
    assert_eq!(scenario.fake.state.lock().unwrap().images[0].bytes, b"the image that was checked");
    // The journal knows which image the ad has, so the row is not the published one any more.
    let again = scenario.deliver().await;
    assert_eq!(again.rows[0].problem, Some(RowProblem::RowChanged), "{again:?}");
    std::fs::write(&path, "the image that was checked").unwrap();
    assert_eq!(scenario.deliver().await.rows[0].problem, None);
}

#[tokio::test(start_paused = true)]
async fn a_second_run_sends_nothing() {
    let scenario = Scenario::new(&["a", "b"]).with_row("a", "one").with_row("b", "two");
    let first = scenario.run().await;
    let mutations = scenario.fake.mutations();
    let is_new = |outcome: &ShipOutcome| {
        let by_this_run = |delivery: &Delivery| delivery.uploaded_now && delivery.rows[0].created_now;
        outcome.deliveries.iter().map(by_this_run).collect::<Vec<_>>()
    };
    assert_eq!(is_new(&first), [true, true]);
    let mut second = scenario.run().await;
    assert_eq!(is_new(&second), [false, false]);
    for delivery in &mut second.deliveries {
        delivery.uploaded_now = true;
        delivery.rows[0].created_now = true;
        delivery.published_now = true;
    }
    assert_eq!(second, first);
    assert_eq!(scenario.fake.mutations(), mutations);
    let status = scenario.journal.status().unwrap();
    let lines: Vec<_> = status.iter().map(|line| (line.state.clone(), line.publications.len())).collect();
    assert_eq!(lines, [(Published, 1), (Published, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_creative_is_created_once_before_its_ad_even_if_replies_are_lost() {
    for lost in [None, Some("create_creative"), Some("create_ad")] {
        let mut scenario = Scenario::new(&["a"]).with_row("a", "one").with_row("a", "two");
        Arc::get_mut(&mut scenario.fake).unwrap().has_creative = true;
        if let Some(method) = lost {
            scenario.fake.fault(method, 1, Fault::LoseReply);
        }
        assert_eq!(scenario.deliver().await.state, Published, "{lost:?}");
        assert_eq!(scenario.deliver().await.state, Published, "{lost:?}");
        let state = scenario.fake.state.lock().unwrap();
        assert_eq!(state.creatives, ["one", "two"], "{lost:?}");
        assert_eq!(state.shown, [Some("creative-1".into()), Some("creative-2".into())], "{lost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn many_videos_share_polling_calls() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let scenario = Scenario { until: Until::Ready, ..Scenario::new(&names) };
    let outcome = scenario.run().await;
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state == Ready));
    let asked =
        scenario.fake.state.lock().unwrap().log.iter().filter(|line| line.starts_with("videos")).count();
    assert!(asked < 2 * names.len(), "{asked} calls for {} videos", names.len());
}

#[tokio::test(start_paused = true)]
async fn two_files_with_the_same_bytes_are_uploaded_once() {
    let scenario = Scenario::new(&["a=x", "b=x"]).with_row("a", "one").with_row("b", "two");
    let outcome = scenario.run().await;
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state == Published));
    assert_eq!((scenario.fake.video_names().len(), scenario.fake.ad_names().len()), (1, 2));
}
