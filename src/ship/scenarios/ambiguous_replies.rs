//! Effects of unknown outcome: reconciled with the platform, and sent again only after proof of absence.
#![allow(clippy::unwrap_used)]

use super::*;

#[tokio::test(start_paused = true)]
async fn an_effect_with_a_lost_reply_is_reconciled_and_not_sent_again() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("upload_video", 1, Fault::LoseReply);
    scenario.fake.fault("upload_image", 1, Fault::LoseReply);
    scenario.fake.fault("create_ad", 1, Fault::LoseReply);
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    assert_eq!((scenario.fake.count("upload_video"), scenario.fake.count("create_ad")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_sent_again_after_the_visibility_window() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("upload_video", 1, Fault::LoseRequest);
    scenario.fake.fault("create_ad", 1, Fault::LoseRequest);
    let started = tokio::time::Instant::now();
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    assert!(started.elapsed() >= 2 * Duration::from_secs(300));
    assert_eq!((scenario.fake.video_names().len(), scenario.fake.ad_names().len()), (1, 1));
    let log = scenario.fake.state.lock().unwrap().log.clone();
    let names: Vec<_> = log.iter().filter(|line| line.starts_with("upload_video")).collect();
    assert_eq!((names.len(), names[0]), (2, names[1]), "both sends must use the same name");
}

#[tokio::test(start_paused = true)]
async fn a_video_listed_only_after_the_window_is_found_by_its_taken_name() {
    let mut scenario = Scenario::new(&["a"]).with_row("a", "one");
    Arc::get_mut(&mut scenario.fake).unwrap().processing = Duration::from_secs(400);
    scenario.fake.state.lock().unwrap().name_check_is_late = true;
    scenario.fake.fault("upload_video", 1, Fault::LoseReply);
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    // The platform refused the second send because of the taken name; then the video was found.
    assert_eq!((scenario.fake.count("upload_video"), scenario.fake.video_names().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_that_is_free_when_asked_is_replaced_by_another_name() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("upload_video", 1, Fault::Refuse(Class::NameTaken, 40911));
    let started = tokio::time::Instant::now();
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(scenario.journal.open_questions().unwrap(), []);
    let names = scenario.fake.video_names();
    assert!(names.len() == 1 && names[0].ends_with("-n2.mp4"), "{names:?}");
    // A video of an earlier run without its journal would be listed by then.
    assert!(started.elapsed() >= Duration::from_secs(300));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_another_video_has_is_replaced_by_another_name() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.add_foreign_video(&upload_name(
        ("a", "mp4"),
        &asset("a").content().blake3,
        EncodeMode::Planned,
        100,
    ));
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Published, 1, vec![Published]), "{delivery:?}");
    assert_ne!(delivery.video_id.as_deref(), Some("foreign"));
    assert_eq!(scenario.journal.open_questions().unwrap(), []);
    let names = scenario.fake.video_names();
    assert!(names.len() == 2 && names[1].ends_with("-n2.mp4"), "{names:?}");
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_after_an_upload_of_unknown_outcome_needs_a_decision() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("upload_video", 1, Fault::LoseRequest);
    scenario.fake.fault("upload_video", 2, Fault::Refuse(Class::NameTaken, 40911));
    let delivery = scenario.deliver().await;
    assert_eq!(summary(&delivery), (Unconfirmed, 1, vec![Unconfirmed]));
    let questions = scenario.journal.open_questions().unwrap();
    assert_eq!(questions.len(), 1);
    assert!(questions[0].what.contains("upload"), "{questions:?}");
    scenario.journal.resolve(&questions[0].id, &Choice::DidNotHappen).unwrap();
    assert_eq!(summary(&scenario.deliver().await), (Published, 1, vec![Published]));
    assert_eq!(scenario.journal.open_questions().unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_and_failed_processing_lead_to_the_next_encode_mode() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.state.lock().unwrap().broken.insert(asset("a").content().blake3.clone());
    scenario.fake.fault("upload_video", 1, Fault::LoseReply);
    assert_eq!(summary(&scenario.deliver().await), (Published, 2, vec![Published]));
    assert_eq!((scenario.fake.video_names().len(), scenario.journal.open_questions().unwrap().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_ad_needs_a_decision() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    scenario.fake.fault("create_ad", 1, Fault::LoseReply);
    scenario.fake.state.lock().unwrap().duplicate_ads = true;
    assert_eq!(summary(&scenario.deliver().await), (Unconfirmed, 1, vec![Unconfirmed]));
    let id = scenario.journal.open_questions().unwrap()[0].id.clone();
    scenario.journal.resolve(&id, &Choice::Abandon).unwrap();
    assert_eq!(summary(&scenario.deliver().await), (Failed, 1, vec![Failed]));
    assert_eq!(scenario.fake.count("create_ad"), 1);
}

#[tokio::test(start_paused = true)]
async fn two_videos_with_the_same_name_need_a_decision() {
    let scenario = Scenario::new(&["a"]).with_row("a", "one");
    // After the access check and the question whether an earlier run sent it.
    scenario.fake.cut_at(3, true);
    assert!(scenario.run_until_cut().await);
    scenario.fake.duplicate_first_video();
    assert_eq!(scenario.deliver().await.state, Unconfirmed);
    let questions = scenario.journal.open_questions().unwrap();
    assert!(
        questions[0].readings[..2].iter().all(|reading| reading.ends_with("and these bytes")),
        "{questions:?}"
    );
    scenario.journal.resolve(&questions[0].id, &Choice::Happened("v1".into())).unwrap();
    let delivery = scenario.deliver().await;
    assert_eq!((delivery.state, delivery.video_id.as_deref()), (Published, Some("v1")));
    assert_eq!(scenario.fake.count("upload_video"), 1);
}

/// The first video ends with a question about its ad while the second is still re-encoded.
#[tokio::test(start_paused = true)]
async fn a_question_that_is_answered_while_another_video_is_in_progress_is_settled_in_the_same_run() {
    for (choice, expected) in [
        (Choice::Happened("ad1".into()), Published),
        (Choice::DidNotHappen, Published),
        (Choice::Abandon, Failed),
    ] {
        let scenario = Scenario::new(&["a", "b"]).with_row("a", "one");
        scenario.fake.fault("create_ad", 1, Fault::LoseReply);
        {
            let mut state = scenario.fake.state.lock().unwrap();
            state.duplicate_ads = true;
            state.broken.insert(asset("b").content().blake3.clone());
        }
        let answering = async {
            let id = loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if let Some(question) = scenario.journal.open_questions().unwrap().pop() {
                    break question.id;
                }
            };
            {
                let mut state = scenario.fake.state.lock().unwrap();
                state.duplicate_ads = false;
                if choice == Choice::DidNotHappen {
                    // The person deleted both.
                    state.ads.clear();
                }
            }
            Journal::answer(&scenario.dir.path().join("journal.db"), &id, &choice).unwrap()
        };
        let (outcome, answered) = tokio::join!(scenario.run(), answering);
        assert_eq!(answered, Answered::LeftForRun);
        let [a, b] = outcome.deliveries.as_slice() else { panic!("{outcome:?}") };
        assert_eq!(summary(a), (expected.clone(), 1, vec![expected]), "{choice:?} {a:?}");
        assert_eq!(summary(b), (Ready, 2, vec![]));
        assert!(a.uploaded_now && b.uploaded_now, "{choice:?}");
        assert_eq!(scenario.journal.open_questions().unwrap(), []);
    }
}
