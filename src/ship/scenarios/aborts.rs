//! Errors that stop a run, errors that are retried, and errors that fail a single file.
#![allow(clippy::unwrap_used)]

use super::*;

#[tokio::test(start_paused = true)]
async fn a_rejected_token_stops_the_run_and_the_next_run_resumes() {
    for (method, nth) in
        [("check_access", 1), ("upload_video", 2), ("videos", 1), ("upload_image", 1), ("create_ad", 2)]
    {
        let scenario =
            Scenario::new(&["a", "b", "c"]).with_row("a", "one").with_row("b", "two").with_row("c", "three");
        scenario.fake.fault(method, nth, Fault::Refuse(Class::ReAuthenticate, 40105));
        let outcome = scenario.run().await;
        assert!(outcome.auth.is_some(), "{method}");
        assert_eq!(outcome.deliveries.len(), 3, "{method}");
        let outcome = scenario.run().await;
        assert_eq!(outcome.auth, None);
        assert!(
            outcome.deliveries.iter().all(|delivery| delivery.state == Published),
            "{method} {outcome:?}"
        );
        assert_eq!((scenario.fake.video_names().len(), scenario.fake.ad_names().len()), (3, 3), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejected_token_at_the_start_sends_nothing() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("check_access", 1, Fault::Refuse(Class::ReAuthenticate, 40105));
    assert_eq!(summary(&scenario.deliver().await), (Validated, 0, vec![Validated]));
    assert_eq!(scenario.fake.mutations(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_keeps_its_state() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    let cancel = scenario.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        cancel.store(true, Ordering::Relaxed);
    });
    let started = tokio::time::Instant::now();
    let delivery = scenario.deliver().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(delivery.video_id.as_deref(), Some("v1"));
    scenario.cancel.store(false, Ordering::Relaxed);
    assert_eq!(scenario.deliver().await.state, Published);
    assert_eq!(scenario.fake.count("upload_video"), 1);
}

#[tokio::test(start_paused = true)]
async fn retries_temporary_refusals_but_not_permanent_ones() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("upload_video", 1, Fault::Refuse(Class::Throttle, 40100));
    scenario.fake.fault("create_ad", 1, Fault::Refuse(Class::Wait, 60001));
    scenario.fake.fault("create_ad", 2, Fault::Refuse(Class::Wait, 40901));
    assert_eq!(scenario.deliver().await.state, Published);

    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("upload_video", 1, Fault::Refuse(Class::Permanent, 40907));
    let delivery = scenario.deliver().await;
    assert_eq!((summary(&delivery), scenario.fake.count("upload_video")), ((Failed, 1, vec![Failed]), 1));
}

#[tokio::test(start_paused = true)]
async fn a_configuration_error_stops_the_run_and_fails_no_file() {
    let scenario =
        Scenario::new(&["a", "b", "c"]).with_row("a", "one").with_row("b", "two").with_row("c", "three");
    scenario.fake.fault("create_ad", 1, Fault::Refuse(Class::Configuration, 40010));
    let outcome = scenario.run().await;
    assert!(outcome.configuration.as_ref().is_some_and(|error| error.contains("40010")), "{outcome:?}");
    // Calls in progress may finish, and no new ones begin.
    assert!(
        outcome.auth.is_none() && scenario.fake.count("create_ad") <= 3 && scenario.fake.ad_names().len() < 3
    );
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state != GivenUp && delivery.state != Failed));
    // After the correction, the next run resumes.
    let outcome = scenario.run().await;
    assert!(outcome.deliveries.iter().all(|delivery| delivery.state == Published), "{outcome:?}");
    assert_eq!((scenario.fake.video_names().len(), scenario.fake.ad_names().len()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_not_from_the_api_stops_the_run_only_if_the_access_check_gets_one() {
    let run = async |faults: &[(&'static str, u32, Fault)]| {
        let scenario = Scenario::new(&["a"]).with_row("a", "one");
        for (method, nth, fault) in faults {
            scenario.fake.fault(method, *nth, *fault);
        }
        (scenario.run().await, scenario)
    };
    for read in ["videos", "ads_of"] {
        let (outcome, scenario) = run(&[(read, 1, Fault::Page)]).await;
        assert_eq!(outcome.deliveries[0].state, Published, "{read}: {outcome:?}");
        assert_eq!((scenario.fake.count("upload_video"), scenario.fake.count("create_ad")), (1, 1), "{read}");
        assert_eq!(scenario.fake.count("check_access"), 2, "{read}");
    }
    // The access check of the start is the first.
    let (outcome, scenario) = run(&[("videos", 1, Fault::Page), ("check_access", 2, Fault::Page)]).await;
    assert!(outcome.configuration.is_some() && outcome.auth.is_none(), "{outcome:?}");
    assert!(outcome.deliveries[0].stopped);
    let again = scenario.deliver().await;
    assert_eq!((again.state, scenario.fake.count("upload_video")), (Published, 1));

    let revoked = Fault::Refuse(Class::ReAuthenticate, 40105);
    let (outcome, _) = run(&[("videos", 1, Fault::Page), ("check_access", 2, revoked)]).await;
    assert!(outcome.auth.is_some(), "{outcome:?}");
    // The check itself has no answer: nothing is known, and the next read decides.
    let (outcome, _) = run(&[("videos", 1, Fault::Page), ("check_access", 2, Fault::LoseRequest)]).await;
    assert_eq!(outcome.deliveries[0].state, Published, "{outcome:?}");
}
