//! Adds to the facts what the container declares about single streams, and compares declared durations with
//! those of the index and of the packets.

use super::headers::{Declared, StreamSelector};
use super::packet_walk::PacketWalk;
use super::tags::add_private;
use crate::model::{
    Codec, Completeness, Container, EditList, FrameLoss, ImageMetadata, LossKind, MAX_HELD_FRAME_S,
    MediaFacts, Rational, VideoStream, contradicts, set_loss,
};

/// Sets the sample aspect ratio that the bitstream states, which that of the container overrides.
pub(crate) fn set_stated_aspect_ratio(stated: Option<Rational>, video: &mut VideoStream) {
    video.sample_aspect_ratio = video.sample_aspect_ratio.or(stated);
    video.bitstream_sample_aspect_ratio = stated.filter(|_| stated != video.sample_aspect_ratio);
}

/// Sets the duration in microseconds and the overall bit rate, neither if it is not above zero.
pub(crate) fn set_duration(us: i64, facts: &mut MediaFacts) {
    const UNIT: f64 = 1_000_000.0;
    let us = Some(us as f64).filter(|us| *us > 0.0);
    facts.duration_s = us.map(|us| us / UNIT);
    let rate = us.map(|us| (facts.size_bytes as f64 * 8.0 * UNIT / us) as u64);
    facts.bit_rate = rate.filter(|rate| *rate > 0);
}

/// Forgets durations of streams that are declared as unknown: FFmpeg 7 puts durations of its own in their place. Without
/// another declaration, the file then lasts as long as its samples.
pub(crate) fn forget_unknown_durations(declared: &Declared, facts: &mut MediaFacts) {
    if declared.movie_us.is_none() && declared.tracks.iter().any(|track| track.durations.unknown) {
        set_duration((facts.measured_duration_s.unwrap_or(0.0) * 1_000_000.0).round() as i64, facts);
    }
    for track in declared.tracks.iter().filter(|track| track.durations.unknown) {
        let is_track = |index: u32| index == track.position;
        facts
            .video
            .iter_mut()
            .filter(|video| is_track(video.index))
            .for_each(|video| video.duration_s = None);
        facts
            .audio
            .iter_mut()
            .filter(|audio| is_track(audio.index))
            .for_each(|audio| audio.duration_s = None);
    }
}

/// Sets the encryption of the streams, whose numbers in the container `number_of` returns by their index.
pub(crate) fn set_encryption(
    declared: &Declared,
    facts: &mut MediaFacts,
    mut number_of: impl FnMut(u32) -> Option<u32>,
) {
    for mark in &declared.encrypted {
        let mut matches = |index: u32, is_video: bool| match mark.streams {
            StreamSelector::Position(position) => position == index,
            StreamSelector::Number(number) => number_of(index) == Some(number),
            StreamSelector::Video => is_video,
            StreamSelector::Audio => !is_video,
            StreamSelector::All => true,
        };
        for video in facts.video.iter_mut().filter(|video| video.encryption.is_none()) {
            video.encryption = matches(video.index, true).then(|| mark.scheme.clone());
        }
        for audio in facts.audio.iter_mut().filter(|audio| audio.encryption.is_none()) {
            audio.encryption = matches(audio.index, false).then(|| mark.scheme.clone());
        }
    }
    for track in &declared.tracks {
        let Some(scheme) = &track.encryption else { continue };
        if let Some(video) = facts.video.iter_mut().find(|stream| stream.index == track.position) {
            video.encryption = Some(scheme.clone());
        } else if let Some(audio) = facts.audio.iter_mut().find(|stream| stream.index == track.position) {
            audio.encryption = Some(scheme.clone());
        }
    }
}

/// Sets what the header of a still image declares besides its size.
pub(crate) fn set_image(declared: &Declared, facts: &mut MediaFacts) {
    if facts.still_image().is_none() {
        return;
    }
    let image = declared.image.clone().unwrap_or_default();
    if image.header.metadata.contains(&ImageMetadata::Gps) {
        add_private("EXIF GPS".to_owned(), &mut facts.privacy);
    }
    if let Some(video) = facts.video.first_mut() {
        (video.rotation, video.flip) = (image.rotation, image.flip);
        video.alpha = image.header.alpha.or(video.alpha);
        // The densities of JFIF and PNG are for print; viewers show square pixels.
        video.sample_aspect_ratio = video.sample_aspect_ratio.map(|_| Rational::ONE);
        video.bitstream_sample_aspect_ratio = None;
    }
    facts.image = Some(image.header);
}

