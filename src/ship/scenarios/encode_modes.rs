//! Videos the platform does not take: deadlines, further recipes, and when to give up.
#![allow(clippy::unwrap_used)]

use super::*;

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
