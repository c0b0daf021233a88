//! Decides which audio tracks of the source the output keeps, and what happens to the others.
//!
//! An output has one audio track. A track that repeats the kept one is left out without a question; any other
//! track has content of its own and is left out only with the user's consent.

use crate::model::{AudioStream, MediaFacts};

use super::input::PlanInput;
use super::options::AudioTrackChoice;
use super::outcome::{DroppedStream, StreamType};
use super::output_spec::{JoinKind, JoinedTracks};
use super::refusal::{Refusal, Refused};

/// Mono tracks of one recording start and end at most this many seconds apart.
const SAME_RECORDING_S: f64 = 0.1;

/// The audio tracks of an output.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptAudio {
    /// Index of the track that is kept, or of the first of those that are joined; `None` if no track can be kept.
    pub(super) main: Option<u32>,
    /// The tracks that are joined with it.
    pub(super) joined: Option<JoinedTracks>,
    /// The tracks that are left out.
    pub(super) dropped: Vec<DroppedStream>,
    /// Whether the user asked for this choice, so that a plain copy does not do.
    pub(super) requested: bool,
}

impl KeptAudio {
    /// Returns the choice without any option: the main track, everything else left out.
    pub(super) fn main_of(facts: &MediaFacts) -> KeptAudio {
        KeptAudio {
            main: facts.main_audio().filter(|stream| stream.decodable).map(|stream| stream.index),
            ..KeptAudio::default()
        }
    }

    /// Returns the facts with the kept audio only. Joined tracks count as one that is as long as the longest.
    pub(super) fn reduce(&self, facts: &MediaFacts) -> MediaFacts {
        let mut kept = facts.clone();
        kept.audio.retain(|stream| match self.main {
            Some(main) => stream.index == main,
            None => !stream.empty,
        });
        if let (Some(joined), Some(stream)) = (&self.joined, kept.audio.first_mut()) {
            for other in facts.audio.iter().filter(|other| joined.others.contains(&other.index)) {
                stream.start_s = [stream.start_s, other.start_s].into_iter().flatten().reduce(f64::min);
                stream.duration_s =
                    [stream.duration_s, other.duration_s].into_iter().flatten().reduce(f64::max);
            }
        }
        kept
    }
}

/// Chooses the tracks by the user's choice, or without one by what is lost.
pub(super) fn choose(input: &PlanInput<'_>) -> Result<KeptAudio, Refused> {
    let tracks = &input.facts.audio;
    let usable: Vec<&AudioStream> =
        tracks.iter().filter(|track| track.decodable && !track.empty && track.encryption.is_none()).collect();
    let Some(main) = input.facts.main_audio().filter(|main| usable.iter().any(|t| t.index == main.index))
    else {
        return Ok(KeptAudio { dropped: unusable(tracks), ..KeptAudio::default() });
    };
    if tracks.len() == 1 {
        return Ok(KeptAudio::main_of(input.facts));
    }
    let distinct: Vec<&AudioStream> = usable
        .iter()
        .filter(|track| track.index == main.index || !is_repeated(track, main, &usable))
        .copied()
        .collect();
    match input.options.audio_track {
        AudioTrackChoice::Auto => choose_without_loss(tracks, main, &distinct),
        AudioTrackChoice::First => Ok(keep(tracks, usable[0], None, true)),
        AudioTrackChoice::Number(number) => {
            let track = usize::try_from(number).ok().and_then(|number| tracks.get(number - 1));
            match track.filter(|track| usable.iter().any(|usable| usable.index == track.index)) {
                Some(track) => Ok(keep(tracks, track, None, true)),
                None => Err(Refusal::NeedsAudioTrack.because(format!(
                    "the file has no audio track {number} that can be decoded; its tracks are: {}",
                    list(tracks)
                ))),
            }
        }
        AudioTrackChoice::Mix => {
            if let [first, second] = distinct[..]
                && is_placed_pair(first, second)
            {
                // Left and right side by side keep their loudness; a mix would halve it.
                let (left, joined) = left_and_right(first, second);
                return Ok(keep(tracks, left, Some(joined), true));
            }
            let others: Vec<u32> =
                distinct.iter().filter(|t| t.index != main.index).map(|t| t.index).collect();
            let joined = (!others.is_empty()).then_some(JoinedTracks { others, how: JoinKind::Mix });
            Ok(keep(tracks, main, joined, true))
        }
    }
}

