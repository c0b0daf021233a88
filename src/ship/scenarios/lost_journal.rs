//! Runs whose journal is new although an earlier run sent something to the account.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::platform::{Destination, EffectKind};
use crate::ship::journal::Effect;

impl Scenario {
    /// Opens another journal, as after a loss.
    fn lose_journal(&mut self) {
        let path = self.dir.path().join(format!("{}.db", fastrand::u64(..)));
        self.journal = Arc::new(Journal::open(&path, Wait::Refuse).unwrap());
    }
}

/// The ads of the first run are not listed yet when the second run begins.
#[tokio::test(start_paused = true)]
async fn a_run_with_a_lost_journal_waits_until_the_ads_of_the_earlier_run_are_visible() {
    for (names, has_covers) in [(vec!["a"], true), (vec!["a", "b", "c"], true), (vec!["a", "b"], false)] {
        let mut scenario = Scenario::new(&names);
        for name in &names {
            scenario = scenario.with_row(name, &format!("ad {name}"));
        }
        Arc::get_mut(&mut scenario.fake).unwrap().processing = Duration::from_secs(60);
        let first = scenario.run().await;
        scenario.lose_journal();
        if !has_covers {
            // The search for a cover of the earlier run would take long enough by itself.
            scenario.fake.state.lock().unwrap().images.clear();
        }
        let second = scenario.run().await;
        let ids = |outcome: &ShipOutcome| {
            let of = |delivery: &Delivery| (delivery.video_id.clone(), delivery.rows[0].id.clone());
            outcome.deliveries.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(ids(&second), ids(&first), "{names:?}");
        let counts = (scenario.fake.count("upload_video"), scenario.fake.ad_names().len());
        assert_eq!(counts, (names.len(), names.len()));
        assert_eq!(
            scenario.fake.state.lock().unwrap().images.len(),
            names.len(),
            "a cover was uploaded twice"
        );
    }
}

/// The run after the loss was killed before its first upload, so that its journal is not new any more.
#[tokio::test(start_paused = true)]
async fn an_upload_whose_name_an_earlier_run_took_shows_a_lost_journal_too() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one");
    Arc::get_mut(&mut scenario.fake).unwrap().processing = Duration::from_secs(60);
    let first = scenario.deliver().await;
    scenario.lose_journal();
    let other = Effect {
        kind: EffectKind::Upload,
        origin: scenario.fake.origin().to_owned(),
        account: scenario.fake.account().to_owned(),
        scope: String::new(),
        name: "other".to_owned(),
        content: "other".to_owned(),
        md5: None,
        size_bytes: None,
        encode_mode: EncodeMode::Planned,
    };
    scenario.journal.record_intent(&other).unwrap();
    scenario.fake.state.lock().unwrap().images.clear();
    let second = scenario.deliver().await;
    assert_eq!((&second.video_id, &second.rows[0].id), (&first.video_id, &first.rows[0].id));
    assert_eq!((scenario.fake.video_names().len(), scenario.fake.ad_names().len()), (1, 1));
}

/// The first run ended between an upload and its ad, and the second has another video besides.
#[tokio::test(start_paused = true)]
async fn a_run_with_a_lost_journal_finishes_what_the_earlier_run_began() {
    let mut scenario = Scenario::new(&["a", "b"]).with_row("a", "one").with_row("b", "two");
    scenario.fake.cut_at(12, true);
    scenario.run_until_cut().await;
    scenario.fake.clear_cut();
    scenario.lose_journal();
    let outcome = scenario.run().await;
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state == Published), "{outcome:?}");
    let mut ads = scenario.fake.ad_names();
    ads.sort();
    assert_eq!((scenario.fake.video_names().len(), ads), (2, vec!["one".to_owned(), "two".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_first_run_waits_for_nothing() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    let started = tokio::time::Instant::now();
    assert_eq!(scenario.deliver().await.state, Published);
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_cover_with_a_lost_reply_is_found_again_and_uploaded_once() {
    for fault in [Fault::LoseReply, Fault::LoseRequest] {
        let scenario = Scenario::new(&["a"]).with_row("a", "one").with_row("a", "two");
        scenario.fake.fault("upload_image", 1, fault);
        assert_eq!(scenario.deliver().await.state, Published);
        let names: Vec<String> =
            scenario.fake.state.lock().unwrap().images.iter().map(|image| image.name.clone()).collect();
        assert_eq!(names.len(), 1, "{fault:?}: {names:?}");
        assert!(!names[0].contains("-n2"), "{names:?}");
    }
}
