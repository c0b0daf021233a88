//! Tests of the choice of streams, of what is named as left out or added, and of the consents.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::example::media;
use crate::model::*;
use crate::profile::Profile;
use crate::rules::{Selection, Subject, assess};

fn plan_for(facts: &MediaFacts, options: &FixOptions) -> FixPlan {
    plan_under("tiktok-ads", facts, options)
}

fn plan_under(profile: &str, facts: &MediaFacts, options: &FixOptions) -> FixPlan {
    let profile = Profile::builtin(profile).unwrap();
    let subject = Subject { facts, file_name: "video.mp4", deep: None };
    let assessment = assess(&subject, &profile, &Selection::default());
    plan(facts, &assessment, &profile, options, &Machine { cores: 2 })
}

fn choosing(audio_track: AudioTrackChoice) -> FixOptions {
    FixOptions { audio_track, ..FixOptions::default() }
}

/// Returns facts with a second audio track, in QuickTime so that a new container is needed.
fn two_tracks(change: impl FnOnce(&mut [AudioStream])) -> MediaFacts {
    let mut facts = media();
    facts.container = Some("matroska".into());
    facts.audio.push(AudioStream { index: 2, ..facts.audio[0].clone() });
    change(&mut facts.audio);
    facts
}

fn joined(plan: &FixPlan) -> Option<(u32, JoinedTracks)> {
    match &plan.spec.as_ref()?.audio {
        Some(AudioPlan::Encode(encode)) => Some((encode.stream, encode.joined.clone()?)),
        _ => None,
    }
}

#[test]
fn a_second_audio_track_is_not_dropped_without_consent() {
    let facts = two_tracks(|tracks| {
        (tracks[0].language, tracks[1].language) = (Some("eng".into()), Some("deu".into()));
        tracks[1].title = Some("Kommentar".into());
    });
    let compliant = MediaFacts { container: Some("mp4".into()), ..facts.clone() };
    let copied = plan_for(&compliant, &FixOptions::default());
    assert_eq!((copied.action, copied.refusal), (Action::Copy, None), "a file that complies loses nothing");
    assert!(copied.reason.unwrap().contains("--audio-track N"));
    let refused = plan_for(&facts, &FixOptions::default());
    assert_eq!((refused.action, refused.refusal), (Action::Refused, Some(Refusal::NeedsAudioTrack)));
    assert_eq!(refused.needs, [Refusal::NeedsAudioTrack]);
    let reason = refused.reason.unwrap();
    for named in ["track 1: eng", "track 2: deu", "Kommentar", "15.0 s", "--audio-track N", "first", "mix"] {
        assert!(reason.contains(named), "{named}: {reason}");
    }
}

#[test]
fn the_requested_track_is_kept_and_the_other_one_named() {
    let facts = two_tracks(|tracks| tracks[1].language = Some("deu".into()));
    for (choice, kept, lost) in [(AudioTrackChoice::First, 1, 2), (AudioTrackChoice::Number(2), 2, 1)] {
        let plan = plan_for(&facts, &choosing(choice));
        assert_eq!(plan.spec.unwrap().audio, Some(AudioPlan::Copy { stream: kept }));
        let dropped: Vec<_> = plan.dropped.iter().map(|stream| (stream.stream, stream.kind)).collect();
        assert_eq!(dropped, [(lost, StreamType::Audio)]);
        assert!(plan.steps.iter().any(|step| step.applicability == Applicability::Consented));
    }
    let refused = plan_for(&facts, &choosing(AudioTrackChoice::Number(3)));
    assert_eq!(refused.refusal, Some(Refusal::NeedsAudioTrack));
}

#[test]
fn a_requested_track_meets_the_rules_that_only_the_main_track_was_checked_by() {
    let facts = two_tracks(|tracks| {
        tracks[1].codec = Some("pcm_s16le".into());
        tracks[1].profile = None;
    });
    let plan = plan_for(&facts, &choosing(AudioTrackChoice::Number(2)));
    let Some(AudioPlan::Encode(encode)) = plan.spec.unwrap().audio else { panic!("not encoded") };
    assert_eq!(encode.stream, 2);
    let plan = plan_for(&facts, &choosing(AudioTrackChoice::First));
    assert_eq!(plan.spec.unwrap().audio, Some(AudioPlan::Copy { stream: 1 }));
}

#[test]
fn a_repeated_track_is_dropped_without_consent_but_named() {
    let plan = plan_for(&two_tracks(|tracks| tracks[1].same_as = Some(1)), &FixOptions::default());
    assert_eq!(plan.action, Action::Remux);
    assert!(plan.dropped[0].reason.contains("identical to audio track 1"), "{:?}", plan.dropped);
    assert!(plan.steps.iter().any(|step| step.text.contains("identical")), "{:?}", plan.steps);
}

