//! Rows of the manifest: changed, with an existing ad, with a bad landing page, or without a video.
#![allow(clippy::unwrap_used)]

use super::*;

#[tokio::test(start_paused = true)]
async fn a_changed_row_is_reported_and_not_created_again() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.run().await;
    scenario.rows[0] = scenario.rows[0].clone().with("ad_text", "Sell");
    let delivery = scenario.deliver().await;
    assert_eq!(delivery.rows[0].state, Published);
    assert!(delivery.rows[0].reason.as_deref().unwrap().starts_with("row changed since it was published"));
    // The same row with another video also counts as changed.
    scenario.sources = vec!["b"];
    scenario.rows[0].video = "b.mov".into();
    let delivery = scenario.deliver().await;
    assert!(delivery.rows[0].reason.as_deref().unwrap().starts_with("already published with another video"));
    assert_eq!(delivery.rows[0].problem, Some(RowProblem::VideoReplaced));
    assert_eq!(scenario.fake.video_names().len(), 1, "a video that no ad can use was uploaded");
    assert_eq!(scenario.fake.ad_names(), ["one"]);
}

#[tokio::test(start_paused = true)]
async fn existing_videos_and_ads_are_found_without_the_journal() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one");
    let first = scenario.deliver().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    let path = scenario.dir.path().join("another.db");
    scenario.journal = Arc::new(Journal::open(&path, Wait::Refuse).unwrap());
    let second = scenario.deliver().await;
    assert_eq!((&second.video_id, &second.rows[0].id), (&first.video_id, &first.rows[0].id));
    assert!(!second.uploaded_now && !second.rows[0].created_now, "they were there before");
    assert_eq!((scenario.fake.video_names().len(), scenario.fake.ad_names().len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_landing_page_prevents_the_ad_only_if_required() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one").with_row("a", "two");
    scenario.rows[1] = scenario.rows[1].clone().with("landing_page_url", "https://bad");
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Failed, 1, vec![Published, Failed]));
    scenario.landing = LandingMode::Warn;
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Published, 1, vec![Published, Published]));
    assert!(delivery.rows[1].reason.as_deref().unwrap().contains("404"));
}

#[tokio::test(start_paused = true)]
async fn refused_files_and_missing_videos_are_reported() {
    let scenario = Scenario::new(&["a=refused"]).with_row("a", "one").with_row("nowhere", "two");
    let outcome = scenario.run().await;
    let reasons: Vec<_> =
        outcome.deliveries.iter().map(|delivery| delivery.reason.clone().unwrap()).collect();
    assert_eq!(reasons, ["too short", "the video was not among the files checked"]);
    assert!(outcome.deliveries.iter().all(|delivery| delivery.rows.len() == 1));
    assert_eq!(scenario.fake.mutations(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_run_until_uploaded_does_not_poll() {
    let scenario = Scenario { until: Until::Uploaded, ..Scenario::new(&["a"]).with_row("a", "one") };
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Uploaded, 1, vec![]));
    assert_eq!((scenario.fake.count("videos"), scenario.fake.mutations()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_video_whose_landing_pages_do_not_answer_is_not_uploaded() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.rows[0] = scenario.rows[0].clone().with("landing_page_url", "https://bad");
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Failed, 0, vec![Failed]));
    assert_eq!(delivery.rows[0].problem, Some(RowProblem::LandingPage));
    assert_eq!(scenario.fake.mutations(), 0);
    scenario.rows[0] = scenario.rows[0].clone().with("landing_page_url", "https://good");
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
}

#[tokio::test(start_paused = true)]
async fn a_refused_file_and_the_ads_asked_for_are_in_the_status() {
    let mut scenario = Scenario::new(&["a=refused"]).with_row("a", "one");
    let states = |scenario: &Scenario| -> Vec<_> {
        let lines = scenario.journal.status().unwrap();
        lines
            .into_iter()
            .map(|line| (line.state, line.publications.into_iter().map(|ad| (ad.name, ad.state)).collect()))
            .collect()
    };
    let delivery = scenario.deliver().await;
    assert_eq!((delivery.state, delivery.rows[0].awaits_video), (DeliveryState::Refused, true));
    let one = |state| vec![("one".to_owned(), state)];
    assert_eq!(states(&scenario), [(DeliveryState::Refused, one(Validated))]);
    // The row gets another name, and the file is exported again.
    scenario.rows[0] = scenario.rows[0].clone().with("ad_name", "two");
    scenario.deliver().await;
    scenario.sources = vec!["a"];
    std::thread::sleep(Duration::from_millis(5));
    scenario.deliver().await;
    assert_eq!(states(&scenario), [(Published, vec![("two".to_owned(), Published)])]);
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_preparation_was_cancelled_did_not_fail() {
    let scenario = Scenario::new(&["a=cancelled"]).with_row("a", "one");
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Validated, 0, vec![Validated]));
    assert!(delivery.reason.unwrap().starts_with("cancelled"));
    assert_eq!(scenario.journal.status().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn an_ad_that_was_published_stays_published_when_its_file_is_refused_later() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.deliver().await;
    // The same bytes, refused under other options.
    scenario.sources = vec!["a=a!"];
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (DeliveryState::Refused, 1, vec![Published]));
    assert_eq!(scenario.journal.status().unwrap()[0].state, Published);
}