/// Marks the tracks of an ISO file whose sample tables list no sample.
pub(crate) fn set_empty_tracks(declared: &Declared, facts: &mut MediaFacts) {
    for track in declared.tracks.iter().filter(|track| track.durations.empty) {
        set_empty(track.position, facts);
    }
}

/// Marks the streams without packets, after all packets were read. Their facts come from a header alone.
pub(crate) fn set_streams_without_packets(walk: &PacketWalk, facts: &mut MediaFacts) {
    // A damaged or truncated file shows only the streams of its first part.
    if matches!(facts.completeness, Completeness::Missing { .. }) || walk.is_without_packets() {
        return;
    }
    for index in walk.streams_without_packets() {
        set_empty(index, facts);
    }
}

/// Sets the frames without data that the index of an ISO file lists.
pub(crate) fn set_empty_samples(declared: &Declared, facts: &mut MediaFacts) {
    for track in declared.tracks.iter().filter(|track| track.empty_samples.count > 0) {
        let mut loss = FrameLoss::new(LossKind::Empty, track.sample_count);
        loss.count = track.empty_samples.count;
        loss.at_s = track.empty_samples.at_s.clone();
        let is_track = |index: u32| index == track.position;
        if let Some(video) = facts.video.iter_mut().find(|video| is_track(video.index)) {
            if !video.codec.as_ref().is_some_and(Codec::repeats_by_empty_sample) {
                set_loss(&mut video.lost_frames, loss);
            }
        } else if let Some(audio) = facts.audio.iter_mut().find(|audio| is_track(audio.index)) {
            set_loss(&mut audio.lost_frames, loss);
        }
    }
}

fn set_empty(index: u32, facts: &mut MediaFacts) {
    facts.video.iter_mut().filter(|video| video.index == index).for_each(|video| video.empty = true);
    facts.audio.iter_mut().filter(|audio| audio.index == index).for_each(|audio| audio.empty = true);
}

/// Sets the bit rates of a fragmented file from all its samples. FFmpeg computes them from those that it has read when it
/// has opened the file, and versions before 7 divide by the duration of the whole.
pub(crate) fn set_fragment_rates(declared: &Declared, facts: &mut MediaFacts) {
    if facts.fragmented != Some(true) {
        return;
    }
    for track in &declared.tracks {
        let Some(rate) = track.durations.bit_rate else { continue };
        if let Some(video) = facts.video.iter_mut().find(|stream| stream.index == track.position) {
            video.bit_rate = Some(rate);
        } else if let Some(audio) = facts.audio.iter_mut().find(|stream| stream.index == track.position) {
            audio.bit_rate = Some(rate);
        }
    }
}

/// Sets the measured duration where the sample tables or fragments of an ISO file contradict its headers, and
/// replaces the durations of the streams.
pub(crate) fn set_indexed_durations(declared: &Declared, facts: &mut MediaFacts) {
    set_delayed_durations(declared, facts);
    let (Some(measured_s), Some(contradicted_s)) = (declared.measured_s, declared.contradicted_s) else {
        return;
    };
    facts.measured_duration_s = Some(measured_s);
    facts.contradicted_duration_s = Some(contradicted_s);
    for track in &declared.tracks {
        let Some(measured) = track.durations.measured_s.filter(|_| track.durations.delay_s == 0.0) else {
            continue;
        };
        let wrong = |duration: &mut Option<f64>| {
            let is_wrong = duration.is_none_or(|duration| contradicts(duration, measured));
            *duration = if is_wrong { Some(measured) } else { *duration };
            is_wrong
        };
        let rate = track.durations.bit_rate;
        if let Some(video) = facts.video.iter_mut().find(|stream| stream.index == track.position) {
            video.bit_rate = if wrong(&mut video.duration_s) { rate } else { video.bit_rate };
        } else if let Some(audio) = facts.audio.iter_mut().find(|stream| stream.index == track.position) {
            audio.bit_rate = if wrong(&mut audio.duration_s) { rate } else { audio.bit_rate };
        }
    }
}

/// Sets the durations of delayed tracks to what follows the delay, which is part of the start of a stream.
fn set_delayed_durations(declared: &Declared, facts: &mut MediaFacts) {
    for track in declared.tracks.iter().filter(|track| track.durations.delay_s > 0.0) {
        let Some(measured_s) = track.durations.measured_s else { continue };
        let duration_s = Some(measured_s - track.durations.delay_s).filter(|seconds| *seconds > 0.0);
        if let Some(video) = facts.video.iter_mut().find(|stream| stream.index == track.position) {
            video.duration_s = duration_s.or(video.duration_s);
        } else if let Some(audio) = facts.audio.iter_mut().find(|stream| stream.index == track.position) {
            audio.duration_s = duration_s.or(audio.duration_s);
        }
    }
}

