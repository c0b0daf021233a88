//! Runs that are killed at any call, or meet any faults: a later run completes them without duplicates.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// Cuts a run at its first call, its second, and so on, before and after the effect of the call, and runs again:
/// nothing is created twice.
#[tokio::test(start_paused = true)]
async fn a_run_cut_at_any_call_is_resumed_without_duplicates() {
    let mut cuts = 0;
    for done in [false, true] {
        for nth in 1.. {
            let scenario =
                Scenario::new(&["a", "b"]).with_row("a", "one").with_row("a", "two").with_row("b", "three");
            scenario.fake.state.lock().unwrap().broken.insert(asset("b").content().blake3.clone());
            scenario.fake.cut_at(nth, done);
            // Later cuts only hit polls of the video that never becomes ready.
            if nth > 24 || !scenario.run_until_cut().await {
                break;
            }
            cuts += 1;
            scenario.fake.clear_cut();
            let outcome = scenario.run().await;
            let states: Vec<_> = outcome.deliveries.iter().map(summary).collect();
            let expected = [(Published, 1, vec![Published, Published]), (Published, 2, vec![Published])];
            assert_eq!(states, expected, "cut at call {nth}, done {done}: {:?}", outcome.deliveries);
            let mut videos = scenario.fake.video_names();
            videos.sort();
            let count = videos.len();
            videos.dedup();
            assert_eq!((videos.len(), count), (3, 3), "cut at call {nth}, done {done}");
            let mut ads = scenario.fake.ad_names();
            ads.sort();
            assert_eq!(ads, ["one", "three", "two"], "cut at call {nth}, done {done}");
        }
    }
    assert!(cuts >= 24, "only {cuts} cuts");
}

#[tokio::test(start_paused = true)]
async fn every_crash_point_is_passed() {
    let scenario = Scenario::new(&["a", "b"]).with_row("a", "one").with_row("b", "two");
    scenario.fake.fault("upload_video", 1, Fault::LoseReply);
    scenario.fake.fault("upload_image", 1, Fault::LoseReply);
    scenario.fake.fault("create_ad", 1, Fault::LoseReply);
    scenario.fake.state.lock().unwrap().broken.insert(asset("b").content().blake3.clone());
    scenario.run().await;
    let seen = scenario.points.lock().unwrap();
    let not_passed: Vec<_> = crash_points::POINTS.iter().filter(|point| !seen.contains(**point)).collect();
    assert!(not_passed.is_empty(), "never passed: {not_passed:?}");
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

    /// A run with any faults completes, and nothing is created twice.
    #[test]
    fn any_faults_result_in_one_video_and_one_ad_per_row(faults in faults()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let scenario = Scenario::new(&["a", "b"]).with_row("a", "one").with_row("b", "two");
            for (method, nth, fault) in faults {
                scenario.fake.fault(method, nth, fault);
            }
            let outcome = scenario.run().await;
            prop_assert!(outcome.deliveries.iter().all(|delivery| delivery.state == Published), "{outcome:?}");
            prop_assert_eq!((scenario.fake.video_names().len(), scenario.fake.ad_names().len()), (2, 2));
            Ok(())
        })?;
    }
}
