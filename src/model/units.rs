//! Exact ratios for frame rates, time bases and aspect ratios.

use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A ratio of two integers with a denominator above zero, written `n/d`.
///
/// Frame rates are rational (30000/1001 is not 29.97), so limits are compared exactly. Floats are only
/// for display.
#[derive(Clone, Copy, Debug)]
pub struct Rational {
    num: u32,
    den: NonZeroU32,
}

impl Rational {
    /// One to one.
    pub const ONE: Rational = Rational { num: 1, den: NonZeroU32::MIN };

    /// Returns the reduced ratio `num/den`; `None` if `den` is zero.
    pub fn new(num: u32, den: u32) -> Option<Rational> {
        let den = NonZeroU32::new(den)?;
        let divisor = gcd(num, den.get()).max(1);
        Some(Rational { num: num / divisor, den: NonZeroU32::new(den.get() / divisor)? })
    }

    /// Like [`Rational::new`], but returns `None` also if the ratio is not above zero. FFmpeg writes an
    /// unknown frame rate or sample aspect ratio as 0/0, 0/1 or 1/0.
    pub fn positive(num: i64, den: i64) -> Option<Rational> {
        if num <= 0 || den <= 0 {
            return None;
        }
        let divisor = gcd64(num.unsigned_abs(), den.unsigned_abs()).max(1) as i64;
        let (num, den) = (num / divisor, den / divisor);
        Rational::new(u32::try_from(num).ok()?, u32::try_from(den).ok()?)
    }

    /// Returns the numerator of the reduced ratio.
    pub fn num(self) -> u32 {
        self.num
    }

    /// Returns the denominator of the reduced ratio, which is never zero.
    pub fn den(self) -> u32 {
        self.den.get()
    }

    /// Returns the nearest float, for display and for comparisons with a tolerance.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den.get())
    }

    /// Returns the reciprocal; `None` if the ratio is zero.
    pub fn inverse(self) -> Option<Rational> {
        Rational::new(self.den.get(), self.num)
    }

    /// Formats the ratio as `n:d`, which is usual for aspect ratios.
    pub fn with_colon(self) -> String {
        format!("{}:{}", self.num, self.den)
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    gcd64(u64::from(a), u64::from(b)) as u32
}

fn gcd64(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl PartialEq for Rational {
    fn eq(&self, other: &Rational) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rational {}

impl PartialOrd for Rational {
    fn partial_cmp(&self, other: &Rational) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rational {
    fn cmp(&self, other: &Rational) -> Ordering {
        // The product of two 32-bit numbers fits in 64 bits.
        let left = u64::from(self.num) * u64::from(other.den.get());
        let right = u64::from(other.num) * u64::from(self.den.get());
        left.cmp(&right)
    }
}

impl fmt::Display for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

/// The text is not a ratio `n/d` or `n:d`, or an integer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a ratio: write it as n/d or n:d with a denominator above zero")]
pub struct ParseRationalError(String);

impl FromStr for Rational {
    type Err = ParseRationalError;

    fn from_str(text: &str) -> Result<Rational, ParseRationalError> {
        let fail = || ParseRationalError(text.to_owned());
        let (num, den) = text.split_once(['/', ':']).unwrap_or((text, "1"));
        let num = num.trim().parse().map_err(|_| fail())?;
        let den = den.trim().parse().map_err(|_| fail())?;
        Rational::new(num, den).ok_or_else(fail)
    }
}

impl Serialize for Rational {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rational {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Rational, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Formats a count with its noun: `1 file`, `2 files`.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn reduces_and_compares_exactly() {
        let ntsc = Rational::new(30000, 1001).unwrap();
        assert_eq!(Rational::new(60000, 2002).unwrap(), ntsc);
        assert!(ntsc < Rational::new(30, 1).unwrap());
        assert_eq!(ntsc.to_string(), "30000/1001");
    }

    #[test]
    fn compares_a_rate_slightly_over_the_limit_as_greater() {
        assert!(Rational::new(60001, 1000).unwrap() > Rational::new(60, 1).unwrap());
    }

    #[test]
    fn rejects_zero_and_negative_parts() {
        assert_eq!(Rational::new(1, 0), None);
        assert_eq!(Rational::positive(0, 1), None);
        assert_eq!(Rational::positive(-30, 1), None);
        assert!("30/0".parse::<Rational>().is_err());
    }

    #[test]
    fn parses_ratios_and_integers() {
        assert_eq!("9:16".parse::<Rational>().unwrap(), Rational::new(9, 16).unwrap());
        assert_eq!("24".parse::<Rational>().unwrap(), Rational::new(24, 1).unwrap());
    }
}