fn choose_without_loss(
    tracks: &[AudioStream],
    main: &AudioStream,
    distinct: &[&AudioStream],
) -> Result<KeptAudio, Refused> {
    match distinct {
        [_] => Ok(keep(tracks, main, None, false)),
        [first, second]
            if is_placed_pair(first, second) || tracks.len() == 2 && is_plain_pair(first, second) =>
        {
            let (left, joined) = left_and_right(first, second);
            Ok(keep(tracks, left, Some(joined), false))
        }
        _ => Err(Refusal::NeedsAudioTrack.because(format!(
            "the file has {} audio tracks with different content, and the output keeps one ({}): \
             --audio-track N or --audio-track first keeps one of them, --audio-track mix mixes all",
            distinct.len(),
            list(tracks)
        ))),
    }
}

/// Returns whether a track repeats the main one or an earlier usable one, packet by packet.
fn is_repeated(track: &AudioStream, main: &AudioStream, usable: &[&AudioStream]) -> bool {
    repeats(track, main)
        || usable
            .iter()
            .take_while(|earlier| earlier.index < track.index)
            .any(|earlier| repeats(track, earlier))
}

/// Returns whether two tracks have the same packets.
fn repeats(a: &AudioStream, b: &AudioStream) -> bool {
    a.same_as == Some(b.index)
        || b.same_as == Some(a.index)
        || (a.same_as.is_some() && a.same_as == b.same_as)
}

/// The side of a mono track in a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Returns the side that the channel layout, or the title of a track states.
fn side(track: &AudioStream) -> Option<Side> {
    let layout = track.channel_layout.as_deref().unwrap_or_default();
    let title = track.title.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
    if layout.ends_with("(FL)") || layout == "FL" || ["left", "l"].contains(&title.as_str()) {
        Some(Side::Left)
    } else if layout.ends_with("(FR)") || layout == "FR" || ["right", "r"].contains(&title.as_str()) {
        Some(Side::Right)
    } else {
        None
    }
}

/// Returns the left track of a pair, and how the right one is joined with it.
fn left_and_right<'a>(first: &'a AudioStream, second: &'a AudioStream) -> (&'a AudioStream, JoinedTracks) {
    let swapped = side(second) == Some(Side::Left) || side(first) == Some(Side::Right);
    let (left, right) = if swapped { (second, first) } else { (first, second) };
    (left, JoinedTracks { others: vec![right.index], how: JoinKind::LeftRight })
}

/// Returns whether two mono tracks of one recording are the left and the right channel by their layouts or titles.
fn is_placed_pair(first: &AudioStream, second: &AudioStream) -> bool {
    let (one, other) = (side(first), side(second));
    one.is_some() && other.is_some() && one != other && is_one_recording(first, second)
}

/// Returns whether nothing tells two mono tracks of one recording apart, as camcorders write them. They count as left
/// and right if the file has no other audio.
fn is_plain_pair(first: &AudioStream, second: &AudioStream) -> bool {
    let unnamed = [first, second].iter().all(|track| side(track).is_none() && is_without_title(track));
    unnamed && first.language == second.language && is_one_recording(first, second)
}

/// A title such as a language or a role tells tracks apart even where both have the same.
fn is_without_title(track: &AudioStream) -> bool {
    track.title.as_deref().is_none_or(|title| title.trim().is_empty())
}

