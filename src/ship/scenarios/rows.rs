//! Rows of the manifest: changed, adopted, kept back, or without a video.
#![allow(clippy::unwrap_used)]

use super::*;

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
