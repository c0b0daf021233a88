//! Runs that die at any call, or meet any faults, end as if nothing had happened.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

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
