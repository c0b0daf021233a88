//! The machine against a platform in memory, on a clock that only moves when everybody waits.
#![allow(clippy::unwrap_used)]

mod fake;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;

use self::fake::{Fake, Fault, Maker, Web, asset};
use super::crash::CrashPoints;
use super::*;
use crate::platform::Class;
use proptest::prelude::*;

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
        let dir = tempfile::tempdir().unwrap();
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
        let maker = Arc::new(Maker { folder: self.dir.path().to_owned(), last: self.last_recipe });
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

#[tokio::test(start_paused = true)]
async fn a_lost_reply_is_asked_after_and_not_sent_again() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.fault("upload_video", 1, Fault::LoseReply);
    env.fake.fault("upload_image", 1, Fault::LoseReply);
    env.fake.fault("create_ad", 1, Fault::LoseReply);
    assert_eq!(spread(&env.deliver().await), (Published, 1, vec![Published]));
    assert_eq!((env.fake.count("upload_video"), env.fake.count("create_ad")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_sent_again_once_the_window_is_over() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.fault("upload_video", 1, Fault::LoseRequest);
    env.fake.fault("create_ad", 1, Fault::LoseRequest);
    let started = tokio::time::Instant::now();
    assert_eq!(spread(&env.deliver().await), (Published, 1, vec![Published]));
    assert!(started.elapsed() >= 2 * Duration::from_secs(300));
    assert_eq!((env.fake.videos_made().len(), env.fake.ads_made().len()), (1, 1));
    let log = env.fake.world.lock().unwrap().log.clone();
    let names: Vec<_> = log.iter().filter(|line| line.starts_with("upload_video")).collect();
    assert_eq!((names.len(), names[0]), (2, names[1]), "the same name closes the race");
}

#[tokio::test(start_paused = true)]
async fn a_video_that_shows_up_after_the_window_is_caught_by_its_name() {
    let mut env = Env::new(&["a"]).row("a", "one");
    Arc::get_mut(&mut env.fake).unwrap().processing = Duration::from_secs(400);
    env.fake.world.lock().unwrap().names_lag = true;
    env.fake.fault("upload_video", 1, Fault::LoseReply);
    assert_eq!(spread(&env.deliver().await), (Published, 1, vec![Published]));
    // The second send met the taken name, then the video was found.
    assert_eq!((env.fake.count("upload_video"), env.fake.videos_made().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_never_found_waits_for_a_decision() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.fault("upload_video", 1, Fault::Refuse(Class::ReRead, 40911));
    let delivery = env.deliver().await;
    assert_eq!(spread(&delivery), (Unconfirmed, 1, vec![Unconfirmed]));
    let questions = env.journal.pending().unwrap();
    assert_eq!(questions.len(), 1);
    assert!(questions[0].what.contains("upload"), "{questions:?}");
    env.journal.resolve(&questions[0].id, &Choice::DidNotHappen).unwrap();
    assert_eq!(spread(&env.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(env.journal.pending().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_and_failed_processing_end_in_the_next_recipe() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.world.lock().unwrap().broken.insert(asset("a").content().blake3.clone());
    env.fake.fault("upload_video", 1, Fault::LoseReply);
    assert_eq!(spread(&env.deliver().await), (Published, 2, vec![Published]));
    assert_eq!((env.fake.videos_made().len(), env.journal.pending().unwrap().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_ad_that_stands_twice_waits_for_a_decision() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.fault("create_ad", 1, Fault::LoseReply);
    env.fake.world.lock().unwrap().twin_ads = true;
    assert_eq!(spread(&env.deliver().await), (Unconfirmed, 1, vec![Unconfirmed]));
    let id = env.journal.pending().unwrap()[0].id.clone();
    env.journal.resolve(&id, &Choice::Abandon).unwrap();
    assert_eq!(spread(&env.deliver().await), (Failed, 1, vec![Failed]));
    assert_eq!(env.fake.count("create_ad"), 1);
}

#[tokio::test(start_paused = true)]
async fn two_videos_of_a_name_wait_for_a_decision() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.cut_at(2, true);
    assert!(env.run_until_cut().await);
    env.fake.duplicate_first_video();
    assert_eq!(env.deliver().await.state, Unconfirmed);
    let questions = env.journal.pending().unwrap();
    assert!(questions[0].readings[..2].iter().all(|seen| seen.contains("with these bytes")), "{questions:?}");
    env.journal.resolve(&questions[0].id, &Choice::Happened("v1".into())).unwrap();
    let delivery = env.deliver().await;
    assert_eq!((delivery.state, delivery.video_id.as_deref()), (Published, Some("v1")));
    assert_eq!(env.fake.count("upload_video"), 1);
}

#[tokio::test(start_paused = true)]
async fn failed_processing_goes_on_with_the_next_recipe() {
    for stuck in [false, true] {
        let env = Env::new(&["a"]).row("a", "one");
        let first = asset("a").content().blake3.clone();
        {
            let mut world = env.fake.world.lock().unwrap();
            let set = if stuck { &mut world.stuck } else { &mut world.broken };
            set.insert(first);
        }
        assert_eq!(spread(&env.deliver().await), (Published, 2, vec![Published]));
        let names = env.fake.videos_made();
        assert!(names.len() == 2 && names[1].ends_with("-r2.mp4"), "{names:?}");
        assert_eq!(env.fake.ads_made(), ["one"]);
    }
}

#[tokio::test(start_paused = true)]
async fn when_no_recipe_is_left_every_reason_is_told_and_nothing_more_is_sent() {
    let env = Env { last_recipe: 2, ..Env::new(&["a"]).row("a", "one") };
    {
        let mut world = env.fake.world.lock().unwrap();
        world.broken.insert(asset("a").content().blake3.clone());
        world.stuck.insert(asset("a@2").content().blake3.clone());
    }
    let delivery = env.deliver().await;
    assert_eq!(spread(&delivery), (GivenUp, 2, vec![GivenUp]));
    let reason = delivery.reason.clone().unwrap();
    assert!(
        reason.starts_with("attempt 1: never listed within 600 s; attempt 2: listed, not displayable"),
        "{reason}"
    );
    assert!(reason.ends_with("no recipe is left"), "{reason}");
    let mutations = env.fake.mutations();
    assert_eq!(env.deliver().await, delivery);
    assert_eq!(env.fake.mutations(), mutations);
}

#[tokio::test(start_paused = true)]
async fn attempts_use_up_the_poll_deadline_exactly() {
    let env = Env::new(&["a"]).row("a", "one");
    for seed in ["a", "a@2", "a@3"] {
        env.fake.world.lock().unwrap().broken.insert(asset(seed).content().blake3.clone());
    }
    let delivery = env.deliver().await;
    assert_eq!(spread(&delivery), (GivenUp, 3, vec![GivenUp]));
    assert!(delivery.reason.unwrap().contains("attempt 3: never listed"));
}

#[tokio::test(start_paused = true)]
async fn the_poll_deadline_ends_unconfirmed_and_the_next_run_goes_on() {
    let mut env = Env { poll_deadline: Some(Duration::from_secs(10)), ..Env::new(&["a"]).row("a", "one") };
    let delivery = env.deliver().await;
    assert_eq!(spread(&delivery), (Unconfirmed, 1, vec![Unconfirmed]));
    assert!(delivery.reason.unwrap().starts_with("never listed within 10 s"));
    env.poll_deadline = None;
    assert_eq!(spread(&env.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(env.fake.count("upload_video"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_network_fault_while_polling_is_no_news() {
    let env = Env::new(&["a"]).row("a", "one");
    for nth in 1..8 {
        env.fake.fault("videos", nth, Fault::LoseRequest);
    }
    assert_eq!(spread(&env.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(env.fake.count("upload_video"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_stops_everything_and_a_new_one_goes_on() {
    for (method, nth) in
        [("check_access", 1), ("upload_video", 2), ("videos", 1), ("upload_image", 1), ("create_ad", 2)]
    {
        let env = Env::new(&["a", "b", "c"]).row("a", "one").row("b", "two").row("c", "three");
        env.fake.fault(method, nth, Fault::Refuse(Class::ReAuthenticate, 40105));
        let outcome = env.run().await;
        assert!(outcome.auth.is_some(), "{method}");
        assert_eq!(outcome.deliveries.len(), 3, "{method}");
        let outcome = env.run().await;
        assert_eq!(outcome.auth, None);
        assert!(
            outcome.deliveries.iter().all(|delivery| delivery.state == Published),
            "{method} {outcome:?}"
        );
        assert_eq!((env.fake.videos_made().len(), env.fake.ads_made().len()), (3, 3), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_at_the_start_sends_nothing() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.fault("check_access", 1, Fault::Refuse(Class::ReAuthenticate, 40105));
    assert_eq!(spread(&env.deliver().await), (Validated, 0, vec![Validated]));
    assert_eq!(env.fake.mutations(), 0);
}

#[tokio::test(start_paused = true)]
async fn cancelling_keeps_the_state() {
    let env = Env::new(&["a"]).row("a", "one");
    let cancel = env.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cancel.store(true, Ordering::Relaxed);
    });
    let started = tokio::time::Instant::now();
    let delivery = env.deliver().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(delivery.video_id.as_deref(), Some("v1"));
    env.cancel.store(false, Ordering::Relaxed);
    assert_eq!(env.deliver().await.state, Published);
    assert_eq!(env.fake.count("upload_video"), 1);
}

#[tokio::test(start_paused = true)]
async fn passing_refusals_are_tried_again_and_lasting_ones_are_not() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.fault("upload_video", 1, Fault::Refuse(Class::Throttle, 40100));
    env.fake.fault("create_ad", 1, Fault::Refuse(Class::Wait, 60001));
    env.fake.fault("create_ad", 2, Fault::Refuse(Class::Wait, 40901));
    assert_eq!(env.deliver().await.state, Published);

    let env = Env::new(&["a"]).row("a", "one");
    env.fake.fault("upload_video", 1, Fault::Refuse(Class::Permanent, 40907));
    let delivery = env.deliver().await;
    assert_eq!((spread(&delivery), env.fake.count("upload_video")), ((Failed, 1, vec![Failed]), 1));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_set_up_stops_the_batch_and_no_file_is_to_blame() {
    let env = Env::new(&["a", "b", "c"]).row("a", "one").row("b", "two").row("c", "three");
    env.fake.fault("create_ad", 1, Fault::Refuse(Class::Configuration, 40010));
    let outcome = env.run().await;
    assert!(outcome.configuration.as_ref().is_some_and(|said| said.contains("40010")), "{outcome:?}");
    // What was under way may end, and nothing new begins.
    assert!(outcome.auth.is_none() && env.fake.count("create_ad") <= 3 && env.fake.ads_made().len() < 3);
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state != GivenUp && delivery.state != Failed));
    // Once it is right, everything goes on.
    let outcome = env.run().await;
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state == Published), "{outcome:?}");
    assert_eq!((env.fake.videos_made().len(), env.fake.ads_made().len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn more_attempts_reopen_what_was_given_up_for_want_of_them() {
    let mut env = Env { attempts: 2, ..Env::new(&["a"]).row("a", "one") };
    for recipe in ["a", "a@2"] {
        env.fake.world.lock().unwrap().broken.insert(asset(recipe).content().blake3.clone());
    }
    assert_eq!(spread(&env.deliver().await), (GivenUp, 2, vec![GivenUp]));
    assert_eq!(spread(&env.deliver().await), (GivenUp, 2, vec![GivenUp]));
    env.attempts = 3;
    assert_eq!(spread(&env.deliver().await), (Published, 3, vec![Published]));
    assert_eq!(env.fake.videos_made().len(), 3);
    // Where no recipe is left, more attempts help nothing.
    let mut env = Env { last_recipe: 1, ..Env::new(&["a"]) };
    env.fake.world.lock().unwrap().broken.insert(asset("a").content().blake3.clone());
    let given_up = env.deliver().await;
    env.attempts = 5;
    assert_eq!((given_up.state.clone(), env.deliver().await), (GivenUp, given_up));
}

#[tokio::test(start_paused = true)]
async fn the_first_look_is_when_history_says() {
    let env = Env { until: Until::Ready, ..Env::new(&["a"]) };
    let asked = |env: &Env| env.fake.count("videos");
    env.run_looking_at(Some(Duration::from_secs(25))).await;
    assert_eq!(asked(&env), 1, "ready after 20 s, looked at after 25 s");
}

#[tokio::test(start_paused = true)]
async fn media_refused_on_use_is_made_anew() {
    let env = Env::new(&["a"]).row("a", "one");
    env.fake.fault("create_ad", 1, Fault::Refuse(Class::ReEncode, 40915));
    assert_eq!(spread(&env.deliver().await), (Published, 2, vec![Published]));
    assert_eq!((env.fake.videos_made().len(), env.fake.ads_made().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_video_that_went_stale_before_its_ad_is_made_anew() {
    let mut env = Env { until: Until::Ready, ..Env::new(&["a"]).row("a", "one") };
    assert_eq!(env.deliver().await.state, Ready);
    env.fake.make_stale("a-");
    env.until = Until::Published;
    assert_eq!(spread(&env.deliver().await), (Published, 2, vec![Published]));
}

#[tokio::test(start_paused = true)]
async fn a_changed_row_is_reported_and_never_created_again() {
    let mut env = Env::new(&["a"]).row("a", "one");
    env.run().await;
    env.rows[0].ad_text = "Sell".into();
    let delivery = env.deliver().await;
    assert_eq!(delivery.ads[0].state, Published);
    assert!(delivery.ads[0].reason.as_deref().unwrap().starts_with("row changed since it was published"));
    // The same row with another video is a changed row, too.
    env.sources = vec!["b"];
    env.rows[0].video = "b.mov".into();
    let delivery = env.deliver().await;
    assert!(delivery.ads[0].reason.as_deref().unwrap().starts_with("published before with another video"));
    assert_eq!(env.fake.ads_made(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn what_stands_is_adopted_when_the_journal_is_lost() {
    let mut env = Env::new(&["a"]).row("a", "one");
    let first = env.deliver().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let path = env.dir.path().join("another.db");
    env.journal = Arc::new(Journal::open(&path, Wait::Refuse).unwrap());
    let second = env.deliver().await;
    assert_eq!((&second.video_id, &second.ads[0].ad_id), (&first.video_id, &first.ads[0].ad_id));
    assert_eq!((env.fake.videos_made().len(), env.fake.ads_made().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_landing_page_that_does_not_answer_keeps_the_ad_back_when_required() {
    let mut env = Env::new(&["a"]).row("a", "one").row("a", "two");
    env.rows[1].landing_page_url = "https://bad".into();
    let delivery = env.deliver().await;
    assert_eq!(spread(&delivery), (Failed, 1, vec![Published, Failed]));
    env.landing = LandingMode::Warn;
    let delivery = env.deliver().await;
    assert_eq!(spread(&delivery), (Published, 1, vec![Published, Published]));
    assert!(delivery.ads[1].reason.as_deref().unwrap().contains("404"));
}

#[tokio::test(start_paused = true)]
async fn refused_files_and_missing_videos_are_reported() {
    let env = Env::new(&["a=refused"]).row("a", "one").row("nowhere", "two");
    let outcome = env.run().await;
    let reasons: Vec<_> =
        outcome.deliveries.iter().map(|delivery| delivery.reason.clone().unwrap()).collect();
    assert_eq!(reasons, ["too short", "the video was not among the files checked"]);
    assert!(outcome.deliveries.iter().all(|delivery| delivery.ads.len() == 1));
    assert_eq!(env.fake.mutations(), 0);
}

#[tokio::test(start_paused = true)]
async fn uploading_only_asks_for_nothing_more() {
    let env = Env { until: Until::Uploaded, ..Env::new(&["a"]).row("a", "one") };
    let delivery = env.deliver().await;
    assert_eq!(spread(&delivery), (Uploaded, 1, vec![]));
    assert_eq!((env.fake.count("videos"), env.fake.mutations()), (0, 1));
}

/// Cuts a run at its first call, its second, and so on, before and after the effect of the call, and
/// runs again: whatever was lost, nothing is made twice.
#[tokio::test(start_paused = true)]
async fn a_run_cut_at_any_call_is_taken_up_without_making_anything_twice() {
    let mut cuts = 0;
    for done in [false, true] {
        for nth in 1.. {
            let env = Env::new(&["a", "b"]).row("a", "one").row("a", "two").row("b", "three");
            env.fake.world.lock().unwrap().broken.insert(asset("b").content().blake3.clone());
            env.fake.cut_at(nth, done);
            // Far enough in, the cut falls among the polls of what never becomes ready.
            if nth > 24 || !env.run_until_cut().await {
                break;
            }
            cuts += 1;
            env.fake.uncut();
            let outcome = env.run().await;
            let states: Vec<_> = outcome.deliveries.iter().map(spread).collect();
            let expected = [(Published, 1, vec![Published, Published]), (Published, 2, vec![Published])];
            assert_eq!(states, expected, "cut at call {nth}, done {done}: {:?}", outcome.deliveries);
            let mut videos = env.fake.videos_made();
            videos.sort();
            let count = videos.len();
            videos.dedup();
            assert_eq!((videos.len(), count), (3, 3), "cut at call {nth}, done {done}");
            let mut ads = env.fake.ads_made();
            ads.sort();
            assert_eq!(ads, ["one", "three", "two"], "cut at call {nth}, done {done}");
        }
    }
    assert!(cuts >= 24, "only {cuts} cuts");
}

#[tokio::test(start_paused = true)]
async fn every_crash_point_is_passed() {
    let env = Env::new(&["a", "b"]).row("a", "one").row("b", "two");
    env.fake.fault("upload_video", 1, Fault::LoseReply);
    env.fake.fault("create_ad", 1, Fault::LoseReply);
    env.fake.world.lock().unwrap().broken.insert(asset("b").content().blake3.clone());
    env.run().await;
    let seen = env.points.lock().unwrap();
    let dead: Vec<_> = crash::POINTS.iter().filter(|point| !seen.contains(**point)).collect();
    assert!(dead.is_empty(), "never passed: {dead:?}");
}

fn faults() -> impl Strategy<Value = Vec<(&'static str, u32, Fault)>> {
    let methods =
        ["upload_video", "upload_image", "create_ad", "videos", "search_videos", "name_taken", "ads_of"];
    let fault = prop_oneof![
        Just(Fault::LoseReply),
        Just(Fault::LoseRequest),
        Just(Fault::Refuse(Class::Retry, 40202)),
        Just(Fault::Refuse(Class::Throttle, 40100)),
        Just(Fault::Refuse(Class::Unknown, 40050)),
        Just(Fault::Refuse(Class::Wait, 60001)),
    ];
    prop::collection::vec((prop::sample::select(methods.to_vec()), 1u32..5, fault), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Whatever goes wrong on the way, a run converges, and nothing is made twice.
    #[test]
    fn any_faults_end_in_one_video_and_one_ad_each(faults in faults()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let env = Env::new(&["a", "b"]).row("a", "one").row("b", "two");
            for (method, nth, fault) in faults {
                env.fake.fault(method, nth, fault);
            }
            let outcome = env.run().await;
            prop_assert!(outcome.deliveries.iter().all(|one| one.state == Published), "{outcome:?}");
            prop_assert_eq!((env.fake.videos_made().len(), env.fake.ads_made().len()), (2, 2));
            Ok(())
        })?;
    }
}
