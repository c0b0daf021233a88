//! What stops a whole run, what is tried again, and what ends one file alone.
#![allow(clippy::unwrap_used)]

use super::*;

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