#[test]
fn mono_tracks_of_one_recording_become_left_and_right() {
    let mono = |tracks: &mut [AudioStream]| {
        for track in tracks {
            (track.channels, track.channel_layout) = (Some(1), Some("mono".into()));
        }
    };
    let pair = plan_for(&two_tracks(mono), &FixOptions::default());
    let (left, right) = joined(&pair).unwrap();
    assert_eq!((left, right), (1, JoinedTracks { others: vec![2], how: JoinKind::LeftRight }));
    assert!(pair.dropped.is_empty());
    assert!(pair.steps.iter().any(|step| step.text.contains("joined into one stereo track")));
    let swapped = plan_for(
        &two_tracks(|tracks| {
            mono(tracks);
            tracks[0].channel_layout = Some("1 channels (FR)".into());
            tracks[1].channel_layout = Some("1 channels (FL)".into());
        }),
        &FixOptions::default(),
    );
    assert_eq!(joined(&swapped).unwrap().0, 2);
    let changes: [fn(&mut [AudioStream]); 4] = [
        |tracks| tracks[1].duration_s = Some(9.0),
        |tracks| tracks[1].title = Some("Commentary".into()),
        |tracks| (tracks[0].language, tracks[1].language) = (Some("eng".into()), Some("deu".into())),
        |tracks| tracks[1].sample_rate = Some(16_000),
    ];
    for change in changes {
        let facts = two_tracks(|tracks| {
            mono(tracks);
            change(tracks);
        });
        let plan = plan_for(&facts, &FixOptions::default());
        assert_eq!(plan.refusal, Some(Refusal::NeedsAudioTrack), "{:?}", facts.audio);
    }
}

#[test]
fn tracks_that_may_not_be_left_and_right_need_consent() {
    let mono = |track: &mut AudioStream| {
        (track.channels, track.channel_layout) = (Some(1), Some("mono".into()));
    };
    let repeated = |facts: &mut MediaFacts| {
        let third = AudioStream { index: 3, same_as: Some(1), ..facts.audio[0].clone() };
        facts.audio.push(third);
    };
    let changes: [fn(&mut MediaFacts); 2] = [
        |facts| facts.audio.iter_mut().for_each(|track| track.title = Some("Microphone".into())),
        |facts| facts.audio[0].language = Some("eng".into()),
    ];
    for change in changes.into_iter().chain([repeated as fn(&mut MediaFacts)]) {
        let mut facts = two_tracks(|tracks| tracks.iter_mut().for_each(mono));
        change(&mut facts);
        let plan = plan_for(&facts, &FixOptions::default());
        assert_eq!(plan.refusal, Some(Refusal::NeedsAudioTrack), "{:?}", facts.audio);
    }
    // Where the file itself places them, other tracks do not matter.
    let mut facts = two_tracks(|tracks| tracks.iter_mut().for_each(mono));
    (facts.audio[0].title, facts.audio[1].title) = (Some("Right".into()), Some("Left".into()));
    repeated(&mut facts);
    let plan = plan_for(&facts, &FixOptions::default());
    let pair = (2, JoinedTracks { others: vec![1], how: JoinKind::LeftRight });
    assert_eq!(joined(&plan).unwrap(), pair);
    // Side by side they keep their loudness, also where a mix is asked for.
    let mixed = plan_for(&facts, &choosing(AudioTrackChoice::Mix));
    assert_eq!(joined(&mixed).unwrap(), pair);
}

#[test]
fn a_mix_joins_every_distinct_track() {
    let mut facts = two_tracks(|_| {});
    facts.audio.push(AudioStream { index: 3, same_as: Some(2), ..facts.audio[0].clone() });
    let plan = plan_for(&facts, &choosing(AudioTrackChoice::Mix));
    let (first, others) = joined(&plan).unwrap();
    assert_eq!((first, others), (1, JoinedTracks { others: vec![2], how: JoinKind::Mix }));
    assert_eq!(plan.dropped.iter().map(|stream| stream.stream).collect::<Vec<_>>(), [3]);
}

#[test]
fn tracks_without_samples_or_decoder_need_no_consent() {
    let changes: [fn(&mut [AudioStream]); 2] =
        [|tracks| tracks[1].empty = true, |tracks| tracks[1].decodable = false];
    for change in changes {
        let plan = plan_for(&two_tracks(change), &FixOptions::default());
        assert_eq!((plan.action, plan.dropped.len()), (Action::Remux, 1), "{:?}", plan.reason);
    }
}

