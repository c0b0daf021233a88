//! Videos whose processing fails: deadlines, further encode modes, and when a video is given up.
#![allow(clippy::unwrap_used)]

use super::*;

/// Returns why the journal has the only video as given up.
fn given_up(scenario: &Scenario) -> Option<GiveUpReason> {
    scenario.journal.status().unwrap()[0].given_up
}

#[tokio::test(start_paused = true)]
async fn failed_processing_leads_to_the_next_encode_mode() {
    for stuck in [false, true] {
        let scenario = Scenario::new(&["a"]).with_row("a", "one");
        let first = asset("a").content().blake3.clone();
        {
            let mut state = scenario.fake.state.lock().unwrap();
            let set = if stuck { &mut state.stuck } else { &mut state.broken };
            set.insert(first);
        }
        assert_eq!(summary(&scenario.deliver().await), (Published, 2, vec![Published]));
        let names = scenario.fake.video_names();
        assert!(names.len() == 2 && names[1].ends_with("-r2.mp4"), "{names:?}");
        assert_eq!(scenario.fake.ad_names(), ["one"]);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_further_encode_mode_every_reason_is_reported_and_nothing_is_sent() {
    let scenario =
        Scenario { last_encode_mode: EncodeMode::CommonCore, ..Scenario::new(&["a"]).with_row("a", "one") };
    {
        let mut state = scenario.fake.state.lock().unwrap();
        state.broken.insert(asset("a").content().blake3.clone());
        state.stuck.insert(asset("a@2").content().blake3.clone());
    }
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (GivenUp, 2, vec![GivenUp]));
    let reason = delivery.reason.clone().unwrap();
    assert!(
        reason
            .starts_with("attempt 1: still processing after 30m (never listed); attempt 2: still processing"),
        "{reason}"
    );
    assert!(reason.ends_with("no encode mode is left"), "{reason}");
    assert_eq!(given_up(&scenario), Some(GiveUpReason::FileRefused));
    let mutations = scenario.fake.mutations();
    assert_eq!(scenario.deliver().await, delivery);
    assert_eq!(scenario.fake.mutations(), mutations);
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_the_whole_poll_deadline() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    let started = tokio::time::Instant::now();
    for seed in ["a", "a@2", "a@3"] {
        scenario.fake.state.lock().unwrap().broken.insert(asset(seed).content().blake3.clone());
    }
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (GivenUp, 3, vec![GivenUp]));
    assert_eq!(given_up(&scenario), Some(GiveUpReason::EncodeModesFailed));
    assert!(delivery.reason.unwrap().contains("attempt 3: still processing after 30m (never listed)"));
    assert!(started.elapsed() >= 3 * Duration::from_secs(30 * 60));
}

#[tokio::test(start_paused = true)]
async fn the_poll_deadline_leaves_the_video_unconfirmed_and_the_next_run_resumes() {
    let mut scenario = Scenario {
        poll_deadline: Some(Duration::from_secs(10)),
        retry_slow: false,
        ..Scenario::new(&["a"]).with_row("a", "one")
    };
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Unconfirmed, 1, vec![Unconfirmed]));
    assert!(delivery.reason.unwrap().starts_with("still processing after 10s (never listed)"));
    scenario.poll_deadline = None;
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(scenario.fake.count("upload_video"), 1);
}

#[tokio::test(start_paused = true)]
async fn network_errors_while_polling_do_not_fail_the_video() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    for nth in 1..8 {
        scenario.fake.fault("videos", nth, Fault::LoseRequest);
    }
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(scenario.fake.count("upload_video"), 1);
}

#[tokio::test(start_paused = true)]
async fn more_attempts_reopen_no_video_that_was_given_up() {
    let mut scenario = Scenario { attempts: 2, ..Scenario::new(&["a"]).with_row("a", "one") };
    for seed in ["a", "a@2"] {
        scenario.fake.state.lock().unwrap().broken.insert(asset(seed).content().blake3.clone());
    }
    assert_eq!(summary(&scenario.deliver().await), (GivenUp, 2, vec![GivenUp]));
    assert_eq!(given_up(&scenario), Some(GiveUpReason::AttemptsUsedUp));
    assert_eq!(summary(&scenario.deliver().await), (GivenUp, 2, vec![GivenUp]));
    // Only a retry on request does: given up stays given up.
    scenario.attempts = 3;
    assert_eq!(summary(&scenario.deliver().await), (GivenUp, 2, vec![GivenUp]));
    assert_eq!(scenario.fake.video_names().len(), 2);
    scenario.retry = Retry::All;
    assert_eq!(summary(&scenario.deliver().await), (Published, 5, vec![Published]));
    assert_eq!(given_up(&scenario), None);
    // Without a further encode mode, more attempts change nothing.
    let mut scenario = Scenario { last_encode_mode: EncodeMode::Planned, ..Scenario::new(&["a"]) };
    scenario.fake.state.lock().unwrap().broken.insert(asset("a").content().blake3.clone());
    let given_up = scenario.deliver().await;
    scenario.attempts = 5;
    assert_eq!((given_up.state.clone(), scenario.deliver().await), (GivenUp, given_up));
}