/// Sets the measured duration where the packets contradict what the header declares, or what the library
/// concludes from the clocks of a container that declares nothing.
pub(crate) fn compare_duration(walk: &PacketWalk, declared: &Declared, facts: &mut MediaFacts) {
    if declared.iso || matches!(facts.completeness, Completeness::Missing { .. }) {
        return;
    }
    let Some((start_s, end_s)) = walk.timeline(facts) else { return };
    let length_s = end_s - start_s;
    if !walk.clock_jumps_s().is_empty() {
        return set_joined(length_s, walk, facts);
    }
    // The last frame of Matroska lasts until the end of the segment.
    let matroska = facts.container_is(Container::is_matroska);
    let complete = facts.completeness == Completeness::Whole;
    let is_held =
        |declared: f64| matroska && complete && (0.0..=MAX_HELD_FRAME_S).contains(&(declared - end_s));
    // Some containers count from zero, others from their first packet.
    let is_wrong =
        |declared: f64| contradicts(declared, end_s) && contradicts(declared, length_s) && !is_held(declared);
    let wrong = declared.durations_s.iter().copied().find(|&declared| is_wrong(declared));
    if let Some(declared_s) = wrong {
        facts.contradicted_duration_s = Some(declared_s);
        set_measured(length_s, walk, facts);
    } else if facts.container_is(Container::is_mpeg_stream)
        && facts.duration_s.is_some_and(|duration| contradicts(duration, length_s))
    {
        set_measured(length_s, walk, facts);
    }
}

/// Replaces what the library concludes from the first and the last time of a clock that jumps in between.
fn set_joined(length_s: f64, walk: &PacketWalk, facts: &mut MediaFacts) {
    facts.duration_s = Some(length_s);
    facts.bit_rate = Some((facts.size_bytes as f64 * 8.0 / length_s) as u64);
    let correct = |index: u32, start: &mut Option<f64>, duration: &mut Option<f64>| {
        if let Some((from, until)) = walk.presented_s(index) {
            (*start, *duration) = (Some(from), Some(until - from));
        }
    };
    for video in &mut facts.video {
        correct(video.index, &mut video.start_s, &mut video.duration_s);
        video.bit_rate = None;
    }
    for audio in &mut facts.audio {
        correct(audio.index, &mut audio.start_s, &mut audio.duration_s);
    }
    let start_s = facts.main_start_s();
    facts.clock_jumps_s = walk.clock_jumps_s().iter().map(|at| at - start_s).collect();
}

fn set_measured(length_s: f64, walk: &PacketWalk, facts: &mut MediaFacts) {
    facts.measured_duration_s = Some(length_s);
    let correct = |index: u32, start: Option<f64>, duration: &mut Option<f64>, rate: &mut Option<u64>| {
        let measured =
            walk.end_of(index).map(|end| end - start.unwrap_or(0.0)).filter(|&length| length > 0.0);
        if let (Some(declared), Some(measured)) = (*duration, measured)
            && contradicts(declared, measured)
        {
            *duration = Some(measured);
            *rate = None;
        }
    };
    for video in &mut facts.video {
        correct(video.index, video.start_s, &mut video.duration_s, &mut video.bit_rate);
    }
    for audio in &mut facts.audio {
        correct(audio.index, audio.start_s, &mut audio.duration_s, &mut audio.bit_rate);
    }
}

/// Sets the edit lists of the streams, and whether the container enables them.
pub(crate) fn set_playback(declared: &Declared, facts: &mut MediaFacts) {
    // FFmpeg numbers streams in the order of the tracks.
    for track in &declared.tracks {
        if let Some((edit_list, enabled)) = playback_of(facts, track.position) {
            edit_list.clone_from(&track.edit_list);
            *enabled = track.enabled;
        }
    }
    for (stream, is_enabled) in (0..).zip(&declared.enabled_tracks) {
        if let Some((_, enabled)) = playback_of(facts, stream) {
            *enabled = Some(*is_enabled);
        }
    }
}

/// Returns the edit list of a stream, and whether the container enables it.
fn playback_of(facts: &mut MediaFacts, index: u32) -> Option<(&mut Option<EditList>, &mut Option<bool>)> {
    if let Some(video) = facts.video.iter_mut().find(|video| video.index == index) {
        return Some((&mut video.edit_list, &mut video.enabled));
    }
    let audio = facts.audio.iter_mut().find(|audio| audio.index == index)?;
    Some((&mut audio.edit_list, &mut audio.enabled))
}