#[test]
fn every_stream_that_is_left_out_is_named() {
    let mut facts = media();
    facts.video.insert(0, VideoStream { index: 7, frames: Some(1), ..facts.video[0].clone() });
    facts.chapters = 2;
    let kinds = [OtherKind::Data, OtherKind::Subtitle, OtherKind::Attachment, OtherKind::CoverArt];
    facts.other = kinds
        .iter()
        .zip(2..)
        .map(|(kind, index)| OtherStream {
            index,
            kind: *kind,
            codec: None,
            language: Some("eng".into()),
            duration_s: None,
        })
        .collect();
    let plan = plan_for(&facts, &FixOptions::default());
    let Some(VideoPlan::Copy { stream, .. }) = plan.spec.as_ref().unwrap().video else { panic!("encoded") };
    assert_eq!(stream, 0);
    assert_eq!(plan.dropped.iter().map(|stream| stream.stream).collect::<Vec<_>>(), [7, 2, 3, 4, 5]);
    let left_out = plan.steps.iter().filter(|step| step.text.contains("left out")).count();
    assert_eq!(left_out, 6, "{:?}", plan.steps);
}

#[test]
fn all_missing_consents_are_named_at_once() {
    let mut facts = two_tracks(|_| {});
    (facts.video[0].width, facts.video[0].height) = (Some(270), Some(480));
    facts.duration_s = Some(700.0);
    facts.video[0].duration_s = Some(700.0);
    let refused = plan_for(&facts, &FixOptions::default());
    assert_eq!(refused.refusal, Some(Refusal::NeedsTrim));
    assert_eq!(refused.needs, [Refusal::NeedsTrim, Refusal::NeedsAudioTrack, Refusal::NeedsUpscale]);
    let reason = refused.reason.unwrap();
    for option in ["--trim", "--audio-track", "--upscale"] {
        assert!(reason.contains(option), "{reason}");
    }
    facts.video[0].decodable = false;
    let refused = plan_for(&facts, &FixOptions::default());
    assert_eq!((refused.refusal, refused.needs.len()), (Some(Refusal::NoDecoder), 0));
}

#[test]
fn additions_are_named_with_their_durations() {
    let of = |profile: &str, options: &FixOptions, change: fn(&mut MediaFacts)| {
        let mut facts = media();
        change(&mut facts);
        let plan = plan_under(profile, &facts, options);
        let added = plan.added.iter().map(|added| (added.kind, added.duration_s.map(|s| s.round())));
        (added.collect::<Vec<_>>(), plan.steps.len())
    };
    let (added, _) = of("tiktok-ads", &FixOptions::default(), |facts| {
        facts.video[0].codec = Some("vp8".into());
        (facts.video[0].width, facts.video[0].height) = (Some(1440), Some(1080));
        facts.audio[0].duration_s = Some(9.0);
    });
    assert!(added.contains(&(AdditionKind::Borders, None)), "{added:?}");
    let (added, _) = of("tiktok-ads", &FixOptions::default(), |facts| {
        facts.video[0].codec = Some("prores".into());
        facts.audio[0].codec = Some("pcm_s16le".into());
        facts.audio[0].duration_s = Some(9.0);
    });
    assert_eq!(added, [(AdditionKind::Silence, Some(6.0))]);
    let (added, _) = of("tiktok-ads", &FixOptions::default(), |facts| {
        facts.video[0].codec = Some("prores".into());
        facts.video[0].duration_s = Some(12.0);
    });
    assert_eq!(added, [(AdditionKind::HeldFrame, Some(3.0))]);
    let silence = FixOptions { add_silence: true, ..FixOptions::default() };
    let (added, _) = of("tiktok-ads", &silence, |facts| facts.audio[0].decodable = false);
    assert_eq!(added, [(AdditionKind::Silence, Some(15.0))]);
    for (extend, kind) in
        [(Extend::Freeze, AdditionKind::HeldFrame), (Extend::Loop, AdditionKind::Repetition)]
    {
        let options = FixOptions { extend: Some(extend), ..FixOptions::default() };
        let (added, _) = of("tiktok-ads-reservation", &options, |facts| {
            facts.duration_s = Some(2.0);
            facts.video[0].duration_s = Some(2.0);
            facts.audio[0].duration_s = Some(2.0);
        });
        assert!(added.iter().any(|(added, seconds)| *added == kind && *seconds >= Some(1.0)), "{added:?}");
    }
}

#[test]
fn transparency_is_named_as_composed() {
    let mut facts = media();
    facts.video[0].codec = Some("vp9".into());
    facts.video[0].alpha = Some(true);
    facts.video[0].pixel_format = Some("yuva420p".into());
    let plan = plan_for(&facts, &FixOptions { encode_mode: EncodeMode::CommonCore, ..FixOptions::default() });
    assert!(plan.steps.iter().any(|step| step.text.contains("transparent pixels")), "{:?}", plan.steps);
}