#[tokio::test(start_paused = true)]
async fn the_first_poll_uses_the_time_from_the_history() {
    let scenario = Scenario { until: Until::Ready, ..Scenario::new(&["a"]) };
    let polls = |scenario: &Scenario| scenario.fake.count("videos");
    scenario.run_with_first_poll(Some(Duration::from_secs(25))).await;
    assert_eq!(polls(&scenario), 1, "the video is ready after 20 s, and the first poll is after 25 s");
}

#[tokio::test(start_paused = true)]
async fn a_video_rejected_at_ad_creation_is_encoded_again() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("create_ad", 1, Fault::Refuse(Class::ReEncode, 40915));
    assert_eq!(summary(&scenario.deliver().await), (Published, 2, vec![Published]));
    assert_eq!((scenario.fake.video_names().len(), scenario.fake.ad_names().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_video_that_became_unusable_before_its_ad_is_encoded_again() {
    let mut scenario = Scenario { until: Until::Ready, ..Scenario::new(&["a"]).with_row("a", "one") };
    assert_eq!(scenario.deliver().await.state, Ready);
    scenario.fake.make_unusable("a-");
    scenario.until = Until::Published;
    assert_eq!(summary(&scenario.deliver().await), (Published, 2, vec![Published]));
}

#[tokio::test(start_paused = true)]
async fn a_slow_video_is_neither_encoded_nor_uploaded_again_unless_asked_for() {
    for stuck in [false, true] {
        let scenario = Scenario { retry_slow: false, ..Scenario::new(&["a"]).with_row("a", "one") };
        {
            let mut state = scenario.fake.state.lock().unwrap();
            let set = if stuck { &mut state.stuck } else { &mut state.broken };
            set.insert(asset("a").content().blake3.clone());
        }
        for _ in 0..2 {
            let delivery = scenario.deliver().await;
            assert_eq!(summary(&delivery), (Unconfirmed, 1, vec![Unconfirmed]));
            assert!(delivery.reason.unwrap().starts_with("still processing after 30m"));
        }
        assert_eq!(scenario.fake.video_names().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn processing_of_ninety_percent_of_the_deadline_is_one_upload() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one");
    Arc::get_mut(&mut scenario.fake).unwrap().processing = Duration::from_secs(27 * 60);
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(scenario.fake.video_names().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn reads_that_fail_end_the_run_after_the_deadline_and_the_next_run_looks_again() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    for nth in 1..500 {
        scenario.fake.fault("videos", nth, Fault::Refuse(Class::Retry, 50000));
    }
    let started = tokio::time::Instant::now();
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Unconfirmed, 1, vec![Unconfirmed]));
    assert!(delivery.reason.as_deref().unwrap().contains("could not be read for 30m"), "{delivery:?}");
    let took = started.elapsed();
    assert!(took >= Duration::from_secs(1800) && took < Duration::from_secs(1900), "{took:?}");
    scenario.fake.clear_faults();
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(scenario.fake.video_names().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_given_up_video_is_uploaded_again_on_request() {
    let mut scenario = Scenario { attempts: 1, ..Scenario::new(&["a"]).with_row("a", "one") };
    scenario.fake.state.lock().unwrap().broken.insert(asset("a").content().blake3.clone());
    assert_eq!(summary(&scenario.deliver().await), (GivenUp, 1, vec![GivenUp]));
    scenario.fake.state.lock().unwrap().broken.clear();
    scenario.retry = Retry::Files(vec!["b.mov".into()]);
    assert_eq!(scenario.deliver().await.state, GivenUp);
    scenario.retry = Retry::All;
    assert_eq!(summary(&scenario.deliver().await), (Published, 2, vec![Published]));
    let names = scenario.fake.video_names();
    assert!(names.len() == 2 && names[1].ends_with("-n2.mp4"), "{names:?}");
    // It is published now: a retry changes nothing.
    assert_eq!(summary(&scenario.deliver().await), (Published, 2, vec![Published]));
    assert_eq!(scenario.fake.video_names().len(), 2);
}
