//! What nobody knows whether it happened: asked after, and sent again only on proof.
#![allow(clippy::unwrap_used)]

use super::*;

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
