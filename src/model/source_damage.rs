//! What of a source does not decode.

use serde::{Deserialize, Serialize};

use super::{DecodeError, DecodeErrorKind, LossKind, MediaFacts};

/// A source counts as little damaged if at most one in this many of its packets does not decode.
const SMALL_SHARE: u64 = 10;
/// At most this many times are named in a sentence.
const NAMED_TIMES: usize = 5;

/// The packets of a source that do not decode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SourceDamage {
    /// Number of packets that were decoded, with and without errors.
    pub packets: u64,
    /// Number of errors; each missing frame that others refer to is one.
    pub error_count: u64,
    /// The first errors, with their times.
    pub errors: Vec<DecodeError>,
    /// Whether decoding stopped at these errors, because they are too many already; there may be more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
    /// Whether more than a tenth of the packets of one stream are damaged, however many packets the others have.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heavy: bool,
}

impl SourceDamage {
    /// Returns whether nothing is damaged.
    pub fn is_none(&self) -> bool {
        self.error_count == 0
    }

    /// Returns whether the damage is small enough to be concealed with consent: at most a tenth of the packets
    /// of each stream.
    pub fn is_small(&self) -> bool {
        !self.heavy && !SourceDamage::is_large(self.error_count, self.packets)
    }

    /// Returns whether so many errors are too many to be small damage, even if all other packets decode.
    pub fn is_large(error_count: u64, packets: u64) -> bool {
        error_count.saturating_mul(SMALL_SHARE) > packets
    }

    /// Adds the damage of another stream.
    pub fn add(&mut self, mut other: SourceDamage) {
        self.heavy |= !other.is_small();
        self.packets += other.packets;
        self.error_count += other.error_count;
        self.at_least |= other.at_least;
        self.errors.append(&mut other.errors);
    }

    /// Returns how much is damaged and where: `2 of 90 packets do not decode (at 1.20 s, 1.24 s)`.
    pub fn describe(&self) -> String {
        let SourceDamage { packets, error_count, errors, at_least, heavy: _ } = self;
        let least = if *at_least { "at least " } else { "" };
        let mut times: Vec<f64> = errors.iter().filter_map(|error| error.at_s).collect();
        times.sort_by(f64::total_cmp);
        let mut named: Vec<String> = times.iter().take(NAMED_TIMES).map(|at| format!("{at:.2} s")).collect();
        if let (true, Some(last)) = (times.len() > NAMED_TIMES, times.last()) {
            named.push(format!("… {last:.2} s"));
        }
        let at = if named.is_empty() { String::new() } else { format!(" (at {})", named.join(", ")) };
        let is = |kinds: &[DecodeErrorKind]| {
            !errors.is_empty() && errors.iter().all(|error| kinds.contains(&error.kind))
        };
        if is(&[DecodeErrorKind::MissingReference]) {
            return match error_count {
                1 => format!("{least}1 frame is missing that others refer to{at}"),
                count => format!("{least}{count} frames are missing that others refer to{at}"),
            };
        }
        if is(&[DecodeErrorKind::MissingReference, DecodeErrorKind::MissingFrame]) {
            return match error_count {
                1 => format!("1 frame is missing within the video{at}"),
                count => format!("{count} frames are missing within the video{at}"),
            };
        }
        let what = if is(&[DecodeErrorKind::Empty]) {
            ["holds no data", "hold no data"]
        } else if errors.iter().any(|error| error.kind == DecodeErrorKind::MissingFrame) {
            ["does not decode or is missing", "do not decode or are missing"]
        } else if errors.iter().any(|error| error.kind == DecodeErrorKind::MissingReference) {
            ["does not decode or refers to missing frames", "do not decode or refer to missing frames"]
        } else {
            ["does not decode", "do not decode"]
        };
        match error_count {
            1 => format!("{least}1 of {packets} packets {}{at}", what[0]),
            count => format!("{least}{count} of {packets} packets {}{at}", what[1]),
        }
    }
}