/// Returns whether two mono tracks have the same format, start and end together, and do not differ in language.
fn is_one_recording(first: &AudioStream, second: &AudioStream) -> bool {
    let near = |a: Option<f64>, b: Option<f64>| matches!((a, b), (Some(a), Some(b)) if (a - b).abs() <= SAME_RECORDING_S);
    let together = near(first.duration_s, second.duration_s)
        && near(first.start_s.or(Some(0.0)), second.start_s.or(Some(0.0)));
    let mono = [first, second].iter().all(|track| track.channels == Some(1));
    let languages =
        first.language.is_none() || second.language.is_none() || first.language == second.language;
    let alike = (&first.codec, first.sample_rate) == (&second.codec, second.sample_rate);
    mono && together && languages && alike
}

/// Keeps one track, or one with those joined, and names the others.
fn keep(
    tracks: &[AudioStream],
    main: &AudioStream,
    joined: Option<JoinedTracks>,
    requested: bool,
) -> KeptAudio {
    let is_kept = |track: &AudioStream| {
        track.index == main.index
            || joined.as_ref().is_some_and(|joined| joined.others.contains(&track.index))
    };
    let kept: Vec<&AudioStream> = tracks.iter().filter(|track| is_kept(track)).collect();
    let number = |index: u32| tracks.iter().position(|track| track.index == index).unwrap_or(0) + 1;
    let dropped = tracks
        .iter()
        .filter(|track| !is_kept(track))
        .map(|track| {
            let same = kept.iter().find(|kept| repeats(track, kept));
            let reason = match (unusable_reason(track), same) {
                (Some(reason), _) => reason.to_owned(),
                (None, Some(same)) => format!("it is identical to audio track {}", number(same.index)),
                (None, None) => format!("audio track {} is kept, with your consent", number(main.index)),
            };
            dropped(track, reason, same.is_some())
        })
        .collect();
    KeptAudio { main: Some(main.index), joined, dropped, requested: requested && tracks.len() > 1 }
}

fn unusable(tracks: &[AudioStream]) -> Vec<DroppedStream> {
    tracks
        .iter()
        .filter_map(|track| Some(dropped(track, unusable_reason(track)?.to_owned(), false)))
        .collect()
}

/// Returns why a track cannot be kept.
fn unusable_reason(track: &AudioStream) -> Option<&'static str> {
    if track.empty {
        Some("it has no samples")
    } else if track.encryption.is_some() {
        Some("it is encrypted")
    } else if !track.decodable {
        Some("no decoder is available for it")
    } else {
        None
    }
}

fn dropped(track: &AudioStream, reason: String, repeats_kept: bool) -> DroppedStream {
    DroppedStream {
        stream: track.index,
        kind: StreamType::Audio,
        codec: track.codec_or_tag().map(str::to_owned),
        language: track.language.clone(),
        duration_s: track.duration_s,
        reason,
        repeats_kept: repeats_kept || track.empty,
    }
}

/// Lists the tracks by number, language, title, codec and duration.
fn list(tracks: &[AudioStream]) -> String {
    let texts = tracks.iter().enumerate().map(|(position, track)| {
        let mut parts = Vec::new();
        parts.push(track.language.clone().unwrap_or_else(|| "no language".to_owned()));
        parts.extend(track.title.as_ref().map(|title| format!("“{title}”")));
        parts.extend(track.codec_or_tag().map(str::to_owned));
        parts.extend(track.channel_layout.clone().or_else(|| track.channels.map(|n| format!("{n} ch"))));
        parts.extend(track.duration_s.map(|seconds| format!("{seconds:.1} s")));
        parts.extend(unusable_reason(track).map(str::to_owned));
        parts.extend(track.same_as.and_then(|same| {
            let same = tracks.iter().position(|other| other.index == same)?;
            Some(format!("identical to track {}", same + 1))
        }));
        format!("track {}: {}", position + 1, parts.join(", "))
    });
    texts.collect::<Vec<_>>().join("; ")
}
