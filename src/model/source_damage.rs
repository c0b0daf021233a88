//! What of a source does not decode.

use serde::{Deserialize, Serialize};

use super::DecodeError;

/// A source counts as little damaged if at most one in this many of its packets does not decode.
const SMALL_SHARE: u64 = 10;
/// At most this many times are named in a sentence.
const NAMED_TIMES: usize = 5;

/// The packets of a source that do not decode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SourceDamage {
    /// Number of packets that were decoded, with and without errors.
    pub packets: u64,
    /// Number of errors.
    pub error_count: u64,
    /// The first errors, with their times.
    pub errors: Vec<DecodeError>,
}

impl SourceDamage {
    /// Returns whether nothing is damaged.
    pub fn is_none(&self) -> bool {
        self.error_count == 0
    }

    /// Returns whether the damage is small enough to be concealed with consent: at most a tenth of the packets.
    pub fn is_small(&self) -> bool {
        self.error_count.saturating_mul(SMALL_SHARE) <= self.packets
    }

    /// Adds the damage of another stream.
    pub fn add(&mut self, mut other: SourceDamage) {
        self.packets += other.packets;
        self.error_count += other.error_count;
        self.errors.append(&mut other.errors);
    }

    /// Returns how much is damaged and where: `2 of 90 packets do not decode (at 1.20 s, 1.24 s)`.
    pub fn describe(&self) -> String {
        let SourceDamage { packets, error_count, errors } = self;
        let times: Vec<f64> = errors.iter().filter_map(|error| error.at_s).collect();
        let mut named: Vec<String> = times.iter().take(NAMED_TIMES).map(|at| format!("{at:.2} s")).collect();
        if let (true, Some(last)) = (times.len() > NAMED_TIMES, times.last()) {
            named.push(format!("… {last:.2} s"));
        }
        let at = if named.is_empty() { String::new() } else { format!(" (at {})", named.join(", ")) };
        match error_count {
            1 => format!("1 of {packets} packets does not decode{at}"),
            count => format!("{count} of {packets} packets do not decode{at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damage(packets: u64, times: &[f64]) -> SourceDamage {
        let error = |at: &f64| DecodeError { stream: 0, at_s: Some(*at), message: "invalid".into() };
        SourceDamage { packets, error_count: times.len() as u64, errors: times.iter().map(error).collect() }
    }

    #[test]
    fn a_tenth_of_the_packets_is_the_limit_of_little_damage() {
        assert!(damage(20, &[1.0, 2.0]).is_small());
        assert!(!damage(19, &[1.0, 2.0]).is_small());
        assert!(!damage(0, &[1.0]).is_small());
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