impl MediaFacts {
    /// Returns the damage of the main video and the main audio that is known without decoding: missing frames, or
    /// frames without data, whichever are more: they are often the same.
    pub fn known_damage(&self) -> SourceDamage {
        let (mut missing, empty) = (self.damage_of(LossKind::MissingReference), self.empty_samples());
        let other = self.damage_of(LossKind::MissingFrame);
        missing.packets = missing.packets.max(other.packets);
        missing.error_count = missing.error_count.saturating_add(other.error_count);
        missing.errors.extend(other.errors);
        missing.heavy |= other.heavy || !missing.is_small();
        if empty.error_count >= missing.error_count { empty } else { missing }
    }

    /// Returns the frames without data of the main video and the main audio.
    pub fn empty_samples(&self) -> SourceDamage {
        self.damage_of(LossKind::Empty)
    }

    fn damage_of(&self, sign: LossKind) -> SourceDamage {
        let (kind, message) = match sign {
            LossKind::Empty => (DecodeErrorKind::Empty, "the frame holds no data"),
            LossKind::MissingFrame => (DecodeErrorKind::MissingFrame, "frames after it are missing"),
            _ => (DecodeErrorKind::MissingReference, "frames before it are missing"),
        };
        let video = self.main_video().map(|video| (video.index, &video.lost_frames));
        let audio = self.main_audio().map(|audio| (audio.index, &audio.lost_frames));
        let losses = video
            .into_iter()
            .chain(audio)
            .flat_map(|(stream, losses)| losses.iter().map(move |loss| (stream, loss)))
            .filter(|(_, loss)| loss.kind == sign);
        let mut damage = SourceDamage::default();
        for (stream, loss) in losses {
            let times = loss.at_s.iter().map(|at| Some(*at)).chain(loss.at_s.is_empty().then_some(None));
            let error = |at_s| DecodeError { stream, at_s, message: message.to_owned(), kind };
            let errors = times.map(error).collect();
            damage.add(SourceDamage {
                packets: loss.of,
                error_count: loss.count,
                errors,
                at_least: false,
                heavy: false,
            });
        }
        damage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(packets: u64, times: &[f64]) -> SourceDamage {
        let kind = DecodeErrorKind::Undecodable;
        let error = |at: &f64| DecodeError { stream: 0, at_s: Some(*at), message: "invalid".into(), kind };
        let errors = times.iter().map(error).collect();
        SourceDamage { packets, error_count: times.len() as u64, errors, at_least: false, heavy: false }
    }

    #[test]
    fn a_tenth_of_the_packets_is_the_limit_of_little_damage() {
        assert!(damage(20, &[1.0, 2.0]).is_small());
        assert!(!damage(19, &[1.0, 2.0]).is_small());
        assert!(!damage(0, &[1.0]).is_small());
    }

    #[test]
    fn a_decode_that_stopped_early_says_at_least() {
        let stopped = SourceDamage { at_least: true, ..damage(19, &[1.0, 2.0]) };
        assert_eq!(stopped.describe(), "at least 2 of 19 packets do not decode (at 1.00 s, 2.00 s)");
    }

    #[test]
    fn a_damaged_stream_beside_a_long_one_is_not_little_damage() {
        let mut streams = SourceDamage::default();
        streams.add(damage(5000, &[]));
        streams.add(damage(50, &[0.1; 10]));
        assert!(!streams.is_small());
        let mut little = SourceDamage::default();
        little.add(damage(5000, &[]));
        little.add(damage(50, &[0.1; 5]));
        assert!(little.is_small());
    }

    #[test]
    fn tells_missing_frames_from_packets_that_do_not_decode() {
        let mut missing = damage(90, &[1.0, 2.0]);
        missing.errors.iter_mut().for_each(|error| error.kind = DecodeErrorKind::MissingReference);
        missing.error_count = 12;
        assert_eq!(missing.describe(), "12 frames are missing that others refer to (at 1.00 s, 2.00 s)");
        missing.errors[1].kind = DecodeErrorKind::Undecodable;
        assert!(missing.describe().starts_with("12 of 90 packets do not decode or refer to missing frames"));
    }

    #[test]
    fn names_the_first_times_and_the_last() {
        assert_eq!(damage(90, &[1.2]).describe(), "1 of 90 packets does not decode (at 1.20 s)");
        let many = damage(90, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).describe();
        assert_eq!(
            many,
            "7 of 90 packets do not decode (at 1.00 s, 2.00 s, 3.00 s, 4.00 s, 5.00 s, … 7.00 s)"
        );
    }
}
