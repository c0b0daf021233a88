//! The machine against a platform in memory, on a clock that only moves when everybody waits.
#![allow(clippy::unwrap_used)]

mod aborts;
mod ambiguous_replies;
mod encode_modes;
mod fake;
mod interruptions;
mod rows;
mod scale;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use self::fake::{Fake, FakePreparer, Fault, Web, asset};
use super::crash::{self, CrashPoints};
use super::*;
use crate::platform::Class;

struct Env {
    dir: tempfile::TempDir,
    journal: Arc<Journal>,
    fake: Arc<Fake>,
    rows: Vec<AdRow>,
    sources: Vec<&'static str>,
    last_recipe: u32,
    landing: LandingMode,
    until: Until,
    poll_deadline: Option<Duration>,
    attempts: u32,
    cancel: Arc<AtomicBool>,
    events: Arc<Mutex<Vec<ShipEvent>>>,
    points: Arc<Mutex<BTreeSet<String>>>,
}

impl Env {
    fn new(sources: &[&'static str]) -> Env {
        Env::within(tempfile::tempdir().unwrap(), sources)
    }

    fn within(dir: tempfile::TempDir, sources: &[&'static str]) -> Env {
        let journal = Arc::new(Journal::open(&dir.path().join("journal.db"), Wait::Refuse).unwrap());
        Env {
            dir,
            journal,
            fake: Arc::new(Fake::new()),
            rows: Vec::new(),
            sources: sources.to_vec(),
            last_recipe: 3,
            landing: LandingMode::Require,
            until: Until::Published,
            poll_deadline: None,
            attempts: 3,
            cancel: Arc::default(),
            events: Arc::default(),
            points: Arc::default(),
        }
    }

    fn row(mut self, video: &str, ad_name: &str) -> Env {
        let row = u32::try_from(self.rows.len()).unwrap() + 1;
        self.rows.push(AdRow {
            row,
            video: format!("{video}.mov").into(),
            adgroup_id: "18".into(),
            ad_name: ad_name.into(),
            identity_type: "CUSTOMIZED_USER".into(),
            identity_id: "17".into(),
            ad_text: "Buy".into(),
            call_to_action: "LEARN_MORE".into(),
            landing_page_url: "https://good".into(),
            display_name: "Shop".into(),
            ..AdRow::default()
        });
        self
    }

    async fn run(&self) -> ShipOutcome {
        self.run_looking_at(None).await
    }

    async fn run_looking_at(&self, first_look: Option<Duration>) -> ShipOutcome {
        let (sender, receiver) = mpsc::channel(16);
        let mut request = ShipRequest {
            landing: self.landing,
            until: self.until,
            attempts: self.attempts,
            first_look,
            pages: Arc::new(Web),
            ..ShipRequest::new(receiver, self.rows.clone())
        };
        request.crash = CrashPoints::default();
        request.crash.seen = self.points.clone();
        if let Some(deadline) = self.poll_deadline {
            request.poll_deadline = deadline;
        }
        let maker = Arc::new(FakePreparer { folder: self.dir.path().to_owned(), last: self.last_recipe });
        let events = self.events.clone();
        let listener = Arc::new(move |event| events.lock().unwrap().push(event));
        let shipping =
            ship(request, self.fake.clone(), maker, self.journal.clone(), listener, self.cancel.clone());
        let feeding = async {
            for stem in &self.sources {
                // A name after the sign is another file of the same bytes.
                let seed = stem.split('=').next_back().unwrap();
                let prepared = Prepared {
                    source: format!("{}.mov", stem.split('=').next().unwrap()).into(),
                    source_blake3: format!("source-{seed}"),
                    result: if seed == "refused" { Err("too short".into()) } else { Ok(asset(seed)) },
                };
                if sender.send(prepared).await.is_err() {
                    break;
                }
            }
            drop(sender);
        };
        let (outcome, ()) = tokio::join!(shipping, feeding);
        outcome.unwrap()
    }

    async fn deliver(&self) -> Delivery {
        self.run().await.deliveries.remove(0)
    }

    /// Runs until the scripted cut, as a killed process would; false when the run ended before.
    async fn run_until_cut(&self) -> bool {
        tokio::select! {
            biased;
            () = self.fake.cut.notified() => true,
            _ = self.run() => false,
        }
    }
}

fn spread(delivery: &Delivery) -> (DeliveryState, u32, Vec<DeliveryState>) {
    let ads = delivery.ads.iter().map(|ad| ad.state.clone()).collect();
    (delivery.state.clone(), delivery.attempts, ads)
}

use DeliveryState::{Failed, GivenUp, Published, Ready, Unconfirmed, Uploaded, Validated};

#[tokio::test(start_paused = true)]
async fn one_video_for_two_rows_is_uploaded_once() {
    let env = Env::new(&["a"]).row("a", "one").row("a", "two");
    let delivery = env.deliver().await;
    assert_eq!(spread(&delivery), (Published, 1, vec![Published, Published]));
    assert_eq!(env.fake.videos_made().len(), 1);
    assert_eq!(env.fake.ads_made(), ["one", "two"]);
    assert_eq!(env.fake.count("upload_image"), 1);
    let events = env.events.lock().unwrap();
    let is_sent = |event: &&ShipEvent| matches!(event, ShipEvent::Sent { bytes: 1000, total: 1000, .. });
    assert_eq!(events.iter().filter(is_sent).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cover_that_does_not_fit_ends_its_row_before_anything_is_made_of_it() {
    let mut env = Env::new(&["a"]).row("a", "one").row("a", "two");
    env.rows[0].cover = Some(env.dir.path().join("bad.png"));
    let delivery = env.deliver().await;
    assert_eq!(delivery.ads[0].state, Failed);
    assert!(delivery.ads[0].reason.as_ref().unwrap().contains("aspect ratio"), "{delivery:?}");
    assert_eq!(env.fake.ads_made(), ["two"]);
    assert_eq!(env.fake.count("upload_image"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_run_changes_nothing() {
    let env = Env::new(&["a", "b"]).row("a", "one").row("b", "two");
    let first = env.run().await;
    let mutations = env.fake.mutations();
    assert_eq!(env.run().await, first);
    assert_eq!(env.fake.mutations(), mutations);
    let status = env.journal.status().unwrap();
    let lines: Vec<_> = status.iter().map(|line| (line.state.clone(), line.ads_published)).collect();
    assert_eq!(lines, [(Published, 1), (Published, 1)]);
}

#[tokio::test(start_paused = true)]
async fn many_videos_are_polled_together() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let env = Env { until: Until::Ready, ..Env::new(&names) };
    let outcome = env.run().await;
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state == Ready));
    let asked = env.fake.world.lock().unwrap().log.iter().filter(|line| line.starts_with("videos")).count();
    assert!(asked < 2 * names.len(), "{asked} calls for {} videos", names.len());
}

#[tokio::test(start_paused = true)]
async fn two_files_of_the_same_bytes_are_one_video() {
    let env = Env::new(&["a=x", "b=x"]).row("a", "one").row("b", "two");
    let outcome = env.run().await;
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state == Published));
    assert_eq!((env.fake.videos_made().len(), env.fake.ads_made().len()), (1, 2));
}
